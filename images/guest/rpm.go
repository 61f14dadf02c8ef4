package guest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// What dnf and zypper have in common: the rpm database, and rpm's own words.

// rpmInstallation is an installation after which the rpm database is asked.
func rpmInstallation(install, packages []string) Installation {
	query := []string{"rpm", "-q", "--qf", `%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}\n`}
	return Installation{
		Command: Command{Argv: install, Env: locale()},
		Query:   Command{Argv: append(query, packages...), Env: locale()},
		Read:    ParseRPMQuery,
	}
}

// notInstalled is how rpm -q and rpm -V end the line of a package that the
// database does not have; it begins with "package".
const notInstalled = " is not installed"

func isNotInstalled(l string) bool {
	return strings.HasPrefix(l, "package ") && strings.HasSuffix(l, notInstalled)
}

// ParseRPMQuery reads what rpm -q prints of each package. A package that the
// database does not have gives a line of its own, which is passed over.
func ParseRPMQuery(text string) ([]images.Installed, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("rpm -q: %w", err)
	}
	var got []images.Installed
	for i, l := range all {
		if l == "" || isNotInstalled(l) {
			continue
		}
		f := strings.Fields(l)
		if len(f) != 3 || !strings.Contains(f[1], ":") {
			return nil, fmt.Errorf("rpm -q: line %d: want name, version and architecture, got %q", i+1, l)
		}
		got = append(got, images.Installed{Package: f[0], Version: strings.TrimPrefix(f[1], "0:"), Arch: f[2], Status: "installed"})
	}
	return got, nil
}

// names are the packages of an order, without their versions.
func (o Order) names() []string {
	names := make([]string, len(o.Pins))
	for i, p := range o.Pins {
		names[i] = p.Package
	}
	return names
}

// nevr is a pin as dnf and rpm write it: NAME-[EPOCH:]VERSION-RELEASE.
func (p Pin) nevr() string {
	if p.Version == "" {
		return p.Package
	}
	return p.Package + "-" + p.Version
}

// rpmBase is what all guests of rpm can do with rpm alone. They embed it.
type rpmBase struct{}

// KeyKeeper is a guest whose package database keeps keys of its own, beside
// those that the repository serves.
type KeyKeeper interface {
	// KeepKey puts a copy of a key into the database, before the set-up, as an
	// earlier one has left it there.
	KeepKey(key []byte) Setup
}

// KeepKey implements [KeyKeeper].
//
// It is for the key whose expiry was moved (kubernetes/release #3840): rpm knows
// a key by its number and its making, which are the same in both copies, so the
// new one does not replace the old one. Seen with a copy that expired a day ago,
// while the repository serves the current one:
//
//   - dnf 4.14, rpm 4.18 with its own OpenPGP: the old copy stays, its expiry
//     is not looked at, and the packages are installed.
//   - dnf 5.4, rpm 6.1 with Sequoia, plugin expired-pgp-keys: dnf removes the
//     old copy, imports the current one and installs. Without the plugin it
//     exits 1: "Signature verification failed. OpenPGP check for package ...
//     has failed: Problem occurred when opening the package."
//   - zypper 1.14.42, libzypp 17.25, rpm 4.18: it warns that the key "signing
//     file 'repomd.xml' has expired", goes on with the old copy and installs.
func (rpmBase) KeepKey(key []byte) Setup {
	const path = "/etc/pki/rpm-gpg/RPM-GPG-KEY-" + Name
	return Setup{
		Files: []File{{
			Path: path, Data: key, Mode: 0o644, Shell: heredoc(path, string(key)), Note: "an earlier copy of the repository's key",
		}},
		Commands: []Command{{Argv: []string{"rpm", "--import", path}, Env: locale()}},
	}
}

// Purge implements [Remover]: rpm knows no such thing. A configuration file
// that was changed stays as NAME.rpmsave.
func (rpmBase) Purge([]string) (Command, bool) { return Command{}, false }

// Altered implements [Auditor] by rpm -V. Dependencies are left out: the question is of files.
// The exit code counts the findings, so it says nothing beyond the lines.
func (rpmBase) Altered(packages []string) Question[[]string] {
	return Question[[]string]{
		Commands: []Command{{Argv: append([]string{"rpm", "-V", "--nodeps"}, packages...), Env: locale()}},
		Read: func(a []Answer) ([]string, error) {
			if len(a) != 1 {
				return nil, fmt.Errorf("rpm -V: want one answer, got %d", len(a))
			}
			return ParseRPMVerify(a[0].Output)
		},
	}
}

// ParseRPMVerify reads what rpm -V prints of files that differ (rpm(8), "VERIFY
// OPTIONS"): nine marks or "missing", a letter for the kind of file, the path.
// A package that the database does not have is an error: nothing was verified.
func ParseRPMVerify(text string) ([]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("rpm -V: %w", err)
	}
	var altered []string
	for i, l := range all {
		switch {
		case l == "":
		case isNotInstalled(l):
			return nil, fmt.Errorf("rpm -V: %s", l)
		case !strings.Contains(l, " /"):
			return nil, fmt.Errorf("rpm -V: line %d: want marks and a path, got %q", i+1, l)
		default:
			altered = append(altered, l)
		}
	}
	return altered, nil
}

// ownersFormat is a line for each file: package, kind of file, path.
const ownersFormat = `[%{=NAME}\t%{FILEFLAGS:fflags}\t%{FILENAMES}\n]`

// Owners implements [Auditor].
func (rpmBase) Owners(packages []string) Question[map[string]string] {
	return Question[map[string]string]{
		Commands: []Command{{Argv: append([]string{"rpm", "-q", "--qf", ownersFormat}, packages...), Env: locale()}},
		Read: func(a []Answer) (map[string]string, error) {
			if len(a) != 1 {
				return nil, fmt.Errorf("rpm -q: want one answer, got %d", len(a))
			}
			return ParseRPMFiles(a[0].Output)
		},
	}
}

// ParseRPMFiles reads what rpm -q prints in ownersFormat. A %ghost file, which
// the package owns but does not bring, is left out; of two packages with one
// path (a folder of both), the first is its owner.
func ParseRPMFiles(text string) (map[string]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("rpm -q: %w", err)
	}
	owners := map[string]string{}
	for i, l := range all {
		if l == "" || isNotInstalled(l) {
			continue
		}
		f := strings.SplitN(l, "\t", 3)
		if len(f) != 3 || !ValidPackage(f[0]) || !strings.HasPrefix(f[2], "/") {
			return nil, fmt.Errorf("rpm -q: line %d: want package, kind and path of a file, got %q", i+1, l)
		}
		if _, known := owners[f[2]]; !known && !strings.Contains(f[1], "g") {
			owners[f[2]] = f[0]
		}
	}
	return owners, nil
}

// maxReason bounds Solution.Reason, in bytes.
const maxReason = 4096

// reason joins lines to what a reader is told, bounded.
func reason(parts []string) string {
	r := strings.TrimSpace(strings.ToValidUTF8(strings.Join(parts, "\n"), "\uFFFD"))
	if len(r) > maxReason {
		r = strings.ToValidUTF8(r[:maxReason], "") + " [...]"
	}
	return r
}
