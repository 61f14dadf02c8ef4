package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/debrel"
	"sigs.k8s.io/pkgverify/repo/debver"
	"sigs.k8s.io/pkgverify/repo/rpmdep"
	"sigs.k8s.io/pkgverify/repo/rpmver"
	"sigs.k8s.io/pkgverify/verify"
)

// kubernetes/release, cmd/krel/templates/latest/metadata.yaml: the table of
// versionConstraint and dependencies by which the packages are built. The first
// entry whose range holds a version counts there, and ranges have overlapped.
func dependenciesAsSpecified() verify.Check {
	return verify.Check{
		ID:       "dependencies-as-specified",
		Title:    "packages declare the dependencies that the profile's table says",
		Suite:    verify.Metadata,
		Severity: verify.Warning,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Doc: `Asks that Depends and Pre-Depends (deb) or requires (rpm) of each package are those of the profile's table for its version: none missing, none more, and each with the bound of the table. Names that the table calls optional may be there or not. What build tools add is left aside: rpmlib(...), config(...), files, sonames, and the C library's packages. A pre-release may have what its own place in the table says or what the release that it leads to has.

Why: the table is kept by hand and its ranges have overlapped, which gave kubeadm from 1.32 on a dependency on cri-tools that it must not have (k/r fix 0ffd6e1f); kubeadm 1.25.6 was meant to need cri-tools >= 1.26 and got another bound (k/r #2866); conntrack, socat and ebtables were asked for long after nothing used them (k/r #3689, #3707), and made packages uninstallable on SUSE. Whether what is declared can be met is dependency-closure's question; this one is whether it was meant.

When it fails: compare the package's entry in metadata.yaml and its spec file with the profile. If the change was meant, change the profile's table; else build again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var c causes
			for _, p := range r.Packages {
				x := e.Package(p.Name)
				if x == nil || len(x.Dependencies) == 0 {
					continue
				}
				for _, f := range judgeDependencies(e.Target.Format, x.Dependencies, p) {
					f.Subject, f.URL = verify.SubjectOf(p), e.Target.URL
					f.Evidence = append(f.Evidence, place(p))
					c.add(f)
				}
			}
			return c.findings()
		},
	}
}

// judgeDependencies compares what p declares with what the rules say.
func judgeDependencies(format repo.Format, rules []verify.DependencyRule, p repo.Package) []verify.Finding {
	upstream := p.Upstream()
	table, ok := specified(rules, upstream)
	if !ok {
		return nil
	}
	there, err := declared(format, p)
	if err != nil {
		return []verify.Finding{{Status: verify.Skipped, Message: "the dependencies of " + p.Name + " do not parse, see " + wellformedCheck(format), Got: err.Error()}}
	}
	found := table.compare(format, p.Name, there)
	if len(found) == 0 {
		return nil
	}
	if release, _, pre := strings.Cut(upstream, "-"); pre {
		if later, ok := specified(rules, release); ok && len(later.compare(format, p.Name, there)) == 0 {
			return nil
		}
	}
	return found
}

func wellformedCheck(f repo.Format) string {
	if f == repo.RPM {
		return "rpm-primary-wellformed"
	}
	return "apt-packages-wellformed"
}

// dependencyTable is what the rules say of one version.
type dependencyTable struct {
	needs    []verify.Capability
	optional []string
}

// specified joins the rules that hold for a version, and reports false where
// there are none.
func specified(rules []verify.DependencyRule, upstream string) (dependencyTable, bool) {
	var t dependencyTable
	some := false
	for _, rule := range rules {
		if !rule.Range.Contains(upstream) {
			continue
		}
		some = true
		t.optional = append(t.optional, rule.Optional...)
		for _, need := range rule.Needs {
			if !slices.Contains(t.needs, need) { // two rules may say the same
				t.needs = append(t.needs, need)
			}
		}
	}
	return t, some
}

// dependency is one that a package declares.
type dependency struct {
	// text is as the package has it.
	text string
	// names are those of the alternatives; one, for a plain dependency.
	names []string
	// operator is ">=" and the like, version what it compares with; both are
	// empty for any version, and for alternatives.
	operator, version string
}

// declared returns what p declares, each once, without what build tools add.
func declared(f repo.Format, p repo.Package) ([]dependency, error) {
	var all []dependency
	var err error
	if f == repo.RPM {
		all, err = declaredRPM(p)
	} else {
		all, err = declaredDeb(p)
	}
	var out []dependency
	for _, d := range all {
		if !slices.ContainsFunc(out, func(x dependency) bool { return x.text == d.text }) {
			out = append(out, d)
		}
	}
	return out, err
}

func declaredDeb(p repo.Package) ([]dependency, error) {
	var out []dependency
	for _, field := range []string{"Pre-Depends", "Depends"} {
		groups, err := debrel.Parse(debrel.Depends, p.Fields.Value(field))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		for _, g := range groups {
			d := dependency{text: g.String()}
			for _, r := range g {
				d.names = append(d.names, r.Name)
			}
			if len(g) == 1 {
				d.operator, d.version = string(g[0].Op), g[0].Version
			}
			if !slices.ContainsFunc(d.names, func(n string) bool { return !isRuntime(n) }) {
				continue
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// isRuntime reports whether a Debian package is the C library or goes with it:
// dpkg-shlibdeps asks for these where a program is linked dynamically.
func isRuntime(name string) bool {
	return slices.Contains([]string{"libc6", "libc6.1", "libgcc1", "libgcc-s1"}, name)
}

func declaredRPM(p repo.Package) ([]dependency, error) {
	var out []dependency
	for line := range strings.Lines(p.Fields.Value("requires")) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "(") {
			rich, err := rpmdep.ParseRich(line, rpmdep.Demand)
			if err != nil {
				return nil, err
			}
			d := dependency{text: line}
			rich.Leaves(func(leaf rpmdep.Dep) { d.names = append(d.names, leaf.Name) })
			out = append(out, d)
			continue
		}
		words := strings.Fields(line)
		if len(words) == 0 || isGenerated(words[0]) {
			continue
		}
		d := dependency{text: line, names: words[:1]}
		if len(words) == 3 {
			d.operator, d.version = rpmOperator(words[1]), words[2]
			d.text = d.names[0] + " " + d.operator + " " + strings.TrimPrefix(d.version, "0:")
		}
		out = append(out, d)
	}
	return out, nil
}

// isGenerated reports whether rpmbuild made the dependency: a file, or a name
// with parentheses, as rpmlib(X), config(x), libc.so.6()(64bit) and rtld(X) are.
func isGenerated(name string) bool {
	return strings.HasPrefix(name, "/") || strings.Contains(name, "(") || strings.HasPrefix(name, "lib") && strings.Contains(name, ".so.")
}

// rpmOperator returns the operator that primary.xml writes as letters.
func rpmOperator(flags string) string {
	switch flags {
	case "LT":
		return "<"
	case "LE":
		return "<="
	case "EQ":
		return "="
	case "GE":
		return ">="
	case "GT":
		return ">"
	}
	return flags
}

// compare returns what is missing, different and too much.
func (t dependencyTable) compare(f repo.Format, name string, there []dependency) []verify.Finding {
	const hint = "compare with the table that the packages are built by: mend the package, or the profile if the change was meant"
	var found []verify.Finding
	rest := slices.Clone(there)
	var unmet []verify.Capability
	for _, need := range t.needs {
		i := slices.IndexFunc(rest, func(d dependency) bool { return d.is(f, need) })
		if i < 0 {
			unmet = append(unmet, need)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, need := range unmet {
		i := slices.IndexFunc(rest, func(d dependency) bool { return slices.Contains(d.names, need.Name) })
		x := verify.Finding{Message: name + " does not depend on " + need.Name, Want: written(need), Got: "no such dependency", Hint: hint}
		if i >= 0 {
			x.Message = name + " depends on " + need.Name + " otherwise than specified"
			x.Got = rest[i].text
			rest = slices.Delete(rest, i, i+1)
		}
		found = append(found, x)
	}
	for _, d := range rest {
		if !slices.ContainsFunc(d.names, func(n string) bool { return !slices.Contains(t.optional, n) }) {
			continue
		}
		found = append(found, verify.Finding{
			Message: name + " depends on " + list(d.names) + ", which is not specified",
			Want:    "no such dependency", Got: d.text, Hint: hint,
		})
	}
	return found
}

// is reports whether d is just what is needed.
func (d dependency) is(f repo.Format, need verify.Capability) bool {
	switch {
	case len(d.names) != 1 || d.names[0] != need.Name:
		return false
	case need.Version == "":
		return d.operator == ""
	case d.operator != ">=":
		return false
	case f == repo.RPM:
		return rpmver.Compare(d.version, need.Version) == 0
	}
	n, err := debver.Compare(d.version, need.Version)
	return err == nil && n == 0
}

// written writes what is needed as profiles do.
func written(c verify.Capability) string {
	if c.Version == "" {
		return c.Name
	}
	return c.Name + " >= " + c.Version
}
