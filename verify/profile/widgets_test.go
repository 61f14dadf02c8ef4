package profile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/profile"
)

const widgets = "testdata/widgets.yaml"

// compareExpectations compares what a user could tell apart.
func compareExpectations() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b *regexp.Regexp) bool {
			return (a == nil) == (b == nil) && (a == nil || a.String() == b.String())
		}),
		cmp.Comparer(func(a, b pgp.Pin) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b verify.Range) bool { return reflect.DeepEqual(a, b) }),
	}
}

func rangeOf(t *testing.T, text string) verify.Range {
	t.Helper()
	r, err := verify.ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestProductOfItsOwn holds the whole expectation of a product that has nothing
// to do with Kubernetes against what its profile says.
func TestProductOfItsOwn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p, err := plan(t, load(t, widgets), profile.Selection{Channels: []string{"release"}, Minors: []string{"24.10"}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pin, err := pgp.ParsePin("8F1E6D2C3B4A59687786958493A2B1C0D0E1F203")
	if err != nil {
		t.Fatal(err)
	}
	rule := verify.VersionRule{Title: "final releases", Match: regexp.MustCompile(`^[0-9]{2}\.[0-9]{2}\.[0-9]+$`)}
	marker := &verify.Marker{URL: "https://dl.widgets.example/latest-24.10", EveryPatch: true, Never: []string{"24.10.1"}}
	binaries := []verify.BinaryExpectation{{
		Path: "/opt/widgets/bin/widget", Args: []string{"version"}, Outputs: []string{`{"version": "{version}"}`},
		Embedded: []verify.EmbeddedVersion{{Module: "example.com/widget", Form: "v{version}"}}, Official: "{version}/{arch}/widget.sum",
	}}
	files := []verify.FileExpectation{
		{Path: "/opt/widgets/bin/widget", Mode: 0o750, Owner: "widget", Group: "staff"},
		{Path: "/opt/widgets/lib/*"},
		{Path: "/etc/widget.conf", Mode: 0o640, Config: true},
		{Path: "/usr/bin/widget", Type: fs.ModeSymlink},
		{Path: "/var/lib/widget", Type: fs.ModeDir},
	}
	dependencies := []verify.DependencyRule{
		{Range: rangeOf(t, "< 24.10"), Needs: []verify.Capability{{Name: "widget-data", Version: "12"}}},
		{Range: rangeOf(t, ">= 24.10"), Needs: []verify.Capability{{Name: "widget-data", Version: "14"}}, Optional: []string{"gadget"}},
		{Needs: []verify.Capability{{Name: "adduser"}}},
	}
	data := verify.PackageExpectation{Name: "widget-data", OwnVersions: true, MinVersion: "14"}
	want := []*verify.Expectation{
		{
			Target:       repo.Target{Format: repo.Deb, Channel: "main", Minor: "24.10", URL: "https://dl.widgets.example/apt/24.10/main/"},
			Arches:       []repo.Arch{repo.AMD64, repo.RISCV64, repo.ARM64},
			SharedArches: []repo.Arch{repo.AMD64, repo.RISCV64},
			Packages:     []verify.PackageExpectation{{Name: "widget", Binaries: binaries, Files: files, Dependencies: dependencies}, data},
			Pinned:       pin, KeyFiles: []string{"widgets.gpg", "keys/widgets.asc"}, KeyWarning: 14 * 24 * time.Hour,
			ChannelRule: rule, Marker: marker,
			Release:   verify.ReleaseExpectation{Origin: "Widgets", Label: "Widgets 24.10", Suite: "main", Codename: "widgets-24.10-main"},
			Canonical: "https://dl.widgets.example/apt/24.10/main/",
			Origins:   []string{"https://mirror.widgets.example/pub/apt/24.10/main/", "http://old.widgets.example/apt/24.10/main/"},
			Assumed:   []verify.Capability{{Name: "adduser"}, {Name: "libc6", Version: "2.36"}},
			Created:   []string{"/etc/widget.token"}, Official: "https://sums.widgets.example/final/", Now: now,
		},
		{
			Target:       repo.Target{Format: repo.RPM, Channel: "main", Minor: "24.10", URL: "https://dl.widgets.example/yum/main/24.10/el/"},
			Arches:       []repo.Arch{repo.AMD64, repo.RISCV64},
			SharedArches: []repo.Arch{repo.AMD64, repo.RISCV64},
			Packages: []verify.PackageExpectation{{Name: "widget", Binaries: binaries, Files: slices.Delete(slices.Clone(files), 2, 3),
				Dependencies: dependencies[:2]}, data},
			Pinned: pin, KeyFiles: []string{"RPM-GPG-KEY-widgets"}, KeyWarning: 14 * 24 * time.Hour,
			ChannelRule: rule, Marker: marker,
			Canonical: "https://dl.widgets.example/yum/main/24.10/el/",
			Origins:   []string{"https://mirror.widgets.example/pub/yum/main/24.10/el/", "http://old.widgets.example/yum/main/24.10/el/"},
			Assumed:   []verify.Capability{{Name: "/bin/sh"}},
			Created:   []string{"/etc/widget.token"}, Official: "https://sums.widgets.example/final/", Now: now,
		},
	}
	if diff := cmp.Diff(want, p.Targets, compareExpectations()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Cells) != 2 { // debian-12 has no riscv64
		t.Errorf("%d cells, want 2: %+v", len(p.Cells), p.Cells)
	}
	if err := p.Targets[0].SetLatest("24.10.3\n"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"24.10.0", "24.10.2", "24.10.3"}, p.Targets[0].Package("widget").Versions); diff != "" {
		t.Errorf("without the one that was never released (-want +got):\n%s", diff)
	}
}

// TestWhatDependsOnMinorAndChannel asks for what is not everywhere.
func TestWhatDependsOnMinorAndChannel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		channel, minor string
		want           []string // format, architectures, oldest data, official
	}{
		{"main", "24.10", []string{"deb [amd64 riscv64 arm64] 14 https://sums.widgets.example/final/", "rpm [amd64 riscv64] 14 https://sums.widgets.example/final/"}},
		{"main", "23.04", []string{"deb [amd64 arm64] 12 https://sums.widgets.example/final/", "rpm [amd64] 12 https://sums.widgets.example/final/"}},
		{"edge", "24.10", []string{"deb [amd64 riscv64 arm64] 11 https://sums.widgets.example/edge/"}},
		{"edge", "24.04", []string{"deb [amd64 riscv64 arm64] 12 https://sums.widgets.example/edge/"}},
	} {
		p, err := plan(t, load(t, widgets), profile.Selection{Channels: []string{tt.channel}, Minors: []string{tt.minor}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range p.Targets {
			var arches []string
			for _, a := range e.Arches {
				arches = append(arches, string(a))
			}
			got = append(got, string(e.Target.Format)+" ["+strings.Join(arches, " ")+"] "+e.Package("widget-data").MinVersion+" "+e.Official)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.channel, tt.minor, diff)
		}
	}
}

