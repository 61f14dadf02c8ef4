package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/vercmp"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/closure"
)

// Debian Policy 7.2: "This declares an absolute dependency. A package will not
// be configured unless all of the packages listed in its Depends field have
// been correctly configured"; 7.4: "When one binary package declares a conflict
// with another [...] dpkg will not allow them to be unpacked on the system at
// the same time." rpm's manual, Dependencies: "Requires [...] the package
// cannot be installed without". Which sets of packages that leaves is for a
// solver to find: see package verify/closure.
func dependencyClosure() verify.Check {
	return verify.Check{
		ID:       "dependency-closure",
		Title:    "every published version can be installed from the repository",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that each package of the index, in every version and for every architecture, belongs to a set of packages that can be installed together: each with what it depends on, none in conflict with another, one version of each. A solver looks for such sets among the packages of the repository and what the profile assumes of the distributions. A name that the repository has or is expected to have must be met by the repository, unless the profile assumes it. Beyond the profile, what every system of the format has is assumed: essential packages and the C and C++ libraries (deb); files that no package of the repository lists, shared libraries, rpmlib(...) and what rpmbuild asks for of interpreters (rpm). A package for all architectures must be installable on one of them.

Why: cri-tools 1.27 was not there when kubeadm asked for it (k/r #3218); kubeadm 1.30 needed cri-tools >= 1.30, which was absent (k/r #3574); conntrack, which SUSE does not have under that name, made old and new kubelets unsolvable (k/r #3689, #3711, #4054). The latest version may be installable and an older one not, and users who pin versions meet it first.

When it fails: the finding names what is lacking, what there is of it, and every package that asks for it. Publish what is lacking, or build the packages that ask for it again with a dependency that can be met. Where the distributions do have it, add it to the profile's list of what is assumed.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			a, err := closure.Of(closure.Question{Format: e.Target.Format, Packages: r.Packages, Assumed: e.Assumed, Own: owned(e)})
			if err != nil {
				return []verify.Finding{{
					Status:  verify.Blocked,
					Message: "nobody can tell whether the packages can be installed: the repository is too large to be solved",
					Got:     err.Error(), URL: e.Target.URL,
					Hint: "verify a part of the repository",
				}}
			}
			c := closureFindings{e: e, r: r, unread: unreadLists(r.Repository)}
			return c.all(a)
		},
	}
}

// owned returns the names and files that the expected packages should have.
func owned(e *verify.Expectation) []string {
	var own []string
	for _, p := range e.Packages {
		own = append(own, p.Name)
		for _, b := range p.Binaries {
			own = append(own, b.Path)
		}
		for _, f := range p.Files {
			own = append(own, f.Path)
		}
	}
	return own
}

// closureFindings says in words what a closure lacks.
type closureFindings struct {
	e *verify.Expectation
	r *verify.Facts
	// unread are the lists of packages that were not read, so that what is
	// missing may well be there.
	unread []repo.Index
}

func (c *closureFindings) all(a *closure.Answer) []verify.Finding {
	var found []verify.Finding
	foreign := 0
	var more lines
	for _, x := range a.Causes {
		f := c.finding(x)
		if x.Kind == closure.Foreign {
			if foreign++; foreign > maxListed {
				more.add("%s", f.Message)
				continue
			}
		}
		found = append(found, f)
	}
	if more.count > 0 {
		found = append(found, verify.Finding{
			Message:  fmt.Sprintf("%d more names are needed that neither the repository nor the assumed system provides", more.count),
			Evidence: more.evidence(), URL: c.e.Target.URL,
			Hint: "if this repository is made to be used with another one, add what that provides to the profile's list of what is assumed",
		})
	}
	if len(found) > 0 && len(c.unread) > 0 {
		return []verify.Finding{c.partial(len(found))}
	}
	var unread causes
	for _, x := range a.Unread {
		p := c.r.Packages[x.Package]
		unread.add(verify.Finding{
			Status:  verify.Skipped,
			Subject: verify.SubjectOf(p), URL: c.e.Target.URL,
			Message: "relations of packages do not parse, see " + wellformedCheck(c.e.Target.Format),
			Got:     x.Err.Error(), Evidence: []string{place(p)},
		})
	}
	found = append(found, unread.findings()...)
	if len(a.Unknown) > 0 {
		found = append(found, verify.Finding{
			Status:   verify.Blocked,
			Message:  fmt.Sprintf("nobody can tell whether %d packages can be installed: the solver gave up", len(a.Unknown)),
			Got:      fmt.Sprint(a.Gave),
			Evidence: bounded(c.summary(a.Unknown, maxListed)), URL: c.e.Target.URL,
			Hint: "look at the dependencies of these packages: real ones are solved in no time",
		})
	}
	return found
}

