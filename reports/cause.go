package reports

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// cause is one thing that is wrong, with every place in which it shows.
type cause struct {
	text    string
	checks  []string // in order of first mention
	results []*Result
}

// targets returns the names of the repositories concerned, each once.
func (c *cause) targets() []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range c.results {
		if !seen[r.Target] {
			seen[r.Target] = true
			out = append(out, r.Target)
		}
	}
	return out
}

// first returns the first non-empty value of a field among the results.
func (c *cause) first(field func(*Result) string) string {
	for _, r := range c.results {
		if v := field(r); v != "" {
			return v
		}
	}
	return ""
}

// different returns how many different values a field has.
func (c *cause) different(field func(*Result) string) int {
	seen := map[string]bool{}
	for _, r := range c.results {
		seen[field(r)] = true
	}
	return len(seen)
}

// causesOf gathers the results of a status by a key, in order of first mention.
func (r *Report) causesOf(s verify.Status, key func(*Result) (id, text string)) []*cause {
	seen := map[string]*cause{}
	var out []*cause
	for i := range r.Results {
		x := &r.Results[i]
		if x.Status != s {
			continue
		}
		id, text := key(x)
		c := seen[id]
		if c == nil {
			c = &cause{text: text}
			seen[id] = c
			out = append(out, c)
		}
		if !slices.Contains(c.checks, x.Check) {
			c.checks = append(c.checks, x.Check)
		}
		c.results = append(c.results, x)
	}
	return out
}

// byMessage takes equal messages of one check as one cause.
func byMessage(r *Result) (id, text string) { return r.Check + "\x00" + r.Message, r.Message }

// byReason takes equal reasons as one cause, whatever was asked: the reason
// that a check is blocked is in what it got, or in its message when it was not
// even asked. A host that does not answer is one reason, whichever of its
// files was asked for.
func (u unaddress) byReason(r *Result) (id, text string) {
	reason := r.Got
	if reason == "" {
		reason = r.Message
	}
	reason = u.reduce(reason)
	return reason, reason
}

// unaddress reduces addresses in error messages to what is the same for all
// files of a host.
type unaddress struct {
	address *regexp.Regexp
	socket  *regexp.Regexp
}

func newUnaddress() unaddress {
	return unaddress{
		address: regexp.MustCompile(`(?:https?|file)://[^\s"'<>()]+`),
		// net.OpError writes "read tcp 10.0.0.2:41234->10.0.0.9:443: ...": the
		// first port is another for each connection.
		socket: regexp.MustCompile(`(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d+->`),
	}
}

// reduce cuts each address in s down to its scheme and host.
func (u unaddress) reduce(s string) string {
	s = u.socket.ReplaceAllString(s, "")
	return u.address.ReplaceAllStringFunc(s, func(found string) string {
		bare := strings.TrimRight(found, ".,:;")
		parsed, err := url.Parse(bare)
		if err != nil || parsed.Host == "" {
			return found
		}
		return parsed.Scheme + "://" + parsed.Host + found[len(bare):]
	})
}