// TestSelectionsThatTheProductDoesNotHave: nothing is left out silently.
func TestSelectionsThatTheProductDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sel  profile.Selection
		want string
	}{
		{profile.Selection{Channels: []string{"edge"}, Minors: []string{"24.10"}, Formats: []string{"rpm"}}, "channel edge of profile widgets is published as deb, not as rpm"},
		{profile.Selection{Channels: []string{"main"}, Minors: []string{"23.04"}, Formats: []string{"deb"}, Arches: []string{"riscv64"}},
			"deb/main/23.04 has none of the architectures riscv64; profile widgets has amd64, arm64 there"},
		{profile.Selection{Channels: []string{"main"}, Minors: []string{"24.10"}, Arches: []string{"arm64"}},
			"rpm/main/24.10 has none of the architectures arm64; profile widgets has amd64, riscv64 there"},
	} {
		if _, err := plan(t, load(t, widgets), tt.sel); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: got %v, want %s", tt.sel, err, tt.want)
		}
	}
	p, err := plan(t, load(t, widgets), profile.Selection{Channels: []string{"main"}, Minors: []string{"24.10"}, BaseURL: "http://h/x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Targets[0].Origins; got != nil {
		t.Errorf("with an address of the user's: origins %v, want none", got)
	}
	p, err = plan(t, load(t, widgets), profile.Selection{Channels: []string{"main"}, Minors: []string{"24.10"}, DebURL: "http://h/x", Formats: []string{"deb", "rpm"}})
	if err != nil {
		t.Fatal(err)
	}
	if deb, rpm := p.Targets[0].Origins, p.Targets[1].Origins; deb != nil || len(rpm) != 2 {
		t.Errorf("with an address for deb: origins %v and %v, want those of rpm only", deb, rpm)
	}
}

