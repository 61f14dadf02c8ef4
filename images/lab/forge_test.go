package lab

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/images/tamper"
	"sigs.k8s.io/pkgverify/repo"
)

// TestUnsignedPackage asks the tools that own the formats whether the copy with an
// unsigned package is what it says: rpmkeys finds no signature and all digests,
// createrepo_c's index has the checksum, and gpg verifies the metadata.
func TestUnsignedPackage(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	dir := rpmTree(t, s, repo.AMD64, pkg{name: "kubeadm", version: "1.26.1"}, pkg{name: "kubeadm", version: "1.26.10"}, pkg{name: "kubelet", version: "1.26.1"})
	copies, err := tamper.Open(t.Context(), tamper.Options{Format: repo.RPM, Root: serve(t, dir), Key: s.public()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = copies.Close() })
	if err := copies.Forge(t.Context(), "cri-tools", "x86_64"); !errors.Is(err, tamper.ErrNoPackage) {
		t.Errorf("of a package that is not there: want ErrNoPackage, got %v", err)
	}
	before := len(copies.Trials())
	if err := copies.Forge(t.Context(), "kubeadm", "x86_64"); err != nil {
		t.Fatal(err)
	}
	trials := copies.Trials()
	if len(trials) != before+2 || !trials[before].Control || trials[before+1].Control || trials[before+1].Name != "unsigned-package" {
		t.Fatalf("got %+v", trials)
	}
	for i, signed := range []bool{true, false} {
		trial := trials[before+i]
		mirror := t.TempDir()
		fetch := func(name string) string {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, trial.URL+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			data, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s%s: %s, %v", trial.URL, name, resp.Status, err)
			}
			path := filepath.Join(mirror, name)
			write(t, path, data, 0o644)
			return path
		}
		// The newest is the one; the others are untouched.
		for name, has := range map[string]bool{"kubeadm-1.26.10": signed, "kubeadm-1.26.1": true, "kubelet-1.26.1": true} {
			cmd := exec.CommandContext(t.Context(), tool(t, "rpmkeys"), "-Kv", "--dbpath", t.TempDir(), fetch("x86_64/"+name+"-150500.1.1.x86_64.rpm"))
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			out, _ := cmd.CombinedOutput() // the database has no key, so it never says yes
			if got := bytes.Contains(out, []byte("Signature, key ID")); got != has {
				t.Errorf("%s: %s: signed: %v, want %v\n%s", trial.Name, name, got, has, out)
			}
			if !bytes.Contains(out, []byte("Header SHA256 digest: OK")) || !bytes.Contains(out, []byte("Payload SHA256 digest: OK")) || bytes.Contains(out, []byte("BAD")) {
				t.Errorf("%s: %s: its digests must be right\n%s", trial.Name, name, out)
			}
		}
		// The chain of trust: the key verifies repomd.xml, which has the checksums of
		// the indexes, of which primary has those of the packages.
		repomd := fetch("repodata/repomd.xml")
		home := t.TempDir()
		sh(t, mirror, nil, "gpg", "--homedir", home, "--batch", "--import", fetch("repodata/repomd.xml.key"))
		sh(t, mirror, nil, "gpg", "--homedir", home, "--batch", "--verify", fetch("repodata/repomd.xml.asc"), repomd)
		text, err := os.ReadFile(repomd)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), `href="`) {
			if name, _, ok := strings.Cut(part, `"`); ok && strings.HasPrefix(name, "repodata/") {
				sum, _, _ := strings.Cut(filepath.Base(fetch(name)), "-")
				if got := sh(t, mirror, nil, "sha256sum", name); !strings.HasPrefix(string(got), sum) {
					t.Errorf("%s: its checksum is %s", name, got)
				}
			}
		}
		sums := string(sh(t, mirror, nil, "sh", "-c", "zcat repodata/*-primary.xml.gz"))
		for line := range strings.Lines(string(sh(t, mirror, nil, "sh", "-c", "sha256sum x86_64/*.rpm"))) {
			if sum := strings.Fields(line)[0]; !strings.Contains(sums, ">"+sum+"<") {
				t.Errorf("%s: the index does not have %s", trial.Name, line)
			}
		}
	}
}
