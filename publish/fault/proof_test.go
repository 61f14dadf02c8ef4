package fault_test

import (
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// proof asks whether a tree is broken as it should be.
type proof func(t *testing.T, root string)

// proofs returns a proof for each single fault.
func proofs() map[string]proof {
	return map[string]proof{
		"flip-deb": aptRefusesKubelet, "truncated-deb": aptRefusesKubelet, "appended-deb": aptRefusesKubelet,
		"swapped-debs": aptRefusesKubelet, "older-deb": aptRefusesKubelet, "absent-deb": aptRefusesKubelet,
		"size-off-by-one": aptRefusesKubelet, "wrong-sha256": aptRefusesKubelet, "md5-only-packages": aptRefusesKubelet,

		"flip-rpm": rpmRefuses, "truncated-rpm": rpmRefuses, "appended-rpm": rpmRefuses, "foreign-rpm": rpmRefuses,
		"wrong-payload-digest": rpmRefuses, "changed-payload": rpmRefuses, "other-payload": rpmRefuses,
		"swapped-rpms": rpmIsAnother, "older-rpm": rpmIsAnother, "wrong-package-size": rpmAccepts,
		"absent-rpm":         gone(rpmFile),
		"unsigned-rpm":       rpmSays("Payload SHA256 digest: OK", "Signature"),
		"v3-rpm":             rpmSays("V3 RSA/SHA256 Signature", ""),
		"sha1-signed-rpm":    rpmSays("V4 RSA/SHA1 Signature", ""),
		"header-signed-rpm":  rpmSays("Payload SHA256 digest: NOTFOUND", "    V4 RSA"),
		"no-payload-digest":  rpmSays("Payload SHA256 digest: NOTFOUND", "RSA signature: NOTFOUND"),
		"sha1-header-digest": rpmSays("Header SHA1 digest: OK", "Header SHA256"),

		"missing-arch":         published("Packages", "Architecture: s390x\n", false),
		"rc-in-stable":         published("Packages", "Version: 1.26.3~rc.0-1.1\n", true),
		"other-minor":          published("Packages", "Version: 1.27.0-1.1\n", true),
		"rollback":             published("Packages", "Version: 1.26.1-1.1\n", false),
		"rollback-of-metadata": published("Packages", "Version: 1.26.1-1.1\n", false),
		"duplicate-stanza":     published("Packages", "Filename: again/kubelet_1.26.1-1.1_amd64.deb\n", true),
		"filename-escape":      published("Packages", "Filename: ../deb/amd64/kubelet_1.26.1-1.1_amd64.deb\n", true),
		"incomplete-stanza":    published("Packages", "Package: kubelet-tools\nArchitecture: amd64\n", true),
		"unlisted-arch":        published("Release", "Architectures: amd64\n", true),
		"wrong-origin":         published("Release", "Label: isv:kubernetes:core:stable:v1.27\n", true),
		"wrong-codename":       published("Release", "Codename: sid\n", true),
		"future-date":          published("Release", "Date: Tue Nov 12 04:37:05 2024\n", true),

		"foreign-key": aptRefuses, "text-before": aptRefuses, "text-after": aptRefuses, "text-between": aptRefuses,
		"edited-inrelease": aptRefuses, "other-inrelease": aptRefuses, "stale-inrelease": aptRefuses,
		"index-mismatch": aptRefuses, "older-packages": aptRefuses, "extra-stanza": aptRefuses, "gz-mismatch": aptRefuses,
		"md5-only-release":    aptRefuses,
		"past-valid-until":    releaseHolds("Valid-Until: Wed, 02 Oct 2024 04:37:05 UTC\n"),
		"gz-missing":          gone(debPath + "/Packages.gz"),
		"inrelease-missing":   gone(debPath + "/InRelease"),
		"release-gpg-missing": gone(debPath + "/Release.gpg"),

		"foreign-release-gpg": debSignature("NO_PUBKEY", ""),
		"edited-release":      debSignature("BADSIG", ""),
		"v3-release":          debSignature("GOODSIG", "version 3"),
		"sha1-release":        debSignature("GOODSIG", "digest algo 2"),
		"md5-release":         debSignature("", "digest algo 1,"),

		"repomd-asc-missing":    gone(rpmPath + "/repodata/repomd.xml.asc"),
		"other-repomd-asc":      rpmSignature("BADSIG", ""),
		"edited-repomd":         rpmSignature("BADSIG", ""),
		"v3-repomd":             rpmSignature("GOODSIG", "version 3"),
		"sha1-repomd-signature": rpmSignature("GOODSIG", "digest algo 2"),
		"md5-repomd-signature":  rpmSignature("", "digest algo 1,"),

		"expired-key": aptRefuses, "expired-key-of-deb": aptRefuses, "revoked-key": aptRefuses, "other-key": aptRefuses,
		"truncated-key": aptRefuses, "expiring-key": showsKey("[expired: 2024-11-02]"), // a month after the tests' day
		"release-key-missing": gone(debPath + "/Release.key"),
		"repomd-key-missing":  gone(rpmPath + "/repodata/repomd.xml.key"),
		"sha1-key":            packets(debPath+"/Release.key", "digest algo 2,"),
		"md5-key":             packets(debPath+"/Release.key", "digest algo 1,"),
		"weak-key": func(t *testing.T, root string) {
			showsKey("rsa1024")(t, root)
			if !aptAccepts(t, root, "update") {
				t.Error("apt with gpgv refuses the repository")
			}
			rpmAccepts(t, root)
		},

		"filelists-missing":  dnfRefuses,
		"wrong-open-size":    repomdHolds("", ""),
		"other-primary":      dnfRefuses,
		"reordered-primary":  dnfRefuses,
		"no-open-checksum":   repomdHolds("", ""),
		"filelists-unlisted": repomdHolds("", `type="filelists"`),
		"sha1-repomd":        repomdHolds(`<checksum type="sha">`, "sha256"),
		"future-repomd":      repomdHolds("<revision>1731386225</revision>", ""),
		"older-repomd":       repomdHolds("<revision>1577836800</revision>", ""),
		"other-filelists":    listHolds("filelists", `ver="1.27.1"`, `ver="1.26.1"`),
		"short-filelists":    listHolds("filelists", `ver="1.26.1"`, ""),
		"duplicate-rpm":      listHolds("primary", `href="again/kubelet-1.26.1-150500.1.1.x86_64.rpm"`, ""),
		"wrong-location":     listHolds("primary", `href="moved/x86_64/kubelet-1.26.1-150500.1.1.x86_64.rpm"`, ""),
		"location-escape":    listHolds("primary", `href="../rpm/x86_64/kubelet-1.26.1-150500.1.1.x86_64.rpm"`, ""),
		"location-base":      listHolds("primary", `xml:base="http://packages.pkgverify.invalid/"`, ""),
		"incomplete-element": listHolds("primary", "<name>kubelet-tools</name>", ""),
	}
}

func aptRefuses(t *testing.T, root string) {
	if aptAccepts(t, root, "update") {
		t.Error("apt accepts the repository")
	}
}

func aptRefusesKubelet(t *testing.T, root string) {
	if !aptAccepts(t, root, "update") {
		t.Error("apt refuses the index, which is properly signed")
	}
	if aptAccepts(t, root, "download", "kubelet") {
		t.Error("apt downloads the kubelet")
	}
}

// showsKey asks what gpg says of the key.
func showsKey(text string) proof {
	return func(t *testing.T, root string) {
		out, ok := run(t, root, "gpg", "--homedir", t.TempDir(), "--show-keys", debPath+"/Release.key")
		if !ok || !strings.Contains(out, text) {
			t.Errorf("gpg does not say %q:\n%s", text, out)
		}
	}
}

// published asks for a file that holds a text, or does not, in a repository
// that is properly indexed and signed.
func published(name, text string, want bool) proof {
	return func(t *testing.T, root string) { holds(t, root, name, text, want) }
}

// releaseHolds asks for a Release that is properly signed and holds a text, of
// which apt's word depends on how the machine is configured.
func releaseHolds(text string) proof {
	return func(t *testing.T, root string) {
		debSignature("GOODSIG", "")(t, root)
		data, err := os.ReadFile(filepath.Join(root, debPath, "Release"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), text) {
			t.Errorf("want %q:\n%s", text, data)
		}
	}
}

func gone(name string) proof {
	return func(t *testing.T, root string) {
		if _, err := os.Stat(filepath.Join(root, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func rpmRefuses(t *testing.T, root string) {
	if out, ok := rpmkeys(t, root); ok {
		t.Errorf("rpmkeys accepts the .rpm:\n%s", out)
	}
}

func rpmAccepts(t *testing.T, root string) {
	if out, ok := rpmkeys(t, root); !ok {
		t.Errorf("rpmkeys refuses the .rpm:\n%s", out)
	}
}

// rpmIsAnother asks for an rpm that rpm accepts and the index does not mean.
func rpmIsAnother(t *testing.T, root string) {
	rpmAccepts(t, root)
	data, err := os.ReadFile(filepath.Join(root, rpmFile))
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(list(t, root, "primary"), `<location href="x86_64/`+filepath.Base(rpmFile)+`"/>`)
	entry := before[strings.LastIndex(before, "<package "):]
	if sum := fmt.Sprintf("%x", sha256.Sum256(data)); !found || strings.Contains(entry, sum) {
		t.Errorf("primary lists the file as it is:\n%s", entry)
	}
}

// rpmSays asks for what rpmkeys prints, and does not print.
func rpmSays(text, not string) proof {
	return func(t *testing.T, root string) {
		out, _ := rpmkeys(t, root)
		if !strings.Contains(out, text) || not != "" && strings.Contains(out, not) || strings.Contains(out, "BAD") {
			t.Errorf("want %q and no %q, nothing bad:\n%s", text, not, out)
		}
	}
}

func debSignature(status, packet string) proof {
	return signature(debPath+"/Release.gpg", debPath+"/Release", debPath+"/Release.key", status, packet)
}

func rpmSignature(status, packet string) proof {
	return signature(rpmPath+"/repodata/repomd.xml.asc", rpmPath+"/repodata/repomd.xml", rpmPath+"/repodata/repomd.xml.key", status, packet)
}

// signature asks what gpgv says of a detached signature, and what is in its
// packet.
func signature(name, signed, key, status, packet string) proof {
	return func(t *testing.T, root string) {
		ring := filepath.Join(t.TempDir(), "key.gpg")
		if out, ok := run(t, root, "gpg", "--homedir", t.TempDir(), "--output", ring, "--dearmor", key); !ok {
			t.Fatalf("gpg --dearmor: %s", out)
		}
		out, _ := run(t, root, "gpgv", "--keyring", ring, "--status-fd", "1", name, signed)
		if !strings.Contains(out, status) {
			t.Errorf("gpgv does not say %s:\n%s", status, out)
		}
		if packet != "" {
			packets(name, packet)(t, root)
		}
	}
}

func packets(name, text string) proof {
	return func(t *testing.T, root string) {
		out, ok := run(t, root, "gpg", "--homedir", t.TempDir(), "--list-packets", name)
		if !ok || !strings.Contains(out, text) {
			t.Errorf("%s does not hold %q:\n%s", name, text, out)
		}
	}
}

func dnfRefuses(t *testing.T, root string) {
	if out, ok := dnf(t, root); ok {
		t.Errorf("dnf reads the repository:\n%s", out)
	}
}

// dnf reads every list of the rpm repository, from a place whose name has no
// colon, and reports whether it could.
func dnf(t *testing.T, root string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, rpmPath), filepath.Join(dir, "repo")); err != nil {
		t.Fatal(err)
	}
	return run(t, dir, "dnf", "--installroot", filepath.Join(dir, "root"), "--releasever", "1", "--setopt=reposdir="+dir,
		"--setopt=cachedir="+filepath.Join(dir, "cache"), "--repofrompath=broken,file://"+filepath.Join(dir, "repo"), "--repo=broken",
		"--setopt=broken.skip_if_unavailable=0", "makecache")
}

// repomdHolds asks for a repomd.xml that is properly signed, holds one text and
// not another.
func repomdHolds(text, not string) proof {
	return func(t *testing.T, root string) {
		rpmSignature("GOODSIG", "")(t, root)
		data, err := os.ReadFile(filepath.Join(root, rpmPath, "repodata/repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), text) || not != "" && strings.Contains(string(data), not) {
			t.Errorf("want %q and no %q:\n%s", text, not, data)
		}
	}
}

// listHolds asks the same of a list, which repomd.xml gives as it is.
func listHolds(kind, text, not string) proof {
	return func(t *testing.T, root string) {
		rpmSignature("GOODSIG", "")(t, root)
		xml := list(t, root, kind)
		if !strings.Contains(xml, text) || not != "" && strings.Contains(xml, not) {
			t.Errorf("want %q and no %q:\n%s", text, not, xml)
		}
		repomd, err := os.ReadFile(filepath.Join(root, rpmPath, "repodata/repomd.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(xml))); !strings.Contains(string(repomd), sum) {
			t.Errorf("repomd.xml does not list %s as it is", kind)
		}
	}
}

// list reads the XML of a list of the rpm repository.
func list(t *testing.T, root, kind string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, rpmPath, "repodata", "*-"+kind+".xml.gz"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v", kind, names, err)
	}
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
