package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/suites"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/profile"
)

// planFlags are the flags that make the plan, shared by verify and verify list.
type planFlags struct {
	profile     string
	sel         profile.Selection
	expect      string
	key         string
	official    string
	labelFilter string
	catalogue   string
}

func (p *planFlags) add(f *pflag.FlagSet) {
	f.StringVar(&p.profile, "profile", "kubernetes", "what the product is: "+strings.Join(profile.Names(), ", ")+", or a YAML file")
	f.StringSliceVar(&p.sel.Channels, "channel", nil, "channels: stable, dev (alias prerelease), nightly")
	f.StringSliceVar(&p.sel.Minors, "minor", nil, "minor versions, such as 1.26")
	f.StringVar(&p.sel.BaseURL, "base-url", "", "the root above core:/...: http, https, file, or a folder (default: the profile's)")
	f.StringVar(&p.sel.DebURL, "deb-url", "", "the deb repository itself")
	f.StringVar(&p.sel.RPMURL, "rpm-url", "", "the rpm repository itself, or a metalink or mirrorlist of it")
	f.StringSliceVar(&p.sel.Versions, "versions", nil, "upstream versions that must be there (default: .0 to the latest that the profile's version marker names)")
	f.StringVar(&p.expect, "expect", "", "YAML file with the full list of packages, versions, architectures")
	f.StringSliceVar(&p.sel.Formats, "format", nil, "deb, rpm")
	f.StringSliceVar(&p.sel.Arches, "arch", nil, "architectures, in either spelling (arm64, aarch64)")
	f.StringSliceVar(&p.sel.InstallArches, "install-arch", nil, "architectures to install on (default: all of --arch)")
	f.StringSliceVar(&p.sel.Packages, "package", nil, "packages")
	f.StringSliceVar(&p.sel.Distros, "distro", nil, "distributions to install on")
	f.StringVar(&p.catalogue, "catalogue", "", catalogueHelp)
	f.StringSliceVar(&p.sel.Suites, "suite", nil, "how deep: metadata, packages, install (default: all)")
	f.StringVar(&p.labelFilter, "label-filter", "", "Ginkgo label filter, on top of the other flags")
	f.StringVar(&p.key, "key", "", "file of the pinned signing key, instead of the profile's")
	f.StringVar(&p.official, "official-binaries", "", "where the released binaries' checksums are: a URL, a folder, or none (default: the profile's)")
	f.StringVar(&p.sel.Fingerprint, "key-fingerprint", "", "fingerprint of the pinned signing key, instead of the profile's")
}

// catalogueHelp is the help of --catalogue, wherever there is one.
const catalogueHelp = "YAML file of further distributions, written as images/catalogue.yaml: an entry is added, or takes the place of the one of its name"

// distros returns the distributions that can be installed on.
func (p *planFlags) distros() ([]images.Distribution, error) { return loadCatalogue(p.catalogue) }

func loadCatalogue(file string) ([]images.Distribution, error) {
	all, err := images.LoadCatalogue(file)
	if err != nil && file != "" {
		err = fmt.Errorf("--catalogue: %w", err)
	}
	return all, err
}

// maxKeyFile bounds the file of --key.
const maxKeyFile = 1 << 20

// resolve makes the plan and reads the pinned key. Its error joins every
// problem.
func (p *planFlags) resolve(now time.Time) (*verify.Plan, []byte, error) {
	prof, err := profile.Load(p.profile)
	if err != nil {
		return nil, nil, err
	}
	sel := p.sel
	sel.Now = now
	var problems []error
	if p.expect != "" {
		expect, err := profile.LoadExpect(p.expect)
		if err != nil {
			problems = append(problems, fmt.Errorf("--expect: %w", err))
		} else {
			sel.Expect = expect
		}
	}
	key, fingerprint, err := p.pinned(prof)
	if err != nil {
		problems = append(problems, err)
	} else if fingerprint != "" {
		sel.Fingerprint = fingerprint
	}
	distros, err := p.distros()
	if err != nil {
		return nil, nil, err
	}
	plan, err := prof.Plan(sel, checks.Catalogue(), distros)
	if err != nil {
		problems = append(problems, err)
	}
	if err := p.setOfficial(plan); err != nil {
		problems = append(problems, err)
	}
	if len(problems) == 0 {
		if _, err := suites.Selected(plan, p.labelFilter); err != nil {
			problems = append(problems, err)
		}
	}
	return plan, key, errors.Join(problems...)
}

// noOfficial is what --official-binaries says to switch the check off.
const noOfficial = "none"

// setOfficial puts the place of --official-binaries into the plan, which is nil
// when it could not be made.
func (p *planFlags) setOfficial(plan *verify.Plan) error {
	place := p.official
	switch {
	case place == "":
		return nil
	case place == noOfficial:
		place = ""
	default:
		place = strings.TrimSuffix(place, "/") + "/"
		if _, err := fetch.New(place, fetch.Options{}); err != nil {
			return fmt.Errorf("--official-binaries: %w", err)
		}
		if !strings.Contains(place, "://") {
			if info, err := os.Stat(place); err != nil {
				return fmt.Errorf("--official-binaries: %w", err)
			} else if !info.IsDir() {
				return fmt.Errorf("--official-binaries %s: is not a folder", p.official)
			}
		}
	}
	if plan != nil {
		for _, t := range plan.Targets {
			t.Official = place
		}
	}
	return nil
}

// pinned returns the signing key's bytes and, if a flag names it, its
// fingerprint.
func (p *planFlags) pinned(prof *profile.Profile) ([]byte, string, error) {
	if p.key == "" {
		if p.sel.Fingerprint != "" {
			return nil, p.sel.Fingerprint, nil // the repository's own copy will do
		}
		data, err := prof.Keyring()
		return data, "", err
	}
	f, err := os.Open(p.key)
	if err != nil {
		return nil, "", fmt.Errorf("--key: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, "", fmt.Errorf("--key: %w", err)
	}
	ring, err := pgp.ReadKeyring(data)
	if err != nil {
		return nil, "", fmt.Errorf("--key %s: %w", p.key, err)
	}
	var all []string
	for _, k := range ring.Keys() {
		all = append(all, k.Fingerprint)
	}
	switch {
	case p.sel.Fingerprint != "":
		pin, err := pgp.ParsePin(p.sel.Fingerprint)
		if err != nil {
			return data, p.sel.Fingerprint, nil // the plan complains of it
		}
		if _, ok := ring.Find(pin.Fingerprint()); !ok {
			return nil, "", fmt.Errorf("--key %s does not hold --key-fingerprint %s; it holds %s", p.key, p.sel.Fingerprint, strings.Join(all, ", "))
		}
		return data, p.sel.Fingerprint, nil
	case len(all) > 1:
		return nil, "", fmt.Errorf("--key %s holds several keys; choose one with --key-fingerprint: %s", p.key, strings.Join(all, ", "))
	}
	return data, all[0], nil
}
