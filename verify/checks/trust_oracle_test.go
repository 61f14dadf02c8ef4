package checks_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/pgp"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// trustChecks are those of this file, which no expectation of packages needs.
func trustChecks() []string {
	return []string{"apt-release-consistent", "rpm-filelists-consistent", "metadata-strong-hash", "metadata-fresh",
		"key-strength", "signature-policy", "rpm-package-digests"}
}

// tool runs a program that the tests cannot do without.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := tryTool(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func tryTool(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, args...) // clean-up runs tools, too
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// workFolder is a temporary folder whose path has no characters that lists of
// repositories end at.
func workFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "trust")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// signingKey is a key in a GnuPG home of its own, whose path is short because
// the agent's socket lies in it.
type signingKey struct {
	home, fingerprint string
	public            []byte
}

func newSigningKey(t *testing.T, algorithm string, more ...string) *signingKey {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	k := &signingKey{home: home}
	t.Cleanup(func() {
		tool(t, "", "gpgconf", "--homedir", home, "--kill", "all")
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	k.gpg(t, "", append(more, "--quick-generate-key", "Test <test@example.org>", algorithm, "sign,cert", "never")...)
	for line := range strings.Lines(k.gpg(t, "", "--with-colons", "--list-keys")) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			k.fingerprint = f[9]
			break
		}
	}
	k.gpg(t, "", "--armor", "--output", filepath.Join(home, "key.asc"), "--export")
	k.public = get(t, filepath.Join(home, "key.asc"))
	return k
}

