package guest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// dnf is the guest of dnf 4 and rpm.
//
// The key is the one that the repository serves, taken on first sight ("-y"):
// what it signs is then refused when it does not fit, and a repository that
// serves another key together with what that key signed is not. The pinned key
// is checked by the harness.
//
// What an older copy of the key in the rpm database does is said at [KeyKeeper]
// and its implementation.
type dnf struct {
	rpmBase
	// command is the name by which dnf is called; empty is "dnf".
	command string
}

// argv is a call of dnf.
func (d dnf) argv(args ...string) []string {
	if d.command == "" {
		return append([]string{"dnf"}, args...)
	}
	return append([]string{d.command}, args...)
}

// disableExcludes lifts the exclude= line of the documented set-up, which
// keeps the packages from being upgraded by accident.
const disableExcludes = "--disableexcludes=" + Name

// noWeakDeps leaves out what a package only recommends.
const noWeakDeps = "--setopt=install_weak_deps=False"

// queryFormat separates name, epoch:version-release, architecture and
// repository by blanks, which none of them can hold.
const queryFormat = "%{name} %{epoch}:%{version}-%{release} %{arch} %{repoid}"

// Setup implements [Guest]: a .repo file (dnf.conf(5)) with the verification of
// packages (gpgcheck) and metadata (repo_gpgcheck), by the repository's own
// key, which dnf itself fetches.
func (d dnf) Setup(s Source) (Setup, error) {
	return yumSetup(s, "exclude="+strings.Join(s.Packages, " ")+"\n", Command{Argv: d.argv("-y", "makecache", mustBeThere), Env: locale()})
}

// mustBeThere makes it an error when the repository cannot be read or verified;
// where skip_if_unavailable is on, as Fedora has it, dnf passes over it and
// exits 0.
const mustBeThere = "--setopt=" + Name + ".skip_if_unavailable=False"

// yumSetup is the set-up of dnf and its kin: a .repo file, with more lines at
// its end, and the command that reads the repository.
func yumSetup(s Source, more string, c Command) (Setup, error) {
	f, err := repoFile(s, "/etc/yum.repos.d/", more)
	if err != nil {
		return Setup{}, err
	}
	return Setup{Files: []File{f}, Commands: []Command{c}}, nil
}

// repoFile is the .repo file of the repository in a folder.
func repoFile(s Source, dir, more string) (File, error) {
	if err := s.check(); err != nil {
		return File{}, err
	}
	// The managers expand $variables and %-sequences of their own: a URL never
	// has a "$" that is not encoded.
	if strings.Contains(s.URL, "$") {
		return File{}, fmt.Errorf("set up the repository %s: write \"$\" as %%24", s.URL)
	}
	conf := "[" + Name + "]\nname=" + Name + "\nbaseurl=" + s.URL + "\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n" +
		"gpgkey=" + s.URL + "repodata/repomd.xml.key\n" + more
	path := dir + Name + ".repo"
	return File{Path: path, Data: []byte(conf), Mode: 0o644, Shell: heredoc(path, conf)}, nil
}

// List implements [Guest]: once all versions, once the latest of each name.
func (d dnf) List(s Source) Listing {
	// "dnf -C" answers from the cache that makecache has verified.
	query := func(more ...string) Command {
		argv := d.argv("-q", "-C", "repoquery", "--repo", Name, disableExcludes, "--qf", queryFormat)
		return Command{Argv: append(append(argv, more...), s.Packages...), Env: locale()}
	}
	return repoqueryListing(query(), query("--latest-limit=1"))
}

// repoqueryListing reads all versions from one command and the latest of each
// name from the other, both in queryFormat.
func repoqueryListing(all, latest Command) Listing {
	return Listing{
		Commands: []Command{all, latest},
		Read: func(out []string) ([]images.Offer, map[string]string, error) {
			if len(out) != 2 {
				return nil, nil, fmt.Errorf("dnf repoquery: want two outputs, got %d", len(out))
			}
			offers, err := ParseRepoquery(out[0])
			if err != nil {
				return nil, nil, err
			}
			latest, err := ParseRepoquery(out[1])
			if err != nil {
				return nil, nil, err
			}
			candidates := map[string]string{}
			for _, o := range latest {
				candidates[o.Package] = o.Version
			}
			return offers, candidates, nil
		},
	}
}

// InstallLatest implements [Guest].
func (d dnf) InstallLatest(s Source) Installation {
	install := d.argv("-y", "install", disableExcludes, noWeakDeps)
	return rpmInstallation(append(install, s.Packages...), s.Packages)
}

// ParseRepoquery reads what dnf repoquery prints in queryFormat. An epoch of 0
// is left out of the version, as rpm does.
func ParseRepoquery(text string) ([]images.Offer, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("dnf repoquery: %w", err)
	}
	var offers []images.Offer
	for i, l := range all {
		if l == "" || isDNFNotice(l) {
			continue
		}
		f := strings.Fields(l)
		if len(f) != 4 || !ValidPackage(f[0]) || !strings.Contains(f[1], ":") {
			return nil, fmt.Errorf("dnf repoquery: line %d: want name, version, architecture and repository, got %q", i+1, l)
		}
		offers = append(offers, images.Offer{Package: f[0], Version: strings.TrimPrefix(f[1], "0:"), Arch: f[2], Origin: f[3]})
	}
	return offers, nil
}

// isDNFNotice reports whether a line is one of dnf's own messages, which it
// prints among the answer even with -q.
func isDNFNotice(l string) bool {
	for _, p := range []string{"Last metadata expiration check:", "Warning:", "Error:", "No read/execute access"} {
		if strings.HasPrefix(l, p) {
			return true
		}
	}
	return false
}
