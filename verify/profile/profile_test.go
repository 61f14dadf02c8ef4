package profile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/profile"
)

func load(t *testing.T, name string) *profile.Profile {
	t.Helper()
	p, err := profile.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func plan(t *testing.T, p *profile.Profile, sel profile.Selection) (*verify.Plan, error) {
	t.Helper()
	distros, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	return p.Plan(sel, checks.Catalogue(), distros)
}

func TestEmbeddedProfiles(t *testing.T) {
	t.Parallel()
	for _, name := range profile.Names() {
		p := load(t, name)
		if p.Name != name {
			t.Errorf("%s calls itself %q", name, p.Name)
		}
		key, err := p.Keyring()
		if err != nil {
			t.Fatal(err)
		}
		ring, err := pgp.ReadKeyring(key)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ring.Find(p.Key.Fingerprint)
		if want := time.Date(2026, 12, 29, 0, 0, 0, 0, time.UTC); !ok || got.Expires.Truncate(24*time.Hour) != want {
			t.Errorf("%s: pinned key is %+v, want it in the key file with expiry %v", name, got, want)
		}
	}
}

// TestAddresses holds the layouts against the addresses that the documentation
// and the KEP name.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		profile string
		sel     profile.Selection
		want    []string
	}{
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}}, []string{
			"https://pkgs.k8s.io/core:/stable:/v1.26/deb/", "https://pkgs.k8s.io/core:/stable:/v1.26/rpm/"}},
		{"kubernetes", profile.Selection{Channels: []string{"prerelease"}, Minors: []string{"v1.30"}, Formats: []string{"deb"}}, []string{
			"https://pkgs.k8s.io/core:/prerelease:/v1.30/deb/"}},
		{"kep-1731", profile.Selection{Channels: []string{"stable", "dev"}, Minors: []string{"1.26"}}, []string{
			"https://packages.kubernetes.io/core:/stable:/v1.26/deb/", "https://packages.kubernetes.io/core:/stable:/v1.26:/build/rpm/",
			"https://packages.kubernetes.io/core:/dev:/v1.26/deb/", "https://packages.kubernetes.io/core:/dev:/v1.26:/build/rpm/"}},
		{"kep-1731", profile.Selection{Channels: []string{"nightly"}, Minors: []string{"1.26"}, BaseURL: "http://127.0.0.1:8080", Formats: []string{"rpm"}}, []string{
			"http://127.0.0.1:8080/core:/nightly:/v1.26:/build/rpm/"}},
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}, DebURL: "http://h/debs"}, []string{
			"http://h/debs/"}},
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}, DebURL: "http://h/debs", Formats: []string{"deb", "rpm"}}, []string{
			"http://h/debs/", "https://pkgs.k8s.io/core:/stable:/v1.26/rpm/"}},
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}, BaseURL: "http://h", DebURL: "http://h/debs"}, []string{
			"http://h/debs/", "http://h/core:/stable:/v1.26/rpm/"}},
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}, DebURL: "http://h/debian/dists/bookworm/updates"}, []string{
			"http://h/debian/ bookworm/updates"}},
		{"kubernetes", profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}, RPMURL: "http://mirrors.test/metalink?repo=x&arch=y"}, []string{
			"http://mirrors.test/metalink?repo=x&arch=y"}},
	} {
		got, err := plan(t, load(t, tt.profile), tt.sel)
		if err != nil {
			t.Fatal(err)
		}
		var urls []string
		for _, x := range got.Targets {
			urls = append(urls, strings.TrimSpace(x.Target.URL+" "+x.Target.Suite))
		}
		if diff := cmp.Diff(tt.want, urls); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.sel, diff)
		}
	}
}

