package lab

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// tool returns the path of a program that a test cannot do without.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: install it (make deps): %v", name, err)
	}
	return path
}

// sh runs a program on this machine and returns its standard output.
func sh(t testing.TB, dir string, env []string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}

func write(t testing.TB, path string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// signer is an OpenPGP key in a gpg home of its own.
type signer struct {
	t    testing.TB
	home string
}

func newSigner(t testing.TB, name string) signer {
	t.Helper()
	// gpg-agent's socket needs a short path.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	s := signer{t, home}
	t.Cleanup(func() {
		_ = exec.CommandContext(t.Context(), "gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	s.gpg("--quick-gen-key", "--passphrase", "", name+" <"+name+"@example.org>", "rsa2048", "sign", "never")
	return s
}

func (s signer) gpg(args ...string) []byte {
	s.t.Helper()
	return sh(s.t, s.home, nil, "gpg", append([]string{"--homedir", s.home, "--batch", "--yes", "--pinentry-mode", "loopback"}, args...)...)
}

func (s signer) public() []byte { return s.gpg("--armor", "--export") }

// pkg is a package to be built: a program that prints its version.
type pkg struct {
	name, version string
	requires      string
	required      string // by the version before, where tests make one
	postinst      string
	// program is the script in /usr/bin; the default prints the version.
	program string
	// image is put in the place of the script: a program of any kind.
	image []byte
	// files are brought beside it, by path; those of /etc are configuration files.
	files map[string]string
}

// configs are the configuration files of a package.
func (p pkg) configs() []string {
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		if strings.HasPrefix(path, "/etc/") {
			paths = append(paths, path)
		}
	}
	return paths
}

func (p pkg) script() []byte {
	if p.image != nil {
		return p.image
	}
	if p.program != "" {
		return []byte("#!/bin/sh\n" + p.program + "\n")
	}
	return []byte("#!/bin/sh\necho " + p.name + " v" + p.version + "\n")
}

// debTree publishes packages as OBS does: flat, with dpkg-scanpackages, and
// signed. It returns the folder.
func debTree(t testing.TB, s signer, arch repo.Arch, pkgs ...pkg) string {
	t.Helper()
	dir := t.TempDir()
	deb := arch.In(repo.Deb)
	for _, p := range pkgs {
		root := t.TempDir()
		write(t, filepath.Join(root, "usr/bin", p.name), p.script(), 0o755)
		control := fmt.Sprintf("Package: %s\nVersion: %s-1.1\nArchitecture: %s\nMaintainer: Test <test@example.org>\nDescription: test\n", p.name, p.version, deb)
		if p.requires != "" {
			control += "Depends: " + p.requires + "\n"
		}
		write(t, filepath.Join(root, "DEBIAN/control"), []byte(control), 0o644)
		if p.postinst != "" {
			write(t, filepath.Join(root, "DEBIAN/postinst"), []byte("#!/bin/sh\n"+p.postinst+"\n"), 0o755)
		}
		for path, text := range p.files {
			write(t, filepath.Join(root, path), []byte(text), 0o644)
		}
		if c := p.configs(); c != nil {
			write(t, filepath.Join(root, "DEBIAN/conffiles"), []byte(strings.Join(c, "\n")+"\n"), 0o644)
		}
		out := filepath.Join(dir, deb, fmt.Sprintf("%s_%s-1.1_%s.deb", p.name, p.version, deb))
		write(t, out, nil, 0o644)
		sh(t, dir, nil, "dpkg-deb", "--root-owner-group", "-b", root, out)
	}
	write(t, filepath.Join(dir, "Packages"), sh(t, dir, nil, "dpkg-scanpackages", "-m", "."), 0o644)
	write(t, filepath.Join(dir, "Release"), sh(t, dir, nil, "apt-ftparchive",
		"-o", "APT::FTPArchive::Release::Codename=deb", "-o", "APT::FTPArchive::Release::Architectures="+deb, "release", "."), 0o644)
	signDeb(t, s, dir)
	return dir
}

func signDeb(t testing.TB, s signer, dir string) {
	t.Helper()
	release := filepath.Join(dir, "Release")
	s.gpg("--clearsign", "-o", filepath.Join(dir, "InRelease"), release)
	s.gpg("--armor", "--detach-sign", "-o", filepath.Join(dir, "Release.gpg"), release)
	write(t, filepath.Join(dir, "Release.key"), s.public(), 0o644)
}

// rpmTree publishes packages as OBS does: createrepo_c, signed rpms, a signed
// repomd.xml.
func rpmTree(t testing.TB, s signer, arch repo.Arch, pkgs ...pkg) string {
	t.Helper()
	dir := t.TempDir()
	rpm := arch.In(repo.RPM)
	for _, p := range pkgs {
		work := t.TempDir()
		spec := fmt.Sprintf("Name: %s\nVersion: %s\nRelease: 150500.1.1\nSummary: test\nLicense: Apache-2.0\nAutoReqProv: no\n", p.name, p.version)
		if p.requires != "" {
			spec += "Requires: " + p.requires + "\n"
		}
		write(t, filepath.Join(work, p.name), p.script(), 0o755)
		spec += "%description\ntest\n%install\ninstall -D -m 755 " + filepath.Join(work, p.name) + " %{buildroot}/usr/bin/" + p.name +
			"\n"
		list := "%files\n/usr/bin/" + p.name + "\n"
		for path, text := range p.files {
			write(t, filepath.Join(work, "files", path), []byte(text), 0o644)
			spec += "install -D -m 644 " + filepath.Join(work, "files", path) + " %{buildroot}" + path + "\n"
			if slices.Contains(p.configs(), path) {
				path = "%config(noreplace) " + path
			}
			list += path + "\n"
		}
		spec += list
		if p.postinst != "" {
			spec += "%post\n" + p.postinst + "\n"
		}
		write(t, filepath.Join(work, "p.spec"), []byte(spec), 0o644)
		sh(t, work, []string{"HOME=" + work}, "rpmbuild", "--quiet", "-bb", "--target", rpm+"-linux", "--define", "_topdir "+work+"/top",
			"--define", "_rpmdir "+dir, "--define", "__spec_install_post %{nil}", filepath.Join(work, "p.spec"))
	}
	files, err := filepath.Glob(filepath.Join(dir, rpm, "*.rpm"))
	if err != nil || len(files) != len(pkgs) {
		t.Fatalf("want %d rpms, got %q (%v)", len(pkgs), files, err)
	}
	for _, f := range files {
		sh(t, dir, []string{"GNUPGHOME=" + s.home}, "rpmsign", "--addsign", "--define", "_gpg_name example.org", "--define", "__gpg "+tool(t, "gpg"), f)
	}
	sh(t, dir, nil, "createrepo_c", "--checksum=sha256", ".")
	signRPM(t, s, dir)
	return dir
}

func signRPM(t testing.TB, s signer, dir string) {
	t.Helper()
	repomd := filepath.Join(dir, "repodata/repomd.xml")
	s.gpg("--armor", "--detach-sign", "-o", repomd+".asc", repomd)
	write(t, repomd+".key", s.public(), 0o644)
}

// serve serves a folder on loopback and returns its URL, with the colons that
// the real repositories' paths have.
func serve(t testing.TB, dir string) string {
	t.Helper()
	const prefix = "/core:/stable:/v1.26/x/"
	srv := httptest.NewServer(http.StripPrefix(prefix, http.FileServer(http.Dir(dir))))
	t.Cleanup(srv.Close)
	return srv.URL + prefix
}