func (k *signingKey) gpg(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return tool(t, dir, "gpg", append([]string{"--homedir", k.home, "--batch", "--yes", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
}

// judgeTree crawls a folder and returns those of the checks that do not pass, as
// "id=status", and what they found.
func judgeTree(t *testing.T, format repo.Format, dir string, k *signingKey) ([]string, []verify.Finding) {
	t.Helper()
	src, err := fetch.New(dir, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := pgp.ReadKeyring(k.public)
	if err != nil {
		t.Fatal(err)
	}
	e := expectation(format)
	e.Target.URL = dir
	e.Now = time.Now()
	if e.Pinned, err = pgp.ParsePin(k.fingerprint); err != nil {
		t.Fatal(err)
	}
	r := crawl.Crawl(t.Context(), src, e.Target, crawl.Options{
		Keyring: ring, KeyFiles: e.KeyFiles, Now: e.Now, Depth: func(repo.Package) crawl.Depth { return crawl.Control },
	})
	var bad []string
	var found []verify.Finding
	for _, c := range checks.Catalogue() {
		if slices.Contains(trustChecks(), c.ID) && c.Applies(format) {
			res := c.OnRepository(e, &verify.Facts{Repository: &r})
			if res.Status != verify.Pass {
				bad = append(bad, c.ID+"="+string(res.Status))
				found = append(found, res.Findings...)
			}
		}
	}
	return bad, found
}

// debTree is a flat repository of one package.
type debTree struct {
	dir string
	key *signingKey
	// Options of apt-ftparchive packages and release, and of gpg; further fields
	// of the release; changes made to the finished tree.
	packages, release, sign []string
	fields                  string
}

func (d *debTree) build(t *testing.T) {
	t.Helper()
	root := filepath.Join(d.dir, "root")
	put(t, filepath.Join(root, "DEBIAN/control"), "Package: hello\nVersion: 1.0-1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n")
	put(t, filepath.Join(root, "usr/share/hello"), "hello\n")
	tool(t, d.dir, "dpkg-deb", "--root-owner-group", "-b", root, filepath.Join(d.dir, "repo-hello.deb"))
	if err := os.Mkdir(filepath.Join(d.dir, "repo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(d.dir, "repo-hello.deb"), d.path("hello.deb")); err != nil {
		t.Fatal(err)
	}
	put(t, d.path("Packages"), tool(t, d.path("."), "apt-ftparchive", append(d.packages, "packages", ".")...))
	put(t, d.path("Release.key"), string(d.key.public))
	d.index(t)
}

func (d *debTree) path(name string) string { return filepath.Join(d.dir, "repo", name) }

// index makes and signs the release.
func (d *debTree) index(t *testing.T) {
	t.Helper()
	text := tool(t, d.path("."), "apt-ftparchive", append(d.release, "-o", "APT::FTPArchive::Release::Origin=x",
		"-o", "APT::FTPArchive::Release::Architectures=all", "-o", "APT::FTPArchive::Release::Patterns::=Packages", "release", ".")...)
	if at := strings.Index(text, "Date: "); d.fields != "" && strings.HasPrefix(d.fields, "Date: ") {
		end := at + strings.IndexByte(text[at:], '\n') + 1
		text = text[:at] + text[end:]
	}
	put(t, d.path("Release"), d.fields+text)
	d.key.gpg(t, d.path("."), append(d.sign, "--clearsign", "--output", "InRelease", "Release")...)
	d.key.gpg(t, d.path("."), append(d.sign, "--armor", "--detach-sign", "--output", "Release.gpg", "Release")...)
}

// apt returns whether apt takes the repository and downloads its package, and
// what it says.
func (d *debTree) apt(t *testing.T) (bool, string) {
	t.Helper()
	root := t.TempDir()
	put(t, filepath.Join(root, "sources.list"), "deb [signed-by="+d.path("Release.key")+"] file:"+d.path(".")+" ./\n")
	put(t, filepath.Join(root, "status"), "")
	for _, dir := range []string{"lists/partial", "cache/archives/partial", "out"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := []string{"APT::Sandbox::User=root", "Dir::Etc::SourceList=" + root + "/sources.list", "Dir::Etc::SourceParts=/dev/null",
		"Dir::Etc::Parts=/dev/null", "Dir::State=" + root, "Dir::State::Lists=" + root + "/lists", "Dir::State::status=" + root + "/status",
		"Dir::Cache=" + root + "/cache", "APT::Update::Error-Mode=any", "Acquire::Languages=none", "Acquire::Check-Date=true", "Acquire::Check-Valid-Until=true"}
	var args []string
	for _, c := range conf {
		args = append(args, "-o", c)
	}
	out, err := tryTool(t, filepath.Join(root, "out"), "apt-get", append(args, "update")...)
	if err != nil {
		return false, out
	}
	more, err := tryTool(t, filepath.Join(root, "out"), "apt-get", append(args, "download", "hello")...)
	return err == nil, out + more
}

// TestTrustAgainstApt holds the checks of apt's metadata against apt itself:
// whatever apt refuses must fail, and what it takes may only be something that
// it does not look at.
func TestTrustAgainstApt(t *testing.T) {
	t.Parallel()
	key := newSigningKey(t, "rsa2048")
	rfc := func(at time.Time) string { return at.UTC().Format("Mon, 02 Jan 2006 15:04:05") + " UTC" }
	without := func(what string, hashes ...string) []string {
		var args []string
		for _, h := range hashes {
			args = append(args, "-o", "APT::FTPArchive::"+what+h+"=false")
		}
		return args
	}
	for _, tt := range []struct {
		name  string
		tree  debTree
		after func(*testing.T, *debTree)
		want  []string
		takes bool
	}{
		{name: "good", takes: true},
		{name: "SHA-512 alone", tree: debTree{release: without("Release::", "MD5", "SHA1", "SHA256"), packages: without("Packages::", "MD5", "SHA1", "SHA256")}, takes: true},
		{name: "release of MD5 and SHA-1", tree: debTree{release: without("Release::", "SHA256", "SHA512")}, want: []string{"metadata-strong-hash=fail"}},
		{name: "stanzas of MD5", tree: debTree{packages: without("Packages::", "SHA1", "SHA256", "SHA512")}, want: []string{"metadata-strong-hash=fail"}},
		{name: "dated two days ahead", tree: debTree{fields: "Date: " + rfc(time.Now().Add(48*time.Hour)) + "\n"}, want: []string{"metadata-fresh=fail"}},
		{name: "dated six hours ahead", tree: debTree{fields: "Date: " + rfc(time.Now().Add(6*time.Hour)) + "\n"}, want: []string{"metadata-fresh=warn"}},
		{name: "years old", tree: debTree{fields: "Date: " + rfc(time.Now().AddDate(-5, 0, 0)) + "\n"}, takes: true},
		{name: "past its end", tree: debTree{fields: "Valid-Until: " + rfc(time.Now().Add(-time.Hour)) + "\n"}, want: []string{"metadata-fresh=fail"}},
		{name: "before its end", tree: debTree{fields: "Valid-Until: " + rfc(time.Now().Add(time.Hour)) + "\n"}, takes: true},
		{name: "signed by SHA-1", tree: debTree{sign: []string{"--digest-algo", "SHA1"}}, want: []string{"signature-policy=fail"}},
		{name: "signed by SHA-384", tree: debTree{sign: []string{"--digest-algo", "SHA384"}}, takes: true},
		{name: "stale InRelease beside a new Release", after: func(t *testing.T, d *debTree) {
			stale := get(t, d.path("InRelease"))
			d.fields = "Suite: new\n"
			d.index(t)
			put(t, d.path("InRelease"), string(stale))
		}, want: []string{"apt-release-consistent=fail"}, takes: true}, // apt reads no Release
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.tree
			d.dir, d.key = workFolder(t), key
			d.build(t)
			if tt.after != nil {
				tt.after(t, &d)
			}
			got, found := judgeTree(t, repo.Deb, d.path("."), key)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("checks (-want +got):\n%s\n%+v", diff, found)
			}
			if takes, said := d.apt(t); takes != tt.takes {
				t.Errorf("apt takes it: %v, want %v:\n%s", takes, tt.takes, said)
			}
		})
	}
}

// rpmTree is a repository of two packages.
type rpmTree struct {
	dir string
	key *signingKey
}

// newRPMs builds the packages once.
func newRPMs(t *testing.T, dir string, key *signingKey) {
	t.Helper()
	for _, name := range []string{"hello", "world"} {
		spec := filepath.Join(dir, name+".spec")
		put(t, spec, "Name: "+name+"\nVersion: 1.0\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n"+
			"%install\nmkdir -p %{buildroot}/usr/share/"+name+"\necho text > %{buildroot}/usr/share/"+name+"/data\n%files\n/usr/share/"+name+"\n")
		tool(t, dir, "rpmbuild", "-bb", "--define", "_topdir "+dir, "--define", "_rpmdir "+dir+"/rpms", spec)
	}
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Fatal("install gpg (make deps)")
	}
	for _, file := range rpmFiles(t, filepath.Join(dir, "rpms", "noarch")) {
		tool(t, dir, "rpmsign", "--define", "__gpg "+gpg, "--define", "_gpg_name "+key.fingerprint, "--define", "_gpg_path "+key.home, "--addsign", file)
	}
}

func rpmFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.rpm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rpms in %s: %v", dir, err)
	}
	return files
}

