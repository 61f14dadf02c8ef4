package checks

import (
	"fmt"
	"net/url"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// certificateLeft is how long a certificate must still hold. Automatic renewal
// (RFC 8555) begins a month before the end, so that two weeks before it
// something is amiss.
const certificateLeft = 14 * 24 * time.Hour

// kubernetes/kubernetes #138595: the TLS certificate had expired;
// kubernetes/website #46282: 403 over IPv6 only; kubernetes/release #3969: 403
// for "%3A" in place of ":", which RFC 3986 section 2.2 makes the same path;
// #3883: dnf got the 138 bytes of a redirect.
func transport() verify.Check {
	return verify.Check{
		ID:       "transport",
		Title:    "the servers answer: certificate, redirects, both spellings of a colon, IPv4 and IPv6",
		Suite:    verify.Metadata,
		Severity: verify.Warning,
		Formats:  repo.Formats(),
		Beside:   []verify.Beside{verify.BesideTransport},
		Doc: `Asks that every certificate on the way is in force and stays so for 14 more days; that no redirect leads from https to http; that an address answers the same whether its colons are written ":" or "%3A"; and, where the name servers give every host addresses of both families, that it answers over IPv4 alone and over IPv6 alone. An address of plain http is no fault, but the result says so. A folder has nothing to ask.

Why: an expired certificate stopped every installation (k/k #138595); users with IPv6 only got 403 while all others were served (website #46282); a client that encodes colons got 403 (k/r #3969).

When it fails: renew the certificate; mend the redirect or the rule of the CDN that the evidence names.
When it is blocked: this machine lacks what it takes, such as a route for IPv6. Run it from one that has it, or leave the check out with --label-filter '!check:transport'.`,
		Moot: func(e *verify.Expectation) string {
			if scheme(e.Target.URL) == "" {
				return "a folder has no servers"
			}
			return ""
		},
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			t := r.Transport
			if t == nil {
				return []verify.Finding{{Status: verify.Blocked, URL: e.Target.URL, Message: "the servers were not asked", Hint: "run again"}}
			}
			var found []verify.Finding
			found = append(found, certificates(t.Plain.Certificates, e.Now)...)
			if len(found) == 0 || t.Plain.Problem == nil {
				found = append(found, plainAnswer(e, t)...)
			}
			found = append(found, downgrade(t)...)
			found = append(found, colons(t)...)
			found = append(found, families(t)...)
			if len(found) == 0 && scheme(e.Target.URL) == "http" {
				found = append(found, verify.Finding{Status: verify.Pass, URL: e.Target.URL,
					Message: "the address is plain http: nothing but the signatures protects what is served"})
			}
			for i := range found {
				found[i].Subject.File = t.Path
			}
			return found
		},
	}
}

// scheme returns http, https, or "" for a folder.
func scheme(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.Scheme
}

// certificates judges what the hosts showed.
func certificates(shown []repo.Certificate, now time.Time) []verify.Finding {
	var found []verify.Finding
	for _, c := range shown {
		ends := c.Ends.UTC().Format(time.RFC3339)
		f := verify.Finding{
			URL:      "https://" + c.Host + "/",
			Want:     fmt.Sprintf("a certificate for %s in force for %d more days", c.Host, int(certificateLeft/(24*time.Hour))),
			Got:      "one that ends " + ends,
			Evidence: []string{"subject " + c.Subject, "issuer " + c.Issuer, "for " + orNone(list(c.Names))},
			Hint:     "renew the certificate, and find out why it was not renewed by itself",
		}
		switch {
		case c.Refusal == nil && c.Ends.Sub(now) >= certificateLeft:
			continue
		case c.Refusal == nil:
			f.Message = fmt.Sprintf("the certificate of %s ends in less than %d days", c.Host, int(certificateLeft/(24*time.Hour)))
		case c.Refusal.Is(repo.Unreachable):
			f.Status = verify.Blocked
			f.Message = "nobody could tell whether the certificate of " + c.Host + " is right"
			f.Got = c.Refusal.String()
			f.Hint = "install the certificate authorities on this machine and run again"
		case !now.Before(c.Ends):
			f.Message = "the certificate of " + c.Host + " has expired"
			f.Hint = "renew the certificate: until then no client with verification on gets anything"
		default:
			f.Message = "the certificate of " + c.Host + " does not verify"
			f.Want = "a certificate for " + c.Host + " by a public authority"
			f.Got = c.Refusal.String()
			f.Hint = "install a certificate for that name with its whole chain; if the issuer is your own network's, run from outside of it"
		}
		found = append(found, f)
	}
	return found
}

