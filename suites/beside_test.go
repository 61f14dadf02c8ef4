package suites

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

func find(t *testing.T, id string) *verify.Check {
	t.Helper()
	for _, c := range checks.Catalogue() {
		if c.ID == id {
			return &c
		}
	}
	t.Fatalf("there is no check %s", id)
	return nil
}

// result runs a check on what is gathered for it from real servers.
func result(t *testing.T, id string, e *verify.Expectation) verify.Result {
	t.Helper()
	return resultOf(t, id, e, Options{})
}

func resultOf(t *testing.T, id string, e *verify.Expectation, opts Options) verify.Result {
	t.Helper()
	c := find(t, id)
	opts.Plan = &verify.Plan{Targets: []*verify.Expectation{e}}
	g, err := gather(t.Context(), opts, []verify.Spec{{Check: c, Target: e}})
	if err != nil {
		t.Fatal(err)
	}
	facts, err := g.await(t.Context(), e, c.Beside)
	if err != nil {
		t.Fatal(err)
	}
	return c.OnRepository(e, facts)
}

func expecting(url string, origins ...string) *verify.Expectation {
	return &verify.Expectation{
		Target:  repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.26", URL: url},
		Arches:  []repo.Arch{repo.AMD64, repo.S390X},
		Origins: origins,
	}
}

// TestOrigins: two that serve the same, one that is stale, one that is not there,
// one that does not answer.
func TestOrigins(t *testing.T) {
	t.Parallel()
	own, ownURL := serving(t)
	own.publish(t, true, "1.26.0", "1.26.1")
	own.files["Release"] = []byte(strings.Replace(string(own.files["Release"]), "2024", "2025", 1))
	same, sameURL := serving(t)
	same.files = own.files
	stale, staleURL := serving(t)
	stale.publish(t, true, "1.26.0")
	_, goneURL := serving(t)
	closed := httptest.NewServer(nil)
	closed.Close()

	res := result(t, "origins-agree", expecting(ownURL, sameURL, staleURL, goneURL, closed.URL+"/"))
	want := []struct {
		status verify.Status
		says   []string
	}{
		{verify.Warn, []string{staleURL + " is stale", "2024-10-23T04:37:05Z", "2025-10-23T04:37:05Z"}},
		{verify.Warn, []string{goneURL + " does not serve this repository"}},
		{verify.Blocked, []string{closed.URL + "/ could not be reached"}},
	}
	if len(res.Findings) != len(want) || res.Status != verify.Blocked {
		t.Fatalf("got %s: %+v", res.Status, res.Findings)
	}
	for i, w := range want {
		f := res.Findings[i]
		for _, s := range w.says {
			if f.Status != w.status || !strings.Contains(f.Message, s) {
				t.Errorf("finding %d is %s: %q, want %s with %q", i, f.Status, f.Message, w.status, s)
			}
		}
	}
	if res := result(t, "origins-agree", expecting(ownURL, sameURL)); res.Status != verify.Pass {
		t.Errorf("the same twice: %+v", res)
	}
	if n := same.counts["Packages.gz"]; n != 2 {
		t.Errorf("the list of the other origin was read %d times in two runs", n)
	}
}

// TestTransportIsAsked: over http from a server, and not of a folder.
func TestTransportIsAsked(t *testing.T) {
	t.Parallel()
	s, url := serving(t)
	s.publish(t, true, "1.26.0")
	if res := result(t, "transport", expecting(url)); res.Status != verify.Pass || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Message, "plain http") {
		t.Errorf("got %+v", res)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/Release", s.files["Release"], 0o600); err != nil {
		t.Fatal(err)
	}
	if res := result(t, "transport", expecting(dir+"/")); res.Status != verify.NotApplicable {
		t.Errorf("a folder: %+v", res)
	}
}

// TestCertificateAboutToExpire: from the handshake to the warning.
func TestCertificateAboutToExpire(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]verify.Status{
		13 * 24 * time.Hour: verify.Warn, 15 * 24 * time.Hour: verify.Pass, -time.Hour: verify.Warn,
	} {
		own, pool := selfSigned(t, time.Now().Add(left))
		s, _ := serving(t)
		s.publish(t, true, "1.26.0")
		server := httptest.NewUnstartedServer(s)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		e := expecting(server.URL + "/core:/")
		e.Now = time.Now()
		for name, data := range s.files {
			s.files["core:/"+name] = data
		}
		res := resultOf(t, "transport", e, Options{Fetch: fetch.Options{RootCAs: pool}})
		if res.Status != want || want == verify.Warn && (len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Message, "certificate of 127.0.0.1")) {
			t.Errorf("%v left: got %s, want %s: %+v", left, res.Status, want, res.Findings)
		}
	}
}

// selfSigned makes a certificate for loopback that is its own authority.
func selfSigned(t *testing.T, ends time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(own)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestBesidesEndWithTheContext: nobody waits for what will not come.
func TestBesidesEndWithTheContext(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	f := begin(func() int { <-block; return 1 })
	defer close(block)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := f.await(ctx); got != 0 {
		t.Errorf("got %d", got)
	}
	e := expecting("http://192.0.2.1/", "http://192.0.2.2/")
	g := &gatherer{targets: map[*verify.Expectation]*crawled{e: {}}}
	slots := semaphore.NewWeighted(1)
	g.besides(ctx, e, []verify.Beside{verify.BesideOrigins, verify.BesideTransport}, slots)
	<-g.targets[e].origins.done
	<-g.targets[e].transport.done
	if got := g.targets[e].transport.fact; got == nil || !got.Plain.Problem.Is(repo.Unreachable) {
		t.Errorf("got %+v", got)
	}
}
