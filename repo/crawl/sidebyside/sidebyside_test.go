package sidebyside

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"

	"sigs.k8s.io/pkgverify/repo/crawl"
)

// row is one line of the table.
type row struct {
	work         string
	ours, theirs usage
	// against says what theirs is, where there is something to compare with.
	against string
	// goal is the most that the ratio, or with unit megabytes the peak, may be.
	goal float64
	unit string
}

// value returns what is held against the goal.
func (r row) value() float64 {
	switch {
	case r.unit == megabytes:
		return float64(r.ours.Peak) / (1 << 20)
	case r.theirs.Wall == 0:
		return 0
	}
	return r.ours.Wall.Seconds() / r.theirs.Wall.Seconds()
}

const (
	times     = "x"
	megabytes = "MiB"
)

// sheet collects the rows of a run.
type sheet struct {
	rows   []row
	growth []growth
}

func (s *sheet) add(b *testing.B, r row) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.value(), "ratio")
	b.ReportMetric(r.ours.Wall.Seconds(), "s")
	b.ReportMetric(float64(r.ours.Peak)/(1<<20), "MiB")
	s.rows = append(s.rows, r)
}

// print writes the tables.
func (s *sheet) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(s.rows) > 0 {
		fmt.Fprintf(t, "\nwork\tours\tCPU\tpeak\ttheirs\tCPU\tpeak\tresult\tby CPU\tgoal\t\tagainst\n")
	}
	for _, r := range s.rows {
		met := "met"
		if r.value() > r.goal {
			met = "NOT MET"
		}
		theirs, byCPU := "\t\t", ""
		if r.theirs.Wall > 0 {
			theirs = r.theirs.columns()
			byCPU = fmt.Sprintf("%.2f x", r.ours.CPU.Seconds()/r.theirs.CPU.Seconds())
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f %s\t%s\t%.2f\t%s\t  %s\n", r.work, r.ours.columns(), theirs, r.value(), r.unit, byCPU, r.goal, met, r.against)
	}
	if len(s.growth) > 0 {
		fmt.Fprintf(t, "\npackages\twork\ttime\tCPU\tpeak\ttime each\tpeak each\t\n")
	}
	for _, g := range s.growth {
		fmt.Fprintf(t, "%d\t%s\t%s\t%.1f us\t%.2f KiB\t\n", g.packages, g.work, g.columns(),
			g.Wall.Seconds()*1e6/float64(g.packages), float64(g.Peak)/1024/float64(g.packages))
	}
	return t.Flush()
}

// columns returns u for a table.
func (u usage) columns() string {
	return fmt.Sprintf("%.2fs\t%.2fs\t%.0f MiB", u.Wall.Seconds(), u.CPU.Seconds(), float64(u.Peak)/(1<<20))
}

// growth is what one number of packages cost.
type growth struct {
	work     string
	packages int
	usage
}

// BenchmarkSideBySide measures everything, and prints the table at its end.
func BenchmarkSideBySide(b *testing.B) {
	d := newData(b)
	var s sheet
	for _, m := range []struct {
		name    string
		measure func(*testing.B, data, *sheet)
	}{
		{"hash", hashDepth},
		{"mirror-deb", mirrorDeb},
		{"mirror-rpm", mirrorRPM},
		{"payload", payloadDepth},
		{"parse-packages", parsePackages},
		{"parse-primary", parsePrimary},
		{"memory", memory},
		{"second-run", secondRun},
		{"growth-deb", growthDeb},
		{"growth-rpm", growthRPM},
		{"program-tree", programTree},
		{"program-100k", programMany},
	} {
		b.Run(m.name, func(b *testing.B) { m.measure(b, d, &s) })
	}
	if err := s.print(os.Stdout); err != nil {
		b.Fatal(err)
	}
}

// processors is how many processes theirs may use side by side.
func processors() string { return strconv.Itoa(runtime.NumCPU()) }

// crawlOf crawls with our side. args are more options, and the targets.
func crawlOf(b *testing.B, d data, depth crawl.Depth, want int, args ...string) usage {
	b.Helper()
	u, _ := ours(b, "crawl", append([]string{"-depth", fmt.Sprint(int(depth)), "-key", d.key(b), "-want", fmt.Sprint(want)}, args...)...)
	return u
}

// warm reads what is below dir once, so that neither side waits for the disk.
func warm(b *testing.B, dir string) {
	b.Helper()
	script(b, dir, `find . -type f -print0 | xargs -0 cat > /dev/null`)
}