// edited returns the path of the widgets' profile with one change.
func edited(t *testing.T, before, after string) string {
	t.Helper()
	data, err := os.ReadFile(widgets)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), before, after, 1)
	if text == string(data) {
		t.Fatalf("the profile does not hold %q", before)
	}
	return written(t, text)
}

func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestValidation breaks one thing in a profile: that, and only that, is said.
func TestValidation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ before, after, want string }{
		{"name: widgets\n", "", "has no name"},
		{"base: https://dl.widgets.example/\n", "", "has no base address"},
		{"title: the Widget suite", "titel: x", "field titel not found"},
		{"title: the Widget suite", "title: x\n---\nname: y", "more than one YAML document"},
		{"title: the Widget suite", "title: x\nextends: kuberntes", `extends "kuberntes": there is kubernetes and kep-1731`},
		{`deb: "apt/{minor}/{folder}"`, `snap: x`, `layout: format "snap" is not one of [deb rpm]`},
		{`"apt/{minor}/{folder}"`, `"../apt"`, `layout deb: "../apt" must be below base`},
		{`"apt/{minor}/{folder}"`, `"/apt"`, `layout deb: "/apt" must be below base`},
		{`"apt/{minor}/{folder}"`, `"apt/{version}"`, "layout deb: {version} is not filled in here"},
		{"8F1E6D2C3B4A59687786958493A2B1C0D0E1F203", "zz", "key.fingerprint: "},
		{"warnDays: 14", "warnDays: -1", "key.warnDays: -1 is below 0"},
		{"warnDays: 14", "file: ../key.asc", `key.file: "../key.asc" must be beside the profile`},
		{"keys/widgets.asc", "../widgets.asc", `key.paths deb: "../widgets.asc" must be a file of the repository`},
		{"    rpm: [RPM-GPG-KEY-widgets]", "    snap: [x]", `key.paths: format "snap" is not one of`},
		{"- x86_64", "- pdp11", `architecture "pdp11" is not known`},
		{"- x86_64", "- {name: amd64, minor: x}", "field minor not found in architecture"},
		{"- x86_64", "- [amd64]", "cannot unmarshal"},
		{`">= 24.04"`, `">="`, "architecture riscv64: minors: "},
		{"formats: [deb]}", "formats: [snap]}", `architecture aarch64: format "snap" is not one of`},
		{"https://mirror.widgets.example/pub", "mirror.widgets.example", `origins: "mirror.widgets.example": scheme "" is not one of`},
		{"https://mirror.widgets.example/pub", "https:///pub", `origins: "https:///pub": names no host`},
		{"https://mirror.widgets.example/pub", `"http://[::1"`, "origins: "},
		{"official: https://sums.widgets.example/final", "official: ftp://h/", `official: "ftp://h/": scheme "ftp"`},
		{"origin: Widgets", "origin: '{version}'", "release.origin: {version} is not filled in here; there is {folder}, {minor}"},
		{"libc6 = 2.36", "libc6 >= 2.36", `assumed deb: "libc6 >= 2.36" is neither a name nor "name = version"`},
		{"  rpm: [/bin/sh]", "  snap: [x]", `assumed: format "snap" is not one of`},
		{"/etc/widget.token", "etc/widget.token", `created: "etc/widget.token" must be a clean absolute path`},
		{"distributions:\n  deb", "distributions:\n  snap", `distributions: format "snap" is not one of`},
		{"  - name: main\n", "  - name: ''\n", "channel 1 has no name"},
		{"  - name: edge\n", "  - name: release\n", "channel release: release is the name of another channel"},
		{"folder: edge/daily", "folder: ../x", `channel edge: folder "../x" must be below base`},
		{`versions: '^[0-9]{2}\.[0-9]{2}\.[0-9]+$'`, "versions: '('", "channel main: versions: "},
		{`ownVersions: '^[0-9]+$'`, "ownVersions: '('", "channel edge: ownVersions: "},
		{"marker: https://dl.widgets.example/latest-{minor}", "marker: latest", `channel main: marker "latest": scheme ""`},
		{"latest-{minor}", "latest-{folder}", "channel main: marker: {folder} is not filled in here"},
		{"    marker: https://dl.widgets.example/latest-{minor}\n", "", "channel main: everyPatch and never go on from a marker"},
		{"never: [24.10.1]", "never: [24.10.1-rc1]", "channel main: never: 24.10.1-rc1 is no version of the channel"},
		{"    formats: [deb]", "    formats: [snap]", `channel edge: format "snap" is not one of`},
		{"official: https://sums.widgets.example/edge/", "official: x", `channel edge: official "x": scheme ""`},
		{"  - name: widget\n", "  - name: a b\n", `package 1: "a b" is no name of a package`},
		{"  - name: widget-data\n", "  - name: widget\n", "package widget is there twice"},
		{"    ownVersions: true\n", "", "package widget-data: minVersion and versions are for packages with ownVersions"},
		{`- {minors: "24.10", channels: [main], version: "14"}`, `- {minors: "> ", version: "14"}`, "package widget-data: versions: "},
		{`channels: [main], version: "14"`, `channels: [mian], version: "14"`, `package widget-data: versions: there is no channel "mian"`},
		{`channels: [main], version: "14"`, `channels: [main]`, `package widget-data: versions: "24.10" has no version`},
		{"path: /opt/widgets/bin/widget\n", "path: opt/widget\n", `binary "opt/widget" needs a clean absolute path and outputs`},
		{`outputs: ['{"version": "{version}"}']`, "outputs: []", "needs a clean absolute path and outputs"},
		{`"{version}"}'`, `"{minor}"}'`, "outputs: {minor} is not filled in here"},
		{"{module: example.com/widget,", "{module: x, variable: y,", "x and y are two places"},
		{`form: "v{version}"`, `form: "v1"`, `embedded: form "v1" does not hold {version}`},
		{`form: "v{version}"`, `form: "v{version}-{arch}"`, "embedded: {arch} is not filled in here"},
		{`"{version}/{arch}/widget.sum"`, `"../{version}"`, `official "../{version}" must be below the profile's`},
		{`"{version}/{arch}/widget.sum"`, `"{minor}"`, "official: {minor} is not filled in here"},
		{"path: /opt/widgets/bin/widget,", "path: opt,", `file "opt" must be a clean absolute path`},
		{"/opt/widgets/lib/*", "/opt/*/lib", `file "/opt/*/lib" must be a clean absolute path`},
		{"config: true, format: deb", "config: true, format: snap", `file /etc/widget.conf: format "snap" is not one of`},
		{"type: link", "type: door", `type "door" is not one of file, folder, link`},
		{"type: folder", "type: folder, config: true", "a folder is neither a configuration file nor one of many"},
		{`mode: "0750"`, `mode: "0850"`, `mode "0850" is not permission bits`},
		{`mode: "0750"`, `mode: "4755"`, `mode "4755" is not permission bits`},
		{`"< 24.10", needs`, `"<", needs`, "package widget: dependencies: "},
		{"{format: deb, needs: [adduser]}", "{format: snap, needs: [adduser]}", `dependencies: format "snap" is not one of`},
		{"widget-data >= 14", "widget-data = 14", `needs: "widget-data = 14" is neither a name nor "name >= version"`},
		{"optional: [gadget]", "optional: [widget-data]", "widget-data is both needed and optional"},
		{"optional: [gadget]", "optional: ['gadget >= 2']", `optional: "gadget >= 2" is no name`},
	} {
		_, err := profile.Load(edited(t, tt.before, tt.after))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.after, err, tt.want)
		}
	}
}

