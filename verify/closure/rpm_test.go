package closure_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
	"sigs.k8s.io/pkgverify/verify/closure"
)

// rpmEntry is a package of primary.xml. Dependencies are written as in spec
// files.
type rpmEntry struct {
	name, version, arch                      string
	requires, provides, conflicts, obsoletes []string
	files                                    []string
}

func escaped(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err) // bytes.Buffer gives none
	}
	return b.String()
}

// primary writes primary.xml.
func primary(entries []rpmEntry) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="%d">`+"\n", len(entries))
	for _, e := range entries {
		fmt.Fprintf(&b, `<package type="rpm"><name>%s</name><arch>%s</arch><version epoch="0" ver="%s" rel="1"/>`+
			`<checksum type="sha256" pkgid="YES">%064x</checksum><summary/><description/><packager/><url/><time file="1" build="1"/>`+
			`<size package="1" installed="1" archive="1"/><location href="%[1]s-%[3]s-1.%[2]s.rpm"/><format>`,
			e.name, e.arch, e.version, []byte(e.name+e.version+e.arch))
		for _, l := range []struct {
			name string
			list []string
		}{{"provides", e.provides}, {"requires", e.requires}, {"conflicts", e.conflicts}, {"obsoletes", e.obsoletes}} {
			if len(l.list) == 0 {
				continue
			}
			b.WriteString("<rpm:" + l.name + ">")
			for _, d := range l.list {
				b.WriteString("<rpm:entry " + attributes(d) + "/>")
			}
			b.WriteString("</rpm:" + l.name + ">")
		}
		for _, f := range e.files {
			b.WriteString("<file>" + f + "</file>")
		}
		b.WriteString("</format></package>\n")
	}
	b.WriteString("</metadata>\n")
	return b.String()
}

func attributes(dep string) string {
	words := strings.Fields(dep)
	if strings.HasPrefix(dep, "(") || len(words) != 3 {
		return fmt.Sprintf(`name="%s"`, escaped(dep))
	}
	flags := map[string]string{"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}[words[1]]
	version, release, hasRelease := strings.Cut(words[2], "-")
	s := fmt.Sprintf(`name="%s" flags="%s" epoch="0" ver="%s"`, escaped(words[0]), flags, version)
	if hasRelease {
		s += fmt.Sprintf(` rel="%s"`, release)
	}
	return s
}

// rpmPackages reads primary.xml as the crawl does.
func rpmPackages(t *testing.T, text string) []repo.Package {
	t.Helper()
	var all []repo.Package
	for p, err := range rpmmd.Primary(strings.NewReader(text), "primary") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// libsolv is a program that prints the packages that cannot be installed.
const libsolv = `
import sys, solv
pool = solv.Pool()
pool.setdisttype(solv.Pool.DISTTYPE_RPM)
pool.setarch("x86_64")
repo = pool.add_repo("test")
repo.add_rpmmd(solv.xfopen(sys.argv[1]), None, 0)
pool.addfileprovides()
pool.createwhatprovides()
solver = pool.Solver()
for s in repo.solvables:
    job = pool.Job(solv.Job.SOLVER_SOLVABLE | solv.Job.SOLVER_INSTALL, s.id)
    if solver.solve([job]):
        print(s.name, s.evr, s.arch)
