package fetch

import (
	"net/http"
	"strings"
	"unicode"

	"sigs.k8s.io/pkgverify/repo"
)

// hopHeaders returns the names of the headers that are recorded of an answer:
// who served it, which cache or mirror was on the way, how old it is, and which
// version of the file it is.
func hopHeaders() [30]string {
	return [...]string{
		"Date", "Server", "Via", "Age", "Retry-After",
		"Content-Length", "Content-Range", "Content-Type", "Content-Encoding",
		"ETag", "Last-Modified", "Cache-Control", "Expires",
		// CDNs and caches: Fastly and Varnish, CloudFront and S3, Cloudflare,
		// Google's storage.
		"X-Cache", "X-Cache-Hits", "X-Cache-Status", "X-Served-By", "X-Varnish",
		"X-Amz-Cf-Pop", "X-Amz-Cf-Id", "X-Amz-Version-Id", "CF-Ray", "CF-Cache-Status",
		"X-Goog-Generation", "X-Goog-Hash",
		// Redirectors: mirrorbrain and mirrorcache of openSUSE.
		"X-MirrorBrain-Mirror", "X-MirrorBrain-Realm", "X-MirrorCache", "X-Mirror", "X-Backend",
	}
}

// hopOf records one answer. Values are bounded, and fit to be shown.
func hopOf(url string, resp *http.Response, address string) repo.Hop {
	hop := repo.Hop{URL: url, Status: resp.StatusCode, Address: address}
	for _, name := range hopHeaders() {
		values := resp.Header.Values(name)
		for _, v := range values[:min(len(values), MaxHopValues)] {
			if len(hop.Headers) < MaxHopHeaders {
				hop.Headers = append(hop.Headers, repo.Field{Name: name, Value: shown(v)})
			}
		}
	}
	return hop
}

// shown returns at most MaxHopValue bytes of s, in UTF-8 and without control
// characters.
func shown(s string) string {
	cut := len(s) > MaxHopValue
	s = strings.ToValidUTF8(s[:min(len(s), MaxHopValue)], "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if cut {
		s += "..."
	}
	return s
}
