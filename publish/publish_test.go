package publish_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/publish"
)

const day = 24 * time.Hour

func clock() time.Time { return time.Date(2024, 10, 3, 4, 37, 5, 0, time.UTC) }

// tool runs a real program and fails the test when it is missing or fails.
func tool(t *testing.T, dir, name string, arguments ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps): %v", name, err)
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, arguments, err, out)
	}
	return string(out)
}

// newPublisher returns a publisher of a new root, and a release whose programs
// are small scripts: what is under test is the repository, not the programs.
func newPublisher(t *testing.T, layout string) (*publish.Publisher, func(version string) publish.Release) {
	t.Helper()
	l, err := publish.ParseLayout(layout)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := publish.DefaultManifest()
	if err != nil {
		t.Fatal(err)
	}
	key, err := publish.GenerateKey("Test", "test@example.org", clock().Add(-30*day), 20000*day)
	if err != nil {
		t.Fatal(err)
	}
	p := &publish.Publisher{
		Root: t.TempDir(), Layout: l, Manifest: manifest, Key: key, Now: clock,
		Architectures: publish.Architectures()[:2], Cache: publish.Cache(t.TempDir()),
	}
	return p, func(version string) publish.Release {
		dir := t.TempDir()
		for _, arch := range p.Architectures {
			for _, name := range []string{"kubelet", "kubeadm", "kubectl", "crictl", "cni/bridge", "cni/loopback"} {
				file := filepath.Join(dir, arch.Go, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				// crictl and the plugins are the same in every release.
				text := "#!/bin/sh\necho " + name + "\n"
				if strings.HasPrefix(name, "kube") {
					text += "echo " + version + "\n"
				}
				if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		return publish.Release{Version: publish.Version(version), Date: clock().Add(-day), Binaries: dir}
	}
}

func TestRealToolsAcceptTheTree(t *testing.T) {
	t.Parallel()
	p, release := newPublisher(t, "kep-1731")
	ctx := context.Background()
	if err := p.Publish(ctx, publish.Stable, "1.26", release("1.26.0")); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(ctx, publish.Stable, "1.26", release("1.26.1")); err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(p.Root, "core:/stable:/v1.26/deb")
	rpm := filepath.Join(p.Root, "core:/stable:/v1.26:/build/rpm")

	t.Run("dpkg-deb", func(t *testing.T) {
		out := tool(t, deb, "dpkg-deb", "--field", "amd64/kubelet_1.26.1-1.1_amd64.deb", "Version", "Depends", "Section", "Maintainer")
		want := "Version: 1.26.1-1.1\nDepends: iptables (>= 1.4.21), kubernetes-cni (>= 1.1.1), mount, util-linux\n" +
			"Section: net\nMaintainer: Kubernetes Authors <dev@kubernetes.io>\n"
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("control fields (-want +got):\n%s", diff)
		}
		files := tool(t, deb, "dpkg-deb", "--contents", "amd64/kubelet_1.26.1-1.1_amd64.deb")
		for _, file := range []string{"./usr/bin/kubelet", "./usr/lib/systemd/system/kubelet.service", "./etc/default/kubelet", "./etc/kubernetes/manifests/", "./var/lib/kubelet/"} {
			if !strings.Contains(files, " "+file+"\n") {
				t.Errorf("%s is missing in:\n%s", file, files)
			}
		}
	})
	t.Run("apt", func(t *testing.T) {
		root := t.TempDir()
		for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "etc"} {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		writeTestFile(t, filepath.Join(root, "state/status"), "")
		writeTestFile(t, filepath.Join(root, "etc/sources.list"), "deb [signed-by="+deb+"/Release.key] copy:"+strings.ReplaceAll(deb, ":", "%3A")+" /\n")
		options := []string{
			"-o", "Dir::State=" + root + "/state", "-o", "Dir::State::status=" + root + "/state/status",
			"-o", "Dir::Cache=" + root + "/cache", "-o", "Dir::Etc=" + root + "/etc", "-o", "APT::Sandbox::User=root",
			"-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64",
		}
		out := tool(t, root, "apt-get", append(options, "update")...)
		if strings.Contains(out, "W:") || strings.Contains(out, "E:") {
			t.Errorf("apt-get update complains:\n%s", out)
		}
		out = tool(t, root, "apt-cache", append(options, "madison", "kubelet")...)
		if !strings.Contains(out, "1.26.0-1.1") || !strings.Contains(out, "1.26.1-1.1") {
			t.Errorf("apt does not list both versions:\n%s", out)
		}
		out = tool(t, root, "apt-get", append(options, "download", "--print-uris", "kubelet")...)
		if !strings.Contains(out, "kubelet_1.26.1-1.1_amd64.deb") {
			t.Errorf("apt does not prefer 1.26.1:\n%s", out)
		}
	})
	t.Run("gpgv", func(t *testing.T) {
		ring := filepath.Join(t.TempDir(), "ring.gpg")
		tool(t, deb, "gpg", "--batch", "--yes", "--dearmor", "-o", ring, "Release.key")
		tool(t, deb, "gpgv", "--keyring", ring, "InRelease")
		tool(t, deb, "gpgv", "--keyring", ring, "Release.gpg", "Release")
		tool(t, rpm, "gpgv", "--keyring", ring, "repodata/repomd.xml.asc", "repodata/repomd.xml")
	})
	t.Run("rpmkeys", func(t *testing.T) {
		db := t.TempDir()
		tool(t, rpm, "rpmkeys", "--dbpath", db, "--import", "repodata/repomd.xml.key")
		out := tool(t, rpm, "rpmkeys", "--dbpath", db, "-Kv", "x86_64/kubelet-1.26.1-150500.1.1.x86_64.rpm")
		for _, want := range []string{"Header V4 RSA/SHA256 Signature", "Payload SHA256 digest: OK"} {
			if !strings.Contains(out, want) {
				t.Errorf("want %q in:\n%s", want, out)
			}
		}
		if strings.Contains(out, "NOKEY") || strings.Count(out, ": OK") < 4 {
			t.Errorf("not everything is good:\n%s", out)
		}
		out = tool(t, rpm, "rpm", "--dbpath", db, "-qp", "--queryformat", "%{NAME} %{VERSION} %{RELEASE} %{VENDOR} %{PACKAGER}\n[%{REQUIRES} %{REQUIREVERSION}\n]", "x86_64/kubelet-1.26.1-150500.1.1.x86_64.rpm")
		want := "kubelet 1.26.1 150500.1.1 obs://build.opensuse.org/isv:kubernetes Kubernetes Authors <dev@kubernetes.io>\n" +
			"iptables 1.4.21\nkubernetes-cni 1.1.1\nutil-linux \n"
		if diff := cmp.Diff(want, out); diff != "" {
			t.Errorf("rpm tags (-want +got):\n%s", diff)
		}
	})
	t.Run("dnf", func(t *testing.T) {
		root := t.TempDir()
		writeTestFile(t, filepath.Join(root, "etc/yum.repos.d/k.repo"), "[k]\nname=k\nbaseurl=file://"+rpm+
			"\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://"+rpm+"/repodata/repomd.xml.key\n")
		out := tool(t, root, "dnf", "-y", "--installroot="+root, "--releasever=1", "--setopt=reposdir="+root+"/etc/yum.repos.d",
			"--setopt=cachedir="+root+"/cache", "--forcearch=x86_64", "list", "--showduplicates", "kubelet")
		for _, want := range []string{"1.26.0-150500.1.1", "1.26.1-150500.1.1"} {
			if !strings.Contains(out, want) {
				t.Errorf("dnf does not list %s:\n%s", want, out)
			}
		}
	})
}

func writeTestFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPublishAgainChangesNothing(t *testing.T) {
	t.Parallel()
	p, release := newPublisher(t, "kubernetes")
	first := release("1.26.0")
	for range 2 {
		if err := p.Publish(context.Background(), publish.Stable, "1.26", first); err != nil {
			t.Fatal(err)
		}
	}
	one := snapshot(t, p.Root)
	if err := p.Publish(context.Background(), publish.Stable, "1.26", first); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, snapshot(t, p.Root)); diff != "" {
		t.Errorf("publishing again changed the tree (-before +after):\n%s", diff)
	}
	if err := p.Publish(context.Background(), publish.Stable, "1.26", release("1.26.1"), func() publish.Release {
		other := release("1.26.0")
		other.Date = other.Date.Add(time.Hour)
		return other
	}()); !errors.Is(err, publish.ErrPublished) {
		t.Errorf("other contents under a published name: got %v, want ErrPublished", err)
	}
}

func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A reader that opens the repository's folder sees one whole state of it, and
// the name is there at all times.
func TestPublishIsAtomicForReaders(t *testing.T) {
	t.Parallel()
	p, release := newPublisher(t, "kubernetes")
	p.Architectures = p.Architectures[:1]
	ctx := context.Background()
	if err := p.Publish(ctx, publish.Stable, "1.26", release("1.26.0")); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	releases := []publish.Release{release("1.26.1"), release("1.26.2"), release("1.26.3")}
	go func() {
		for _, r := range releases {
			if err := p.Publish(ctx, publish.Stable, "1.26", r); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	dir := filepath.Join(p.Root, "core:/stable:/v1.26/deb")
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		if _, err := os.ReadFile(filepath.Join(dir, "Release")); err != nil {
			t.Fatalf("a reader found no Release: %v", err)
		}
	}
}

func TestManifestErrors(t *testing.T) {
	t.Parallel()
	good := "maintainer: a <a@b.c>\nvendor: v\nhomepage: h\nlicense: l\npackages:\n  - {name: foo, summary: s, section: admin, binaries: [{name: foo, path: /usr/bin/foo}]}\n"
	if _, err := publish.ReadManifest(strings.NewReader(good), fstest.MapFS{}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"unknown field":  {"vendor: v", "vendor: v\ncolour: red", "colour"},
		"relative path":  {"/usr/bin/foo", "usr/bin/foo", "clean absolute path"},
		"climbing path":  {"/usr/bin/foo", "/usr/../foo", "clean absolute path"},
		"no maintainer":  {"maintainer: a <a@b.c>", "maintainer: \"\"", "maintainer"},
		"no binary":      {"[{name: foo, path: /usr/bin/foo}]", "[]", "at least one binary"},
		"bad name":       {"name: foo, summary", "name: Foo, summary", "lower-case"},
		"bad range":      {"binaries:", "depends: [{range: \">= 1.26\", needs: [a]}], binaries:", "1.26"},
		"bad dependency": {"binaries:", "depends: [{needs: [a b]}], binaries:", "dependency"},
		"missing source": {"binaries:", "files: [{source: x, path: /x, mode: 0o644}], binaries:", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := publish.ReadManifest(strings.NewReader(strings.Replace(good, test.old, test.new, 1)), fstest.MapFS{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestChannelsAndPackageVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[publish.Version]struct {
		channel publish.Channel
		version string
	}{
		"1.26.0":                           {publish.Stable, "1.26.0"},
		"1.26.0-rc.1":                      {publish.Dev, "1.26.0~rc.1"},
		"1.26.0-alpha.3.45+0123456789abcd": {publish.Nightly, "1.26.0~alpha.3.45+0123456789abcd"},
	} {
		if got := text.Channel(); got != want.channel {
			t.Errorf("%s: channel %s, want %s", text, got, want.channel)
		}
		if got := text.Package(); got != want.version {
			t.Errorf("%s: package version %s, want %s", text, got, want.version)
		}
	}
	for _, bad := range []string{"", "1.26", "1.26.0-", "1.26.0/..", "01.2.3", "1.2.3 4", "1.2.3-a_b"} {
		if _, err := publish.ParseVersion(bad); err == nil {
			t.Errorf("version %q was accepted", bad)
		}
	}
}

func TestKeyReadsBack(t *testing.T) {
	t.Parallel()
	key, err := publish.GenerateKey("Test", "test@example.org", clock(), 800*day)
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.Private()
	if err != nil {
		t.Fatal(err)
	}
	again, err := publish.ReadKey(bytes.NewReader(private))
	if err != nil {
		t.Fatal(err)
	}
	one, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	two, err := again.Public()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the public key of a key that was read back differs")
	}
	if _, err := publish.ReadKey(bytes.NewReader(one)); !errors.Is(err, publish.ErrNoPrivateKey) {
		t.Errorf("reading a public key: got %v, want ErrNoPrivateKey", err)
	}
}
