package guest

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// zypper is the guest of zypper, libzypp and rpm.
//
// What libzypp takes for trust: --gpg-auto-import-keys answers "always" where
// the documentation has the user press "a". libzypp then imports the key that
// the repository serves beside its metadata (repomd.xml.key), whichever it is,
// into the rpm database: trust on first sight, as with dnf. With gpgcheck=1
// alone libzypp checks the signature of the metadata, and of packages only
// their checksums, so that an unsigned package in signed metadata would pass:
// pkg_gpgcheck=1 has it check both.
type zypper struct{ rpmBase }

// zypperCall is a call of zypper that asks nothing and does not go back to the
// repository, which Setup has read.
func zypperCall(args ...string) []string {
	return append([]string{"zypper", "--non-interactive", "--no-refresh"}, args...)
}

// Setup implements [Guest]: a .repo file and a refresh, as the documentation
// has it for SUSE ("Install and Set Up kubectl on Linux").
func (zypper) Setup(s Source) (Setup, error) {
	f, err := repoFile(s, "/etc/zypp/repos.d/", "pkg_gpgcheck=1\n")
	if err != nil {
		return Setup{}, err
	}
	return Setup{
		Files: []File{f},
		Commands: []Command{{
			Argv: []string{"zypper", "--non-interactive", "--gpg-auto-import-keys", "refresh", Name}, Env: locale(),
		}},
	}, nil
}

// List implements [Guest]: all versions by search, and the candidates by info,
// which tells of the version that zypper would install.
func (zypper) List(s Source) Listing {
	search := zypperCall("--xmlout", "search", "--details", "--match-exact", "--type", "package", "--repo", Name)
	info := zypperCall("info", "--type", "package", "--repo", Name)
	return Listing{
		Commands: []Command{
			{Argv: append(search, s.Packages...), Env: locale()},
			{Argv: append(info, s.Packages...), Env: locale()},
		},
		Read: func(out []string) ([]images.Offer, map[string]string, error) {
			if len(out) != 2 {
				return nil, nil, fmt.Errorf("zypper search and info: want two outputs, got %d", len(out))
			}
			offers, err := ParseZypperSearch(out[0])
			if err != nil {
				return nil, nil, err
			}
			candidates, err := ParseZypperInfo(out[1])
			if err != nil {
				return nil, nil, err
			}
			return offers, candidates, nil
		},
	}
}

// InstallLatest implements [Guest].
func (z zypper) InstallLatest(s Source) Installation {
	return rpmInstallation(append(zypperCall("install", "--no-recommends"), s.Packages...), s.Packages)
}

// Install implements [Installer].
func (zypper) Install(_ Source, o Order) Installation {
	return rpmInstallation(zypperCall(zypperInstall(o)...), o.names())
}

// zypperInstall is the subcommand that carries an order out. A pin is
// NAME=VERSION-RELEASE; an older version needs --oldpackage.
func zypperInstall(o Order, more ...string) []string {
	args := append([]string{"install", "--no-recommends"}, more...)
	if o.Downgrade {
		args = append(args, "--oldpackage")
	}
	for _, p := range o.Pins {
		if p.Version == "" {
			args = append(args, p.Package)
			continue
		}
		args = append(args, p.Package+"="+p.Version)
	}
	return args
}

// Solve implements [Installer]: the very command of Install as a dry run, which
// zypper tells of in XML.
func (zypper) Solve(_ Source, o Order) Question[Solution] {
	argv := append(zypperCall("--xmlout"), zypperInstall(o, "--dry-run")...)
	return Question[Solution]{
		Commands: []Command{{Argv: argv, Env: locale()}},
		Read: func(a []Answer) (Solution, error) {
			if len(a) != 1 {
				return Solution{}, fmt.Errorf("zypper install --dry-run: want one answer, got %d", len(a))
			}
			return ParseZypperSolve(a[0])
		},
	}
}

