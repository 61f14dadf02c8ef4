// Package closure asks of the packages of a repository whether each can be
// installed with what the repository holds and what the systems that users
// install on provide. It writes the formats' relations as a universe of package
// solve, one for each architecture, and turns the verdicts into causes: what is
// lacking or contradictory, which packages ask for it, and which cannot be
// installed in consequence.
//
// What is not asked: whether files of two packages overlap (Replaces decides
// only over those), what the packages of the assumed system conflict with, and
// packages of a second architecture of dpkg's; rpm's second architectures
// (i686 beside x86_64) are asked for, as dnf does.
package closure

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/solve"
)

// MaxArches bounds the architectures of a repository: Debian's has ten, and
// some twenty with its ports.
const MaxArches = 64

// maxExplained bounds the contradictions that are explained, and maxExplaining
// the time for all; those after it have a cause without facts.
const (
	maxExplained  = 64
	maxExplaining = 30 * time.Second
)

// Question is what is asked.
type Question struct {
	Format   repo.Format
	Packages []repo.Package
	// Assumed is what the system provides.
	Assumed []verify.Capability
	// Own are the names of packages, and the paths of files, that the
	// repository itself must hold: that a system may provide such a thing is
	// not assumed, unless Assumed says so.
	Own []string
}

// Kind is what is wrong.
type Kind int

// The kinds of causes.
const (
	// Missing: no package of the repository has the name, which it should hold.
	Missing Kind = iota
	// Foreign: neither the repository nor the assumed system has the name.
	Foreign
	// OtherVersion: there are packages of the name, of other versions.
	OtherVersion
	// OtherArch: there are packages of the name for other architectures only.
	OtherArch
	// Clash: all that is needed is there, and excludes itself.
	Clash
)

// Cause is one reason for which packages cannot be installed.
type Cause struct {
	Kind Kind
	// Names are what is needed and not there; more than one for alternatives.
	Names []string
	// Direct are the packages that ask for it, in order of the index.
	Direct []Affected
	// Hence are the packages that cannot be installed because others cannot.
	Hence []int
	// Available are the packages that have one of the names and do not do.
	Available []int
	// Facts say, for a clash, what cannot hold together; none when that could
	// not be found out in time.
	Facts []string
}

// Affected is a package and what it asks for.
type Affected struct {
	// Package is the index into the question's packages.
	Package int
	// Need is written as the package has it.
	Need string
}

// Unread is a package whose relations do not parse.
type Unread struct {
	Package int
	Err     error
}

// Answer is what was found.
type Answer struct {
	Causes []Cause
	// Unread packages were taken to have none of the relations that do not
	// parse.
	Unread []Unread
	// Unknown are the packages of which nobody can tell, and Gave is why; a
	// *solve.BoundError.
	Unknown []int
	Gave    error
	// Asked counts the packages that were looked at: not the source packages.
	Asked int
}

// Of answers q. The error is a *[solve.BoundError] when the repository is
// beyond a bound, so that nothing is known.
//
// A package for all architectures must be installable on one of them: which
// others it is meant for, only its maker knows.
func Of(q Question) (*Answer, error) {
	arches := architectures(q)
	if len(arches) > MaxArches {
		return nil, &solve.BoundError{What: "architectures", Bound: MaxArches}
	}
	c := collector{
		q:       &q,
		outside: newOutside(&q),
		known:   make([]known, len(q.Packages)),
		unread:  make(map[int]error),
		causes:  make(map[string]*collected),
	}
	for _, arch := range arches {
		if err := c.ask(arch); err != nil {
			return nil, fmt.Errorf("%s: %w", arch, err)
		}
	}
	return c.answer(), nil
}

// architectures returns those that need a universe of their own, in order of
// first mention: all but those that belong to every one, and those that are
// second architectures of another one.
func architectures(q Question) []string {
	seen := make(map[string]bool)
	var all []string
	neutral := false
	for _, p := range q.Packages {
		if seen[p.Arch] || source(p.Arch) {
			continue
		}
		seen[p.Arch] = true
		if anywhere(p.Arch) {
			neutral = true
			continue
		}
		if all = append(all, p.Arch); len(all) > MaxArches {
			return all
		}
	}
	if q.Format == repo.RPM {
		for _, a := range slices.Clone(all) {
			for b := compatible(a); b != ""; b = compatible(b) {
				all = slices.DeleteFunc(all, func(x string) bool { return x == b })
			}
		}
	}
	if len(all) == 0 && neutral {
		all = []string{"all"} // any machine
	}
	return all
}

// anywhere reports whether packages of the architecture are for all machines.
func anywhere(arch string) bool { return arch == "all" || arch == "noarch" }

// source reports whether they are source rpms.
func source(arch string) bool { return arch == "src" || arch == "nosrc" }

// compatible returns the next older architecture whose rpms the machines of
// arch install too, "" for none (arch_compat in rpm's rpmrc).
func compatible(arch string) string {
	switch arch {
	case "x86_64_v4":
		return "x86_64_v3"
	case "x86_64_v3":
		return "x86_64_v2"
	case "x86_64_v2":
		return "x86_64"
	case "x86_64", "athlon":
		return "i686"
	case "i686":
		return "i586"
	case "i586":
		return "i486"
	case "i486":
		return "i386"
	case "s390x":
		return "s390"
	case "ppc64":
		return "ppc"
	case "armv8hl":
		return "armv7hnl"
	case "armv7hnl":
		return "armv7hl"
	case "armv7hl":
		return "armv6hl"
	case "armv7l":
		return "armv6l"
	case "armv6l":
		return "armv5tel"
	}
	return ""
}

// fitting returns the architectures whose packages a machine of arch installs.
func fitting(f repo.Format, arch string) map[string]bool {
	fits := map[string]bool{arch: true, "all": true, "noarch": true}
	if f == repo.RPM {
		for a := compatible(arch); a != ""; a = compatible(a) {
			fits[a] = true
		}
	}
	return fits
}

// members returns the packages that machines of an architecture may install.
func members(q *Question, arch string) []int {
	fits := fitting(q.Format, arch)
	var in []int
	for i := range q.Packages {
		if fits[q.Packages[i].Arch] {
			in = append(in, i)
		}
	}
	return in
}
