package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
)

// defaultWarnDays is how long before a key's expiry to warn, unless the profile
// says otherwise.
const defaultWarnDays = 60

// validator collects every problem of a profile, so that its author sees all at
// once.
type validator struct {
	*Profile
	problems []error
}

func (v *validator) bad(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf("profile %s: "+format, append([]any{v.Name}, args...)...))
}

// check complains of err, if there is one, naming the place.
func (v *validator) check(err error, place string, args ...any) {
	if err != nil {
		v.bad(place+": %w", append(args, err)...)
	}
}

// validate checks p, reads what is text in it (ranges, expressions, modes), and
// reports all problems.
func (p *Profile) validate() error {
	v := &validator{Profile: p}
	if p.Name == "" {
		v.bad("has no name")
	}
	if p.Base == "" {
		v.bad("has no base address")
	}
	v.layout()
	v.key()
	v.architectures()
	v.addresses()
	v.surroundings()
	if len(p.Channels) == 0 {
		v.bad("has no channels")
	}
	for i := range p.Channels {
		v.channel(i)
	}
	if len(p.Packages) == 0 {
		v.bad("has no packages")
	}
	for i := range p.Packages {
		v.pkg(i)
	}
	return errors.Join(v.problems...)
}

// format complains of a format that the profile publishes nothing in.
func (v *validator) format(f repo.Format, place string, args ...any) {
	if !slices.Contains(repo.Formats(), f) {
		v.bad(place+": format %q is not one of %v", append(args, f, repo.Formats())...)
	} else if v.Layout[f] == "" {
		v.bad(place+": the layout has no %s", append(args, f)...)
	}
}

func (v *validator) layout() {
	if len(v.formats()) == 0 {
		v.bad("has no layout: name the path of at least one format")
	}
	for _, f := range sorted(v.Layout) {
		text := v.Layout[f]
		if !slices.Contains(repo.Formats(), f) {
			v.bad("layout: format %q is not one of %v", f, repo.Formats())
		}
		if !below(text) {
			v.bad("layout %s: %q must be below base", f, text)
		}
		v.check(placeholders(text, folderName, minorName), "layout %s", f)
	}
}

func (v *validator) key() {
	pin, err := pgp.ParsePin(v.Key.Fingerprint)
	v.check(err, "key.fingerprint")
	v.Key.pin = pin
	if v.Key.WarnDays < 0 {
		v.bad("key.warnDays: %d is below 0", v.Key.WarnDays)
	}
	if v.Key.WarnDays == 0 {
		v.Key.WarnDays = defaultWarnDays
	}
	if v.Key.File != "" && !fs.ValidPath(v.Key.File) {
		v.bad("key.file: %q must be beside the profile or below it", v.Key.File)
	}
	for _, f := range sorted(v.Key.Paths) {
		v.format(f, "key.paths")
		for _, path := range v.Key.Paths[f] {
			if path == "" || !below(path) {
				v.bad("key.paths %s: %q must be a file of the repository", f, path)
			}
		}
	}
}

func (v *validator) architectures() {
	if len(v.Architectures) == 0 {
		v.bad("has no architectures")
	}
	for i := range v.Architectures {
		a := &v.Architectures[i]
		var known bool
		if a.arch, known = repo.ParseArch(a.Name); !known {
			v.bad("architecture %q is not known", a.Name)
		}
		var err error
		a.minors, err = verify.ParseRange(a.Minors)
		v.check(err, "architecture %s: minors", a.Name)
		for _, f := range a.Formats {
			v.format(f, "architecture %s", a.Name)
		}
	}
}

// addresses checks where else there is something of the product.
func (v *validator) addresses() {
	for _, origin := range v.Origins {
		v.check(checkRemote(origin), "origins: %q", origin)
	}
	if v.Official != "" {
		v.check(checkRemote(v.Official), "official: %q", v.Official)
	}
}