`

func solvCheck(t *testing.T, text string) []string {
	t.Helper()
	python := "/usr/bin/python3" // for which Debian builds the module
	if exec.CommandContext(t.Context(), python, "-c", "import solv").Run() != nil {
		t.Fatal("install python3-solv (make deps)")
	}
	file := filepath.Join(t.TempDir(), "primary.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", libsolv, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var bad []string
	for line := range strings.Lines(string(out)) {
		bad = append(bad, strings.TrimSuffix(line, "\n"))
	}
	slices.Sort(bad)
	return bad
}

// randomRPMs makes packages p0 to p17 in versions 1 to 3 with random
// dependencies, also on packages that are not there, on capabilities and files,
// plain and rich.
func randomRPMs(r *rand.Rand) []rpmEntry {
	const packages = 18
	file := func() string { return fmt.Sprintf("/usr/bin/f%d", r.IntN(4)) }
	plain := func() string {
		s := fmt.Sprint("p", r.IntN(packages+1))
		if r.IntN(4) == 0 {
			s = fmt.Sprintf("v%d(x)", r.IntN(5))
		}
		if r.IntN(3) == 0 {
			s += fmt.Sprintf(" %s %d", []string{"<", "<=", "=", ">=", ">"}[r.IntN(5)], 1+r.IntN(3))
			if r.IntN(4) == 0 {
				s += "-1"
			}
		}
		return s
	}
	var rich func(depth int) string
	rich = func(depth int) string {
		arg := func() string {
			if depth > 0 && r.IntN(3) == 0 {
				return rich(depth - 1)
			}
			return plain()
		}
		switch r.IntN(7) {
		case 0:
			return "(" + arg() + " and " + arg() + ")"
		case 1:
			return "(" + plain() + " if " + plain() + ")"
		case 2:
			return "(" + plain() + " if " + arg() + " else " + plain() + ")"
		case 3:
			return "(" + plain() + " with " + plain() + ")"
		case 4:
			return "(" + plain() + " without " + plain() + ")"
		}
		return "(" + plain() + " or " + plain() + " or " + plain() + ")"
	}
	some := func(n int, one func() string) []string {
		var all []string
		for range n {
			all = append(all, one())
		}
		return all
	}
	var out []rpmEntry
	for i := range packages {
		arch := []string{"x86_64", "noarch"}[r.IntN(2)]
		for v := 1; v <= 3; v++ {
			if r.IntN(3) == 0 {
				continue
			}
			e := rpmEntry{name: fmt.Sprint("p", i), version: fmt.Sprint(v), arch: arch}
			e.requires = some(r.IntN(4), plain)
			if r.IntN(3) == 0 {
				e.requires = append(e.requires, rich(2))
			}
			if r.IntN(6) == 0 {
				e.requires = append(e.requires, file())
			}
			if r.IntN(4) == 0 {
				e.files = []string{file()}
			}
			if r.IntN(3) == 0 {
				e.provides = some(1+r.IntN(2), func() string {
					s := fmt.Sprintf("v%d(x)", r.IntN(5))
					if r.IntN(2) == 0 {
						s += fmt.Sprintf(" = %d", 1+r.IntN(3))
					}
					return s
				})
			}
			if r.IntN(3) == 0 {
				e.conflicts = some(1+r.IntN(2), plain)
			}
			// A rich conflict that the package itself would meet is left out:
			// libsolv makes it one with part of the others that meet a side.
			if r.IntN(8) == 0 && e.provides == nil {
				one, other := plain(), plain()
				if !strings.HasPrefix(one+" ", e.name+" ") && !strings.HasPrefix(other+" ", e.name+" ") {
					e.conflicts = append(e.conflicts, "("+one+[]string{" and ", " or ", " unless "}[r.IntN(3)]+other+")")
				}
			}
			if r.IntN(4) == 0 {
				e.obsoletes = some(1, func() string {
					return fmt.Sprintf("p%d %s %d", r.IntN(packages), []string{"<", "<=", "=", ">="}[r.IntN(4)], 1+r.IntN(3))
				})
			}
			out = append(out, e)
		}
	}
	return out
}

// filesInside makes the files that are asked for the repository's business.
func filesInside() []string {
	return []string{"/usr/bin/f0", "/usr/bin/f1", "/usr/bin/f2", "/usr/bin/f3"}
}

// TestAgainstLibsolv holds random repositories against libsolv, which dnf and
// zypper solve with.
func TestAgainstLibsolv(t *testing.T) {
	t.Parallel()
	broken := 0
	for seed := range uint64(60) {
		text := primary(randomRPMs(rand.New(rand.NewPCG(seed, 8))))
		want := solvCheck(t, text)
		broken += len(want)
		got := notInstallable(t, closure.Question{Format: repo.RPM, Packages: rpmPackages(t, text), Own: filesInside()})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: (-libsolv +ours):\n%s", seed, diff)
			return
		}
	}
	if broken == 0 {
		t.Error("no random repository has a broken package")
	}
}
