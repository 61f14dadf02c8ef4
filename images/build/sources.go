package build

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// errMirror is matched when Debian's mirror did not give what was asked of it.
var errMirror = errors.New("the mirror does not have all that is needed")

// mirrorFailed reports whether the words of mmdebstrap are those of apt about a
// mirror: apt-get(8) names what it could not fetch.
func mirrorFailed(words string) bool {
	for _, w := range []string{"E: Failed to fetch", "Some index files failed to download", "does not have a Release file"} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

// archived says where a suite is that mirrors have dropped.
func archived(suite string) string {
	return fmt.Sprintf("Mirrors drop a suite some time after its end of life; archive.debian.org keeps it: "+
		"--sources 'deb http://archive.debian.org/debian %s main'", suite)
}

// defaultMirror is Debian's own.
const defaultMirror = "http://deb.debian.org/debian"

// sources returns where mmdebstrap is to take the suite from, best first: this
// machine's own sources, if they have the suite, so that a mirror in use here is
// used; or else its default, with the suite's updates. Then the suite alone:
// mirrors that are being synchronised, and suites past their end, often lack
// the updates, and an image can do without.
func (b *Builder) sources(suite string) []string {
	if b.Sources != "" {
		return []string{b.Sources}
	}
	for _, f := range []string{"/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"} {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if mirror, ok := mirrorOf(string(data), suite); ok {
			return []string{f, alone(mirror, suite)}
		}
	}
	return []string{"", alone(defaultMirror, suite)}
}

func alone(mirror, suite string) string { return "deb " + mirror + " " + suite + " main" }

// mirrorOf returns the address from which apt's sources (sources.list(5)) take a
// suite, in either of their formats.
func mirrorOf(sources, suite string) (string, bool) {
	uri, has := "", false
	for l := range strings.Lines(sources + "\n\n") {
		f := strings.Fields(l)
		switch {
		case len(f) == 0:
			if has && uri != "" {
				return uri, true
			}
			uri, has = "", false
		case strings.EqualFold(f[0], "URIs:") && len(f) > 1:
			uri = f[1]
		case strings.EqualFold(f[0], "Suites:"):
			has = slices.Contains(f[1:], suite)
		case f[0] == "deb":
			i := slices.IndexFunc(f, func(w string) bool { return strings.Contains(w, "://") })
			if i > 0 && len(f) > i+1 && f[i+1] == suite {
				return f[i], true
			}
		}
	}
	return "", false
}
