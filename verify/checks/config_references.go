package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/payload"
	"sigs.k8s.io/pkgverify/repo/systemd"
	"sigs.k8s.io/pkgverify/verify"
)

// systemd.exec(5), EnvironmentFile=: "if the file does not exist, it will not
// be read and no error or warning message is logged", when "-" stands before
// its name. So a wrong name is seen by nobody: the administrator's settings in
// the right file are just not read (kubernetes/release #3276).
//
// systemd.unit(5): a drop-in folder "foo.service.d" adds to the unit
// "foo.service", and does nothing without it (kubernetes/release #3219).
func configReferences() verify.Check {
	return verify.Check{
		ID:       "config-references",
		Title:    "units, drop-ins and environment files name files that are there",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Doc: `Asks that each file that a systemd unit, drop-in or environment file names is there once the package is installed: its programs, its environment files (with "-" in front too), its working directory, and the paths among its arguments. It must be brought by the package, by a package of the repository that it depends on or whose unit it adds to, be made later by what the profile names (created), or belong to any system. And a drop-in must have its unit. Where an optional environment file has the other family's name (/etc/default/x beside /etc/sysconfig/x), one of the two is enough.

Of packages whose files the profile does not list, only programs, units, working directories and environment files without "-" are asked, if the repository and the profile know all that the package needs, and what is missing is a warning: who makes their files is not known here. An environment file that is there under the other family's name fails in any package.

Why: deb and rpm have different places for environment files, and one template was used for both: in 2023 the kubeadm deb pointed to /etc/sysconfig/kubelet, which no deb installs (kubernetes/release #3276), drop-in and unit lay at the wrong path (#3219), and again in 2024 (#3625). Nothing fails: the settings are just not read.

When it fails: correct the path in the file that the evidence names, or bring the file; if something makes it after the installation, list it under "created" in the profile.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			c := configuration{expectation: e, universe: newUniverse(r), files: make(map[int]installed)}
			at := make(map[string]int, len(r.Packages))
			for i, p := range r.Packages {
				at[entryOf(p)] = i
			}
			return each(r, func(p repo.Package) []verify.Finding { return c.judge(at[entryOf(p)]) })
		},
	}
}

func entryOf(p repo.Package) string { return p.String() + " " + p.Path }

// configuration judges what the files of packages refer to.
type configuration struct {
	expectation *verify.Expectation
	universe    *universe
	files       map[int]installed // by package, made when asked for
	units       map[string][]int  // which packages bring a unit, by its name
}

// installed is the files of a package: by their paths as they are where /usr is
// merged, and with the folders above them.
type installed map[string]bool

func (c *configuration) filesOf(i int) installed {
	if known, ok := c.files[i]; ok {
		return known
	}
	set := make(installed)
	if a := c.universe.packages[i].Artifact; a != nil {
		for _, f := range a.Files {
			// The folders above come along.
			for name := merged(f.Path); name != "/" && !set[name]; name = path.Dir(name) {
				set[name] = true
			}
			for _, s := range settingsOf(f) {
				for _, made := range systemd.Made([]systemd.Setting{s}) {
					set[merged(made)+"/"] = true
				}
			}
		}
	}
	c.files[i] = set
	return set
}

// merged returns the path where /bin, /sbin and /lib are links into /usr, as on
// every distribution of today (file-hierarchy(7)).
func merged(name string) string {
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64"} {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return "/usr" + name
		}
	}
	return name
}

// settingsOf returns what a unit or drop-in assigns, nil for other files.
func settingsOf(f repo.PayloadFile) []systemd.Setting {
	if _, ok := systemd.PlaceOf(f.Path); !ok || f.Text == "" {
		return nil
	}
	return systemd.ParseUnit(f.Text)
}

// judge returns what is wrong in one package.
func (c *configuration) judge(i int) []verify.Finding {
	p := c.universe.packages[i]
	if !intact(p) {
		return nil // package-checksums or package-matches-index reports it
	}
	var found []verify.Finding
	for _, f := range p.Artifact.Files {
		if !f.Mode.IsRegular() || f.Ghost || f.Size == 0 {
			continue
		}
		place, unit := systemd.PlaceOf(f.Path)
		switch {
		case unit && f.Text == "" && f.SHA256 != "":
			found = append(found, verify.Finding{Status: verify.Warn,
				Message: f.Path + " could not be looked at",
				Want:    fmt.Sprintf("text of at most %d bytes", payload.MaxText), Got: fmt.Sprintf("%d bytes, or no text", f.Size),
				Hint: "look at the file: systemd reads text only"})
		case unit:
			found = append(found, c.judgeUnit(i, f, place)...)
		case environmentFile(f.Path):
			found = append(found, c.missing(i, []int{i}, f, systemd.EnvironmentReferences(systemd.ParseEnvironment(f.Text)), nil)...)
		}
	}
	return found
}

// environmentFile reports whether a file is in one of the two folders of
// environment files.
func environmentFile(name string) bool {
	dir := path.Dir(name)
	return dir == "/etc/default" || dir == "/etc/sysconfig"
}

// judgeUnit judges a unit or drop-in.
func (c *configuration) judgeUnit(i int, f repo.PayloadFile, place systemd.Place) []verify.Finding {
	roots := []int{i}
	if names := place.Of(); place.DropIn && len(names) > 0 {
		owner, ok := c.owner(i, names)
		if !ok {
			return c.orphan(i, f, place)
		}
		if owner >= 0 && owner != i {
			roots = append(roots, owner)
		}
	}
	settings := systemd.ParseUnit(f.Text)
	refs := systemd.References(settings)
	if place.User { // the folders of a user are not those of the system
		refs = slices.DeleteFunc(refs, func(r systemd.Reference) bool { return r.Kind != systemd.Program })
	}
	return c.missing(i, roots, f, refs, systemd.Conditions(settings))
}

// owner returns the package that brings one of the units: the package i itself,
// one that it depends on, or another of the repository. It returns -1 for a
// unit of the system.
func (c *configuration) owner(i int, names []string) (int, bool) {
	if slices.ContainsFunc(names, systemUnit) {
		return -1, true
	}
	if c.units == nil {
		c.units = make(map[string][]int)
		for j, p := range c.universe.packages {
			if p.Artifact == nil {
				continue
			}
			for _, f := range p.Artifact.Files {
				if place, ok := systemd.PlaceOf(f.Path); ok && !place.DropIn {
					c.units[place.Unit] = append(c.units[place.Unit], j)
				}
			}
		}
	}
	for _, name := range names {
		bringing := c.units[name]
		if slices.Contains(bringing, i) {
			return i, true
		}
		for _, j := range c.universe.closureOf(i).members {
			if slices.Contains(bringing, j) {
				return j, true
			}
		}
		if j, ok := c.universe.best(bringing, c.universe.packages[i], func(repo.Package) bool { return true }); ok {
			return j, true
		}
	}
	return 0, false
}

// orphan is a drop-in without its unit.
func (c *configuration) orphan(i int, f repo.PayloadFile, place systemd.Place) []verify.Finding {
	p := c.universe.packages[i]
	finding := verify.Finding{
		Message: fmt.Sprintf("%s adds to the unit %s, which no package brings", f.Path, place.Unit),
		Want:    place.Unit + " in a folder of systemd's",
		Got:     "no such unit in the packages for " + p.Arch,
		Hint:    "bring the unit, or correct the name of the drop-in's folder",
	}
	for _, j := range c.universe.closureOf(i).members {
		if a := c.universe.packages[j].Artifact; a != nil {
			for _, other := range a.Files {
				if path.Base(other.Path) == place.Unit {
					finding.Got = fmt.Sprintf("%s of %s, where systemd does not look", other.Path, c.universe.packages[j].Name)
				}
			}
		}
	}
	if !c.strict(i) {
		finding.Status = verify.Warn
	}
	return c.weighed(i, finding, false, func(j int) bool { return together(p.Arch, c.universe.packages[j].Arch) })
}

// missing returns a finding for each reference that leads nowhere. roots are
// the packages that are there with the file.
func (c *configuration) missing(i int, roots []int, f repo.PayloadFile, refs []systemd.Reference, conditions []string) []verify.Finding {
	strict := c.strict(i)
	var found []verify.Finding
	var members []int
	for _, ref := range refs {
		if slices.Contains(conditions, ref.Path) || c.given(ref) || c.has(roots, ref.Path) {
			continue
		}
		if members == nil {
			members = c.universe.closureOf(roots...).members
		}
		if c.has(members, ref.Path) || ref.Optional && ref.Kind == systemd.EnvironmentFile && c.twin(members, refs, ref) {
			continue
		}
		meant := c.likely(members, ref)
		if !strict && meant == "" && (ref.Optional || ref.Kind == systemd.Argument || len(c.unknown(c.universe.closureOf(i).outside)) > 0) {
			continue // it may come from anywhere
		}
		finding := verify.Finding{
			Message: fmt.Sprintf("%s names the %s %s, which no package installs", f.Path, ref.Kind, ref.Path),
			Want:    ref.Path,
			Got:     fmt.Sprintf("no such file (%s in line %d)", ref.By, ref.Line),
			Hint:    "correct the path, or bring the file; if it is made after the installation, list it under \"created\" in the profile",
		}
		switch {
		case meant != "":
			finding.Got = fmt.Sprintf("%s (%s in line %d names the other)", meant, ref.By, ref.Line)
		case !strict:
			finding.Status = verify.Warn
			finding.Message = fmt.Sprintf("a unit names a %s that no package installs", ref.Kind)
			finding.Got = fmt.Sprintf("no such file (%s in line %d of %s)", ref.By, ref.Line, f.Path)
		case ref.Kind == systemd.Program && ref.Optional,
			// The profile does not say what is made later.
			ref.Kind == systemd.Argument && len(c.expectation.Created) == 0:
			finding.Status = verify.Warn
		}
		found = append(found, c.weighed(i, finding, ref.Kind == systemd.Program, func(j int) bool { return slices.Contains(members, j) })...)
	}
	return found
}

// strict reports whether the profile says which files a package brings.
func (c *configuration) strict(i int) bool {
	x := c.expectation.Package(c.universe.packages[i].Name)
	return x != nil && len(x.Files) > 0
}

// weighed settles what a finding means: a package that was not read could hold
// what is missing, and so could one from outside of the repository that the
// profile does not know.
func (c *configuration) weighed(i int, f verify.Finding, program bool, concerns func(int) bool) []verify.Finding {
	for j, q := range c.universe.packages {
		if !concerns(j) || j == i {
			continue
		}
		switch a := q.Artifact; {
		case a == nil:
			f.Status = verify.Skipped
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s was not asked for, and could bring it", q))
		case a.Problem.Is(repo.Unreachable):
			f.Status = verify.Blocked
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s could not be fetched, and could bring it: %s", q, a.Problem))
		case a.Problem != nil || a.Inside != nil:
			f.Status = verify.Skipped
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s cannot be read, and could bring it: see package-checksums and package-matches-index", q))
		default:
			continue
		}
		return []verify.Finding{f}
	}
	if unknown := c.unknown(c.universe.closureOf(i).outside); program && len(unknown) > 0 {
		f.Status = verify.Warn
		f.Evidence = append(f.Evidence, "it may come from outside of the repository: the package needs "+strings.Join(unknown, ", "))
	}
	return []verify.Finding{f}
}

// unknown returns the names that neither the repository has nor the profile
// assumes, without those that bring libraries only.
func (c *configuration) unknown(outside []string) []string {
	var all []string
	for _, name := range outside {
		library := strings.HasPrefix(name, "lib") || strings.HasPrefix(name, "rpmlib(") || strings.HasPrefix(name, "ld-linux") ||
			strings.HasPrefix(name, "config(") || strings.HasPrefix(name, "rtld(") || strings.HasPrefix(name, "/")
		assumed := slices.ContainsFunc(c.expectation.Assumed, func(x verify.Capability) bool { return x.Name == name })
		if !library && !assumed && !slices.Contains(all, name) && len(all) < maxListed {
			all = append(all, name)
		}
	}
	return all
}

// has reports whether one of the packages installs the path, or has systemd
// make a folder above it.
func (c *configuration) has(packages []int, name string) bool {
	names := []string{name}
	if !strings.Contains(name, "/") {
		names = names[:0]
		for _, dir := range programFolders() {
			names = append(names, dir+name)
		}
	}
	for _, i := range packages {
		set := c.filesOf(i)
		for _, name := range names {
			if set[merged(name)] {
				return true
			}
			for dir := merged(name); dir != "/"; dir = path.Dir(dir) {
				if set[dir+"/"] {
					return true
				}
			}
		}
	}
	return false
}

// given reports whether a reference is to something that no package need bring.
func (c *configuration) given(ref systemd.Reference) bool {
	created := slices.ContainsFunc(c.expectation.Created, func(made string) bool { return merged(made) == merged(ref.Path) })
	switch {
	case created:
		return true
	case ref.Kind == systemd.Program:
		return systemProgram(ref.Path, c.expectation.Assumed)
	case systemPath(ref.Path):
		return true
	// Without a list of what is made later, nothing is known of state.
	case ref.Kind == systemd.Argument && len(c.expectation.Created) == 0:
		return ref.Path == "/var" || strings.HasPrefix(ref.Path, "/var/")
	}
	return false
}

// twin reports whether the unit names the environment file in the other
// family's folder, too, and that is there.
func (c *configuration) twin(members []int, refs []systemd.Reference, ref systemd.Reference) bool {
	return slices.ContainsFunc(refs, func(other systemd.Reference) bool {
		return other.Kind == ref.Kind && other.Path != ref.Path && environmentFile(other.Path) && environmentFile(ref.Path) &&
			path.Base(other.Path) == path.Base(ref.Path) && c.has(members, other.Path)
	})
}

// likely returns the environment file that was perhaps meant, and whose it is:
// one of the same name in the other family's folder, "" for none.
func (c *configuration) likely(members []int, ref systemd.Reference) string {
	if ref.Kind != systemd.EnvironmentFile {
		return ""
	}
	for _, i := range members {
		p := c.universe.packages[i]
		if p.Artifact == nil {
			continue
		}
		for _, f := range p.Artifact.Files {
			if environmentFile(f.Path) && path.Base(f.Path) == path.Base(ref.Path) && f.Mode.IsRegular() {
				return f.Path + " of " + p.Name
			}
		}
	}
	return ""
}
