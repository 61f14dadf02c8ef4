package checks_test

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// answer is a probe that was answered with a text.
func answer(url string, hops ...string) repo.Probe {
	p := repo.Probe{URL: url, Content: content("root")}
	for _, h := range append([]string{url}, hops...) {
		p.Hops = append(p.Hops, repo.Hop{URL: h, Status: 302, Address: "192.0.2.1:443", Headers: []repo.Field{{Name: "X-Cache", Value: "Hit"}}})
	}
	p.Hops[len(p.Hops)-1].Status = 200
	return p
}

// refuses is a probe that ends with a status.
func refuses(url string, status int, kind repo.ProblemKind) repo.Probe {
	return repo.Probe{URL: url, Hops: []repo.Hop{{URL: url, Status: status}}, Problem: &repo.Problem{Kind: kind, Text: "HTTP status"}}
}

func certificate(left time.Duration) repo.Certificate {
	return repo.Certificate{Host: "repo.test", Subject: "CN=repo.test", Issuer: "CN=ca", Names: []string{"repo.test"}, Begins: now.AddDate(0, -2, 0), Ends: now.Add(left)}
}

const (
	secure  = "https://repo.test/core:/InRelease"
	encoded = "https://repo.test/core%3A/InRelease"
	day     = 24 * time.Hour
)

// soundTransport is of servers that answer as they should.
func soundTransport() *repo.Transport {
	t := &repo.Transport{
		Path: "InRelease", Plain: answer(secure, "https://cdn.test/InRelease"),
		Hosts: []repo.Host{{Name: "repo.test", IPv4: []string{"192.0.2.1"}, IPv6: []string{"2001:db8::1"}}},
	}
	t.Plain.Certificates = []repo.Certificate{certificate(60 * day)}
	colons, four, six := answer(encoded), answer(secure), answer(secure)
	t.Colons, t.IPv4, t.IPv6 = &colons, &four, &six
	return t
}