// countOf returns how many files of the tree are like the pattern.
func countOf(b *testing.B, tree, pattern string) int {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(tree, pattern))
	if err != nil || len(found) == 0 {
		b.Fatalf("%s in %s: %d files (%v)", pattern, tree, len(found), err)
	}
	return len(found)
}

const debFiles, rpmFiles = "deb/*/*.deb", "rpm/*/*.rpm"

// hashDepth reads, hashes and verifies all files of both halves.
func hashDepth(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	want := countOf(b, tree, debFiles) + countOf(b, tree, rpmFiles)
	var us, them usage
	var server time.Duration
	for b.Loop() {
		before := web.cpu(b)
		us = us.faster(crawlOf(b, d, crawl.Control, want, "deb="+web.url+"deb/", "rpm="+web.url+"rpm/"))
		server = web.cpu(b) - before
		them = them.faster(script(b, tree, `find deb rpm -type f -print0 | xargs -0 -n 4 -P "$1" sha256sum > /dev/null`, processors()))
	}
	s.add(b, row{work: "hash depth, 2 GB", ours: us, theirs: them, against: fmt.Sprintf("sha256sum of the same files, %s at once; the server of ours took %.1fs CPU", processors(), server.Seconds()), goal: 1.1, unit: times})
}

// payloadDepth hashes every file inside every package.
func payloadDepth(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	want := countOf(b, tree, debFiles) + countOf(b, tree, rpmFiles)
	var us, them usage
	for b.Loop() {
		us = us.faster(crawlOf(b, d, crawl.Payload, want, "deb="+web.url+"deb/", "rpm="+web.url+"rpm/"))
		them = them.faster(unpacked(b, tree))
	}
	s.add(b, row{work: "payload depth, 2 GB", ours: us, theirs: them, against: "dpkg-deb --fsys-tarfile, rpm2cpio | sha256sum, " + processors() + " at once", goal: 1, unit: times})
}

// unpacked hashes what is inside every package with the formats' own tools.
func unpacked(b *testing.B, tree string) usage {
	b.Helper()
	return script(b, tree, `
		find deb rpm -type f \( -name '*.deb' -o -name '*.rpm' \) -print0 | xargs -0 -n 1 -P "$1" sh -c '
			case $1 in
			*.deb) dpkg-deb --fsys-tarfile "$1" ;;
			*.rpm) rpm2cpio "$1" ;;
			esac | sha256sum > /dev/null' sh`, processors())
}

// mirrorDeb reads the deb half as a mirror would.
func mirrorDeb(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	n := countOf(b, tree, debFiles)
	var us, aptly, debmirror usage
	for b.Loop() {
		us = us.faster(crawlOf(b, d, crawl.Control, n, "deb="+web.url+"deb/"))
		aptly = aptly.faster(runAptly(b, d, web, n))
		debmirror = debmirror.faster(runDebmirror(b, d, web, n))
	}
	s.add(b, row{work: "deb half, 1.1 GB", ours: us, theirs: aptly, against: "aptly mirror update", goal: 1. / 3, unit: times})
	s.add(b, row{work: "deb half, 1.1 GB", ours: us, theirs: debmirror, against: "debmirror", goal: 1. / 3, unit: times})
}

// mirrorRPM reads the rpm half as a mirror would that checks what it got.
func mirrorRPM(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	n := countOf(b, tree, rpmFiles)
	var us, them usage
	for b.Loop() {
		us = us.faster(crawlOf(b, d, crawl.Control, n, "rpm="+web.url+"rpm/"))
		them = them.faster(runReposync(b, d, web, n))
	}
	s.add(b, row{work: "rpm half, 1.0 GB", ours: us, theirs: them, against: "dnf reposync, then rpmkeys -K", goal: 1. / 3, unit: times})
}

// parsePackages parses Debian's own list and keeps all of it.
func parsePackages(b *testing.B, d data, s *sheet) {
	list := d.debian(b)
	n := fmt.Sprint(stanzaCount(b, list))
	var us, them usage
	for b.Loop() {
		_, inner := ours(b, "packages", list, n)
		us = us.faster(inner)
		them = them.faster(runTagFile(b, list, n))
	}
	s.add(b, row{work: "parse Packages, " + n, ours: us, theirs: them, against: "python3-apt TagFile, three fields; without start and import", goal: 1, unit: times})
}

