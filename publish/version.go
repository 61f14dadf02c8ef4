package publish

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// Version is an upstream version without the leading v, such as 1.26.0,
// 1.26.0-rc.1 or 1.26.0-alpha.3.45+0123456789abcd.
type Version string

// versionForm is what dpkg, rpm and semantic versioning all accept once "-"
// has become "~".
const versionForm = `^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})` +
	`(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?(\+[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$`

// ParseVersion reads a version, with or without the leading v.
func ParseVersion(text string) (Version, error) {
	version := strings.TrimPrefix(text, "v")
	if ok, err := regexp.MatchString(versionForm, version); err != nil || !ok || len(version) > 100 {
		return "", fmt.Errorf("version %q: want a semantic version such as 1.26.0 or 1.26.0-rc.1", text)
	}
	return Version(version), nil
}

// Minor returns the minor that the version belongs to, such as 1.26.
func (v Version) Minor() string {
	parts := strings.SplitN(string(v), ".", 3)
	if len(parts) < 2 {
		return string(v)
	}
	return parts[0] + "." + parts[1]
}

// Channel returns the channel that the version belongs to. The rule is
// kubernetes/release's (pkg/obs/specs): split at the dots, three parts are a
// release, four a pre-release, more a nightly.
func (v Version) Channel() Channel {
	switch strings.Count(string(v), ".") + 1 {
	case 3:
		return Stable
	case 4:
		return Dev
	default:
		return Nightly
	}
}

// Package returns the version as packages carry it: "-" becomes "~", which
// dpkg and rpm sort before the release itself. "+" is legal in both.
func (v Version) Package() string { return strings.ReplaceAll(string(v), "-", "~") }

// Compare orders versions as semantic versioning does.
func (v Version) Compare(other Version) int {
	return semver.Compare("v"+string(v), "v"+string(other))
}

// final returns the release that a pre-release leads to.
func (v Version) final() Version {
	core, _, _ := strings.Cut(string(v), "+")
	core, _, _ = strings.Cut(core, "-")
	return Version(core)
}
