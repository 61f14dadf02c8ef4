package guest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What rpm 4.18 wrote of packages with files that were changed.
const recordedVerify = `S.5....T.    /usr/bin/kubeadm
S.5....T.  c /etc/sysconfig/kubelet
missing     /usr/bin/kubelet
.M.......    /usr/bin/kubectl
`

func TestParseRPMVerify(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
		err  string
	}{
		"clean":   {"", nil, ""},
		"changed": {recordedVerify, strings.Split(strings.TrimSuffix(recordedVerify, "\n"), "\n"), ""},
		"absent":  {recordedVerify + "package nothere is not installed\n", nil, "package nothere is not installed"},
		"other":   {"Unsatisfied dependencies\n", nil, "line 1: want marks and a path"},
	} {
		got, err := ParseRPMVerify(tc.text)
		checkErr(t, err, tc.err)
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestParseRPMFiles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want map[string]string
		err  string
	}{
		"files": {
			"kubelet\t\t/etc/kubernetes\nkubelet\tcn\t/etc/sysconfig/kubelet\nkubeadm\t\t/etc/kubernetes\nkubelet\tg\t/var/lib/x\npackage a is not installed\n",
			map[string]string{"/etc/kubernetes": "kubelet", "/etc/sysconfig/kubelet": "kubelet"}, "",
		},
		"a line break in a name": {"kubelet\t\t/etc/a\nb\n", nil, "line 2: want package, kind and path"},
		"no path":                {"kubelet\t\tetc\n", nil, "line 1"},
	} {
		got, err := ParseRPMFiles(tc.text)
		checkErr(t, err, tc.err)
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestReasonIsBounded(t *testing.T) {
	t.Parallel()
	got := reason([]string{strings.Repeat("\xff\u00e9", maxReason)})
	if len(got) > maxReason+10 || !strings.HasSuffix(got, " [...]") {
		t.Errorf("%d bytes: %q", len(got), got[len(got)-20:])
	}
}

func FuzzRPMClients(f *testing.F) {
	for _, s := range []string{solvedInstall, solvedNothing, unsolvable, noMatch, recordedVerify, "kubelet\tcn\t/etc/sysconfig/kubelet\n"} {
		f.Add(s, "")
	}
	f.Add(unsolvable, unsolvableErrors)
	f.Add(noMatch, noMatchErrors)
	f.Add(dnf5Table, dnf5TableErrors)
	f.Add("", dnf5Unsolvable)
	for _, s := range []string{zypperSearchXML, zypperInfoText, zypperSolveXML, zypperNothing, zypperOlder, zypperProblem, zypperNoProvider, zypperHistory} {
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, out, errs string) {
		for _, exit := range []int{0, 1, 4} {
			a := Answer{exit, out, errs}
			for _, parse := range []func(Answer) (Solution, error){ParseDNFSolve, ParseDNF5Solve, ParseZypperSolve} {
				s, err := parse(a)
				checkSolution(t, s, err)
			}
		}
		if offers, err := ParseZypperSearch(out); err == nil {
			for _, o := range offers {
				if !ValidPackage(o.Package) || o.Version == "" || o.Arch == "" || o.Origin == "" {
					t.Errorf("offer %+v", o)
				}
			}
		}
		for name, parse := range map[string]func(string) (map[string]string, error){"info": ParseZypperInfo, "history": ParseZypperHistory} {
			if m, err := parse(out); err == nil && len(m) > strings.Count(out, "\n")+1 {
				t.Errorf("zypper %s: %d packages from %q", name, len(m), out)
			}
		}
		if owners, err := ParseRPMFiles(out); err == nil {
			for path, name := range owners {
				if !strings.HasPrefix(path, "/") || !ValidPackage(name) {
					t.Errorf("%q of %q", path, name)
				}
			}
		}
		if altered, err := ParseRPMVerify(out); err == nil && len(altered) > strings.Count(out, "/") {
			t.Errorf("%d files from %q", len(altered), out)
		}
		if origins, err := ParseDNFOrigins(out); err == nil {
			for name, origin := range origins {
				if !ValidPackage(name) || origin == "" {
					t.Errorf("%q from %q", name, origin)
				}
			}
		}
	})
}

// checkSolution fails where a solution contradicts itself.
func checkSolution(t *testing.T, s Solution, err error) {
	t.Helper()
	if err != nil && (s.OK || s.Would != nil || s.Reason != "") {
		t.Errorf("an answer and an error: %+v, %v", s, err)
	}
	if !s.OK && len(s.Would) > 0 || s.OK && s.Reason != "" {
		t.Errorf("it contradicts itself: %+v", s)
	}
	if len(s.Reason) > maxReason+10 {
		t.Errorf("a reason of %d bytes", len(s.Reason))
	}
	for _, p := range s.Would {
		if !ValidPackage(p.Package) || p.Version == "" || p.Arch == "" {
			t.Errorf("package %+v", p)
		}
	}
}