// TestBareProfile is the least that a profile must say, and what each of its
// parts is missed for.
func TestBareProfile(t *testing.T) {
	t.Parallel()
	const bare = `
name: bare
base: https://repo.example.com/
layout: {deb: "{minor}"}
key: {fingerprint: 0123456789ABCDEF0123456789ABCDEF01234567}
architectures: [amd64]
channels: [{name: main}]
packages: [{name: widget}]
`
	p := load(t, written(t, bare))
	if key, err := p.Keyring(); key != nil || err != nil {
		t.Errorf("key: got %q, %v, want none", key, err)
	}
	if got, err := plan(t, p, profile.Selection{Channels: []string{"main"}, Minors: []string{"2.0"}}); err != nil || len(got.Targets) != 1 {
		t.Errorf("got %v, want one target", err)
	}
	for _, tt := range []struct{ before, after, want string }{
		{`layout: {deb: "{minor}"}`, "layout: {}", "has no layout"},
		{"architectures: [amd64]", "", "has no architectures"},
		{"channels: [{name: main}]", "", "has no channels"},
		{"packages: [{name: widget}]", "", "has no packages"},
		{"key:", "release: {origin: x}\nkey:", ""},
		{`layout: {deb: "{minor}"}`, "layout: {rpm: x}\nrelease: {origin: x}", "release: is apt's, and the layout has no deb"},
		{"key:", "assumed: {rpm: [x]}\nkey:", "assumed: the layout has no rpm"},
		{"{name: widget}", "{name: widget, binaries: [{path: /x, outputs: [x], official: x}]}", "official: the profile has none to go on from"},
		{"name: bare", "name: bare\nname: twice", "already defined"},
	} {
		_, err := profile.Load(written(t, strings.Replace(bare, tt.before, tt.after, 1)))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", tt.after, err, tt.want)
		}
	}
	if _, err := profile.Load("kuberntes"); err == nil || !strings.Contains(err.Error(), "kubernetes and kep-1731") {
		t.Errorf("unknown name: got %v", err)
	}
	if _, err := profile.Load(written(t, "#"+strings.Repeat("x", profile.MaxFileSize))); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("too large: got %v", err)
	}
}