// parsePrimary parses a primary.xml and keeps all of it.
func parsePrimary(b *testing.B, d data, s *sheet) {
	list := d.primary(b, primaryPackages)
	var us, them usage
	for b.Loop() {
		whole, _ := ours(b, "primary", list, fmt.Sprint(primaryPackages))
		us = us.faster(whole)
		them = them.faster(script(b, d.dir, `rpmmd2solv < "$1" > primary.solv; test -s primary.solv; rm primary.solv`, list))
	}
	s.add(b, row{work: "parse primary, " + fmt.Sprint(primaryPackages), ours: us, theirs: them, against: "rpmmd2solv; whole processes", goal: 1, unit: times})
}

// memory reads 100,000 packages of two gigabytes.
func memory(b *testing.B, d data, s *sheet) {
	debs := d.debs(b)
	warm(b, debs)
	web := serving(b, debs)
	var us usage
	for b.Loop() {
		us = us.faster(crawlOf(b, d, crawl.Control, many, fmt.Sprintf("deb=%s%d/", web.url, many)))
	}
	s.add(b, row{work: "memory, 100,000 packages of 2 GB", ours: us, goal: 256, unit: megabytes})
}

// secondRun crawls twice with one cache.
func secondRun(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	want := countOf(b, tree, debFiles) + countOf(b, tree, rpmFiles)
	var first, second usage
	for b.Loop() {
		cache := fresh(b, d)
		for _, u := range []*usage{&first, &second} {
			*u = u.faster(crawlOf(b, d, crawl.Control, want, "-cache", cache, "deb="+web.url+"deb/", "rpm="+web.url+"rpm/"))
		}
	}
	s.add(b, row{work: "second run, nothing changed", ours: second, theirs: first, against: "the first, cache empty", goal: 0.05, unit: times})
}

// growthDeb reads all of 1,000, 10,000 and 100,000 packages.
func growthDeb(b *testing.B, d data, s *sheet) {
	debs := d.debs(b)
	warm(b, debs)
	web := serving(b, debs)
	costs := map[int]usage{}
	for b.Loop() {
		for _, n := range []int{few, some, many} {
			costs[n] = costs[n].faster(crawlOf(b, d, crawl.Control, n, fmt.Sprintf("deb=%s%d/", web.url, n)))
		}
	}
	for _, n := range []int{few, some, many} {
		s.growth = append(s.growth, growth{"deb, hash depth", n, costs[n]})
	}
	b.ReportMetric(0, "ns/op") // the table has it
}

// growthRPM reads the metadata of as many.
func growthRPM(b *testing.B, d data, s *sheet) {
	costs := map[int]usage{}
	webs := map[int]*server{}
	for _, n := range []int{few, some, many} {
		webs[n] = serving(b, d.rpmIndex(b, n))
	}
	for b.Loop() {
		for n, web := range webs {
			costs[n] = costs[n].faster(crawlOf(b, d, crawl.Nothing, n, "rpm="+web.url))
		}
	}
	for _, n := range []int{few, some, many} {
		s.growth = append(s.growth, growth{"rpm-md, indexes", n, costs[n]})
	}
	b.ReportMetric(0, "ns/op") // the table has it
}

// programTree runs the whole program over the tree of two gigabytes. Some
// checks of the packages suite look inside the packages.
func programTree(b *testing.B, d data, s *sheet) {
	tree := d.tree(b)
	warm(b, tree)
	web := serving(b, tree)
	var us, them usage
	for b.Loop() {
		us = us.faster(runVerify(b, d, "--deb-url", web.url+"deb/", "--rpm-url", web.url+"rpm/", "--format", "deb,rpm"))
		them = them.faster(unpacked(b, tree))
	}
	s.add(b, row{work: "verify, metadata and packages, 2 GB", ours: us, theirs: them, against: "the program with its reports; dpkg-deb --fsys-tarfile, rpm2cpio | sha256sum", goal: 1, unit: times})
}

// programMany runs the whole program over 100,000 packages.
func programMany(b *testing.B, d data, s *sheet) {
	debs := d.debs(b)
	warm(b, debs)
	web := serving(b, debs)
	var us usage
	for b.Loop() {
		us = us.faster(runVerify(b, d, "--deb-url", fmt.Sprintf("%s%d/", web.url, many), "--format", "deb"))
	}
	s.add(b, row{work: "verify, 100,000 packages of 2 GB", ours: us, against: "the program, with its reports", goal: 256, unit: megabytes})
}
