package crawl_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// TestListsBesidePrimary: what filelists and other name is kept for checks, and
// so are the keys that the crawl was given.
func TestListsBesidePrimary(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("ab", sha256.Size)
	files := map[string][]byte{
		"repodata/primary.xml": []byte(`<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1"><package type="rpm">` +
			`<name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="2"/><checksum type="sha256" pkgid="YES">` + id + `</checksum>` +
			`<summary/><description/><packager/><url/><time file="1" build="1"/><size package="9" installed="1" archive="1"/><location href="a.rpm"/>` +
			`<format><rpm:header-range start="1" end="2"/></format></package></metadata>`),
		"repodata/filelists.xml": []byte(`<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="1"><package pkgid="` + id +
			`" name="a" arch="noarch"><version epoch="0" ver="1" rel="2"/><file>/x</file><file>/y</file></package></filelists>`),
		"repodata/other.xml": []byte(`<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="1"><package pkgid="` + id +
			`" name="a" arch="noarch"><version epoch="1" ver="1" rel="2"/><changelog author="x" date="1">y</changelog></package></otherdata>`),
	}
	repomd := `<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>`
	for _, kind := range []string{"primary", "filelists", "other"} {
		path := "repodata/" + kind + ".xml"
		repomd += fmt.Sprintf(`<data type="%s"><checksum type="sha256">%x</checksum><location href="%s"/></data>`, kind, sha256.Sum256(files[path]), path)
	}
	files["repodata/repomd.xml"] = []byte(repomd + `</repomd>`)

	public, err := os.ReadFile("../pgp/testdata/project-key.asc")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(public)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	target := repo.Target{Format: repo.RPM, URL: "memory:"}
	r := crawl.Crawl(t.Context(), &memory{files: files}, target, crawl.Options{Keyring: ring, Now: now})
	if r.RPM.Repomd == nil || len(r.Packages) != 1 {
		t.Fatalf("not read: %+v %+v", r.RPM, r.Packages)
	}
	want := []repo.FilelistEntry{{PkgID: id, Name: "a", Version: "1-2", Arch: "noarch", Files: 2}}
	if diff := cmp.Diff(want, r.RPM.Filelists); diff != "" {
		t.Errorf("filelists (-want +got):\n%s", diff)
	}
	want[0].Version, want[0].Files = "1:1-2", 1
	if diff := cmp.Diff(want, r.RPM.Others); diff != "" {
		t.Errorf("other (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ring.At(now).Keys(), r.PinnedKeys); diff != "" {
		t.Errorf("pinned keys (-want +got):\n%s", diff)
	}
}