// TestExtends: a file may say only what is different.
func TestExtends(t *testing.T) {
	t.Parallel()
	p := load(t, written(t, `
extends: kep-1731
name: staging
base: https://staging.example.com/
layout: {deb: "staging/{folder}/{minor}"}
architectures: [amd64]
`))
	kep := load(t, "kep-1731")
	if p.Name != "staging" || p.Title != "" || p.Layout[repo.Deb] != "staging/{folder}/{minor}" || p.Layout[repo.RPM] != kep.Layout[repo.RPM] {
		t.Errorf("got %q %q %v", p.Name, p.Title, p.Layout)
	}
	if len(p.Packages) != len(kep.Packages) || len(p.Channels) != len(kep.Channels) || len(p.Architectures) != 1 {
		t.Errorf("packages %d, channels %d, architectures %d", len(p.Packages), len(p.Channels), len(p.Architectures))
	}
	want, err := kep.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	if key, err := p.Keyring(); err != nil || string(key) != string(want) {
		t.Errorf("the key is taken over with its fingerprint: got %d bytes, %v", len(key), err)
	}
	other := load(t, written(t, "extends: kubernetes\nname: x\nkey: {fingerprint: 0123456789ABCDEF0123456789ABCDEF01234567}\n"))
	if key, err := other.Keyring(); key != nil || err != nil {
		t.Errorf("another key: got %d bytes, %v, want no file", len(key), err)
	}
	if _, err := profile.Load(written(t, "extends: kubernetes\n")); err == nil || !strings.Contains(err.Error(), "has no name") {
		t.Errorf("without a name: got %v", err)
	}
}

func FuzzProfile(f *testing.F) {
	for _, path := range []string{widgets, "kubernetes.yaml", "kep-1731.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("extends: kubernetes\nname: x\narchitectures: [{name: arm, minors: '< 1.27'}, {}]\npackages: [{name: a, files: [{path: '/*'}]}]"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("a: &a {b: 1}\n<<: *a\nname: [x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profile.Load(written(t, string(data)))
		if err != nil {
			return
		}
		// What is taken must make a plan, or say why not, and stay in its bounds.
		for _, c := range p.Channels {
			got, err := plan(t, p, profile.Selection{Channels: []string{c.Name}, Minors: []string{"1.26"}})
			if err != nil {
				continue
			}
			for _, e := range got.Targets {
				if !strings.HasSuffix(e.Target.URL, "/") || slices.Contains(strings.Split(strings.TrimPrefix(e.Target.URL, p.Base), "/"), "..") {
					t.Errorf("address %q leaves %q", e.Target.URL, p.Base)
				}
				if len(e.Arches) == 0 {
					t.Errorf("%s has no architectures", e.Target.Name())
				}
			}
		}
	})
}
