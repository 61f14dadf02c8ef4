package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/probe"
)

// TestMain poisons the default transport: probes have their own.
func TestMain(m *testing.M) {
	http.DefaultTransport = poison{}
	os.Exit(m.Run())
}

type poison struct{}

func (poison) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("the default transport was asked for " + r.URL.String())
}

// authority is a certificate authority of the test's own.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 7), // sooner than any server's: it does not count
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.certificate)
	return a
}

// certify makes a server certificate for a name.
func (a *authority) certify(t *testing.T, name string, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().AddDate(0, -3, 0), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// listen serves on an address of this machine, with TLS if there is a
// certificate, and returns host and port.
func listen(t *testing.T, address string, certificate *tls.Certificate, h http.HandlerFunc) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("listen on %s: %v (IPv6 on loopback: sysctl net.ipv6.conf.lo.disable_ipv6=0)", address, err)
	}
	s := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}}
	if certificate == nil {
		s.Start()
	} else {
		s.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return listener.Addr().String()
}

// world is the name servers and routes of a test: hosts by name and family.
type world map[string]string // "repo.test tcp6" to host and port, "" for no route

const (
	four = "192.0.2.1"
	six  = "2001:db8::1"
)

// lookup gives a host the families that the world has of it.
func (w world) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	if _, ok := w[host+" tcp4"]; ok {
		out = append(out, netip.MustParseAddr(four))
	}
	if _, ok := w[host+" tcp6"]; ok {
		out = append(out, netip.MustParseAddr(six))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

func (w world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	families := []string{network}
	if network == "tcp" {
		families = []string{"tcp4", "tcp6"}
	}
	err = &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
	for _, family := range families {
		if to := w[host+" "+family]; to != "" {
			c, dialErr := new(net.Dialer).DialContext(ctx, "tcp", to)
			if dialErr == nil {
				return c, nil
			}
			err = dialErr
		}
	}
	return nil, err
}

func (w world) options(pool *x509.CertPool) probe.Options {
	return probe.Options{
		Fetch:  fetch.Options{RootCAs: pool, Dial: w.dial, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }},
		Policy: fetch.Policy{Tries: 1},
		Lookup: w.lookup,
	}
}

func ask(t *testing.T, root string, opts probe.Options, paths ...string) repo.Transport {
	t.Helper()
	if paths == nil {
		paths = []string{"InRelease", "Release"}
	}
	out, err := probe.Probe(t.Context(), root, paths, opts)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func serves(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "root") }

func TestCertificates(t *testing.T) {
	t.Parallel()
	ca, foreign := newAuthority(t), newAuthority(t)
	ends := time.Now().AddDate(0, 0, 30).Truncate(time.Second).UTC()
	for name, tt := range map[string]struct {
		certificate tls.Certificate
		ends        time.Time
		refused     string
	}{
		"in force":          {ca.certify(t, "repo.test", ends), ends, ""},
		"expired":           {ca.certify(t, "repo.test", time.Now().Add(-time.Hour)), time.Time{}, "expired"},
		"of another name":   {ca.certify(t, "other.test", ends), ends, "other.test"},
		"another authority": {foreign.certify(t, "repo.test", ends), ends, "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := listen(t, "127.0.0.1:0", &tt.certificate, serves)
			got := ask(t, "https://repo.test/deb/", world{"repo.test tcp4": at}.options(ca.pool))
			if len(got.Plain.Certificates) != 1 {
				t.Fatalf("got %+v", got.Plain)
			}
			c := got.Plain.Certificates[0]
			if c.Host != "repo.test" || !tt.ends.IsZero() && !c.Ends.Equal(tt.ends) || !strings.Contains(c.Issuer, "test authority") {
				t.Errorf("got %+v, want the end %v", c, tt.ends)
			}
			switch {
			case tt.refused == "" && (c.Refusal != nil || got.Plain.Problem != nil):
				t.Errorf("refused: %v, %v", c.Refusal, got.Plain.Problem)
			case tt.refused != "" && (!c.Refusal.Is(repo.Malformed) || !strings.Contains(c.Refusal.Text, tt.refused) || !got.Plain.Problem.Is(repo.Unreachable)):
				t.Errorf("refusal %v, problem %v, want %q", c.Refusal, got.Plain.Problem, tt.refused)
			}
		})
	}
}