// index runs createrepo_c and signs.
func (d *rpmTree) index(t *testing.T, args ...string) {
	t.Helper()
	tool(t, d.dir, "createrepo_c", append(args, ".")...)
	d.sign(t)
}

func (d *rpmTree) sign(t *testing.T) {
	t.Helper()
	d.key.gpg(t, filepath.Join(d.dir, "repodata"), "--armor", "--detach-sign", "--output", "repomd.xml.asc", "repomd.xml")
	put(t, filepath.Join(d.dir, "repodata", "repomd.xml.key"), string(d.key.public))
}

// owner asks dnf which package has a file that only filelists names.
func (d *rpmTree) owner(t *testing.T, path string) string {
	t.Helper()
	work := t.TempDir()
	put(t, filepath.Join(work, "dnf.conf"), "[main]\n")
	return strings.TrimSpace(tool(t, work, "dnf", "repoquery", "--quiet", "--config="+work+"/dnf.conf", "--setopt=reposdir=/dev/null", "--setopt=cachedir="+work+"/cache",
		"--setopt=logdir="+work+"/log", "--setopt=persistdir="+work+"/persist", "--releasever=1", "--forcearch=x86_64",
		"--repofrompath=test,file://"+d.dir, "--repoid=test", "--file", path))
}

// TestTrustAgainstRPMTools holds the checks of rpm-md against what createrepo_c
// writes and what dnf and rpmkeys make of it.
func TestTrustAgainstRPMTools(t *testing.T) {
	t.Parallel()
	key := newSigningKey(t, "rsa2048")
	built := t.TempDir()
	newRPMs(t, built, key)
	const file, hello = "/usr/share/hello/data", "hello-0:1.0-1.noarch"
	fresh := func(t *testing.T, only string) *rpmTree {
		t.Helper()
		d := &rpmTree{workFolder(t), key}
		for _, f := range rpmFiles(t, filepath.Join(built, "rpms", "noarch")) {
			if strings.Contains(filepath.Base(f), only) {
				put(t, filepath.Join(d.dir, filepath.Base(f)), string(get(t, f)))
			}
		}
		return d
	}
	index := func(args ...string) func(*testing.T, *rpmTree) {
		return func(t *testing.T, d *rpmTree) { d.index(t, args...) }
	}
	for _, tt := range []struct {
		name  string
		index func(*testing.T, *rpmTree)
		want  []string
		owner string // of file, as dnf sees it; "-" is not asked, for dnf is slow
		rpm   bool   // rpmkeys takes every package
	}{
		{"createrepo_c", index(), nil, hello, true},
		{"createrepo_c, xz", index("--general-compress-type", "xz"), nil, "-", true},
		{"createrepo_c, names without checksums", index("--simple-md-filenames"), nil, "-", true},
		{"createrepo_c, SHA-512", index("--checksum", "sha512"), nil, "-", true},
		{"createrepo_c, SHA-1, which dnf still takes", index("--checksum", "sha"), []string{"metadata-strong-hash=fail"}, hello, true},
		{"createrepo_c, a text for a revision", index("--revision", "9.4"), nil, "-", true},
		{"createrepo_c, a revision of the future", index("--revision", "4000000000"), []string{"metadata-fresh=fail"}, "-", true},
		{"createrepo_c, dated before the packages", index("--revision", "1500000000", "--set-timestamp-to-revision"), []string{"metadata-fresh=fail"}, "-", true},
		{"no filelists, which dnf reads all the same", func(t *testing.T, d *rpmTree) {
			d.index(t)
			tool(t, d.dir, "modifyrepo_c", "--remove", "filelists", "repodata")
			d.sign(t)
		}, []string{"rpm-filelists-consistent=fail"}, "", true},
		{"filelists of another repository", func(t *testing.T, d *rpmTree) {
			d.index(t)
			other := fresh(t, "world")
			other.index(t, "--simple-md-filenames")
			tool(t, d.dir, "modifyrepo_c", "--remove", "filelists", "repodata")
			tool(t, d.dir, "modifyrepo_c", "--mdtype", "filelists", filepath.Join(other.dir, "repodata", "filelists.xml.gz"), "repodata")
			d.sign(t)
		}, []string{"rpm-filelists-consistent=fail"}, "", true},
		{"a byte of a payload, indexed as it is", func(t *testing.T, d *rpmTree) {
			path := rpmFiles(t, d.dir)[0]
			data := get(t, path)
			data[len(data)-20] ^= 1
			put(t, path, string(data))
			d.index(t)
		}, []string{"rpm-package-digests=fail"}, "-", false},
		{"a digest of the header, indexed as it is", func(t *testing.T, d *rpmTree) {
			path := rpmFiles(t, d.dir)[0]
			digest := strings.TrimSpace(tool(t, d.dir, "rpm", "-qp", "--nosignature", "--qf", "%{SHA256HEADER}", path))
			put(t, path, string(bytes.Replace(get(t, path), []byte(digest), []byte(strings.Repeat("0", len(digest))), 1)))
			d.index(t)
		}, []string{"rpm-package-digests=fail"}, "-", false},
		{"a payload digest under a tag that nobody reads", func(t *testing.T, d *rpmTree) {
			path := rpmFiles(t, d.dir)[0]
			hideTags(t, path, 5092, 5093, 5097)
			d.index(t)
		}, []string{"rpm-package-digests=fail"}, "-", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := fresh(t, "")
			tt.index(t, d)
			got, found := judgeTree(t, repo.RPM, d.dir, key)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("checks (-want +got):\n%s\n%+v", diff, found)
			}
			if tt.owner != "-" {
				if got := d.owner(t, file); got != tt.owner {
					t.Errorf("dnf says that %s is of %q, want %q", file, got, tt.owner)
				}
			}
			if out, err := tryTool(t, d.dir, "rpmkeys", append([]string{"-Kv", "--nosignature"}, rpmFiles(t, d.dir)...)...); (err == nil) != tt.rpm {
				t.Errorf("rpmkeys takes the packages: %v, want %v\n%s", err == nil, tt.rpm, out)
			}
		})
	}
}