// plainAnswer says why the address as it is written has no answer. That a file
// is not there is for the check of the signed root to report.
func plainAnswer(e *verify.Expectation, t *repo.Transport) []verify.Finding {
	p := t.Plain.Problem
	f := verify.Finding{URL: t.Plain.URL, Evidence: hops(t.Plain.Hops), Hint: "run again"}
	switch {
	case p == nil, t.Colons != nil && t.Colons.Problem == nil:
		return nil // colons says the rest
	case p.Is(repo.Unreachable):
		return []verify.Finding{verify.Problemf(p, f, "%s could not be reached", t.Path)}
	}
	f.Status, f.Hint = verify.Skipped, ""
	f.Message = fmt.Sprintf("not asked, see %s: %s", rootReporter(e.Target.Format), p)
	return []verify.Finding{f}
}

// rootReporter returns the check that reports a signed root that is missing.
func rootReporter(f repo.Format) string {
	if f == repo.RPM {
		return "rpm-repomd-present"
	}
	return "apt-release-present"
}

// downgrade finds redirects that leave https.
func downgrade(t *repo.Transport) []verify.Finding {
	for _, p := range []*repo.Probe{&t.Plain, t.Colons, t.IPv4, t.IPv6} {
		if p == nil {
			continue
		}
		for i, h := range p.Hops {
			if i > 0 && scheme(h.URL) == "http" && scheme(p.Hops[i-1].URL) == "https" {
				return []verify.Finding{{
					URL:      p.URL,
					Message:  "a redirect leads from https to http",
					Want:     "https all the way",
					Got:      p.Hops[i-1].URL + " redirects to " + h.URL,
					Evidence: hops(p.Hops),
					Hint:     "let the redirector send clients to the https address of the mirror; clients that allow https only stop here",
				}}
			}
		}
	}
	return nil
}

// colons compares the two spellings of an address.
func colons(t *repo.Transport) []verify.Finding {
	if t.Colons == nil {
		return nil
	}
	plain, other := &t.Plain, t.Colons
	f := verify.Finding{
		URL:      other.URL,
		Want:     "the same answer for " + plain.URL,
		Evidence: append(hops(plain.Hops), hops(other.Hops)...),
		Hint:     "let the CDN decode the path before it looks up the object (RFC 3986 section 6.2.2.2), and purge what it has cached",
	}
	switch {
	case plain.Problem == nil && other.Problem == nil:
		if sameDigests(plain.Digests, other.Digests) && plain.Size == other.Size {
			return nil
		}
		f.Message = "the two spellings of the address, with \":\" and with \"%3A\", are answered with different files"
		f.Want, f.Got = describe(plain.Size, repo.SHA256, plain.Digests), describe(other.Size, repo.SHA256, other.Digests)
	case plain.Problem == nil && answered(other):
		f.Message = "the address is not answered when its colons are written the other way"
		f.Got = other.Problem.String()
	case answered(plain) && other.Problem == nil:
		f.URL = plain.URL
		f.Message = "the address is answered only when its colons are written the other way"
		f.Want, f.Got = "the same answer as for "+other.URL, plain.Problem.String()
	case plain.Problem == nil:
		return []verify.Finding{verify.Problemf(&repo.Problem{Kind: repo.Unreachable, Text: other.Problem.String()}, f,
			"the other spelling of the address could not be asked for")}
	default:
		return nil // plainAnswer has said it
	}
	return []verify.Finding{f}
}