// The exit codes of zypper (zypper(8), "EXIT CODES") that are not plain
// failures. Those from 100 on are information.
const (
	zypperZYPP         = 4   // the repository or the solver refused
	zypperUpdateNeeded = 100 // patches are needed
	zypperSecurity     = 101 // security patches are needed
	zypperReboot       = 102 // done; the machine is to be restarted
	zypperRestart      = 103 // done; the package manager is to be restarted
	zypperNoCapability = 104 // nothing provides what was asked for
	zypperSignal       = 105 // ended by a signal
	zypperSkipped      = 106 // a repository was passed over
	zypperScript       = 107 // done; a %post script of a package failed
)

// ErrZypper is a failure of zypper's of which the exit code tells the kind.
var ErrZypper = errors.New("zypper failed")

// ZypperExit says what an exit code of zypper's means: nil when it did as it was
// told, and else an error that is [ErrZypper].
func ZypperExit(code int) error {
	switch code {
	case 0, zypperUpdateNeeded, zypperSecurity, zypperReboot, zypperRestart:
		return nil
	case zypperZYPP:
		return fmt.Errorf("%w: exit %d: libzypp refused (a repository, a signature or the solver)", ErrZypper, code)
	case zypperNoCapability:
		return fmt.Errorf("%w: exit %d: nothing provides what was asked for", ErrZypper, code)
	case zypperSignal:
		return fmt.Errorf("%w: exit %d: it was ended by a signal", ErrZypper, code)
	case zypperSkipped:
		return fmt.Errorf("%w: exit %d: a repository could not be read and was passed over", ErrZypper, code)
	case zypperScript:
		return fmt.Errorf("%w: exit %d: the packages are installed, but a %%post script of one of them failed", ErrZypper, code)
	}
	return fmt.Errorf("%w: exit %d", ErrZypper, code)
}

// historyPath is where libzypp writes what it did.
const historyPath = "/var/log/zypp/history"

// Origins implements [Auditor], by libzypp's record of its own transactions:
// search names each repository that has the installed version, not the one
// that it came from.
func (zypper) Origins(_ Source, packages []string) Question[map[string]string] {
	return Question[map[string]string]{
		Commands: []Command{{Argv: []string{"cat", historyPath}, Env: locale()}},
		Read: func(a []Answer) (map[string]string, error) {
			if len(a) != 1 {
				return nil, fmt.Errorf("%s: want one answer, got %d", historyPath, len(a))
			}
			all, err := ParseZypperHistory(a[0].Output)
			if err != nil {
				return nil, err
			}
			origins := map[string]string{}
			for _, p := range packages {
				if from := all[p]; from != "" {
					origins[p] = from
				}
			}
			return origins, nil
		},
	}
}

// ParseZypperHistory reads libzypp's history: the alias of the repository from
// which each package that is there was last installed. A line is
// "DATE|install|NAME|EDITION|ARCH|BY|ALIAS|CHECKSUM|", or "remove " in its
// place; comments begin with "#".
func ParseZypperHistory(text string) (map[string]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", historyPath, err)
	}
	from := map[string]string{}
	for i, l := range all {
		f := strings.Split(l, "|")
		if strings.HasPrefix(l, "#") || len(f) < 3 {
			continue
		}
		switch strings.TrimSpace(f[1]) {
		case "install":
			if len(f) < 7 || !ValidPackage(f[2]) {
				return nil, fmt.Errorf("%s: line %d: want a package and the repository that it came from, got %q", historyPath, i+1, l)
			}
			from[f[2]] = f[6]
		case "remove":
			delete(from, f[2])
		}
	}
	return from, nil
}

// Remove implements [Remover]. What only these packages needed stays, as zypper
// has it by default.
func (zypper) Remove(packages []string) Command {
	return Command{Argv: append(zypperCall("remove"), packages...), Env: locale()}
}

// Autoremove implements [Remover]. zypper has no such command: it lists what is
// not needed, in a table whose third column is the name.
func (zypper) Autoremove() Command {
	script := Quote(zypperCall("--quiet", "packages", "--unneeded")) +
		` | sed -n 's/^i[^|]*|[^|]*| *\([^ |]*\) *|.*/\1/p' | sort -u | xargs -r ` + Quote(zypperCall("remove", "--clean-deps"))
	return Command{Argv: []string{"sh", "-c", script}, Env: locale()}
}