// TestTrustAgainstSQV holds key-strength and signature-policy together against
// sqv: what it takes passes both, and the other way round.
func TestTrustAgainstSQV(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		algorithm string
		key, sign []string
		want      []string
	}{
		{"rsa2048", nil, nil, nil},
		{"rsa1024", nil, nil, []string{"key-strength=fail"}},
		{"nistp256", nil, nil, nil},
		{"ed25519", nil, nil, nil},
		{"brainpoolP256r1", nil, nil, []string{"key-strength=fail"}},
		{"rsa2048", []string{"--cert-digest-algo", "SHA1"}, nil, []string{"key-strength=fail"}},
		{"rsa2048", nil, []string{"--digest-algo", "SHA1"}, []string{"signature-policy=fail"}},
		{"rsa2048", nil, []string{"--digest-algo", "MD5", "--allow-weak-digest-algos"}, []string{"signature-policy=fail"}},
	} {
		t.Run(strings.Join(append([]string{tt.algorithm}, append(tt.key, tt.sign...)...), " "), func(t *testing.T) {
			key := newSigningKey(t, tt.algorithm, tt.key...)
			d := debTree{dir: workFolder(t), key: key, sign: tt.sign}
			d.build(t)
			got, found := judgeTree(t, repo.Deb, d.path("."), key)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("checks (-want +got):\n%s\n%+v", diff, found)
			}
			if out, err := tryTool(t, d.path("."), "sqv", "--keyring", "Release.key", "Release.gpg", "Release"); (err == nil) != (tt.want == nil) {
				t.Errorf("sqv: %v\n%s", err, out)
			}
		})
	}
}
