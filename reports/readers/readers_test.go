package readers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	configpb "github.com/GoogleCloudPlatform/testgrid/pb/config"
	statepb "github.com/GoogleCloudPlatform/testgrid/pb/state"
	statuspb "github.com/GoogleCloudPlatform/testgrid/pb/test_status"
	"github.com/GoogleCloudPlatform/testgrid/pkg/updater"
	"github.com/GoogleCloudPlatform/testgrid/util/gcs"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/spyglass/api"
	spyglass "sigs.k8s.io/prow/pkg/spyglass/lenses/junit"
)

// days is how many runs the golden files are of.
const days = 3

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func path(t *testing.T, s string) gcs.Path {
	t.Helper()
	p, err := gcs.NewPath(s)
	if err != nil {
		t.Fatal(err)
	}
	return *p
}

// grid returns what TestGrid's updater makes of the runs, newest first.
func grid(t *testing.T) *statepb.Grid {
	t.Helper()
	b := &bucket{objects: map[string][]byte{}}
	put := func(name string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.objects[name] = data
	}
	for n := 1; n <= days; n++ {
		folder := fmt.Sprintf("logs/ci-pkgverify/%d/", 1000+n)
		start := time.Now().Add(time.Duration(n-days-1) * 24 * time.Hour).Unix()
		var metadata map[string]any
		if err := json.Unmarshal(read(t, fmt.Sprintf("day-%d.json", n)), &metadata); err != nil {
			t.Fatal(err)
		}
		passed, result := n == 1, "FAILURE"
		if passed {
			result = "SUCCESS"
		}
		// Prow's sidecar merges metadata.json into finished.json.
		put(folder+"started.json", map[string]any{"timestamp": start})
		put(folder+"finished.json", map[string]any{"timestamp": start + 60, "passed": passed, "result": result, "metadata": metadata})
		b.objects[folder+"artifacts/junit_verify.xml"] = read(t, fmt.Sprintf("day-%d.xml", n))
	}
	group := &configpb.TestGroup{
		Name: "ci-pkgverify", DaysOfResults: 14,
		ResultSource: &configpb.TestGroup_ResultSource{ResultSourceConfig: &configpb.TestGroup_ResultSource_GcsConfig{
			GcsConfig: &configpb.GCSConfig{GcsPrefix: "bucket/logs/ci-pkgverify"},
		}},
		ColumnHeader: []*configpb.TestGroup_ColumnHeader{{ConfigurationValue: "Commit"}},
	}
	log := logrus.New()
	log.SetLevel(logrus.ErrorLevel)
	at := path(t, "gs://bucket/grid/ci-pkgverify")
	update := updater.GCS(b, time.Minute, time.Minute, 2, true, updater.SortStarted)
	if _, err := update(t.Context(), log, b, group, at); err != nil {
		t.Fatal(err)
	}
	g, _, err := gcs.DownloadGrid(t.Context(), b, at)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// statuses decodes a row: pairs of a status and how often it comes.
func statuses(row *statepb.Row) []statuspb.TestStatus {
	var out []statuspb.TestStatus
	for i := 0; i+1 < len(row.Results); i += 2 {
		for range row.Results[i+1] {
			out = append(out, statuspb.TestStatus(row.Results[i]))
		}
	}
	return out
}

// TestTestGrid: over the days each check is one row, the columns are headed by
// the versions that were looked at, and a cell says its verdict.
func TestTestGrid(t *testing.T) {
	g := grid(t)
	if len(g.Columns) != days {
		t.Fatalf("%d columns, want %d", len(g.Columns), days)
	}
	for i, c := range g.Columns {
		if want := fmt.Sprintf("v1.26.%d", days-i); !slices.Contains(c.Extra, want) {
			t.Errorf("column %d is headed %q, want %s", i, c.Extra, want)
		}
	}
	const (
		pass  = statuspb.TestStatus_PASS
		fail  = statuspb.TestStatus_FAIL
		skips = statuspb.TestStatus_PASS_WITH_SKIPS
	)
	want := map[string][]statuspb.TestStatus{ // newest first
		"pkgverify.deb/stable/1.26 apt-release-signed":             {fail, pass, pass},
		"pkgverify.deb/stable/1.26 package-checksums":              {pass, fail, pass},
		"pkgverify.deb/stable/1.26 debian-12 arm64 install-latest": {skips, pass, pass},
		"pkgverify.deb/stable/1.26 key-current":                    {skips, skips, skips},
		// TestGrid's own rows: Prow's verdict, and podinfo.json, which is not here.
		"ci-pkgverify.Pod":     {statuspb.TestStatus_UNKNOWN, statuspb.TestStatus_UNKNOWN, statuspb.TestStatus_UNKNOWN},
		"ci-pkgverify.Overall": {fail, fail, pass},
	}
	for _, row := range g.Rows {
		expected, ok := want[row.Name]
		if !ok {
			t.Errorf("row %q, which nobody expected: %v", row.Name, statuses(row))
			continue
		}
		delete(want, row.Name)
		if got := statuses(row); !slices.Equal(got, expected) {
			t.Errorf("%s: %v, want %v", row.Name, got, expected)
		}
		for _, m := range row.Metrics {
			if m.Name != "test-duration-minutes" { // a number of ours that became one
				t.Errorf("%s has the metric %s", row.Name, m.Name)
			}
		}
		verdicts := map[string]string{"apt-release-signed": "BLOCKED: ", "package-checksums": "FAIL: ", "install-latest": "SKIPPED: ", "key-current": "KNOWN: "}
		for suffix, verdict := range verdicts {
			if !strings.HasSuffix(row.Name, suffix) {
				continue
			}
			if i := slices.IndexFunc(row.Messages, func(m string) bool { return m != "" }); i < 0 || !strings.HasPrefix(row.Messages[i], verdict) {
				t.Errorf("%s says %q, want %q first", row.Name, row.Messages, verdict)
			}
		}
	}
	for name := range want {
		t.Errorf("no row %q", name)
	}
}

// artifact is a file of a job, as Spyglass reads it.
type artifact struct{ data []byte }

var errUnused = errors.New("the lens does not ask this")

func (artifact) ReadAt([]byte, int64) (int, error)      { return 0, errUnused }
func (artifact) ReadAtMost(int64) ([]byte, error)       { return nil, errUnused }
func (artifact) ReadTail(int64) ([]byte, error)         { return nil, errUnused }
func (artifact) Metadata() (map[string]string, error)   { return nil, errUnused }
func (artifact) UpdateMetadata(map[string]string) error { return errUnused }
func (artifact) CanonicalLink() string                  { return "https://prow.example.org/junit_verify.xml" }
func (artifact) JobPath() string                        { return "artifacts/junit_verify.xml" }
func (a artifact) ReadAll() ([]byte, error)             { return a.data, nil }
func (a artifact) Size() (int64, error)                 { return int64(len(a.data)), nil }

// template shows what the lens made of a file; the lens's own page shows the
// same fields.
const template = `{{define "body"}}{{.NumTests}} tests
{{range .Failed}}{{range .Junit}}failed {{.Name}}
{{end}}{{end}}{{range .Skipped}}{{range .Junit}}skipped {{.Name}}: {{.SkippedReason}}
{{end}}{{end}}{{range .Passed}}{{range .Junit}}passed {{.Name}}
{{end}}{{end}}{{range .Flaky}}flaky
{{end}}{{end}}`

func TestSpyglass(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "template.html"), []byte(template), 0o644); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int][]string{
		1: {"4 tests", "passed deb/stable/1.26 apt-release-signed", "passed deb/stable/1.26 package-checksums", "skipped deb/stable/1.26 key-current: KNOWN: "},
		2: {"4 tests", "passed deb/stable/1.26 apt-release-signed", "failed deb/stable/1.26 package-checksums"},
		3: {"4 tests", "failed deb/stable/1.26 apt-release-signed", "skipped deb/stable/1.26 debian-12 arm64 install-latest: SKIPPED: "},
	} {
		got := spyglass.Lens{}.Body([]api.Artifact{artifact{read(t, fmt.Sprintf("day-%d.xml", n))}}, dir, "", nil, config.Spyglass{})
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("day %d: no %q in what Spyglass shows:\n%s", n, line, got)
			}
		}
		if strings.Contains(got, "flaky") {
			t.Errorf("day %d: Spyglass takes a check for flaky:\n%s", n, got)
		}
	}
}
