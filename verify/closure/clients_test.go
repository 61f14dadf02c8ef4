package closure_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify/closure"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// repoclosure asks dnf for the packages of which a requirement has no provider
// in the repository. It looks at each requirement by itself.
func repoclosure(t *testing.T, text string) []string {
	t.Helper()
	dnf, err := exec.LookPath("dnf")
	if err != nil {
		t.Fatal("install dnf and dnf-plugins-core (make deps)")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "repo/repodata/primary.xml"), text)
	write(t, filepath.Join(dir, "repo/repodata/repomd.xml"), fmt.Sprintf(`<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>`+
		`<data type="primary"><checksum type="sha256">%x</checksum><location href="repodata/primary.xml"/><timestamp>1</timestamp><size>%d</size></data></repomd>`,
		sha256.Sum256([]byte(text)), len(text)))
	write(t, filepath.Join(dir, "dnf.conf"), "[main]\nreposdir=/nonexistent\n")
	cmd := exec.CommandContext(t.Context(), dnf, "--quiet", "--config", filepath.Join(dir, "dnf.conf"), "--installroot", filepath.Join(dir, "root"),
		"--setopt", "cachedir="+filepath.Join(dir, "cache"), "--releasever", "1", "--forcearch", "x86_64",
		"--repofrompath", "test,file://"+filepath.Join(dir, "repo"), "--repo", "test", "repoclosure")
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Repoclosure ended") {
		t.Fatalf("dnf repoclosure: %v\n%s", err, out)
	}
	var bad []string
	for _, m := range regexp.MustCompile(`(?m)^package: (\S+)-(\S+-\S+)\.(\S+) from test$`).FindAllStringSubmatch(string(out), -1) {
		bad = append(bad, strings.Join(m[1:], " "))
	}
	slices.Sort(bad)
	return bad
}

// TestAgainstRepoclosure holds those packages that ask for something that is not
// there against dnf's.
func TestAgainstRepoclosure(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		entries := randomRPMs(rand.New(rand.NewPCG(seed, 9)))
		for i := range entries {
			// Conditions are more than a look at one requirement.
			entries[i].requires = slices.DeleteFunc(entries[i].requires, func(d string) bool { return strings.HasPrefix(d, "(") })
		}
		text := primary(entries)
		want := repoclosure(t, text)
		if len(want) == 0 {
			t.Error("nothing is amiss")
		}
		q := closure.Question{Format: repo.RPM, Packages: rpmPackages(t, text), Own: filesInside()}
		a, err := closure.Of(q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range a.Causes {
			if c.Kind == closure.Clash {
				continue
			}
			for _, d := range c.Direct {
				got = append(got, q.Packages[d.Package].String())
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("seed %d: (-repoclosure +ours):\n%s", seed, diff)
		}
	}
}

// aptInstalls asks apt, in a root of its own, whether it would install a
// package.
func aptInstalls(t *testing.T, index, pkg string) bool {
	t.Helper()
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		t.Fatal("install apt (make deps)")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "repo/Packages"), index)
	write(t, filepath.Join(dir, "status"), "")
	write(t, filepath.Join(dir, "sources"), "deb [trusted=yes] file:"+dir+"/repo ./\n")
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	options := []string{
		"-o", "Dir::Etc::SourceList=" + dir + "/sources", "-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + dir + "/lists", "-o", "Dir::State::status=" + dir + "/status", "-o", "Dir::Cache=" + dir + "/cache",
		"-o", "APT::Architecture=amd64", "-o", "APT::Architectures::=amd64", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", "-q",
	}
	out, err := exec.CommandContext(t.Context(), apt, append(options, "update")...).CombinedOutput()
	if err != nil {
		t.Fatalf("apt-get update: %v\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), apt, append(options, "--simulate", "install", pkg)...).CombinedOutput()
	installs := strings.Contains(string(out), "\nInst "+pkg+" ")
	if installs != (err == nil) {
		t.Fatalf("apt-get install: %v\n%s", err, out)
	}
	return installs
}

// TestAgainstApt holds what one package may say of another against apt.
func TestAgainstApt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string // fields of the one and of the other
		want bool
	}{
		{"Depends: b", "", true},
		{"Depends: b (= 1)", "", true},
		{"Depends: b (>> 1)", "", false},
		{"Depends: b (<< 2), b (>= 1)", "", true},
		{"Depends: c", "", false},
		{"Depends: c | b", "", true},
		{"Pre-Depends: c", "", false},
		{"Depends: v", "Provides: v", true},
		{"Depends: v (>= 1)", "Provides: v", false},
		{"Depends: v (>= 1)", "Provides: v (= 2)", true},
		{"Depends: v (<< 2)", "Provides: v (= 2)", false},
		{"Depends: b\nConflicts: b", "", false},
		{"Depends: b\nConflicts: b (<< 1)", "", true},
		{"Depends: b\nBreaks: b (<= 1)", "", false},
		{"Depends: b\nReplaces: b", "", true},
		{"Depends: b\nConflicts: v", "Provides: v", false},
		{"Depends: b\nConflicts: v (>= 1)", "Provides: v", true},
		{"Depends: b\nConflicts: v (>= 1)", "Provides: v (= 1)", false},
		{"Provides: v\nConflicts: v", "", true},
		{"Depends: b\nConflicts: v (>= 1)\nMulti-Arch: same", "Provides: v (= 1)", false},
		{"Depends: b:any", "", false},
		{"Depends: b:any", "Multi-Arch: same", false},
		{"Depends: b:any", "Multi-Arch: foreign", false},
		{"Depends: b:any", "Multi-Arch: allowed", true},
		{"Depends: b:any (>= 1)", "Multi-Arch: allowed", true},
		{"Depends: b:amd64", "", true},
		{"Depends: b:arm64", "", false},
		{"Depends: v:any", "Provides: v\nMulti-Arch: allowed", true},
		{"Depends: v", "Provides: v:any", false},
		{"Depends: v", "Provides: v:amd64", true},
		{"Depends: v", "Provides: v:arm64", false},
		{"Depends: b", "Depends: a", true},
		{"Depends: b", "Depends: c", false},
		{"Depends: b", "Conflicts: a", false},
	} {
		t.Run(strings.ReplaceAll(tt.a+" / "+tt.b, "\n", ", "), func(t *testing.T) {
			t.Parallel()
			fields := func(s string) []string {
				return slices.DeleteFunc(append(strings.Split(s, "\n"), "Description: x"), func(f string) bool { return f == "" })
			}
			text := stanza("a", "1", "amd64", fields(tt.a)...) + stanza("b", "1", "amd64", fields(tt.b)...)
			if got := aptInstalls(t, text, "a"); got != tt.want {
				t.Errorf("apt says %v", got)
			}
			bad := notInstallable(t, closure.Question{Format: repo.Deb, Packages: debPackages(t, text)})
			if got := !slices.Contains(bad, "a 1 amd64"); got != tt.want {
				t.Errorf("we say %v", got)
			}
		})
	}
}
