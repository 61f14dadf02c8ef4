package apt

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// run runs a tool that the test cannot do without.
func run(t testing.TB, dir string, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	out, err := try(t, dir, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

func try(t testing.TB, dir string, stdin []byte, name string, args ...string) ([]byte, error) {
	t.Helper()
	out, warnings, err := talk(t, dir, stdin, name, args...)
	if err != nil {
		return out, fmt.Errorf("%w: %s%s", err, warnings, out)
	}
	return out, nil
}

// talk runs a tool and returns what it wrote to both streams.
func talk(t testing.TB, dir string, stdin []byte, name string, args ...string) (stdout, stderr []byte, err error) {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin, args...) // clean-up runs tools, too
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	return out, errs.Bytes(), err
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// signer is a GnuPG home with two keys.
type signer struct {
	home    string
	keyring string // both public keys, not armored
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	// A socket's path is short, and a test's own folder need not be.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{home: home}
	t.Cleanup(func() {
		if _, err := try(t, "", nil, "gpgconf", "--homedir", home, "--kill", "all"); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"one@example.org", "two@example.org"} {
		s.gpg(t, nil, "--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
	}
	s.keyring = write(t, filepath.Join(t.TempDir(), "keys.gpg"), s.gpg(t, nil, "--export"))
	return s
}

func (s *signer) gpg(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	return run(t, "", stdin, "gpg", append([]string{"--homedir", s.home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"}, args...)...)
}

func (s *signer) clearsign(t *testing.T, text []byte, args ...string) []byte {
	t.Helper()
	return s.gpg(t, text, append(args, "--digest-algo", "SHA512", "--clearsign")...)
}

// update asks apt-get in a root of its own whether it takes a flat repository
// of this InRelease and Packages, and returns what it warns of.
func (s *signer) update(t *testing.T, inRelease, packages []byte) (warnings string, err error) {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "repo")
	write(t, filepath.Join(tree, "InRelease"), inRelease)
	write(t, filepath.Join(tree, "Packages"), packages)
	for _, d := range []string{"root/etc/apt/apt.conf.d", "root/etc/apt/preferences.d", "root/etc/apt/trusted.gpg.d", "root/var/lib/apt/lists/partial", "root/var/cache/apt/archives/partial", "root/var/lib/dpkg"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "root/var/lib/dpkg/status"), nil)
	list := write(t, filepath.Join(dir, "root/etc/apt/sources.list"), fmt.Appendf(nil, "deb [signed-by=%s trusted=no] file:%s ./\n", s.keyring, tree))
	opts := []string{
		"Dir=" + filepath.Join(dir, "root"), "Dir::State::status=" + filepath.Join(dir, "root/var/lib/dpkg/status"),
		"Dir::Etc::sourcelist=" + list, "Dir::Etc::sourceparts=/dev/null", "APT::Architecture=amd64", "APT::Architectures=amd64",
		"APT::Sandbox::User=", "Acquire::Languages=none", "APT::Update::Error-Mode=any",
	}
	args := []string{"update"}
	for _, o := range opts {
		args = append(args, "-o", o)
	}
	out, errs, err := talk(t, dir, nil, "apt-get", args...)
	if err != nil {
		err = fmt.Errorf("%w: %s%s", err, errs, out)
	}
	return string(errs), err
}
