// Package probe asks the servers of a repository for one small file in several
// ways: as the address is written, with its colons spelled the other way, and
// over IPv4 and IPv6 alone. What comes of it are facts ([repo.Transport]);
// whether they are right is the check transport's to say.
//
// It asks a handful of times and reads no more than [MaxFile] of each answer.
// The connections are its own, so that each way of asking begins with a name
// and a TLS handshake.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// Bounds of a probe.
const (
	// MaxFile bounds the file that is asked for, in bytes. Signed roots are read
	// up to that size by the crawl, too. Going past it is a malformed answer.
	MaxFile = 16 << 20
	// MaxHosts bounds the hosts that are looked up: as many as there can be
	// redirects. Going past it leaves the rest unasked.
	MaxHosts = fetch.MaxRedirects + 1
	// MaxAddresses bounds the addresses that are recorded of one host and
	// family. Going past it leaves the rest out of the record.
	MaxAddresses = 16
	// MaxNames bounds the names that are recorded of a certificate. Going past it
	// leaves the rest out of the record.
	MaxNames = 32
	// MaxName bounds the bytes of each name. Going past it is a name that is cut.
	MaxName = 256
)

// Options say how to ask. The zero value is useful.
type Options struct {
	// Fetch is for every request; its Network and Transport are not used.
	Fetch  fetch.Options
	Policy fetch.Policy
	// Lookup asks the name servers for the addresses of a host; nil asks those
	// of this machine.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
}

