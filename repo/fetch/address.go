package fetch

import (
	"net/url"
	"strings"
)

// Join appends a repository path to a root URL. Segments are encoded as apt
// does: "+" becomes "%2B", because some stores read a plain "+" as a space;
// ":" and "~" stay as they are. The root stays as it is written, "%3A" for ":"
// included. A "%" in path is the character itself.
func Join(root, path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
	}
	return strings.TrimSuffix(root, "/") + "/" + strings.Join(segments, "/")
}

// OtherSpelling returns a URL with the colons of its path spelled the other
// way: each ":" as "%3A", or, when there is none, each "%3A" as ":". RFC 3986
// makes both the same path, yet stores and mirrors were seen to answer one of
// them with 403: the names of OBS projects have colons, and so has the file of
// a package with an epoch. It reports false when there are no colons, or the
// address is not a URL with a path.
func OtherSpelling(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		return "", false
	}
	path := u.EscapedPath()
	other := strings.ReplaceAll(path, ":", "%3A")
	if other == path {
		other = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(path)
	}
	if other == path {
		return "", false
	}
	decoded, err := url.PathUnescape(other)
	if err != nil {
		return "", false
	}
	u.Path, u.RawPath = decoded, other
	return u.String(), true
}

// withoutUser returns u as it may be shown.
func withoutUser(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	shown := *u
	shown.User = nil
	return shown.String()
}

// sameOrigin reports whether what is secret of a may be told to b (RFC 6454).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