// answered reports whether a server said no: that is an answer, and will be the
// same a little later.
func answered(p *repo.Probe) bool {
	if p.Refused {
		return true
	}
	for _, c := range p.Certificates {
		if c.Refusal != nil && !c.Refusal.Is(repo.Unreachable) {
			return true
		}
	}
	if p.Problem.Is(repo.Absent) || p.Problem.Is(repo.Malformed) {
		return true
	}
	n := len(p.Hops)
	if n == 0 {
		return false
	}
	switch status := p.Hops[n-1].Status; status {
	case 408, 425, 429: // asks to come again (RFC 9110, 8470, 6585)
		return false
	default:
		return status >= 400 && status < 500
	}
}

// families judges the answers over one family alone.
func families(t *repo.Transport) []verify.Finding {
	if t.Undecided != nil {
		return []verify.Finding{verify.Problemf(t.Undecided, verify.Finding{URL: t.Plain.URL,
			Hint: "run from a machine that reaches the servers and name servers directly"}, "nobody could tell whether IPv4 and IPv6 both answer")}
	}
	if t.IPv4 == nil || t.IPv6 == nil {
		return nil
	}
	var found []verify.Finding
	for _, x := range []struct {
		name, other string
		probe       *repo.Probe
	}{{"IPv4", "IPv6", t.IPv4}, {"IPv6", "IPv4", t.IPv6}} {
		f := verify.Finding{
			URL:      x.probe.URL,
			Want:     "the answer that there is over " + x.other,
			Evidence: append(addresses(t.Hosts), hops(x.probe.Hops)...),
			Hint:     "look at the servers and firewalls behind the addresses of that family, or take them out of the name servers",
		}
		switch {
		case x.probe.Problem == nil:
		case answered(x.probe):
			f.Message = "the repository is not served over " + x.name
			f.Got = x.probe.Problem.String()
			found = append(found, f)
		default:
			f.Hint = "run from a machine that has " + x.name
			found = append(found, verify.Problemf(&repo.Problem{Kind: repo.Unreachable, Text: x.probe.Problem.String()}, f,
				"from this machine the servers could not be reached over %s", x.name))
		}
	}
	if len(found) == 0 && !sameDigests(t.IPv4.Digests, t.IPv6.Digests) {
		found = append(found, verify.Finding{
			URL:      t.Plain.URL,
			Message:  "IPv4 and IPv6 are answered with different files",
			Want:     describe(t.IPv4.Size, repo.SHA256, t.IPv4.Digests) + " over IPv6 too",
			Got:      describe(t.IPv6.Size, repo.SHA256, t.IPv6.Digests),
			Evidence: append(addresses(t.Hosts), append(hops(t.IPv4.Hops), hops(t.IPv6.Hops)...)...),
			Hint:     "find out which servers the addresses of each family lead to, and publish to both",
		})
	}
	return found
}

// hops writes each answer on a way: status, address, who answered.
func hops(way []repo.Hop) []string {
	var lines []string
	for _, h := range way {
		line := fmt.Sprintf("%d %s", h.Status, h.URL)
		if h.Address != "" {
			line += " from " + h.Address
		}
		for _, x := range h.Headers {
			switch x.Name {
			case "Server", "Via", "X-Cache", "X-MirrorBrain-Mirror", "X-MirrorCache", "X-Mirror", "X-Served-By", "X-Amz-Cf-Pop":
				line += fmt.Sprintf(", %s: %s", x.Name, x.Value)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// addresses writes what the name servers say of each host.
func addresses(hosts []repo.Host) []string {
	var lines []string
	for _, h := range hosts {
		lines = append(lines, fmt.Sprintf("%s has %s and %s", h.Name, list(h.IPv4), list(h.IPv6)))
	}
	return lines
}
