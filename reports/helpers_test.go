package reports

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds got against testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./reports -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test ./reports -update accepts it):\n%s", path, diff)
	}
}

func target(f repo.Format) repo.Target {
	const minor = "1.26"
	return repo.Target{
		Format: f, Channel: "stable", Minor: minor,
		URL: fmt.Sprintf("https://pkgs.example.org/core:/stable:/v%s/%s/", minor, f),
	}
}

// reportOf returns a report of two repositories with the results.
func reportOf(results ...Result) *Report {
	start := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	return &Report{
		Schema: Schema, Tool: Tool{Version: "1.0.0", Commit: "abc", Go: "go1.26"},
		Started: start, Finished: start.Add(90 * time.Second),
		Plan: Plan{
			Profile: "kubernetes", Channels: []string{"stable"}, Minors: []string{"1.26"},
			Targets: []repo.Target{target(repo.Deb), target(repo.RPM)},
		},
		Summary: Summarise(results), Results: results,
	}
}

func passed(check, target, cell string) Result {
	return Result{
		Check: check, Status: verify.Pass, Severity: verify.Error, Target: target,
		Subject: verify.Subject{Cell: cell}, Message: "all as it should be", Duration: 1.5,
	}
}

func finding(check, target string, s verify.Status, message string) Result {
	return Result{
		Check: check, Status: s, Severity: verify.Error, Target: target, Message: message,
		Subject: verify.Subject{Package: "kubelet", Version: "1.26.3-1.1", Arch: "arm64"},
		Want:    "sha256 aaaa", Got: "sha256 bbbb", URL: "https://pkgs.example.org/core:/stable:/v1.26/deb/arm64/kubelet_1.26.3-1.1_arm64.deb",
		Hint: "publish the package anew", Evidence: []string{"line 12 of Packages", "line 1\nline 2"}, Duration: 2,
	}
}

const (
	debCell = "deb-stable-1.26-debian-12-arm64"
	rpmCell = "rpm-stable-1.26-opensuse-leap-15-amd64"
)

// mixed returns a report with every status.
func mixed() *Report {
	f := finding("install-latest", "deb/stable/1.26", verify.Fail, "kubelet --version says v1.26.2")
	f.Subject.Cell, f.Subject.Distro = debCell, "debian-12"
	b := Result{
		Check: "install-setup", Status: verify.Blocked, Severity: verify.Error, Target: "rpm/stable/1.26",
		Subject: verify.Subject{Cell: rpmCell}, Message: "no image for opensuse-leap-15",
	}
	other := finding("package-checksums", "deb/stable/1.26", verify.Fail, "the file is not the one that the index names")
	other.Subject.Arch = "s390x"
	known := finding("apt-release-complete", "deb/stable/1.26", verify.Known, "Release has no Suite")
	known.Evidence = append([]string{"known issue: OBS writes none (https://example.org/issue/1; until 2024-12-31)"}, known.Evidence...)
	r := reportOf(
		passed("apt-release-signed", "deb/stable/1.26", ""),
		finding("package-checksums", "deb/stable/1.26", verify.Fail, "the file is not the one that the index names"),
		other,
		finding("package-checksums", "rpm/stable/1.26", verify.Fail, "the file is not the one that the index names"),
		finding("key-current", "deb/stable/1.26", verify.Warn, "the key ends in 20 days"),
		known,
		Result{Check: "minor-policy", Status: verify.Skipped, Severity: verify.Error, Target: "rpm/stable/1.26", Message: "not asked, see rpm-index-checksums: broken"},
		Result{Check: "rpm-repomd-signed", Status: verify.NotApplicable, Target: "deb/stable/1.26"},
		passed("install-list", "deb/stable/1.26", debCell), f, b,
	)
	r.Cells = []Cell{
		{ID: debCell, Platform: "linux/arm64", Emulated: true, Engine: "docker"},
		{ID: rpmCell, Platform: "linux/amd64", Blocked: &repo.Problem{Kind: repo.Unreachable, Text: "no image"}},
	}
	return r
}

const hostile = "a\x1b[31mred\x00\xff\u202egpj\r\nnext ]]> <b>&\"' \uffff\u2028end"