// partial stands for findings that may be due to lists that were not read.
func (c *closureFindings) partial(n int) verify.Finding {
	f := verify.Finding{
		Status: verify.Skipped, URL: c.e.Target.URL,
		Message: fmt.Sprintf("not judged: %d dependencies are unmet, but a list of packages was not read, see %s", n, listReporter(c.e.Target.Format)),
	}
	for _, x := range c.unread {
		f.Evidence = append(f.Evidence, x.Path+": "+x.Problem.String())
		if x.Problem.Is(repo.Unreachable) {
			f.Status = verify.Blocked
		}
	}
	return f
}

// finding says one cause.
func (c *closureFindings) finding(x closure.Cause) verify.Finding {
	direct := make([]int, 0, len(x.Direct))
	var needs []string
	for _, d := range x.Direct {
		direct = append(direct, d.Package)
		if d.Need != "" && !slices.Contains(needs, d.Need) && len(needs) <= maxListed {
			needs = append(needs, d.Need)
		}
	}
	f := verify.Finding{Subject: c.subject(direct), URL: c.e.Target.URL, Want: some(needs)}
	who := c.summary(direct, maxInMessage)
	first, verb := who[0], "needs"
	if len(who) > 1 {
		first, verb = fmt.Sprintf("%s and %d more packages", who[0], len(who)-1), "need"
	}
	what := strings.Join(x.Names, " or ")
	if len(needs) == 1 {
		what = needs[0]
	}
	f.Message = fmt.Sprintf("%s %s %s", first, verb, what)
	name := strings.Join(x.Names, " or ")
	switch x.Kind {
	case closure.Missing:
		f.Message += ", and the repository has no " + name
		f.Got = "no " + name
		f.Hint = "publish " + name + " in this repository, too"
	case closure.Foreign:
		f.Message += ", which neither the repository nor the assumed system provides"
		f.Got = "no " + name
		f.Hint = "publish it, or build without this dependency; if the distributions have it, add it to the profile's list of what is assumed"
	case closure.OtherVersion:
		f.Got = c.available(x, direct)
		f.Message += "; the repository has " + f.Got
		f.Hint = "publish a version that will do here: that another repository or minor may have one does not help users of this one"
	case closure.OtherArch:
		f.Got = c.available(x, direct)
		f.Message += "; the repository has it for other architectures only: " + f.Got
		f.Hint = "build it for " + some(c.archesOf(direct)) + " and publish it"
	case closure.Clash:
		f.Message = first + " cannot be installed: what is needed excludes itself"
		f.Want, f.Got = "a set of packages that can be installed together", "none"
		f.Evidence = append(f.Evidence, x.Facts...)
		f.Hint = "change the dependency or the conflict that is wrong, build again and publish"
	}
	var l lines
	if len(who) > 1 || len(needs) > 1 {
		for _, line := range c.directs(x.Direct) {
			l.add("%s", line)
		}
	}
	for _, line := range c.summary(x.Hence, maxListed) {
		l.add("hence not installable either: %s", line)
	}
	l.add("%s", place(c.r.Packages[direct[0]]))
	f.Evidence = append(f.Evidence, l.evidence()...)
	return f
}

