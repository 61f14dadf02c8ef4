package reports

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/verify"
)

// day returns the report of one of three days, between which versions, dates
// and counts change and the plan does not.
func day(n int) *Report {
	version := fmt.Sprintf("1.26.%d", n)
	const deb = "deb/stable/1.26"
	install := passed("install-latest", deb, debCell)
	install.Message = "kubelet " + version + " is installed"
	sums := passed("package-checksums", deb, "")
	reached := passed("apt-release-signed", deb, "")
	var more []Result
	switch n {
	case 2:
		sums = finding("package-checksums", deb, verify.Fail, "the bytes of kubelet "+version+" are not those of the index "+hostile)
		sums.Subject.Version = version
		for i := range 30 { // many findings are one row
			x := sums
			x.Subject.File = fmt.Sprintf("kubelet_%s-%d.deb", version, i)
			more = append(more, x)
		}
	case 3:
		reached = Result{Check: reached.Check, Status: verify.Blocked, Severity: verify.Error, Target: deb, Message: "no answer after 30 s"}
		install = Result{Check: install.Check, Status: verify.Skipped, Severity: verify.Error, Target: deb, Subject: install.Subject, Message: "not asked, see apt-release-signed"}
	}
	r := reportOf(append([]Result{reached, sums, install, finding("key-current", deb, verify.Known, fmt.Sprintf("%d days left", 20-n))}, more...)...)
	r.Plan.Versions = []string{version}
	r.Started = r.Started.Add(time.Duration(n) * 24 * time.Hour)
	r.Finished = r.Started.Add(time.Duration(n) * time.Minute)
	return r
}

// TestDays: a row means the same on every day. The files are what the readers'
// own programs read, see the module in readers.
func TestDays(t *testing.T) {
	t.Parallel()
	var first []string
	for n := 1; n <= 3; n++ {
		data, cases := junitOf(t, day(n))
		golden(t, fmt.Sprintf("day-%d.xml", n), data)
		meta, err := day(n).Metadata()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("day-%d.json", n), meta)
		if n == 1 {
			first = names(cases)
		}
		if diff := cmp.Diff(first, names(cases)); diff != "" {
			t.Errorf("rows of day %d (-day 1 +day %d):\n%s", n, n, diff)
		}
	}
}
