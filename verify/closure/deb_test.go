package closure_test

import (
	"bytes"
	"fmt"
	"maps"
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
	"sigs.k8s.io/pkgverify/repo/apt"
	"sigs.k8s.io/pkgverify/verify/closure"
)

// debPackages reads an index as the crawl does.
func debPackages(t *testing.T, text string) []repo.Package {
	t.Helper()
	var all []repo.Package
	for p, err := range apt.Packages(strings.NewReader(text), "Packages") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// stanza returns the index's entry of a package.
func stanza(name, version, arch string, more ...string) string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nFilename: %[1]s_%[2]s_%[3]s.deb\nSize: 1\n"+
		"SHA256: 0000000000000000000000000000000000000000000000000000000000000000\n%[4]s\n\n", name, version, arch, strings.Join(more, "\n"))
}

// notInstallable returns name, version and architecture of the packages that
// cannot be installed, sorted.
func notInstallable(t *testing.T, q closure.Question) []string {
	t.Helper()
	a, err := closure.Of(q)
	if err != nil {
		t.Fatal(err)
	}
	if a.Gave != nil || len(a.Unknown) > 0 || len(a.Unread) > 0 {
		t.Fatalf("gave up: %v; unknown: %v, unread: %v", a.Gave, a.Unknown, a.Unread)
	}
	bad := make(map[string]bool)
	for _, c := range a.Causes {
		if len(c.Direct) == 0 {
			t.Errorf("a cause that strikes nobody: %+v", c)
		}
		for _, d := range c.Direct {
			bad[q.Packages[d.Package].String()] = true
		}
		for _, i := range c.Hence {
			bad[q.Packages[i].String()] = true
		}
	}
	return slices.Sorted(maps.Keys(bad))
}

// debCheck asks dose-debcheck for the packages that cannot be installed.
func debCheck(t *testing.T, arch, text string) []string {
	t.Helper()
	tool, err := exec.LookPath("dose-debcheck")
	if err != nil {
		t.Fatal("install dose-distcheck (make deps)")
	}
	file := filepath.Join(t.TempDir(), "Packages")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, "--failures", "--deb-native-arch="+arch, file)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	// It ends with 1 when a package is broken.
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("dose-debcheck: %v\n%s%s", err, &out, &stderr)
	}
	if !strings.Contains(out.String(), "broken-packages:") {
		t.Fatalf("dose-debcheck:\n%s%s", &out, &stderr)
	}
	var bad []string
	for _, m := range regexp.MustCompile(`(?m)^  package: (\S+)\n  version: (\S+)\n  architecture: (\S+)\n`).FindAllStringSubmatch(out.String(), -1) {
		bad = append(bad, m[1]+" "+m[2]+" "+m[3])
	}
	slices.Sort(bad)
	return bad
}

// randomDebs writes an index of packages p0 to p19 in versions 1 to 3 with
// random relations, also to packages that are not there, and to virtual ones.
func randomDebs(r *rand.Rand) string {
	const packages = 20
	// To debcheck "name:any" means every package, to apt only those that allow
	// it: so those of these names always do.
	allowed := func(n string) bool { return n == "p3" || n == "p7" }
	name := func() string {
		if r.IntN(4) == 0 {
			return fmt.Sprint("v", r.IntN(5))
		}
		return fmt.Sprint("p", r.IntN(packages+1))
	}
	relation := func(op string) string {
		s := name()
		switch r.IntN(12) {
		case 0:
			if op == "" { // conflicts have no use for it
				s = []string{"p3", "p7"}[r.IntN(2)] + ":any"
			}
		case 1, 2, 3, 4:
			s += fmt.Sprintf(" (%s %d)", []string{"<<", "<=", "=", ">=", ">>"}[r.IntN(5)], 1+r.IntN(3))
		}
		return s
	}
	list := func(n int, one func() string) string {
		var all []string
		for range n {
			all = append(all, one())
		}
		return strings.Join(all, ", ")
	}
	group := func() string {
		s := relation("")
		for r.IntN(3) == 0 {
			s += " | " + relation("")
		}
		return s
	}
	var b strings.Builder
	for i := range packages {
		for v := 1; v <= 3; v++ {
			if r.IntN(3) == 0 {
				continue
			}
			var more []string
			field := func(name, value string) {
				if value != "" {
					more = append(more, name+": "+value)
				}
			}
			field("Depends", list(r.IntN(4), group))
			if r.IntN(5) == 0 {
				field("Pre-Depends", group())
			}
			if r.IntN(3) == 0 {
				field("Conflicts", list(1+r.IntN(2), func() string { return relation("c") }))
			}
			if r.IntN(3) == 0 {
				field("Breaks", relation("c"))
			}
			if r.IntN(3) == 0 {
				field("Replaces", relation("c"))
			}
			if r.IntN(3) == 0 {
				field("Provides", list(1+r.IntN(2), func() string {
					s := fmt.Sprint("v", r.IntN(5))
					if r.IntN(3) == 0 {
						s = fmt.Sprint("p", 8+r.IntN(packages-8))
					}
					if r.IntN(2) == 0 {
						s += fmt.Sprintf(" (= %d)", 1+r.IntN(3))
					}
					return s
				}))
			}
			name := fmt.Sprint("p", i)
			if allowed(name) {
				field("Multi-Arch", "allowed")
			} else {
				// Debcheck overlooks versioned conflicts of packages that are
				// "same", where apt does not.
				field("Multi-Arch", []string{"", "foreign"}[r.IntN(2)])
			}
			arch := "amd64"
			if r.IntN(3) == 0 {
				arch = "all"
			}
			b.WriteString(stanza(name, fmt.Sprint(v), arch, more...))
		}
	}
	return b.String()
}

// TestAgainstDebcheck holds random repositories against dose-debcheck, which
// Debian's own archive is checked with.
func TestAgainstDebcheck(t *testing.T) {
	t.Parallel()
	broken := 0
	for seed := range uint64(60) {
		text := randomDebs(rand.New(rand.NewPCG(seed, 7)))
		want := debCheck(t, "amd64", text)
		broken += len(want)
		got := notInstallable(t, closure.Question{Format: repo.Deb, Packages: debPackages(t, text)})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: (-debcheck +ours):\n%s\n%s", seed, diff, text)
			return
		}
	}
	if broken == 0 {
		t.Error("no random repository has a broken package")
	}
}