// bounded returns the first lines, and how many more there were.
func bounded(all []string) []string {
	var l lines
	for _, line := range all {
		l.add("%s", line)
	}
	return l.evidence()
}

// directs says who needs what, one line for each package and need.
func (c *closureFindings) directs(all []closure.Affected) []string {
	type key struct{ name, need string }
	of := make(map[key][]int)
	var order []key
	for _, d := range all {
		k := key{c.r.Packages[d.Package].Name, d.Need}
		if of[k] == nil {
			order = append(order, k)
		}
		of[k] = append(of[k], d.Package)
	}
	var out []string
	for _, k := range order {
		out = append(out, fmt.Sprintf("%s: needs %s", strings.Join(c.summary(of[k], maxListed), "; "), k.need))
	}
	return out
}

// maxInMessage bounds the versions that a message names one by one.
const maxInMessage = 3

// summary names packages, one line for each name: "kubeadm 1.30.0-1.1,
// 1.30.1-1.1 (amd64, arm64)". More versions than most are named by the first and
// the last of them.
func (c *closureFindings) summary(packages []int, most int) []string {
	type versions struct{ versions, arches map[string]bool }
	of := make(map[string]versions)
	var order []string
	for _, i := range packages {
		p := &c.r.Packages[i]
		v, ok := of[p.Name]
		if !ok {
			v = versions{make(map[string]bool), make(map[string]bool)}
			of[p.Name] = v
			order = append(order, p.Name)
		}
		v.versions[p.Version], v.arches[p.Arch] = true, true
	}
	var out []string
	for _, name := range order {
		v := of[name]
		all := slices.SortedFunc(maps.Keys(v.versions), func(a, b string) int { return vercmp.Compare(c.e.Target.Format, a, b) })
		which := list(all)
		if len(all) > most {
			which = fmt.Sprintf("%s to %s (%d versions)", all[0], all[len(all)-1], len(all))
		}
		out = append(out, fmt.Sprintf("%s %s (%s)", name, which, some(slices.Sorted(maps.Keys(v.arches)))))
	}
	return out
}

func (c *closureFindings) archesOf(packages []int) []string {
	seen := make(map[string]bool)
	for _, i := range packages {
		seen[c.r.Packages[i].Arch] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// available names the versions that there are, with their architectures where
// these are not all that are asked for.
func (c *closureFindings) available(x closure.Cause, direct []int) string {
	type version struct{ name, version string }
	arches := make(map[version][]string)
	var order []version
	for _, i := range x.Available {
		p := &c.r.Packages[i]
		v := version{p.Name, p.Version}
		if arches[v] == nil {
			order = append(order, v)
		}
		if !slices.Contains(arches[v], p.Arch) {
			arches[v] = append(arches[v], p.Arch)
		}
	}
	slices.SortStableFunc(order, func(a, b version) int {
		if n := strings.Compare(a.name, b.name); n != 0 {
			return n
		}
		return vercmp.Compare(c.e.Target.Format, a.version, b.version)
	})
	var out []string
	for _, v := range order {
		text := v.version
		if len(x.Names) > 1 || v.name != x.Names[0] {
			text = v.name + " " + v.version
		}
		has := func(arch string) bool {
			return neutral(arch) || slices.Contains(arches[v], arch) || slices.ContainsFunc(arches[v], neutral)
		}
		if slices.ContainsFunc(c.archesOf(direct), func(a string) bool { return !has(a) }) {
			text += " (" + some(slices.Sorted(slices.Values(arches[v]))) + ")"
		}
		out = append(out, text)
	}
	return some(out)
}

// neutral reports whether packages of the architecture are for every machine.
func neutral(arch string) bool { return arch == "all" || arch == "noarch" }

// subject returns what the packages share.
func (c *closureFindings) subject(packages []int) verify.Subject {
	s := verify.SubjectOf(c.r.Packages[packages[0]])
	for _, i := range packages[1:] {
		s = common(s, verify.SubjectOf(c.r.Packages[i]))
	}
	return s
}
