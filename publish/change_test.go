package publish_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/publish"
)

// TestChange: a release can be built from other things than the manifest says,
// and what it makes does not get into the cache.
func TestChange(t *testing.T) {
	t.Parallel()
	p, release := newPublisher(t, "kep-1731")
	ctx := context.Background()
	changed := release("1.26.0")
	changed.Packages = []string{"kubelet"}
	changed.Change = func(b *publish.Build) error {
		b.Info.Depends = append(b.Info.Depends, "kubernetes-runtime-"+string(b.Format)+"-"+b.Arch.Go)
		return nil
	}
	folders := map[publish.Format]string{publish.Deb: t.TempDir(), publish.RPM: t.TempDir()}
	for format, dir := range folders {
		if err := p.Add(ctx, dir, format, p.Key, changed); err != nil {
			t.Fatal(err)
		}
	}
	out := tool(t, folders[publish.Deb], "dpkg-deb", "--field", "arm64/kubelet_1.26.0-1.1_arm64.deb", "Depends")
	if !strings.Contains(out, "kubernetes-runtime-deb-arm64") {
		t.Errorf("Depends of the changed deb: %s", out)
	}
	out = tool(t, folders[publish.RPM], "rpm", "-qp", "--requires", "aarch64/kubelet-1.26.0-150500.1.1.aarch64.rpm")
	if !strings.Contains(out, "kubernetes-runtime-rpm-arm64") {
		t.Errorf("requires of the changed rpm: %s", out)
	}
	changed.Change = nil
	dir := t.TempDir()
	if err := p.Add(ctx, dir, publish.Deb, p.Key, changed); err != nil {
		t.Fatal(err)
	}
	out = tool(t, dir, "dpkg-deb", "--field", "arm64/kubelet_1.26.0-1.1_arm64.deb", "Depends")
	if strings.Contains(out, "kubernetes-runtime") {
		t.Errorf("Depends of the next deb: %s", out)
	}
}

func TestChangeFails(t *testing.T) {
	t.Parallel()
	p, release := newPublisher(t, "kep-1731")
	failing := errors.New("no such file")
	for _, format := range []publish.Format{publish.Deb, publish.RPM} {
		changed := release("1.26.0")
		changed.Change = func(*publish.Build) error { return failing }
		dir := t.TempDir()
		if err := p.Add(context.Background(), dir, format, p.Key, changed); !errors.Is(err, failing) {
			t.Errorf("%s: got %v, want %v", format, err, failing)
		}
		if found, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(found) > 0 {
			t.Errorf("%s: wrote %v (%v)", format, found, err)
		}
	}
}
