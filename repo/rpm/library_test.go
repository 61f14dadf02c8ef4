package rpm_test

import (
	"bytes"
	"io"
	"os"
	"testing"
	"testing/iotest"

	lib "github.com/cavaliergopher/rpm"
	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo/rpm"
)

// TestAgainstLibrary compares with the library where it can be relied on, and
// shows where it cannot.
func TestAgainstLibrary(t *testing.T) {
	t.Parallel()
	data, _ := small(t)
	want, err := lib.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := rpm.Options{Files: true, Header: true}.Read(bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]string{
		"name": want.Name(), "version": want.Version(), "release": want.Release(), "arch": want.Architecture(),
		"summary": want.Summary(), "license": want.License(), "sourcerpm": want.SourceRPM(), "buildhost": want.BuildHost(),
	} {
		if got.Fields.Value(field) != value {
			t.Errorf("%s: %q, the library has %q", field, got.Fields.Value(field), value)
		}
	}
	type file struct {
		path, owner, digest string
		size                int64
	}
	var theirs, ours []file
	for _, f := range want.Files() {
		theirs = append(theirs, file{f.Name(), f.Owner(), f.Digest(), f.Size()})
	}
	files, err := got.Header.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ours = append(ours, file{f.Path, f.Owner, f.Digest, f.Size})
	}
	if diff := cmp.Diff(theirs, ours, cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("library (-), header (+):\n%s", diff)
	}

	// The reasons for not using it. Once they are gone it may be looked at again.
	read := func(r io.Reader) (names string, panicked bool) {
		defer func() { panicked = recover() != nil }()
		p, err := lib.Read(r)
		if err != nil {
			return "", false
		}
		p.Files()
		return p.Name(), false
	}
	if name, _ := read(iotest.OneByteReader(bytes.NewReader(data))); name == "small" {
		t.Error("the library reads from a slow reader now")
	}
	six, err := os.ReadFile("testdata/v6.rpm")
	if err != nil {
		t.Fatal(err)
	}
	if _, panicked := read(bytes.NewReader(six)); !panicked {
		t.Error("the library reads the files of rpm 6 now")
	}
}
