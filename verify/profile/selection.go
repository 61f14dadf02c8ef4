package profile

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
)

// Selection is what the user asked for, in the user's words.
type Selection struct {
	Channels []string
	Minors   []string
	// Versions are upstream versions that must be there; empty: the profile's
	// marker decides.
	Versions []string
	// Expect, if not nil, replaces the profile's packages and versions.
	Expect *ExpectFile
	// BaseURL replaces the profile's; DebURL and RPMURL point at one repository.
	BaseURL, DebURL, RPMURL string
	// Formats, Arches, Packages, Distros and Suites narrow the plan; empty
	// means all.
	Formats  []string
	Arches   []string
	Packages []string
	Distros  []string
	Suites   []string
	// InstallArches narrows the container cells only.
	InstallArches []string
	// Fingerprint replaces the profile's pinned key.
	Fingerprint string
	Now         time.Time
}

// minorForm is a minor version as users write it.
var minorForm = regexp.MustCompile(`^v?([0-9]+\.[0-9]+)$`)

// patchForm is what users write by mistake for a minor.
var patchForm = regexp.MustCompile(`^v?([0-9]+\.[0-9]+)[.-]`)

// planner collects every problem of a selection, so that the user sees all at
// once.
type planner struct {
	profile  *Profile
	sel      Selection
	distros  []images.Distribution
	problems []error
}

func (b *planner) bad(format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf(format, args...))
}

// Plan makes the plan for a selection. Its error joins every problem of the
// selection, one line each.
func (p *Profile) Plan(sel Selection, checks []verify.Check, distros []images.Distribution) (*verify.Plan, error) {
	b := &planner{profile: p, sel: sel, distros: distros}
	channels := b.channels()
	minors := b.minors()
	formats := choose(b, "--format", sel.Formats, p.formats())
	if pointed := sel.pointed(); len(sel.Formats) == 0 && pointed != "" {
		formats = []repo.Format{pointed} // not beside the profile's own of the other format
	}
	suites := choose(b, "--suite", sel.Suites, verify.Suites())
	arches := b.arches("--arch", sel.Arches, p.arches())
	installArches := b.arches("--install-arch", sel.InstallArches, p.arches())
	packages := b.packages()
	b.addresses(channels, minors, formats)
	pinned := b.pin()
	versions := b.versions(channels, minors)

	plan := &verify.Plan{Profile: p.Name, Minors: minors, Versions: versions}
	for _, c := range checks {
		if slices.Contains(suites, c.Suite) {
			plan.Checks = append(plan.Checks, c)
		}
	}
	for _, c := range channels {
		plan.Channels = append(plan.Channels, c.Name)
		if !slices.ContainsFunc(formats, c.has) && len(formats) > 0 {
			b.bad("channel %s of profile %s is published as %s, not as %s", c.Name, p.Name, join(c.Formats), join(formats))
		}
		for _, minor := range minors {
			for _, f := range formats {
				if !c.has(f) {
					continue
				}
				e := b.expectation(c, minor, f, arches)
				e.Packages = b.expected(packages, c, e.Target, versions)
				e.Pinned = pinned
				e.Marker = b.marker(c, minor, versions)
				plan.Targets = append(plan.Targets, e)
			}
		}
	}
	if slices.Contains(suites, verify.Install) {
		b.cells(plan, formats, installArches)
	}
	return plan, errors.Join(b.problems...)
}

// pointed returns the one format that an address points at, if nothing says
// where the other one is.
func (s *Selection) pointed() repo.Format {
	switch {
	case s.BaseURL != "":
		return ""
	case s.DebURL != "" && s.RPMURL == "":
		return repo.Deb
	case s.RPMURL != "" && s.DebURL == "":
		return repo.RPM
	}
	return ""
}

// formats returns the formats that the profile has, in the usual order.
func (p *Profile) formats() []repo.Format {
	return slices.DeleteFunc(repo.Formats(), func(f repo.Format) bool { return p.Layout[f] == "" })
}

// choose returns the values that were asked for, or all.
func choose[T ~string](b *planner, flag string, asked []string, all []T) []T {
	var out []T
	for _, name := range asked {
		if !slices.Contains(all, T(name)) {
			b.bad("%s %q: there is %s%s", flag, name, join(all), nearest(name, all))
		} else if !slices.Contains(out, T(name)) {
			out = append(out, T(name))
		}
	}
	if len(asked) == 0 {
		return all
	}
	return out
}

func (b *planner) channels() []Channel {
	var names []string
	for _, c := range b.profile.Channels {
		names = append(names, c.Name)
	}
	asked := b.sel.Channels
	if len(asked) == 0 {
		b.bad("--channel is missing: one or more of %s", join(names))
	}
	var out []Channel
	for _, name := range asked {
		c, ok := b.profile.Channel(name)
		if !ok {
			b.bad("--channel %q: profile %s has %s%s", name, b.profile.Name, join(names), nearest(name, names))
			continue
		}
		if !slices.ContainsFunc(out, func(x Channel) bool { return x.Name == c.Name }) {
			out = append(out, c)
		}
	}
	return out
}

func (b *planner) minors() []string {
	if len(b.sel.Minors) == 0 {
		b.bad("--minor is missing: write it as 1.26")
	}
	var out []string
	for _, m := range b.sel.Minors {
		if ok := minorForm.FindStringSubmatch(m); ok != nil {
			if !slices.Contains(out, ok[1]) {
				out = append(out, ok[1])
			}
		} else if patch := patchForm.FindStringSubmatch(m); patch != nil {
			b.bad("--minor %q is a patch release; write --minor %s, with --versions %s for that release alone",
				m, patch[1], strings.TrimPrefix(m, "v"))
		} else {
			b.bad("--minor %q is not a minor version; write it as 1.26", m)
		}
	}
	return out
}

