package reports

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// textOf renders r.
func textOf(t *testing.T, r *Report, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Text(&b, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func allPass() *Report {
	r := reportOf(
		passed("apt-release-signed", "deb/stable/1.26", ""), passed("rpm-repomd-signed", "rpm/stable/1.26", ""),
		passed("install-latest", "deb/stable/1.26", debCell),
	)
	r.Cells = []Cell{{ID: debCell, Platform: "linux/arm64", Emulated: true}}
	return r
}

// unreachable returns forty checks of two targets, blocked by one host: some
// that asked for a file of their own, some that were not even asked.
func unreachable() *Report {
	var results []Result
	for i := range 40 {
		target, format := "deb/stable/1.26", "deb"
		if i%2 == 1 {
			target, format = "rpm/stable/1.26", "rpm"
		}
		r := Result{Check: fmt.Sprintf("check-%02d", i/2), Status: verify.Blocked, Severity: verify.Error, Target: target}
		problem := fmt.Sprintf("https://pkgs.example.org/%s/file-%d: could not be fetched: read tcp 10.0.0.2:%d->10.0.0.9:443: connection reset", format, i, 40000+i)
		if i < 4 {
			r.Message, r.Got = fmt.Sprintf("file-%d could not be had", i), problem
		} else {
			r.Message = problem
		}
		results = append(results, r)
	}
	return reportOf(results...)
}

func interrupted() *Report {
	r := reportOf(passed("apt-release-signed", "deb/stable/1.26", ""))
	r.Interrupted = true
	return r
}

func many() *Report {
	var results []Result
	for i := range 5000 {
		f := finding(fmt.Sprintf("check-%02d", i%40), "deb/stable/1.26", verify.Fail, fmt.Sprintf("message %d", i))
		results = append(results, f)
	}
	return reportOf(results...)
}

// restarted is a run that met a publication in progress.
func restarted() *Report {
	r := allPass()
	again := []repo.Restart{{Why: "Packages.gz is not what InRelease says of it"}}
	r.Repositories = []repo.Repository{
		{Target: target(repo.Deb), Restarts: again},
		{Target: target(repo.RPM), Restarts: append(again, again...), Unsettled: "repodata/repomd.xml changed while the repository was read"},
	}
	return r
}

// holes is a run on a repository that lacks some files, has a wrong one, and
// another one that could not be read.
func holes() *Report {
	hole := finding("packages-published", "deb/stable/1.26", verify.Fail, "kubelet 1.26.1 is missing for s390x")
	hole.Subject = verify.Subject{Package: "kubelet", Version: "1.26.1", Arch: "s390x"}
	wrong := finding("package-checksums", "deb/stable/1.26", verify.Fail, "the file is not the one that the index names")
	wrong.Subject = verify.Subject{Package: "cri-tools", Version: "1.26.0-1.1", Arch: "amd64"}
	known := finding("packages-published", "deb/stable/1.26", verify.Known, "kubelet 1.26.0 is missing for s390x")
	known.Subject = verify.Subject{Package: "kubelet", Version: "1.26.0", Arch: "s390x"}
	r := reportOf(hole, wrong, known, Result{Check: "packages-published", Status: verify.Blocked, Target: "rpm/stable/1.26", Message: "it could not be read"})
	both := []string{"amd64", "s390x"}
	versions := []string{"1.26.0", "1.26.1", "1.26.2"}
	r.Plan.Expected = []Expected{
		{Target: "deb/stable/1.26", Package: "cri-tools", Architectures: both},
		{Target: "deb/stable/1.26", Package: "kubelet", Versions: versions, Architectures: both},
		{Target: "rpm/stable/1.26", Package: "kubelet", Versions: versions, Architectures: []string{"x86_64", "s390x"}},
	}
	have := repo.Repository{Target: target(repo.Deb)}
	for _, arch := range both {
		have.Packages = append(have.Packages, repo.Package{Name: "cri-tools", Version: "1.26.0-1.1", Arch: arch})
		for _, v := range versions {
			if arch == "amd64" || v == "1.26.2" {
				have.Packages = append(have.Packages, repo.Package{Name: "kubelet", Version: v + "-1.1", Arch: arch})
			}
		}
	}
	r.Repositories = []repo.Repository{have, {Target: target(repo.RPM)}}
	return r
}

func TestTextGolden(t *testing.T) {
	t.Parallel()
	files := []string{"/artifacts/report.json", "/artifacts/junit_verify.xml"}
	tests := []struct {
		name      string
		report    *Report
		opts      TextOptions
		firstLine string
	}{
		{"pass", allPass(), TextOptions{Files: files}, "PASS: 3 checks passed in 2 repositories and 1 container"},
		{"mixed", mixed(), TextOptions{Files: files}, "FAIL: 2 checks failed in 2 of 2 repositories"},
		{"mixed-narrow", mixed(), TextOptions{Width: 40, Files: files}, "FAIL: 2 checks failed in 2 of 2"},
		{"blocked", unreachable(), TextOptions{Files: files}, "BLOCKED: could not tell for 20 checks in 2 of 2 repositories"},
		{"interrupted", interrupted(), TextOptions{Files: files}, "INTERRUPTED: stopped before the end; nothing had failed so far"},
		{"many", many(), TextOptions{Files: files}, "FAIL: 40 checks failed in 1 of 2 repositories"},
		{"restarted", restarted(), TextOptions{}, "PASS: 3 checks passed in 2 repositories and 1 container"},
		{"holes", holes(), TextOptions{}, "FAIL: 2 checks failed in 1 of 2 repositories"},
		{"empty", reportOf(), TextOptions{}, "BLOCKED: nothing was checked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := textOf(t, tt.report, tt.opts)
			if first, _, _ := strings.Cut(got, "\n"); first != tt.firstLine {
				t.Errorf("first line %q, want %q", first, tt.firstLine)
			}
			golden(t, "text-"+tt.name+".txt", []byte(got))
		})
	}
}

func TestTextOneHostIsOneBlock(t *testing.T) {
	t.Parallel()
	got := textOf(t, unreachable(), TextOptions{})
	if n := strings.Count(got, "connection reset"); n != 1 {
		t.Errorf("the reason stands %d times, want once:\n%s", n, got)
	}
}

func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	r := many()
	for i := range r.Results {
		r.Results[i].Message += strings.Repeat(" word", 500)
		r.Results[i].Got = strings.Repeat("x", 5000)
	}
	got := textOf(t, r, TextOptions{Files: []string{"/artifacts/report.json"}})
	if len(got) > 100<<10 {
		t.Errorf("%d bytes of text for 5,000 findings, want at most 100 KiB", len(got))
	}
	if !strings.Contains(strings.Join(strings.Fields(got), " "), "more findings, see /artifacts/report.json") {
		t.Errorf("the text does not say how much was left out, and where it is")
	}
}