// TestRedirect: every hop is there, and the certificate of each host.
func TestRedirect(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ends := time.Now().AddDate(0, 0, 90)
	mirror := listen(t, "127.0.0.1:0", nil, serves)
	cdnCertificate, repoCertificate := ca.certify(t, "cdn.test", ends), ca.certify(t, "repo.test", ends)
	cdn := listen(t, "127.0.0.1:0", &cdnCertificate, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://mirror.test/x", http.StatusFound)
	})
	front := listen(t, "127.0.0.1:0", &repoCertificate, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://cdn.test/x", http.StatusMovedPermanently)
	})
	got := ask(t, "https://repo.test/deb/", world{"repo.test tcp4": front, "cdn.test tcp4": cdn, "mirror.test tcp4": mirror}.options(ca.pool)).Plain
	var way []string
	for _, h := range got.Hops {
		way = append(way, h.URL)
	}
	if strings.Join(way, " ") != "https://repo.test/deb/InRelease https://cdn.test/x http://mirror.test/x" || got.Hops[2].Address != mirror {
		t.Errorf("hops are %+v", got.Hops)
	}
	if c := got.Certificates; len(c) != 2 || c[0].Host != "repo.test" || c[1].Host != "cdn.test" {
		t.Errorf("certificates are %+v", c)
	}
}

// TestColons: a server that takes one spelling only is seen from either side.
func TestColons(t *testing.T) {
	t.Parallel()
	refuse := func(spelling string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.RequestURI, spelling) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = io.WriteString(w, "root")
		}
	}
	for name, tt := range map[string]struct {
		handler       http.HandlerFunc
		root          string
		plain, colons repo.ProblemKind // "" for an answer
	}{
		"both":                        {serves, "/core:/deb/", "", ""},
		"encoded gets 403":            {refuse("%3A"), "/core:/deb/", "", repo.Absent},
		"literal gets 403":            {refuse(":/"), "/core:/deb/", repo.Absent, ""},
		"encoded as written gets 403": {refuse("%3A"), "/core%3A/deb/", repo.Absent, ""},
		"neither is there":            {http.NotFound, "/core:/deb/", repo.Absent, repo.Absent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := listen(t, "127.0.0.1:0", nil, tt.handler)
			got := ask(t, "http://repo.test"+tt.root, world{"repo.test tcp4": at}.options(nil))
			if got.Colons == nil || kindOf(got.Plain) != tt.plain || kindOf(*got.Colons) != tt.colons {
				t.Errorf("got %+v and %+v", got.Plain, got.Colons)
			}
		})
	}
	at := listen(t, "127.0.0.1:0", nil, serves)
	if got := ask(t, "http://repo.test/deb/", world{"repo.test tcp4": at}.options(nil)); got.Colons != nil {
		t.Errorf("no colons: got %+v", got.Colons)
	}
}

func kindOf(p repo.Probe) repo.ProblemKind {
	if p.Problem == nil {
		return ""
	}
	return p.Problem.Kind
}

// TestPublishedMeanwhile: a file that changes between two questions is no
// difference between two spellings.
func TestPublishedMeanwhile(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	at := listen(t, "127.0.0.1:0", nil, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			_, _ = io.WriteString(w, "old")
			return
		}
		_, _ = io.WriteString(w, "new")
	})
	got := ask(t, "http://repo.test/core:/", world{"repo.test tcp4": at}.options(nil))
	if got.Plain.Digests != got.Colons.Digests || got.Plain.Size != 3 {
		t.Errorf("got %+v and %+v", got.Plain.Content, got.Colons.Content)
	}
}

