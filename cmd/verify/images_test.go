package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// pushed starts a registry that has an image for each platform under
// distro:1, and returns its host.
func pushed(t *testing.T, platforms ...v1.Platform) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	var index v1.ImageIndex = empty.Index
	for _, p := range platforms {
		img, err := random.Image(3000, 2)
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: p.OS, Architecture: p.Architecture, RootFS: rootFS(t, img)}); err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	ref, err := name.ParseReference(host + "/distro:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	return host
}

func rootFS(t *testing.T, img v1.Image) v1.RootFS {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS
}

// ends runs verify and returns its exit code, standard output and error.
func ends(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), streams{in: strings.NewReader(""), out: &stdout, err: &stderr}, args)
	return code, stdout.String(), stderr.String()
}

// TestImages pulls an image of a user's own distribution, and sees in the list
// where it would come from before and after.
func TestImages(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	host := pushed(t, v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"})
	own := filepath.Join(t.TempDir(), "own.yaml")
	text := "distributions:\n- {name: mine, title: My own, manager: apt, reference: '" + host + "/distro:1', architectures: [amd64, arm64, s390x], end_of_life: 2020-01-31}\n" +
		"- {name: away, title: Away, manager: apt, reference: '" + host + "/none:1', architectures: [amd64]}\n"
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	listed := func() imageRow {
		var rows []imageRow
		if err := json.Unmarshal([]byte(said(t, "images", "list", "--json", "--catalogue", own)), &rows); err != nil {
			t.Fatal(err)
		}
		return rows[len(rows)-2]
	}
	if before := listed(); before.Name != "mine" || before.From[repo.ARM64] != "registry" || !before.Ended {
		t.Errorf("before: %+v", before)
	}
	out := said(t, "images", "pull", "mine", "--arch", "amd64,aarch64", "--catalogue", own)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "mine amd64 "+host+"/distro:1@sha256:") || !strings.HasPrefix(lines[1], "mine arm64 ") {
		t.Errorf("pull said\n%s", out)
	}
	if after := listed(); after.From[repo.ARM64] != "pulled" || after.From[repo.S390X] != "registry" {
		t.Errorf("after: %+v", after)
	}
	table := said(t, "images", "list", "--catalogue", own, "--arch", "arm64")
	for _, want := range []string{"FROM (arm64)", "2020-01-31 (ended)", "pulled", "debian-12", "build "} {
		if !strings.Contains(table, want) {
			t.Errorf("want %q in\n%s", want, table)
		}
	}
	// One that cannot be had does not keep the others from being pulled.
	code, out, errs := ends(t, "images", "pull", "away", "mine", "--arch", "amd64", "--catalogue", own)
	if code != exitBlocked || !strings.HasPrefix(out, "mine amd64 ") || !strings.Contains(errs, "away for amd64") || !strings.Contains(errs, "NAME_UNKNOWN") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	if code, _, errs = ends(t, "images", "pull", "mine", "--arch", "s390x", "--catalogue", own); code != exitBlocked || !strings.Contains(errs, "it has linux/amd64, linux/arm64/v8") {
		t.Errorf("a platform that is not there: exit %d\n%s", code, errs)
	}
	if out := said(t, "images", "prune", "--catalogue", own); out != "" {
		t.Errorf("what is wanted was pruned:\n%s", out)
	}
}

func TestImagesUsage(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("distributions: [{name: x, titel: X}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"images", "pull", "rpm-dnf4"}, "verify images build rpm-dnf4"},
		{[]string{"images", "build", "fedora-44"}, "its image is quay.io/fedora/fedora:44"},
		{[]string{"images", "build", "nothing"}, `"nothing" is not in the catalogue`},
		{[]string{"images", "pull", "oracle-9", "--arch", "s390x,vax"}, "oracle-9 is there for amd64, arm64"},
		{[]string{"images", "pull", "--registry-mirror", "docker.io"}, "write REGISTRY=HOST"},
		{[]string{"images", "list", "--catalogue", bad}, "titel"},
		{[]string{"images", "list", "--arch", "vax"}, `--arch "vax"`},
		{[]string{"list", "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--catalogue", bad}, "--catalogue: " + bad},
		{[]string{"--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--image", "debian-12=engine:"}, `--image "debian-12=engine:"`},
		{[]string{"--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--registry-mirror", "x="}, "--registry-mirror: "},
	} {
		code, out, errs := ends(t, tc.args...)
		if code != exitUsage || out != "" || !strings.Contains(errs, tc.want) {
			t.Errorf("verify %s: exit %d, want %q in\n%s%s", strings.Join(tc.args, " "), code, tc.want, out, errs)
		}
	}
	own := filepath.Join(t.TempDir(), "own.yaml")
	text := "distributions:\n- {name: mine, title: My own, manager: apt, reference: r.example.org/x, architectures: [amd64]}\n"
	if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := said(t, "list", "--channel", "stable", "--minor", "1.26", "--versions", "1.26.0", "--catalogue", own, "--distro", "mine", "--suite", "install")
	if !strings.Contains(plan, "mine") || strings.Contains(plan, "debian-12") {
		t.Errorf("the plan is not for the user's own distribution:\n%s", plan)
	}
}

// TestNotices tells of ended distributions on which the plan installs, and of
// no other, and puts it where the facts of a cell take it from.
func TestNotices(t *testing.T) {
	t.Parallel()
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	plan := &verify.Plan{}
	for _, name := range []string{"debian-11", "debian-12"} {
		cell := images.NewCell(repo.Target{Format: repo.Deb, Channel: "stable", Minor: "1.26"}, name, repo.AMD64)
		plan.Cells = append(plan.Cells, &verify.CellExpectation{Cell: cell})
	}
	notes := noticesAt(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), plan, all)
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "Debian 11 (bullseye) reached its end of life on 2026-08-31") {
		t.Errorf("got %q", notes)
	}
	leap, _ := images.Find(all, "opensuse-leap-15.6")
	if !strings.Contains(leap.Notice, "2026-04-30") {
		t.Errorf("got %q", leap.Notice)
	}
}
