package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sigs.k8s.io/pkgverify/repo"
)

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	r := mixed()
	r.Repositories = []repo.Repository{
		{Target: target(repo.Deb), Packages: []repo.Package{
			{Name: "kubelet", Version: "1.26.3-1.1", Artifact: &repo.Artifact{Scripts: []string{"postinst"}}}, {Name: "kubectl"},
		}},
		{Target: target(repo.RPM), RPM: &repo.RPMMD{}},
	}
	data, err := jsonOf(r)
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := marshal(r.filled(), ""); err != nil || !bytes.Equal(data, whole) {
		t.Errorf("written piece by piece it is not what it is at once: %v (-at once +in pieces):\n%s", err, cmp.Diff(string(whole), string(data)))
	}
	got, err := Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("report read back (-want +got):\n%s", diff)
	}
	again, err := jsonOf(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again) {
		t.Error("written again, the bytes differ")
	}
}

func jsonOf(r *Report) ([]byte, error) {
	var b bytes.Buffer
	err := r.WriteJSON(&b)
	return b.Bytes(), err
}

// text writes a string, for WriteFile.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestJSONEmpty(t *testing.T) {
	t.Parallel()
	data, err := jsonOf(&Report{Schema: Schema, Cells: []Cell{{ID: "a<b"}}})
	if err != nil {
		t.Fatal(err)
	}
	if s := string(data); strings.Contains(s, "null") || !strings.Contains(s, "a<b") {
		t.Errorf("a list is null, or a sign is escaped:\n%s", s)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole := `{"schema":"pkgverify/report/v1"}`
	isSchema := func(want string) func(error) bool {
		return func(err error) bool {
			var s *SchemaError
			return errors.As(err, &s) && s.Got == want && strings.Contains(err.Error(), Schema)
		}
	}
	isSyntax := func(err error) bool {
		var s *json.SyntaxError
		return errors.As(err, &s)
	}
	tests := map[string]struct {
		in    string
		limit int64
		want  func(error) bool
	}{
		"other schema":  {`{"schema":"pkgverify/report/v2","new":1}`, 100, isSchema("pkgverify/report/v2")},
		"no schema":     {`{}`, 100, isSchema("")},
		"cut short":     {whole[:20], 100, isSyntax},
		"trailing data": {whole + "{}", 100, isSyntax},
		"unknown field": {`{"schema":"pkgverify/report/v1","more":1}`, 100, func(err error) bool { return err != nil && strings.Contains(err.Error(), `"more"`) }},
		"too large":     {whole + " ", int64(len(whole)), func(err error) bool { return errors.Is(err, ErrReportTooLarge) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(strings.NewReader(tt.in), tt.limit); !tt.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
	if _, err := read(strings.NewReader(whole), int64(len(whole))); err != nil {
		t.Errorf("at the bound: %v", err)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "artifacts")
	for _, content := range []string{"old", "new"} {
		if err := WriteFile(dir, "report.json", text(content)); err != nil {
			t.Fatal(err)
		}
	}
	// A folder in the way makes the rename fail after the data was written.
	if err := os.MkdirAll(filepath.Join(dir, "taken", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(dir, "taken", text("x")); err == nil {
		t.Error("no error where a folder is in the way")
	}
	for _, name := range []string{"", ".", "..", "a/b", "../x"} {
		if err := WriteFile(dir, name, text("")); err == nil {
			t.Errorf("%q was taken as a file name", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{"report.json", "taken"}, left); diff != "" {
		t.Errorf("files left (-want +got):\n%s", diff)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "report.json")); err != nil || string(got) != "new" {
		t.Errorf("content %q, %v", got, err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	r := mixed()
	for _, v := range []string{"1.26.3-1.1", "1.26.15-1.1", "1.26.15~rc.0-1.1", "1.27.1-1.1", "bad version"} {
		r.Repositories = append(r.Repositories, repo.Repository{Packages: []repo.Package{{Version: v}}})
	}
	got := metadataOf(t, r)
	want := map[string]string{
		"job-version": "v1.26.15", "verdict": "fail", "interrupted": "false", "tool": "1.0.0", "profile": "kubernetes",
		"channels": "stable", "minors": "1.26", "pass": "2", "warn": "1", "fail": "4", "blocked": "1", "known": "1", "skipped": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	r.Plan.Versions = []string{"1.26.0", "v1.26.1"}
	if got := metadataOf(t, r)["job-version"]; got != "v1.26.0,v1.26.1" {
		t.Errorf("job-version %q for named versions", got)
	}
	if got, there := metadataOf(t, reportOf())["job-version"]; there {
		t.Errorf("job-version %q where nothing is known", got)
	}
}

func metadataOf(t *testing.T, r *Report) map[string]string {
	t.Helper()
	data, err := r.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