// TestFamilies: incident website #46282 is 403 over IPv6 and 200 over IPv4.
func TestFamilies(t *testing.T) {
	t.Parallel()
	good := listen(t, "127.0.0.1:0", nil, serves)
	good6 := listen(t, "[::1]:0", nil, serves)
	forbidding6 := listen(t, "[::1]:0", nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	closed := httptest.NewUnstartedServer(nil)
	refusing := closed.Listener.Addr().String()
	if err := closed.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	away := listen(t, "127.0.0.1:0", nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://cdn.test/x", http.StatusFound)
	})
	for name, tt := range map[string]struct {
		world world
		asked bool
		six   repo.ProblemKind
		// refused is what Probe.Refused says of IPv6.
		refused bool
	}{
		"both":                             {world{"repo.test tcp4": good, "repo.test tcp6": good6}, true, "", false},
		"403 over IPv6":                    {world{"repo.test tcp4": good, "repo.test tcp6": forbidding6}, true, repo.Absent, false},
		"no IPv6 on this machine":          {world{"repo.test tcp4": good, "repo.test tcp6": ""}, true, repo.Unreachable, false},
		"nobody listens on IPv6":           {world{"repo.test tcp4": good, "repo.test tcp6": refusing}, true, repo.Unreachable, true},
		"IPv4 only":                        {world{"repo.test tcp4": good}, false, "", false},
		"IPv6 only":                        {world{"repo.test tcp6": good6}, false, "", false},
		"a redirect to a host of IPv4":     {world{"repo.test tcp4": away, "repo.test tcp6": away, "cdn.test tcp4": good}, false, "", false},
		"a redirect to a host of both":     {world{"repo.test tcp4": away, "repo.test tcp6": away, "cdn.test tcp4": good, "cdn.test tcp6": good6}, true, "", false},
		"a redirect to one of 403 on IPv6": {world{"repo.test tcp4": away, "repo.test tcp6": away, "cdn.test tcp4": good, "cdn.test tcp6": forbidding6}, true, repo.Absent, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, "http://repo.test/deb/", tt.world.options(nil))
			if got.Plain.Problem != nil || got.Undecided != nil || len(got.Hosts) == 0 {
				t.Fatalf("plain: %+v, %v, hosts %v", got.Plain, got.Undecided, got.Hosts)
			}
			if (got.IPv6 != nil) != tt.asked || (got.IPv4 != nil) != tt.asked {
				t.Fatalf("asked: %+v, %+v", got.IPv4, got.IPv6)
			}
			if tt.asked && (kindOf(*got.IPv4) != "" || kindOf(*got.IPv6) != tt.six || got.IPv6.Refused != tt.refused) {
				t.Errorf("IPv4 %+v, IPv6 %+v", got.IPv4, got.IPv6)
			}
			if tt.asked && got.IPv6.NoRoute != (tt.world["repo.test tcp6"] == "") {
				t.Errorf("no route over IPv6: %t", got.IPv6.NoRoute)
			}
		})
	}
}

// TestFamiliesUndecided: what a proxy or a broken name server hides.
func TestFamiliesUndecided(t *testing.T) {
	t.Parallel()
	at := listen(t, "127.0.0.1:0", nil, serves)
	opts := world{"repo.test tcp4": at, "proxy.test tcp4": at}.options(nil)
	opts.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("server misbehaving") }
	if got := ask(t, "http://repo.test/", opts); !got.Undecided.Is(repo.Unreachable) || got.IPv6 != nil {
		t.Errorf("name servers: got %+v", got)
	}
	opts.Fetch.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "proxy.test"}, nil }
	if got := ask(t, "http://repo.test/", opts); !got.Undecided.Is(repo.Unread) || !strings.Contains(got.Undecided.Text, "proxy") {
		t.Errorf("proxy: got %+v", got)
	}
	// Addresses and this machine have no name servers.
	for _, host := range []string{at, "localhost:1"} {
		opts := world{"localhost tcp4": at, "127.0.0.1 tcp4": at}.options(nil)
		opts.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("is asked") }
		if got := ask(t, "http://"+host+"/", opts); got.Undecided != nil || got.IPv4 != nil {
			t.Errorf("%s: got %+v", host, got)
		}
	}
}

// TestPaths: the first that is there is asked for in every way.
func TestPaths(t *testing.T) {
	t.Parallel()
	at := listen(t, "127.0.0.1:0", nil, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/Release") {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	w := world{"repo.test tcp4": at}
	if got := ask(t, "http://repo.test/core:/", w.options(nil)); got.Path != "Release" || got.Plain.Problem != nil || got.Colons.Problem != nil {
		t.Errorf("the second is there: got %+v", got)
	}
	if got := ask(t, "http://repo.test/", w.options(nil), "InRelease", "x"); got.Path != "InRelease" || !got.Plain.Problem.Is(repo.Absent) {
		t.Errorf("none is there: got %+v", got)
	}
	if got := ask(t, "http://gone.test/", w.options(nil)); got.Path != "InRelease" || !got.Plain.Problem.Is(repo.Unreachable) {
		t.Errorf("no host: got %+v", got)
	}
}

// TestLargeAnswer: an answer without an end is not read to its end.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	at := listen(t, "127.0.0.1:0", nil, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	got := ask(t, "http://repo.test/", world{"repo.test tcp4": at}.options(nil)).Plain
	if !got.Problem.Is(repo.Malformed) || got.Size > probe.MaxFile {
		t.Errorf("read %d bytes: %v", got.Size, got.Problem)
	}
}

func TestBadAddress(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"/srv/repository", "file:///srv", "http://", "ftp://repo.test/", "http://[::1"} {
		if _, err := probe.Probe(t.Context(), root, []string{"x"}, probe.Options{}); err == nil {
			t.Errorf("%q is taken", root)
		}
	}
	if _, err := probe.Probe(t.Context(), "http://repo.test/", nil, probe.Options{}); err == nil {
		t.Error("no path is taken")
	}
}