func TestTransport(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*repo.Transport)
		want   verify.Status
		says   string
	}{
		"sound":                       {func(*repo.Transport) {}, verify.Pass, ""},
		"14 days left":                {func(t *repo.Transport) { t.Plain.Certificates[0] = certificate(14 * day) }, verify.Pass, ""},
		"less than 14 days left":      {func(t *repo.Transport) { t.Plain.Certificates[0] = certificate(14*day - time.Second) }, verify.Warn, "ends in less than 14 days"},
		"no colons, and IPv4 only":    {func(t *repo.Transport) { t.Colons, t.IPv4, t.IPv6 = nil, nil, nil }, verify.Pass, ""},
		"a redirect to http":          {func(t *repo.Transport) { t.Plain = answer(secure, "http://cdn.test/InRelease") }, verify.Warn, "a redirect leads from https to http"},
		"over one family only":        {func(t *repo.Transport) { *t.IPv6 = answer(secure, "http://cdn.test/InRelease") }, verify.Warn, "a redirect leads from https to http"},
		"from http to https":          {func(t *repo.Transport) { t.Plain = answer("http://repo.test/InRelease", secure) }, verify.Pass, ""},
		"encoded colons get 403":      {func(t *repo.Transport) { *t.Colons = refuses(encoded, 403, repo.Absent) }, verify.Warn, "is not answered when its colons are written the other way"},
		"encoded colons get 400":      {func(t *repo.Transport) { *t.Colons = refuses(encoded, 400, repo.Unreachable) }, verify.Warn, "is not answered when its colons"},
		"encoded colons get 503":      {func(t *repo.Transport) { *t.Colons = refuses(encoded, 503, repo.Unreachable) }, verify.Blocked, "could not be asked for"},
		"encoded colons get 429":      {func(t *repo.Transport) { *t.Colons = refuses(encoded, 429, repo.Unreachable) }, verify.Blocked, "could not be asked for"},
		"encoded colons, other bytes": {func(t *repo.Transport) { t.Colons.Content = content("stale") }, verify.Warn, "answered with different files"},
		"literal colons get 403":      {func(t *repo.Transport) { t.Plain, t.IPv4, t.IPv6 = refuses(secure, 403, repo.Absent), nil, nil }, verify.Warn, "answered only when its colons"},
		"nothing is there": {func(t *repo.Transport) {
			t.Plain, t.IPv4, t.IPv6 = refuses(secure, 403, repo.Absent), nil, nil
			*t.Colons = refuses(encoded, 403, repo.Absent)
		}, verify.Skipped, "see apt-release-present"},
		"nothing answers": {func(t *repo.Transport) {
			p := repo.Probe{URL: secure, Problem: unreachable}
			t.Plain, t.Colons, t.IPv4, t.IPv6 = p, &p, nil, nil
		}, verify.Blocked, "could not be reached"},
		"403 over IPv6":          {func(t *repo.Transport) { *t.IPv6 = refuses(secure, 403, repo.Absent) }, verify.Warn, "not served over IPv6"},
		"403 over IPv4":          {func(t *repo.Transport) { *t.IPv4 = refuses(secure, 403, repo.Absent) }, verify.Warn, "not served over IPv4"},
		"IPv6 refuses to listen": {func(t *repo.Transport) { *t.IPv6 = repo.Probe{URL: secure, Refused: true, Problem: unreachable} }, verify.Warn, "not served over IPv6"},
		"no IPv6 here":           {func(t *repo.Transport) { *t.IPv6 = repo.Probe{URL: secure, NoRoute: true, Problem: unreachable} }, verify.Skipped, "not asked over IPv6"},
		"a proxy": {func(t *repo.Transport) {
			t.Undecided, t.IPv4, t.IPv6 = &repo.Problem{Kind: repo.Unread, Text: "a proxy is on the way"}, nil, nil
		}, verify.Skipped, "a proxy is on the way"},
		"no answer over IPv6":    {func(t *repo.Transport) { *t.IPv6 = repo.Probe{URL: secure, Problem: unreachable} }, verify.Blocked, "from this machine the servers could not be reached over IPv6"},
		"another file over IPv6": {func(t *repo.Transport) { t.IPv6.Content = content("stale") }, verify.Warn, "IPv4 and IPv6 are answered with different files"},
		"no name servers": {func(t *repo.Transport) { t.Undecided, t.IPv4, t.IPv6 = unreachable, nil, nil },
			verify.Blocked, "whether IPv4 and IPv6 both answer"},
		"expired": {func(t *repo.Transport) { refuseCertificate(t, certificate(-day), malformed) }, verify.Warn, "has expired"},
		"of another name": {func(t *repo.Transport) { refuseCertificate(t, certificate(60*day), malformed) },
			verify.Warn, "does not verify"},
		"no authorities here": {func(t *repo.Transport) { refuseCertificate(t, certificate(60*day), unreachable) },
			verify.Blocked, "nobody could tell whether the certificate"},
		"another certificate over IPv6": {func(t *repo.Transport) {
			c := certificate(-day)
			c.Refusal = malformed
			*t.IPv6 = repo.Probe{URL: secure, Problem: unreachable, Certificates: []repo.Certificate{c}}
		}, verify.Warn, "not served over IPv6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(repo.Deb), sound(repo.Deb)
			e.Target.URL = "https://repo.test/core:/"
			r.Transport = soundTransport()
			tt.change(r.Transport)
			res := onRepository(t, e, r)["transport"]
			if res.Status != tt.want {
				t.Fatalf("got %s, want %s: %+v", res.Status, tt.want, res.Findings)
			}
			if tt.says == "" {
				if len(res.Findings) > 0 {
					t.Errorf("finds %+v", res.Findings)
				}
				return
			}
			if len(res.Findings) != 1 {
				t.Fatalf("%d findings, want one cause: %+v", len(res.Findings), res.Findings)
			}
			f := res.Findings[0]
			if !strings.Contains(f.Message, tt.says) {
				t.Errorf("says %q, want %q in it", f.Message, tt.says)
			}
			if f.URL == "" || f.Hint == "" && f.Status != verify.Skipped {
				t.Errorf("%q does not say where, or what to do", f.Message)
			}
		})
	}
}

// refuseCertificate ends every way at a certificate.
func refuseCertificate(t *repo.Transport, c repo.Certificate, why *repo.Problem) {
	c.Refusal = why
	p := repo.Probe{URL: secure, Problem: unreachable, Certificates: []repo.Certificate{c}}
	t.Plain, t.Colons, t.IPv4, t.IPv6 = p, &p, nil, nil
}

func TestTransportUnasked(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]verify.Status{
		"/srv/repository/": verify.NotApplicable, "file:///srv/repository/": verify.NotApplicable, "https://repo.test/": verify.Blocked,
	} {
		e, r := expectation(repo.RPM), sound(repo.RPM)
		e.Target.URL, r.Transport = url, nil
		if got := onRepository(t, e, r)["transport"]; got.Status != want {
			t.Errorf("%s: got %+v, want %s", url, got, want)
		}
	}
}

// TestPlainHTTPIsSaid: it is no fault, and the report says so.
func TestPlainHTTPIsSaid(t *testing.T) {
	t.Parallel()
	res := onRepository(t, expectation(repo.Deb), sound(repo.Deb))["transport"]
	if res.Status != verify.Pass || len(res.Findings) != 1 || !strings.Contains(res.Findings[0].Message, "plain http") {
		t.Errorf("got %+v", res)
	}
}