// surroundings checks what is said of Release and of the systems that the
// packages are installed on.
func (v *validator) surroundings() {
	if v.Release != (Release{}) && v.Layout[repo.Deb] == "" {
		v.bad("release: is apt's, and the layout has no deb")
	}
	for _, x := range []struct{ field, text string }{
		{"origin", v.Release.Origin}, {"label", v.Release.Label}, {"suite", v.Release.Suite}, {"codename", v.Release.Codename},
	} {
		v.check(placeholders(x.text, folderName, minorName), "release.%s", x.field)
	}
	v.assumed = make(map[repo.Format][]verify.Capability)
	for _, f := range sorted(v.Assumed) {
		v.format(f, "assumed")
		for _, text := range v.Assumed[f] {
			c, err := parseCapability(text, "=")
			v.check(err, "assumed %s", f)
			v.assumed[f] = append(v.assumed[f], c)
		}
	}
	for _, file := range v.Created {
		if !absolute(file) {
			v.bad("created: %q must be a clean absolute path", file)
		}
	}
	for _, f := range sorted(v.Distributions) {
		v.format(f, "distributions")
	}
}

func (v *validator) channel(i int) {
	c := &v.Channels[i]
	if c.Name == "" {
		v.bad("channel %d has no name", i+1)
	}
	for _, name := range append([]string{c.Name}, c.Aliases...) {
		for _, earlier := range v.Channels[:i] {
			if name != "" && (name == earlier.Name || slices.Contains(earlier.Aliases, name)) {
				v.bad("channel %s: %s is the name of another channel", c.Name, name)
			}
		}
	}
	if strings.HasPrefix(c.Folder, "/") || !below(c.Folder) {
		v.bad("channel %s: folder %q must be below base", c.Name, c.Folder)
	}
	var err error
	c.versions, err = compile(c.Versions)
	v.check(err, "channel %s: versions", c.Name)
	c.own, err = compile(c.OwnVersions)
	v.check(err, "channel %s: ownVersions", c.Name)
	if c.Marker != "" {
		v.check(checkRemote(c.Marker), "channel %s: marker %q", c.Name, c.Marker)
		v.check(placeholders(c.Marker, minorName), "channel %s: marker", c.Name)
	} else if c.EveryPatch || len(c.Never) > 0 {
		v.bad("channel %s: everyPatch and never go on from a marker, which is missing", c.Name)
	}
	for _, version := range c.Never {
		if c.versions != nil && !c.versions.MatchString(version) {
			v.bad("channel %s: never: %s is no version of the channel", c.Name, version)
		}
	}
	for _, f := range c.Formats {
		v.format(f, "channel %s", c.Name)
	}
	if c.Official != "" {
		v.check(checkRemote(c.Official), "channel %s: official %q", c.Name, c.Official)
	}
}

func (v *validator) pkg(i int) {
	x := &v.Packages[i]
	if x.Name == "" || strings.ContainsFunc(x.Name, isSpace) {
		v.bad("package %d: %q is no name of a package", i+1, x.Name)
	}
	if slices.ContainsFunc(v.Packages[:i], func(y Package) bool { return y.Name == x.Name }) {
		v.bad("package %s is there twice", x.Name)
	}
	if !x.OwnVersions && (x.MinVersion != "" || len(x.Versions) > 0) {
		v.bad("package %s: minVersion and versions are for packages with ownVersions", x.Name)
	}
	for j := range x.Versions {
		m := &x.Versions[j]
		var err error
		m.minors, err = verify.ParseRange(m.Minors)
		v.check(err, "package %s: versions", x.Name)
		if m.Version == "" {
			v.bad("package %s: versions: %q has no version", x.Name, m.Minors)
		}
		for _, name := range m.Channels {
			if !slices.ContainsFunc(v.Channels, func(c Channel) bool { return c.Name == name }) {
				v.bad("package %s: versions: there is no channel %q", x.Name, name)
			}
		}
	}
	for _, b := range x.Binaries {
		v.binary(x.Name, b)
	}
	for j := range x.Files {
		v.file(x.Name, &x.Files[j])
	}
	for j := range x.Dependencies {
		v.dependency(x.Name, &x.Dependencies[j])
	}
}

