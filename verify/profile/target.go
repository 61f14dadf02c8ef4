package profile

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// expectation returns what a target must be, but for its packages and key.
func (b *planner) expectation(c Channel, minor string, f repo.Format, asked []repo.Arch) *verify.Expectation {
	p := b.profile
	e := &verify.Expectation{
		Target:      b.target(c, minor, f),
		Arches:      both(asked, p.archesOf(minor, f)),
		KeyFiles:    p.Key.Paths[f],
		KeyWarning:  time.Duration(p.Key.WarnDays) * 24 * time.Hour,
		ChannelRule: verify.VersionRule{Title: c.Title, Match: c.versions, Own: c.own},
		Canonical:   p.below(p.Base, c, minor, f),
		Origins:     b.origins(c, minor, f),
		Assumed:     p.assumed[f],
		Created:     p.Created,
		Official:    folder(c.Official),
		Only:        b.sel.Packages,
		OnlyArches:  narrowed(b.sel.Arches, asked),
		Now:         b.sel.Now,
	}
	if e.Official == "" {
		e.Official = folder(p.Official)
	}
	if f == repo.Deb {
		e.Release = verify.ReleaseExpectation{
			Origin:   fill(p.Release.Origin, c, minor),
			Label:    fill(p.Release.Label, c, minor),
			Suite:    fill(p.Release.Suite, c, minor),
			Codename: fill(p.Release.Codename, c, minor),
		}
	}
	e.SharedArches = e.Arches
	for _, other := range p.formats() {
		if c.has(other) {
			e.SharedArches = both(e.SharedArches, p.archesOf(minor, other))
		}
	}
	if len(asked) > 0 && len(e.Arches) == 0 {
		b.bad("%s has none of the architectures %s; profile %s has %s there", e.Target.Name(), join(asked), p.Name, join(p.archesOf(minor, f)))
	}
	return e
}

// both returns the architectures that are in both lists, in the order of the
// first.
func both(a, b []repo.Arch) []repo.Arch {
	var out []repo.Arch
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// folder returns an address with a slash at its end, and "" for none.
func folder(address string) string {
	if address == "" {
		return ""
	}
	return strings.TrimSuffix(address, "/") + "/"
}

// target returns the repository of a channel and minor. An apt address that
// goes on behind a folder dists names a suite of the archive above that folder
// (Debian repository format, "Repository layout").
func (b *planner) target(c Channel, minor string, f repo.Format) repo.Target {
	t := repo.Target{Format: f, Channel: c.Name, Minor: minor, URL: b.address(c, minor, f)}
	if list := b.sel.RPMURL; f == repo.RPM && isMirrorList(list) {
		t.URL, t.MirrorList = list, list
	}
	if f != repo.Deb {
		return t
	}
	if archive, suite, ok := strings.Cut(t.URL, "/dists/"); ok && suite != "" {
		t.URL, t.Suite = archive+"/", strings.TrimSuffix(suite, "/")
	}
	return t
}

// isMirrorList reports whether an address is that of a metalink or mirrorlist
// and not of a repository: those of Fedora, CentOS, EPEL, Rocky Linux and
// AlmaLinux have one of the words in the host or the path.
func isMirrorList(address string) bool {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	where := u.Host + u.Path
	return strings.Contains(where, "metalink") || strings.Contains(where, "mirrorlist")
}

// address returns the repository's root, with a trailing slash.
func (b *planner) address(c Channel, minor string, f repo.Format) string {
	if direct := b.direct(f); direct != "" {
		return strings.TrimSuffix(direct, "/") + "/"
	}
	if b.sel.BaseURL != "" {
		return b.profile.below(b.sel.BaseURL, c, minor, f)
	}
	return b.profile.below(b.profile.Base, c, minor, f)
}

// direct returns the address that points straight at the repository, "" if none
// does.
func (b *planner) direct(f repo.Format) string {
	return map[repo.Format]string{repo.Deb: b.sel.DebURL, repo.RPM: b.sel.RPMURL}[f]
}

// below returns the root of a repository below a base.
func (p *Profile) below(base string, c Channel, minor string, f repo.Format) string {
	return strings.TrimSuffix(base, "/") + "/" + strings.TrimSuffix(fill(p.Layout[f], c, minor), "/") + "/"
}

// fill fills in the placeholders of a channel and minor.
func fill(text string, c Channel, minor string) string {
	return strings.NewReplacer(folderName, c.Folder, minorName, minor).Replace(text)
}

// origins returns the other addresses of a repository. Where the user named the
// address, they are those of another repository.
func (b *planner) origins(c Channel, minor string, f repo.Format) []string {
	if b.sel.BaseURL != "" || b.direct(f) != "" {
		return nil
	}
	var out []string
	for _, base := range b.profile.Origins {
		out = append(out, b.profile.below(base, c, minor, f))
	}
	return out
}

// expectation returns what the profile says of the package in a target, but for
// the versions that must be there.
func (p Package) expectation(t repo.Target) verify.PackageExpectation {
	x := verify.PackageExpectation{Name: p.Name, OwnVersions: p.OwnVersions, MinVersion: p.MinVersion}
	for _, m := range p.Versions {
		if m.minors.Contains(t.Minor) && (len(m.Channels) == 0 || slices.Contains(m.Channels, t.Channel)) {
			x.MinVersion = m.Version
			break
		}
	}
	for _, bin := range p.Binaries {
		y := verify.BinaryExpectation{Path: bin.Path, Args: bin.Args, Outputs: bin.Outputs, Official: bin.Official}
		for _, e := range bin.Embedded {
			y.Embedded = append(y.Embedded, verify.EmbeddedVersion{Module: e.Module, Variable: e.Variable, Form: e.Form})
		}
		x.Binaries = append(x.Binaries, y)
	}
	for _, f := range p.Files {
		if f.Format == "" || f.Format == t.Format {
			x.Files = append(x.Files, verify.FileExpectation{Path: f.Path, Type: f.kind, Mode: f.mode, Owner: f.Owner, Group: f.Group, Config: f.Config})
		}
	}
	for _, d := range p.Dependencies {
		if d.Format == "" || d.Format == t.Format {
			x.Dependencies = append(x.Dependencies, verify.DependencyRule{Range: d.versions, Needs: d.needs, Optional: d.Optional})
		}
	}
	return x
}

// expected makes the expectations of one target.
func (b *planner) expected(packages []Package, c Channel, t repo.Target, versions []string) []verify.PackageExpectation {
	var out []verify.PackageExpectation
	for _, p := range packages {
		x := p.expectation(t)
		listed := versions
		if b.sel.Expect != nil {
			listed, x.Arches = b.sel.Expect.of(p.Name)
		}
		for _, v := range listed {
			switch {
			case p.OwnVersions && b.sel.Expect == nil:
			case p.OwnVersions, c.takes(v, t.Minor):
				x.Versions = append(x.Versions, v)
			}
		}
		out = append(out, x)
	}
	return out
}

// marker returns where the latest version is to be learnt, if it must be.
func (b *planner) marker(c Channel, minor string, versions []string) *verify.Marker {
	if len(versions) > 0 || b.sel.Expect != nil {
		return nil
	}
	return &verify.Marker{URL: strings.ReplaceAll(c.Marker, minorName, minor), EveryPatch: c.EveryPatch, Never: c.Never}
}

// narrowed returns the architectures if the user chose them, nil otherwise.
func narrowed(asked []string, chosen []repo.Arch) []repo.Arch {
	if len(asked) == 0 {
		return nil
	}
	return chosen
}
