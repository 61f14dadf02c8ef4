package crawl_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// publishing is a repository that changes while it is read: before the n-th
// request for a path its change runs.
type publishing struct {
	*memory
	path   string
	n      int
	change func(*memory)
}

func (p *publishing) Open(ctx context.Context, path string) (*fetch.Response, error) {
	p.mu.Lock()
	if path == p.path {
		if p.n--; p.n == 0 {
			p.change(p.memory)
		}
	}
	p.mu.Unlock()
	return p.memory.Open(ctx, path)
}

func settle(t *testing.T, src fetch.Source, looks int) (repo.Repository, []string) {
	t.Helper()
	var told []string
	r := crawl.Crawl(t.Context(), src, repo.Target{Format: repo.Deb}, crawl.Options{
		Depth:    func(repo.Package) crawl.Depth { return crawl.Control },
		Settle:   crawl.Settle{Looks: looks},
		Parallel: 1,
		Progress: func(p crawl.Progress) {
			if p.Again != "" {
				told = append(told, p.Again)
			}
		},
	})
	return r, told
}

// TestLooksAgainAtAnIndexThatDoesNotFit: a new Release beside an old Packages
// is a publication in progress until the looks are used up.
func TestLooksAgainAtAnIndexThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, stale := range map[string]func(*memory){
		"stale": func(m *memory) { m.files["Packages"] = append([]byte("\n"), m.files["Packages"]...) },
		"gone":  func(m *memory) { delete(m.files, "Packages"); delete(m.files, "Packages.gz") },
	} {
		m := flat(t)
		whole := map[string][]byte{"Packages": m.files["Packages"], "Packages.gz": m.files["Packages.gz"]}
		stale(m)
		r, told := settle(t, &publishing{memory: m, path: "InRelease", n: 2, change: func(m *memory) {
			for path, data := range whole {
				m.files[path] = data
			}
		}}, 2)
		if len(r.Restarts) != 1 || r.Unsettled != "" || len(told) != 1 || !strings.Contains(told[0], "Packages") {
			t.Errorf("%s: restarts %+v, told %q, unsettled %q; want one", name, r.Restarts, told, r.Unsettled)
		}
		if len(r.Packages) != 3 || !r.Packages[0].Artifact.OK() {
			t.Errorf("%s: packages %v", name, r.Packages)
		}
	}
}

// TestGivesUpLooking: what stays wrong is wrong, and is read all the same.
func TestGivesUpLooking(t *testing.T) {
	t.Parallel()
	for looks := range 3 {
		m := flat(t)
		m.files["Packages.gz"] = append([]byte{}, m.files["Packages.gz"][:100]...)
		r, told := settle(t, m, looks)
		if len(r.Restarts) != looks || len(told) != looks || !strings.Contains(r.Unsettled, "Packages.gz") {
			t.Errorf("%d looks: restarts %+v, told %q, unsettled %q", looks, r.Restarts, told, r.Unsettled)
		}
		if n := m.asked["Packages.gz"]; n != looks+1 {
			t.Errorf("%d looks: asked for the index %d times", looks, n)
		}
		if len(r.Packages) != 3 || !r.Packages[0].Artifact.OK() || m.asked["amd64/aa.deb"] != 1 {
			t.Errorf("%d looks: the packages were not read once: %v", looks, m.asked)
		}
	}
}

// TestRootThatChangesUnderTheCrawl: the packages that are the same before and
// after are not fetched again; those that are new are.
func TestRootThatChangesUnderTheCrawl(t *testing.T) {
	t.Parallel()
	m := flat(t)
	r, _ := settle(t, &publishing{memory: m, path: "amd64/cc.deb", n: 1, change: func(m *memory) {
		dd := m.files["amd64/aa.deb"] // another name will do
		m.files["amd64/dd.deb"] = dd
		m.files["Packages"] = append(m.files["Packages"], stanza("dd", "amd64/dd.deb", dd)...)
		delete(m.files, "Packages.gz")
		m.files["Release"] = release(m.files, "Packages")
	}}, 2)
	if len(r.Restarts) != 1 || !strings.Contains(r.Restarts[0].Why, "Release changed") || r.Unsettled != "" {
		t.Errorf("restarts %+v, unsettled %q", r.Restarts, r.Unsettled)
	}
	if len(r.Packages) != 4 {
		t.Fatalf("%d packages, want 4", len(r.Packages))
	}
	for _, p := range r.Packages {
		if !p.Artifact.OK() || m.asked["amd64/"+p.Name+".deb"] != 1 {
			t.Errorf("%s: %v, asked %d times, want once", p, p.Artifact.Problem, m.asked["amd64/"+p.Name+".deb"])
		}
	}
}

