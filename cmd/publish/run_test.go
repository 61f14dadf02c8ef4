package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/sample"
)

// publishes runs a command line and returns its exit code and output.
func publishes(t *testing.T, arguments ...string) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &errs}, arguments)
	return code, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		arguments []string
		want      []string
	}{
		{[]string{"add"}, []string{"--binaries is needed", "--key is needed", "--root is needed", "--version is needed"}},
		{[]string{"demo", "--out", "x", "--layout", "obs", "--arch", "pdp11"}, []string{"obs", "pdp11"}},
		{[]string{"demo", "--out", "x", "--fault", "none"}, []string{"flip-deb"}},
		{[]string{"add", "--root", "x", "--key", "x", "--binaries", "x", "--version", "1.26"}, []string{"1.26"}},
		{[]string{"add", "--root", "x", "--key", "x", "--binaries", "x", "--version", "1.26.0-rc.1", "--channel", "stable"}, []string{"belongs to channel dev"}},
		{[]string{"keygen", "--no-such-flag"}, []string{"no-such-flag"}},
		{[]string{"serve"}, []string{"want one ROOT"}},
	} {
		code, _, errs := publishes(t, tt.arguments...)
		if code != exitUsage {
			t.Errorf("%v: exit %d, want %d\n%s", tt.arguments, code, exitUsage, errs)
		}
		for _, want := range tt.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%v: %q does not say %q", tt.arguments, errs, want)
			}
		}
	}
}

func TestServeEndsWithTheCommandsCode(t *testing.T) {
	t.Parallel()
	code, out, errs := publishes(t, "serve", t.TempDir(), "--", "sh", "-c", `echo "at $1"; exit 7`, "sh", "{url}")
	if code != 7 || !strings.HasPrefix(out, "at http://127.0.0.1:") {
		t.Errorf("exit %d, %q\n%s", code, out, errs)
	}
}

// TestKeygenAndAdd publishes two versions, one after the other, with a key
// that was made before: what a user of the command does.
func TestKeygenAndAdd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private.asc"), filepath.Join(dir, "key.asc")
	if code, out, errs := publishes(t, "keygen", "--private", private, "--public", public); code != exitOK || len(strings.TrimSpace(out)) != 40 {
		t.Fatalf("keygen: exit %d, %q\n%s", code, out, errs)
	}
	if code, _, _ := publishes(t, "keygen", "--private", private, "--public", public); code != exitFailed {
		t.Errorf("a second keygen wrote over the private key: exit %d", code)
	}
	root := filepath.Join(dir, "root")
	for _, version := range []publish.Version{"1.26.0", "1.26.1"} {
		code, _, errs := publishes(t, "add", "--root", root, "--key", private, "--version", string(version),
			"--binaries", samples(t, version), "--arch", runtime.GOARCH, "--layout", "kubernetes")
		if code != exitOK {
			t.Fatalf("add %s: exit %d\n%s", version, code, errs)
		}
	}
	packages, err := os.ReadFile(filepath.Join(root, "core:/stable:/v1.26/deb/Packages"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Version: 1.26.0-1.1", "Version: 1.26.1-1.1", "Package: kubernetes-cni"} {
		if !bytes.Contains(packages, []byte(want)) {
			t.Errorf("Packages does not hold %q", want)
		}
	}
}

// samples returns the folder of the sample programs of a version, for this
// machine's architecture.
func samples(t *testing.T, version publish.Version) string {
	t.Helper()
	manifest, err := publish.DefaultManifest()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := publish.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	sources, err := sample.FindSources(".")
	if err != nil {
		t.Fatal(err)
	}
	arch, err := publish.ParseArch(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	b := &sample.Builder{Sources: sources, Cache: cache, Manifest: manifest, Log: func(string) {}}
	release, err := b.Release(t.Context(), version, time.Date(2022, 12, 8, 12, 0, 0, 0, time.UTC), []publish.Arch{arch})
	if err != nil {
		t.Fatal(err)
	}
	return release.Binaries
}

// TestSampleProgramsAnswerAsTheRealOnes holds the sample programs' output
// against what v1.26's own programs print.
func TestSampleProgramsAnswerAsTheRealOnes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(samples(t, "1.26.1"), runtime.GOARCH)
	for _, tt := range []struct {
		argv   []string
		env    string
		output string // the whole of it, or its beginning where it ends in "..."
	}{
		{[]string{"kubelet", "--version"}, "", "Kubernetes v1.26.1\n"},
		{[]string{"kubeadm", "version", "-o", "short"}, "", "v1.26.1\n"},
		{[]string{"kubeadm", "version", "-o", "json"}, "", "{\n  \"clientVersion\": {\n    \"major\": \"1\",\n    \"minor\": \"26\",\n    \"gitVersion\": \"v1.26.1\",\n..."},
		{[]string{"kubectl", "version", "--client", "-o", "json"}, "", "{\n  \"clientVersion\": {\n    \"major\": \"1\",\n    \"minor\": \"26\",\n    \"gitVersion\": \"v1.26.1\",\n..."},
		{[]string{"crictl", "--version"}, "", "crictl version ..."},
		{[]string{"cni/loopback"}, "", "CNI loopback plugin v1.2.0\nCNI protocol versions supported: ..."},
		{[]string{"cni/bridge"}, "CNI_COMMAND=VERSION", "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[..."},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, tt.argv[0]), tt.argv[1:]...)
		if tt.env != "" {
			cmd.Env = append(os.Environ(), tt.env)
		}
		out, err := cmd.CombinedOutput()
		begin, cut := strings.CutSuffix(tt.output, "...")
		if err != nil || (cut && !strings.HasPrefix(string(out), begin)) || (!cut && string(out) != tt.output) {
			t.Errorf("%v %s: got %q, %v; want %q", tt.argv, tt.env, out, err, tt.output)
		}
	}
}

// TestManualPages: one for each command.
func TestManualPages(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	var stdout, stderr bytes.Buffer
	if code := Run(t.Context(), streams{nil, &stdout, &stderr}, []string{"man", dir}); code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	for _, page := range []string{"publish.1", "publish-demo.1", "publish-serve.1", "publish-mutation.1"} {
		data, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil || !bytes.Contains(data, []byte(".SH SYNOPSIS")) {
			t.Errorf("%s: %v\n%s", page, err, data)
		}
	}
	if code := Run(t.Context(), streams{nil, &stdout, &stderr}, []string{"man"}); code != exitUsage {
		t.Errorf("without a folder: want exit %d, got %d", exitUsage, code)
	}
}
