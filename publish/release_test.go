package publish

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The head of Release has the bytes that OBS writes: testdata/Release-v1.28 is
// what pkgs.k8s.io served on 2024-10-23.
func TestReleaseHasTheFormOfOBS(t *testing.T) {
	t.Parallel()
	genuine, err := os.ReadFile("testdata/Release-v1.28")
	if err != nil {
		t.Fatal(err)
	}
	layout, err := ParseLayout("kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	got := releaseFile{
		repository:    layout.Repository(Stable, "1.28", Deb),
		architectures: []string{"amd64", "arm64", "s390x", "ppc64el"},
		date:          time.Date(2024, 10, 23, 4, 37, 5, 0, time.UTC),
		files:         []indexFile{{"Packages", []byte("a")}, {"Packages.gz", []byte("b")}},
	}.text()
	wantHead, wantSums, _ := bytes.Cut(genuine, []byte("MD5Sum:"))
	gotHead, gotSums, _ := bytes.Cut(got, []byte("MD5Sum:"))
	if diff := cmp.Diff(string(wantHead), string(gotHead)); diff != "" {
		t.Errorf("head (-genuine +ours):\n%s", diff)
	}
	if diff := cmp.Diff(shape(wantSums), shape(gotSums)); diff != "" {
		t.Errorf("form of the checksums (-genuine +ours):\n%s", diff)
	}
}

// shape writes every run of hexadecimal digits as its kind: a digest by its
// length, any shorter one as a size.
func shape(sums []byte) []string {
	var out []string
	for line := range bytes.Lines(sums) {
		fields := bytes.Fields(line)
		if len(fields) != 3 {
			out = append(out, string(line))
			continue
		}
		indent := line[:len(line)-len(bytes.TrimLeft(line, " "))]
		out = append(out, string(indent)+string(rune('0'+len(fields[0])/8))+" "+string(fields[2]))
	}
	return out
}
