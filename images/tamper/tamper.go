// Package tamper serves copies of a repository that were tampered with, each in
// one way, so that it can be seen whether a package manager refuses them.
//
// Nothing is copied: every request is passed on to the repository, and one
// thing is changed in the answer.
package tamper

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// requestTimeout bounds one request to the repository, body and all.
	requestTimeout = 10 * time.Minute
	// headerTimeout bounds the header of a request of the guest's.
	headerTimeout = 10 * time.Second
	// MaxBody bounds what is passed on of one file, in bytes.
	MaxBody = 4 << 30
)

// Trial is one copy.
type Trial struct {
	// Name is stable; What says in a sentence what was done.
	Name, What string
	// URL is the copy's root, with a slash at its end.
	URL string
	// Key is what the guest is told to trust, and Kept, if any, what it trusts
	// beforehand: zypper takes one key from the repository.
	Key, Kept []byte
	// Control is true for the copy that is untouched, and must be accepted.
	Control bool
}

// Options say of what copies are made.
type Options struct {
	Format repo.Format
	// Root is the repository's root (http or https), with a slash at its end.
	Root string
	// Key is the key that the repository serves.
	Key []byte
}

// Server serves copies on loopback. Close it.
type Server struct {
	options Options
	// stranger is a key that signed nothing of the repository; strangerKey is it
	// to be trusted, armoured.
	stranger    *openpgp.Entity
	strangerKey []byte
	client      *http.Client
	server      *http.Server
	base        string
	// again and unsigned are set by Forge.
	again, unsigned *forgery

	mu  sync.Mutex
	err error
}

// kind is a way to tamper: whether it changes the answer for a path below the
// root, and whether that path is not there at all.
type kind struct {
	name, what string
	flips      func(repo.Format, string) bool
	lacks      func(repo.Format, string) bool
	otherKey   bool
	// forged gives what was made by Forge; nil is not there.
	forged func(*Server) *forgery
	// control says that the copy must be accepted.
	control bool
}

// kinds returns the ways, each after the control without which it tells nothing.
func kinds() []kind {
	return []kind{
		{name: "untouched", what: "nothing is changed", control: true},
		{name: "other-key", what: "the key that the guest is told to trust is not the one that signed", otherKey: true},
		{name: "unsigned-metadata", what: "the signatures of the metadata are not there", lacks: isSignature},
		{name: "flipped-index", what: "one bit is changed in each list of packages", flips: isIndex},
		{name: "flipped-package", what: "one bit is changed in each package", flips: isPackage},
		{
			name: "signed-again", what: "the metadata is signed by another key that the guest is told to trust besides; packages are as they were",
			forged: func(s *Server) *forgery { return s.again }, control: true,
		},
		{
			name: "unsigned-package", what: "one package has no signature, and the metadata, signed by another key that the guest is told to trust besides, has its checksum",
			forged: func(s *Server) *forgery { return s.unsigned },
		},
	}
}

// isSignature: InRelease holds its signature; the plain Release stays, which
// apt must not take.
func isSignature(f repo.Format, name string) bool {
	base := path.Base(name)
	if f == repo.RPM {
		return base == "repomd.xml.asc"
	}
	return base == "InRelease" || base == "Release.gpg"
}

func isIndex(f repo.Format, name string) bool {
	dir, base := path.Split(name)
	if f == repo.RPM {
		return strings.HasSuffix(dir, "repodata/") && !strings.HasPrefix(base, "repomd.xml")
	}
	return base == "Packages" || strings.HasPrefix(base, "Packages.") || strings.Contains(dir, "/by-hash/")
}

func isPackage(f repo.Format, name string) bool {
	return path.Ext(name) == "."+string(f)
}

// keyFile is where dnf and zypper fetch the key that they are to trust.
func isKeyFile(f repo.Format, name string) bool {
	return f == repo.RPM && path.Base(name) == "repomd.xml.key"
}