func (v *validator) binary(pkg string, b Binary) {
	if !absolute(b.Path) || len(b.Outputs) == 0 {
		v.bad("package %s: binary %q needs a clean absolute path and outputs", pkg, b.Path)
	}
	for _, text := range b.Outputs {
		v.check(placeholders(text, versionName), "package %s: %s: outputs", pkg, b.Path)
	}
	for _, e := range b.Embedded {
		if e.Module != "" && e.Variable != "" {
			v.bad("package %s: %s: embedded: %s and %s are two places: make two entries", pkg, b.Path, e.Module, e.Variable)
		}
		if !strings.Contains(e.Form, versionName) {
			v.bad("package %s: %s: embedded: form %q does not hold %s", pkg, b.Path, e.Form, versionName)
		}
		v.check(placeholders(e.Form, versionName), "package %s: %s: embedded", pkg, b.Path)
	}
	if b.Official == "" {
		return
	}
	if !below(b.Official) {
		v.bad("package %s: %s: official %q must be below the profile's", pkg, b.Path, b.Official)
	}
	v.check(placeholders(b.Official, versionName, archName), "package %s: %s: official", pkg, b.Path)
	if v.Official == "" && !slices.ContainsFunc(v.Channels, func(c Channel) bool { return c.Official != "" }) {
		v.bad("package %s: %s: official: the profile has none to go on from", pkg, b.Path)
	}
}

func (v *validator) file(pkg string, f *File) {
	if folder := strings.TrimSuffix(f.Path, "/*"); !absolute(folder) || strings.Contains(folder, "*") {
		v.bad("package %s: file %q must be a clean absolute path, or a folder and /*", pkg, f.Path)
	}
	if f.Format != "" {
		v.format(f.Format, "package %s: file %s", pkg, f.Path)
	}
	switch f.Type {
	case "", "file":
	case "folder":
		f.kind = fs.ModeDir
	case "link":
		f.kind = fs.ModeSymlink
	default:
		v.bad("package %s: file %s: type %q is not one of file, folder, link", pkg, f.Path, f.Type)
	}
	if f.kind != 0 && (f.Config || strings.HasSuffix(f.Path, "/*")) {
		v.bad("package %s: file %s: a %s is neither a configuration file nor one of many", pkg, f.Path, f.Type)
	}
	if f.Mode == "" {
		return
	}
	const octal, bits = 8, 32
	mode, err := strconv.ParseUint(f.Mode, octal, bits)
	if f.mode = fs.FileMode(mode); err != nil || f.mode == 0 || f.mode != f.mode.Perm() {
		v.bad("package %s: file %s: mode %q is not permission bits such as \"0755\"", pkg, f.Path, f.Mode)
	}
}

func (v *validator) dependency(pkg string, d *Dependency) {
	var err error
	d.versions, err = verify.ParseRange(d.Versions)
	v.check(err, "package %s: dependencies", pkg)
	if d.Format != "" {
		v.format(d.Format, "package %s: dependencies", pkg)
	}
	for _, text := range d.Needs {
		c, err := parseCapability(text, ">=")
		v.check(err, "package %s: dependencies: needs", pkg)
		d.needs = append(d.needs, c)
		if slices.Contains(d.Optional, c.Name) {
			v.bad("package %s: dependencies: %s is both needed and optional", pkg, c.Name)
		}
	}
	for _, name := range d.Optional {
		if name == "" || strings.ContainsFunc(name, isSpace) {
			v.bad("package %s: dependencies: optional: %q is no name", pkg, name)
		}
	}
}

// sorted returns the formats of a mapping in the order of their names, so that
// problems come in the same order each time.
func sorted[V any](m map[repo.Format]V) []repo.Format {
	var out []repo.Format
	for f := range m {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}
