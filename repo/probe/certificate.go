package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"sigs.k8s.io/pkgverify/repo"
)

// recorder notes the certificates of the servers that answer.
type recorder struct {
	to http.RoundTripper
	// roots are the authorities, nil for the machine's.
	roots *x509.CertPool

	mu   sync.Mutex
	seen []repo.Certificate
	last string // the host that was asked last
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.last = nil, ""
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.last = req.URL.Hostname()
	r.mu.Unlock()
	resp, err := r.to.RoundTrip(req)
	if err == nil && resp.TLS != nil {
		r.note(req.URL.Hostname(), resp.TLS)
	}
	return resp, err
}

func (r *recorder) note(host string, state *tls.ConnectionState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.seen {
		if c.Host == host {
			return
		}
	}
	if len(state.PeerCertificates) == 0 || len(r.seen) == MaxHosts {
		return
	}
	c := certificate(host, state.PeerCertificates[0])
	for i, chain := range state.VerifiedChains {
		begins, ends := span(chain)
		if i == 0 || ends.After(c.Ends) {
			c.Begins, c.Ends = begins, ends
		}
	}
	r.seen = append(r.seen, c)
}

// certificates returns what was seen, and the certificate for which the last
// host was refused, if it was.
func (r *recorder) certificates(err error) []repo.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) && len(refused.UnverifiedCertificates) > 0 {
		c := certificate(r.last, refused.UnverifiedCertificates[0])
		c.Refusal = r.refusal(refused.Err)
		return append(r.seen, c)
	}
	return r.seen
}

// refusal says why a certificate was refused. A machine that has no
// authorities can tell of none.
func (r *recorder) refusal(err error) *repo.Problem {
	p := &repo.Problem{Kind: repo.Malformed, Text: printable(err.Error())}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) && r.roots == nil {
		if pool, err := x509.SystemCertPool(); err != nil || pool.Equal(x509.NewCertPool()) {
			p.Kind, p.Text = repo.Unreachable, "this machine has no certificate authorities (Debian's package ca-certificates)"
		}
	}
	return p
}

func certificate(host string, x *x509.Certificate) repo.Certificate {
	c := repo.Certificate{
		Host: host, Subject: printable(x.Subject.String()), Issuer: printable(x.Issuer.String()),
		Begins: x.NotBefore, Ends: x.NotAfter,
	}
	for _, n := range x.DNSNames[:min(len(x.DNSNames), MaxNames)] {
		c.Names = append(c.Names, printable(n))
	}
	for _, ip := range x.IPAddresses[:min(len(x.IPAddresses), MaxNames-len(c.Names))] {
		c.Names = append(c.Names, ip.String())
	}
	return c
}

// span returns from when until when a chain holds. Its last certificate is the
// authority's own, which clients have and trust by itself; but a chain of one
// is that one.
func span(chain []*x509.Certificate) (begins, ends time.Time) {
	for i, x := range chain {
		if i > 0 && i == len(chain)-1 {
			break
		}
		if i == 0 || x.NotBefore.After(begins) {
			begins = x.NotBefore
		}
		if i == 0 || x.NotAfter.Before(ends) {
			ends = x.NotAfter
		}
	}
	return begins, ends
}

// printable returns at most MaxName bytes of what a server said, fit to be
// shown.
func printable(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), MaxName)], "\uFFFD")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