// TestTextCountsEveryFinding adds up what is shown and what is counted.
func TestTextCountsEveryFinding(t *testing.T) {
	t.Parallel()
	got := textOf(t, many(), TextOptions{})
	shown, left := strings.Count(got, "    message "), 0
	for _, line := range strings.Split(got, "\n") {
		var n int
		line = strings.ReplaceAll(strings.TrimSpace(line), ",", "")
		if _, err := fmt.Sscanf(line, "... and %d more findings", &n); err == nil {
			left += n
		}
	}
	if shown+left != 5000 {
		t.Errorf("%d shown and %d counted, want 5000 together", shown, left)
	}
}

func TestTextHostile(t *testing.T) {
	t.Parallel()
	f := Result{
		Check: hostile, Status: verify.Fail, Target: hostile, Message: hostile, Want: hostile, Got: hostile,
		URL: hostile, Hint: hostile, Evidence: []string{hostile}, Subject: verify.Subject{File: hostile, Cell: hostile},
	}
	b, w, k := f, f, f
	b.Status, w.Status, k.Status = verify.Blocked, verify.Warn, verify.Known
	r := reportOf(f, b, w, k)
	r.Cells = []Cell{{ID: hostile, Platform: hostile, Blocked: &repo.Problem{Text: hostile}}}
	got := textOf(t, r, TextOptions{Files: []string{hostile}})
	if i := strings.IndexFunc(got, func(r rune) bool {
		return r != '\n' && (r < ' ' || r == 0x7f || r == 0xfffd || r == 0x202e || r == 0x2028 || r == 0xffff)
	}); i >= 0 {
		t.Errorf("raw %q in the text", got[i:min(len(got), i+12)])
	}
	if !strings.Contains(got, `\x1b[31mred\x00\xff\u202egpj`) {
		t.Errorf("the control characters are not made visible:\n%s", got)
	}
}

func TestTextWidth(t *testing.T) {
	t.Parallel()
	const long = "https://pkgs.example.org/core:/stable:/v1.26/deb/arm64/kubelet_1.26.3-1.1_arm64.deb"
	for _, width := range []int{40, 60, 80, 120} {
		got := textOf(t, mixed(), TextOptions{Width: width})
		if !strings.Contains(got, long) {
			t.Errorf("width %d: the URL is broken:\n%s", width, got)
		}
		for _, line := range strings.Split(got, "\n") {
			if columns(line) > width && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("width %d: %d columns: %q", width, columns(line), line)
			}
		}
	}
}

func TestTextColor(t *testing.T) {
	t.Parallel()
	plainText := textOf(t, mixed(), TextOptions{})
	if strings.Contains(plainText, "\x1b") {
		t.Error("colours though none were asked for")
	}
	colored := textOf(t, mixed(), TextOptions{Color: true})
	if !strings.HasPrefix(colored, "\x1b[1;31mFAIL") {
		t.Errorf("the verdict is not red: %q", colored[:20])
	}
	for _, st := range []style{bold, red, green, yellow} {
		colored = strings.ReplaceAll(colored, "\x1b["+string(st)+"m", "")
	}
	if colored = strings.ReplaceAll(colored, "\x1b[0m", ""); colored != plainText {
		t.Errorf("without its colours the text is another:\n%s", colored)
	}
}

type brokenWriter struct{}

var errFull = errors.New("no space left")

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

func TestTextWriteError(t *testing.T) {
	t.Parallel()
	if err := allPass().Text(brokenWriter{}, TextOptions{}); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}