// TestRootsThatDisagree: InRelease and Release of two publications.
func TestRootsThatDisagree(t *testing.T) {
	t.Parallel()
	m := flat(t)
	m.files["InRelease"] = clearsigned(t, release(m.files, "Packages"))
	r, _ := settle(t, m, 1)
	if r.Apt.Inline == nil {
		t.Fatalf("InRelease: %v", r.Apt.InRelease.Problem)
	}
	if len(r.Restarts) != 1 || !strings.Contains(r.Unsettled, "InRelease and Release") {
		t.Errorf("restarts %+v, unsettled %q", r.Restarts, r.Unsettled)
	}
}

// clearsigned signs a text with a key of the moment.
func clearsigned(t *testing.T, text []byte) []byte {
	t.Helper()
	signer, err := openpgp.NewEntity("A", "", "a@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, signer.PrivateKey, nil)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEndsWithItsContext: nobody waits for a repository when the run is over.
func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	m := flat(t)
	m.files["Packages.gz"] = nil
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := crawl.Crawl(ctx, m, repo.Target{Format: repo.Deb}, crawl.Options{
		Settle:   crawl.Settle{Looks: 1, Wait: 1 << 62},
		Progress: func(crawl.Progress) { cancel() },
	})
	if r.Unsettled == "" {
		t.Error("the repository is said to be at rest")
	}
}

// dists is an archive of two architectures and a source, below dists/.
func dists(t *testing.T, byHash bool) *memory {
	t.Helper()
	m := flat(t)
	index := m.files["Packages"]
	for _, path := range []string{"Packages", "Packages.gz", "Release"} {
		delete(m.files, path)
	}
	dir := "dists/stable/updates/"
	lists := map[string][]byte{
		"main/binary-amd64/Packages.gz": packed(t, index), "main/binary-amd64/Packages": index,
		"main/binary-arm64/Packages": []byte("bad"), "main/binary-all/Packages": nil,
		"main/source/Sources": []byte("Package: aa\nBinary: aa\nVersion: 1.0-1\nMaintainer: A <a@example.com>\nArchitecture: any\nFormat: 1.0\nDirectory: pool\n" +
			"Checksums-Sha256:\n " + strings.Repeat("0", 64) + " 3 aa_1.0-1.dsc\nFiles:\n " + strings.Repeat("0", 32) + " 3 aa_1.0-1.dsc\n"),
		"main/Contents-amd64": []byte("big"), "main/i18n/Translation-en": []byte("big"),
	}
	var names []string
	for path := range lists {
		names = append(names, path)
	}
	head := "Suite: stable\nComponents: main\nArchitectures: amd64 arm64\n"
	if byHash {
		head += "Acquire-By-Hash: yes\n"
	}
	text := head + string(release(lists, names...))
	m.files[dir+"Release"] = []byte(text)
	for path, data := range lists {
		m.files[dir+path] = data
	}
	if byHash {
		path := "main/binary-amd64/"
		m.files[dir+path+"by-hash/SHA256/"+digest(lists[path+"Packages.gz"])] = lists[path+"Packages.gz"]
		m.files[dir+path+"Packages.gz"] = []byte("of the next publication")
		delete(m.files, dir+path+"Packages") // listed and not served, as Debian does
	}
	return m
}

func digest(data []byte) string {
	// The line of Release for the data begins with it.
	line := string(release(map[string][]byte{"x": data}, "x"))
	line = line[strings.Index(line, "SHA256:\n ")+len("SHA256:\n "):]
	hex, _, _ := strings.Cut(line, " ")
	return hex
}

// TestDists: below dists/ only what was asked for is read, by its hash where
// the release offers that, and paths of packages begin above.
func TestDists(t *testing.T) {
	t.Parallel()
	for _, byHash := range []bool{false, true} {
		for _, sources := range []bool{false, true} {
			t.Run(fmt.Sprintf("byhash %t sources %t", byHash, sources), func(t *testing.T) {
				t.Parallel()
				m := dists(t, byHash)
				target := repo.Target{Format: repo.Deb, Suite: "stable/updates"}
				r := crawl.Crawl(t.Context(), m, target, crawl.Options{
					Arches: []string{"amd64"}, Sources: sources, Settle: crawl.Settle{Looks: 1},
					Depth: func(repo.Package) crawl.Depth { return crawl.Control },
				})
				if len(r.Packages) != 3 || r.Unsettled != "" || len(r.Restarts) != 0 {
					t.Fatalf("%d packages, want 3; unsettled: %q", len(r.Packages), r.Unsettled)
				}
				for _, p := range r.Packages {
					if !p.Artifact.OK() || !p.Claim.Fits(p.Artifact.Content) {
						t.Errorf("%s: %v", p, p.Artifact.Problem)
					}
				}
				want := 0
				if sources {
					want = 1
				}
				if len(r.Sources) != want {
					t.Errorf("%d sources, want %d", len(r.Sources), want)
				}
				for path := range m.asked {
					for _, not := range []string{"arm64", "Contents", "Translation"} {
						if strings.Contains(path, not) {
							t.Errorf("asked for %s", path)
						}
					}
				}
			})
		}
	}
}