// TestBadSelections: every problem is said, one line each, with what would do.
func TestBadSelections(t *testing.T) {
	t.Parallel()
	ok := func(change func(*profile.Selection)) profile.Selection {
		s := profile.Selection{Channels: []string{"stable"}, Minors: []string{"1.26"}}
		change(&s)
		return s
	}
	for _, tt := range []struct {
		sel  profile.Selection
		want []string
	}{
		{profile.Selection{}, []string{"--channel is missing", "--minor is missing"}},
		{ok(func(s *profile.Selection) { s.Channels = []string{"stabel"} }), []string{"did you mean stable?"}},
		{ok(func(s *profile.Selection) { s.Channels = []string{"nightly"} }), []string{`"nightly": profile kubernetes has stable, dev`}},
		{ok(func(s *profile.Selection) { s.Minors = []string{"1.26.3"} }), []string{"write --minor 1.26, with --versions 1.26.3"}},
		{ok(func(s *profile.Selection) { s.Minors = []string{"latest"} }), []string{`"latest" is not a minor version`}},
		{ok(func(s *profile.Selection) { s.Formats = []string{"dep"} }), []string{"did you mean deb?"}},
		{ok(func(s *profile.Selection) { s.Arches = []string{"amd46"} }), []string{"did you mean amd64?"}},
		{ok(func(s *profile.Selection) { s.Arches = []string{"armhf"} }), []string{"profile kubernetes has amd64, arm64"}},
		{ok(func(s *profile.Selection) { s.Packages = []string{"kubelett"} }), []string{"did you mean kubelet?"}},
		{ok(func(s *profile.Selection) { s.Distros = []string{"debian-21"} }), []string{"did you mean debian-11?"}},
		{ok(func(s *profile.Selection) { s.Suites = []string{"instal"} }), []string{"did you mean install?"}},
		{ok(func(s *profile.Selection) { s.Fingerprint = "1234" }), []string{"wanted 40 or 64"}},
		{ok(func(s *profile.Selection) { s.BaseURL = "ftp://x/" }), []string{`scheme "ftp"`}},
		{ok(func(s *profile.Selection) { s.BaseURL = "/nonexistent" }), []string{"no such file"}},
		{ok(func(s *profile.Selection) { s.Versions = []string{"1.27.0"} }), []string{"1.27.0 belongs into none"}},
		{ok(func(s *profile.Selection) { s.Versions = []string{"1.26.0-rc.1"} }), []string{"1.26.0-rc.1 belongs into none"}},
		{ok(func(s *profile.Selection) { s.DebURL = "http://h/"; s.Minors = []string{"1.26", "1.27"} }), []string{"name one channel and one minor"}},
		{ok(func(s *profile.Selection) { s.RPMURL = "http://h/"; s.Formats = []string{"deb"} }), []string{"contradicts --format deb"}},
		{ok(func(s *profile.Selection) { s.Minors = []string{"x"}; s.Formats = []string{"y"} }), []string{`"x"`, `"y"`}},
	} {
		_, err := plan(t, load(t, "kubernetes"), tt.sel)
		if err == nil {
			t.Errorf("%+v was taken", tt.sel)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(tt.want) {
			t.Errorf("%+v: %d problems, want %d:\n%v", tt.sel, len(lines), len(tt.want), err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q does not say %q", tt.sel, err, want)
			}
		}
	}
}

func TestVersionsGoToTheirChannels(t *testing.T) {
	t.Parallel()
	p, err := plan(t, load(t, "kep-1731"), profile.Selection{
		Channels: []string{"stable", "dev", "nightly"}, Minors: []string{"1.26"}, Formats: []string{"deb"},
		Versions: []string{"v1.26.0", "1.26.1", "1.26.1-rc.0", "1.26.2-alpha.1.45+0123abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"stable": {"1.26.0", "1.26.1"}, "dev": {"1.26.1-rc.0"}, "nightly": {"1.26.2-alpha.1.45+0123abc"},
	}
	for _, x := range p.Targets {
		if diff := cmp.Diff(want[x.Target.Channel], x.Package("kubelet").Versions); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.Target.Channel, diff)
		}
		if got := x.Package("cri-tools").Versions; got != nil {
			t.Errorf("%s: cri-tools must have versions of its own, got %v", x.Target.Channel, got)
		}
	}
}

func TestSpecNamesAreUniqueAndStable(t *testing.T) {
	t.Parallel()
	sel := profile.Selection{Channels: []string{"stable", "dev"}, Minors: []string{"1.26", "1.27"}}
	p, err := plan(t, load(t, "kep-1731"), sel)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, s := range p.Specs() {
		if seen[s.Name()] {
			t.Errorf("%s is there twice", s.Name())
		}
		seen[s.Name()] = true
		for _, l := range s.Labels() {
			if strings.ContainsAny(l, "&|!,()/") {
				t.Errorf("label %q holds a character of the filter language", l)
			}
		}
	}
	if !seen["deb/stable/1.26 apt-release-signed"] || !seen["rpm/dev/1.27 rpm-dnf4 arm64 install-latest"] {
		t.Error("the names of specs have changed: TestGrid rows will not line up")
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		channel, text string
		want          []string
	}{
		{"stable", "v1.26.2\n", []string{"1.26.0", "1.26.1", "1.26.2"}},
		{"stable", "v1.26.2-rc.0", nil},
		{"stable", "v1.27.0", nil},
		{"stable", "v1.26.99999999999999999999", nil},
		{"stable", "<html>", nil},
		{"dev", "v1.26.0-rc.1", []string{"1.26.0-rc.1"}},
		{"dev", "v1.26.5", nil},
	} {
		p, err := plan(t, load(t, "kubernetes"), profile.Selection{Channels: []string{tt.channel}, Minors: []string{"1.26"}, Formats: []string{"deb"}})
		if err != nil {
			t.Fatal(err)
		}
		e := p.Targets[0]
		if err := e.SetLatest(tt.text); (err != nil) != (tt.want == nil) {
			t.Errorf("%s %q: %v", tt.channel, tt.text, err)
		}
		if diff := cmp.Diff(tt.want, e.Package("kubelet").Versions); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", tt.channel, tt.text, diff)
		}
	}
}

// TestDistributions: those of the profile, unless others are asked for by name.
func TestDistributions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		asked, want []string
	}{
		{nil, []string{"deb-stable-1.30-debian-12-amd64", "rpm-stable-1.30-rpm-dnf4-amd64"}},
		{[]string{"debian-12"}, []string{"deb-stable-1.30-debian-12-amd64"}},
		{[]string{"rpm-zypper", "rpm-dnf5"}, []string{"rpm-stable-1.30-rpm-dnf5-amd64", "rpm-stable-1.30-rpm-zypper-amd64"}},
	} {
		p, err := plan(t, load(t, "kubernetes"), profile.Selection{
			Channels: []string{"stable"}, Minors: []string{"1.30"}, Arches: []string{"amd64"}, Distros: tt.asked,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range p.Cells {
			got = append(got, c.Cell.ID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.asked, diff)
		}
	}
}