// Open begins to serve.
func Open(ctx context.Context, o Options) (*Server, error) {
	stranger, key, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("tampered copies: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("tampered copies: %w", err)
	}
	s := &Server{
		options: o, stranger: stranger, strangerKey: key, client: &http.Client{Timeout: requestTimeout}, base: "http://" + listener.Addr().String() + "/",
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// signing is how the stranger's key is made and used: what all clients take.
func signing() *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048, DefaultHash: crypto.SHA256}
}

// newKey makes a key that nobody knows, and returns it armoured too.
func newKey() (*openpgp.Entity, []byte, error) {
	e, err := openpgp.NewEntity("A stranger", "tampered copy", "stranger@example.org", signing())
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
		return nil, nil, err
	}
	return e, b.Bytes(), nil
}

// Trials returns the copies, each after its control.
func (s *Server) Trials() []Trial {
	var all []Trial
	for _, k := range kinds() {
		t := Trial{Name: k.name, What: k.what, URL: s.base + k.name + "/", Key: s.options.Key, Control: k.control}
		switch {
		case k.otherKey:
			t.Key = s.strangerKey
		case k.forged != nil && k.forged(s) == nil:
			continue
		case k.forged != nil:
			t.Key, t.Kept = s.both(), s.options.Key
		}
		all = append(all, t)
	}
	return all
}

// Err returns why the repository could not be read, nil when it could: what a
// package manager refused after that tells nothing.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the serving.
func (s *Server) Close() error {
	s.client.CloseIdleConnections()
	return s.server.Close()
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var k *kind
	for _, x := range kinds() {
		if ok && x.name == name {
			k = &x
		}
	}
	f := s.options.Format
	switch {
	case k == nil || r.Method != http.MethodGet && r.Method != http.MethodHead || strings.Contains("/"+rest+"/", "/../"):
		w.WriteHeader(http.StatusNotFound)
	case k.lacks != nil && k.lacks(f, rest):
		w.WriteHeader(http.StatusNotFound)
	case k.otherKey && isKeyFile(f, rest):
		_, _ = w.Write(s.strangerKey)
	case k.forged != nil && k.forged(s) == nil:
		w.WriteHeader(http.StatusNotFound)
	case k.forged != nil && k.forged(s).files[rest] != nil:
		http.ServeContent(w, r, rest, time.Time{}, bytes.NewReader(k.forged(s).files[rest]))
	default:
		s.pass(w, r, rest, k.flips != nil && k.flips(f, rest))
	}
}

// pass passes a request on.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, name string, flip bool) {
	// As the guest wrote it: a colon may be %3A.
	_, escaped, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	req, err := http.NewRequestWithContext(r.Context(), r.Method, s.options.Root+escaped, nil)
	if err != nil {
		s.broke(w, name, err)
		return
	}
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := s.client.Do(req)
	if err != nil {
		s.broke(w, name, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests {
		s.broke(w, name, fmt.Errorf("HTTP status %s", resp.Status))
		return
	}
	if resp.StatusCode != http.StatusOK {
		w.WriteHeader(resp.StatusCode)
		return
	}
	if resp.ContentLength >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(resp.ContentLength))
	}
	var body io.Reader = &io.LimitedReader{R: resp.Body, N: MaxBody}
	if flip {
		body = &flipped{r: body, at: max(resp.ContentLength, 0) / 2}
	}
	if _, err := io.Copy(w, body); err != nil && r.Context().Err() == nil {
		s.note(name, err)
	}
}

// broke answers for a repository that did not, and remembers it.
func (s *Server) broke(w http.ResponseWriter, name string, err error) {
	if !errors.Is(err, context.Canceled) {
		s.note(name, err)
	}
	w.WriteHeader(http.StatusBadGateway)
}

func (s *Server) note(name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("%s%s: %w", s.options.Root, name, err)
	}
}

// flipped changes the lowest bit of the byte at an offset.
type flipped struct {
	r    io.Reader
	at   int64
	done int64
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if i := f.at - f.done; i >= 0 && i < int64(n) {
		p[i] ^= 1
	}
	f.done += int64(n)
	return n, err
}