func (b *planner) arches(flag string, asked []string, all []repo.Arch) []repo.Arch {
	if len(asked) == 0 {
		return all
	}
	var out []repo.Arch
	for _, name := range asked {
		a, ok := repo.ParseArch(name)
		switch {
		case !ok:
			b.bad("%s %q is no architecture; there is %s%s", flag, name, join(all), nearest(name, all))
		case !slices.Contains(all, a):
			b.bad("%s %q: profile %s has %s", flag, name, b.profile.Name, join(all))
		case !slices.Contains(out, a):
			out = append(out, a)
		}
	}
	return out
}

// packages returns the packages in question: of --expect or the profile,
// narrowed by --package.
func (b *planner) packages() []Package {
	all := b.profile.Packages
	if b.sel.Expect != nil {
		all = b.sel.Expect.packages(b.profile)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	wanted := choose(b, "--package", b.sel.Packages, names)
	return slices.DeleteFunc(slices.Clone(all), func(p Package) bool { return !slices.Contains(wanted, p.Name) })
}

// addresses checks the addresses that were given.
func (b *planner) addresses(channels []Channel, minors []string, formats []repo.Format) {
	for _, x := range []struct {
		flag, address string
		format        repo.Format
	}{{"--base-url", b.sel.BaseURL, ""}, {"--deb-url", b.sel.DebURL, repo.Deb}, {"--rpm-url", b.sel.RPMURL, repo.RPM}} {
		if x.address == "" {
			continue
		}
		if err := checkAddress(x.address); err != nil {
			b.bad("%s %q: %w", x.flag, x.address, err)
		}
		if x.format == "" {
			continue
		}
		if len(channels) > 1 || len(minors) > 1 {
			b.bad("%s points at one repository: name one channel and one minor with it", x.flag)
		}
		if !slices.Contains(formats, x.format) && len(b.sel.Formats) > 0 {
			b.bad("%s contradicts --format %s", x.flag, strings.Join(b.sel.Formats, ","))
		}
	}
}

func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return errors.New("names no host")
		}
		return nil
	case "", "file":
		path := u.Path
		if u.Scheme == "" {
			path = address
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return errors.New("is not a folder")
		}
		return nil
	}
	return fmt.Errorf("scheme %q is not one of http, https, file", u.Scheme)
}

// pin returns the key that was asked for, or the profile's.
func (b *planner) pin() pgp.Pin {
	if b.sel.Fingerprint == "" {
		return b.profile.Key.pin
	}
	pin, err := pgp.ParsePin(b.sel.Fingerprint)
	if err != nil {
		b.bad("--key-fingerprint: %w; gpg --show-keys prints it", err)
	}
	return pin
}

// versions returns the versions that were asked for, and complains of those
// that fit no chosen repository.
func (b *planner) versions(channels []Channel, minors []string) []string {
	var out []string
	for _, v := range b.sel.Versions {
		v = strings.TrimPrefix(v, "v")
		if slices.Contains(out, v) {
			continue
		}
		out = append(out, v)
		if len(channels) == 0 || len(minors) == 0 {
			continue // said already
		}
		if !slices.ContainsFunc(channels, func(c Channel) bool {
			return slices.ContainsFunc(minors, func(m string) bool { return c.takes(v, m) })
		}) {
			b.bad("--versions %s belongs into none of the chosen repositories (channel %s, minor %s)",
				v, strings.Join(b.sel.Channels, ","), strings.Join(minors, ","))
		}
	}
	if len(out) > 0 && b.sel.Expect != nil {
		b.bad("--versions and --expect contradict each other: name the versions in one of them")
	}
	return out
}

// has reports whether the channel is published in the format.
func (c Channel) has(f repo.Format) bool { return len(c.Formats) == 0 || slices.Contains(c.Formats, f) }

// takes reports whether a version of the product belongs into the channel's
// repository of that minor.
func (c Channel) takes(version, minor string) bool {
	return strings.HasPrefix(version, minor+".") && (c.versions == nil || c.versions.MatchString(version))
}

// cells adds the container cells of every target: on the profile's
// distributions, or on those of the catalogue that were asked for by name.
func (b *planner) cells(plan *verify.Plan, formats []repo.Format, arches []repo.Arch) {
	var wanted []string
	for _, f := range formats {
		wanted = append(wanted, b.profile.Distributions[f]...)
	}
	if len(b.sel.Distros) > 0 {
		var all []string
		for _, d := range b.distros {
			if slices.Contains(formats, d.Manager.Format()) {
				all = append(all, d.Name)
			}
		}
		wanted = choose(b, "--distro", b.sel.Distros, all)
	}
	for _, name := range wanted {
		if _, ok := images.Find(b.distros, name); !ok {
			b.bad("profile %s: distribution %q is not in the catalogue of images", b.profile.Name, name)
		}
	}
	for _, t := range plan.Targets {
		for _, name := range wanted {
			d, ok := images.Find(b.distros, name)
			if !ok || d.Manager.Format() != t.Target.Format {
				continue
			}
			for _, a := range t.Arches {
				if d.Supports(a) && slices.Contains(arches, a) {
					plan.Cells = append(plan.Cells, &verify.CellExpectation{Cell: images.NewCell(t.Target, name, a), Expectation: t})
				}
			}
		}
	}
}

func join[T ~string](words []T) string {
	var out []string
	for _, w := range words {
		out = append(out, string(w))
	}
	return strings.Join(out, ", ")
}