// Probe asks for the first of paths that is there, below the http or https
// address root. Its error means that the address is none.
func Probe(ctx context.Context, root string, paths []string, opts Options) (repo.Transport, error) {
	u, err := url.Parse(root)
	if err != nil {
		return repo.Transport{}, fmt.Errorf("probe %q: %w", root, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return repo.Transport{}, fmt.Errorf("probe %q: it is not an http or https address", u.Redacted())
	}
	if len(paths) == 0 {
		return repo.Transport{}, errors.New("probe: no path is given")
	}
	p := &prober{opts: opts}
	var t repo.Transport
	for _, path := range paths {
		plain := p.ask(ctx, root, path, "")
		if t.Path == "" || !plain.Problem.Is(repo.Absent) {
			t.Path, t.Plain = path, plain
		}
		if !plain.Problem.Is(repo.Absent) {
			break
		}
	}
	if other, ok := fetch.OtherSpelling(root); ok {
		t.Colons = p.spelling(ctx, &t, root, other)
	}
	if t.Plain.Problem == nil {
		p.families(ctx, &t, root)
	}
	return t, nil
}

type prober struct{ opts Options }

// spelling asks for the other spelling. If it answers with other bytes, the
// address is asked once more: the repository may have been published meanwhile.
func (p *prober) spelling(ctx context.Context, t *repo.Transport, root, other string) *repo.Probe {
	o := p.ask(ctx, other, t.Path, "")
	if o.Problem == nil && t.Plain.Problem == nil && o.Digests != t.Plain.Digests {
		if again := p.ask(ctx, root, t.Path, ""); again.Problem == nil {
			t.Plain = again
		}
	}
	return &o
}

// families asks over IPv4 and IPv6 alone, if every host on the way has both.
func (p *prober) families(ctx context.Context, t *repo.Transport, root string) {
	if through := p.proxied(t.Plain.Hops); through {
		t.Undecided = &repo.Problem{Kind: repo.Unread, Text: "a proxy is on the way: what is asked over IPv4 or IPv6 is the proxy"}
		return
	}
	both := true
	for _, name := range hostsOf(t.Plain.Hops) {
		host, err := p.lookup(ctx, name)
		if err != nil {
			t.Undecided = &repo.Problem{Kind: repo.Unreachable, Text: fmt.Sprintf("look up %s: %v", name, err)}
			return
		}
		t.Hosts = append(t.Hosts, host)
		both = both && len(host.IPv4) > 0 && len(host.IPv6) > 0
	}
	if !both {
		return
	}
	four, six := p.ask(ctx, root, t.Path, "tcp4"), p.ask(ctx, root, t.Path, "tcp6")
	if four.Problem == nil && six.Problem == nil && four.Digests != six.Digests {
		four = p.ask(ctx, root, t.Path, "tcp4") // it may have been published meanwhile
	}
	t.IPv4, t.IPv6 = &four, &six
}

// proxied reports whether any of the hops went through a proxy.
func (p *prober) proxied(hops []repo.Hop) bool {
	proxy := p.opts.Fetch.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	for _, h := range hops {
		u, err := url.Parse(h.URL)
		if err != nil {
			continue
		}
		if via, err := proxy(&http.Request{Method: http.MethodGet, URL: u}); err == nil && via != nil {
			return true
		}
	}
	return false
}

// hostsOf returns the names of the hosts on a way, each once. Addresses have no
// name servers, and neither has this machine (RFC 6761 section 6.3).
func hostsOf(hops []repo.Hop) []string {
	var names []string
	seen := make(map[string]bool)
	for _, h := range hops {
		u, err := url.Parse(h.URL)
		if err != nil || len(names) == MaxHosts {
			continue
		}
		name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		if name == "" || seen[name] {
			continue
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

// lookup returns the addresses of a host: of both families only if its name
// servers give both.
func (p *prober) lookup(ctx context.Context, name string) (repo.Host, error) {
	h := repo.Host{Name: name}
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return h, nil
	}
	find := p.opts.Lookup
	if find == nil {
		find = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addresses, err := find(ctx, name)
	if err != nil {
		return h, err
	}
	for _, a := range addresses {
		a = a.Unmap()
		list := &h.IPv6
		if a.Is4() {
			list = &h.IPv4
		}
		// Loopback is from this machine's own table of hosts.
		if !a.IsLoopback() && len(*list) < MaxAddresses {
			*list = append(*list, a.String())
		}
	}
	return h, nil
}

// ask asks once, with retries, on connections of its own.
func (p *prober) ask(ctx context.Context, root, path, network string) repo.Probe {
	opts := p.opts.Fetch
	opts.Network, opts.Transport = network, nil
	transport := fetch.NewTransport(opts)
	defer transport.CloseIdleConnections()
	seen := &recorder{to: transport, roots: opts.RootCAs}
	opts.Transport = seen

	out := repo.Probe{URL: fetch.Join(root, path)}
	src, err := fetch.New(root, opts)
	if err != nil {
		out.Problem = &repo.Problem{Kind: repo.Unreachable, Text: err.Error()}
		return out
	}
	out.URL = fetch.Address(src, path)
	err = p.opts.Policy.Do(ctx, func() error {
		seen.reset()
		out.Hops, out.Content = nil, repo.Content{}
		resp, err := src.Open(ctx, path)
		if e := (*fetch.Error)(nil); errors.As(err, &e) {
			out.Hops = e.Hops
		}
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read to its end or given up
		out.Hops = resp.Hops
		meter := fetch.NewMeter(resp.Body, MaxFile, nil, repo.SHA256)
		defer meter.Close()
		_, err = io.Copy(io.Discard, meter)
		out.Content = meter.Content()
		return err
	})
	out.Certificates = seen.certificates(err)
	if err != nil {
		out.Refused = errors.Is(err, syscall.ECONNREFUSED)
		out.NoRoute = errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
		out.Problem = problemOf(err)
	}
	return out
}

// problemOf gives an error its kind.
func problemOf(err error) *repo.Problem {
	kind := repo.Unreachable
	switch {
	case errors.Is(err, fetch.ErrAbsent):
		kind = repo.Absent
	case errors.Is(err, fetch.ErrTooLarge):
		kind = repo.Malformed
	}
	return &repo.Problem{Kind: kind, Text: err.Error()}
}
