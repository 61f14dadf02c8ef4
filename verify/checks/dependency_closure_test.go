package checks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// relations adds fields to all packages of a name, or of a name and version, or
// of a name, version and architecture, written "kubeadm 1.26.0-1.1 amd64".
func relations(which string, fields ...repo.Field) func(*verify.Facts) {
	return func(r *verify.Facts) {
		for i := range r.Packages {
			p := &r.Packages[i]
			if !strings.HasPrefix(p.String()+" ", which+" ") {
				continue
			}
			var all []repo.Field
			for name, value := range p.Fields.All() {
				all = append(all, repo.Field{Name: name, Value: value})
			}
			p.Fields = repo.NewFields(append(all, fields...)...)
		}
	}
}

func field(name, value string) repo.Field { return repo.Field{Name: name, Value: value} }

// dropping removes packages, named as relations does.
func dropping(which string) func(*verify.Facts) {
	return drop(func(p repo.Package) bool { return strings.HasPrefix(p.String()+" ", which+" ") })
}

func TestDependencyClosure(t *testing.T) {
	t.Parallel()
	deb := func(which, depends string) func(*verify.Facts) { return relations(which, field("Depends", depends)) }
	rpm := func(which, requires string) func(*verify.Facts) { return relations(which, field("requires", requires)) }
	type changes = []func(*verify.Facts)
	for _, tt := range []struct {
		name    string
		format  repo.Format
		assumed []verify.Capability
		changes changes
		says    []string // status and message of each finding
	}{
		{"deb, met inside", repo.Deb, nil, changes{deb("kubeadm", "kubelet (>= 1.26.0), cri-tools (>= 1.26.0-1.1) | nothing")}, nil},
		{"deb, met by the profile", repo.Deb, []verify.Capability{{Name: "iptables"}}, changes{deb("kubelet", "iptables (>= 1.4.21)")}, nil},
		{"deb, met by the profile in a version", repo.Deb, []verify.Capability{{Name: "iptables", Version: "1.8.0"}}, changes{deb("kubelet", "iptables (>= 1.4.21)")}, nil},
		{"deb, the profile's version is too old", repo.Deb, []verify.Capability{{Name: "iptables", Version: "1.4.0"}}, changes{deb("kubelet", "iptables (>= 1.4.21)")},
			[]string{"fail: kubelet 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) needs iptables (>= 1.4.21), which neither the repository nor the assumed system provides"}},
		{"deb, met by every Debian", repo.Deb, nil, changes{deb("kubelet", "libc6 (>= 2.34), mount, util-linux, debconf (>= 0.5) | debconf-2.0")}, nil},
		{"deb, met by Provides", repo.Deb, nil, changes{deb("kubelet", "cni (>= 1)"), relations("cri-tools", field("Provides", "cni (= 1.2)"))}, nil},
		{"deb, met by Provides of another version", repo.Deb, nil, changes{deb("kubelet 1.26.0-1.1 amd64", "cni (>= 2)"), relations("cri-tools", field("Provides", "cni (= 1.2)"))},
			[]string{"fail: kubelet 1.26.0-1.1 (amd64) needs cni (>= 2); the repository has cri-tools 1.26.0-1.1, cri-tools 1.26.1-1.1"}},
		{"deb, an older version is not installable", repo.Deb, nil, changes{deb("kubeadm 1.26.0-1.1", "cri-tools (<< 1.26.0)")},
			[]string{"fail: kubeadm 1.26.0-1.1 (amd64, s390x) needs cri-tools (<< 1.26.0); the repository has 1.26.0-1.1, 1.26.1-1.1"}},
		{"deb, only in older versions", repo.Deb, nil, changes{deb("kubeadm", "cri-tools (>= 1.27.0)")},
			[]string{"fail: kubeadm 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) needs cri-tools (>= 1.27.0); the repository has 1.26.0-1.1, 1.26.1-1.1"}},
		{"deb, missing, with consequences", repo.Deb, nil, changes{dropping("cri-tools"), deb("kubelet", "cri-tools (>= 1.25.0)"), deb("kubeadm", "kubelet")},
			[]string{"fail: kubelet 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) needs cri-tools (>= 1.25.0), and the repository has no cri-tools"}},
		{"deb, missing for two packages", repo.Deb, nil, changes{dropping("cri-tools"), deb("kubelet", "cri-tools (>= 1.25.0)"), deb("kubeadm", "cri-tools (>= 1.26.0)")},
			[]string{"fail: kubeadm 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) and 1 more packages need cri-tools, and the repository has no cri-tools"}},
		{"deb, missing, though every Debian may have it", repo.Deb, nil, changes{relations("cri-tools", field("Provides", "mount (= 1)")), deb("kubelet", "mount (>= 2)")},
			[]string{"fail: kubelet 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) needs mount (>= 2); the repository has cri-tools 1.26.0-1.1, cri-tools 1.26.1-1.1"}},
		{"deb, for another architecture only", repo.Deb, nil, changes{dropping("cri-tools 1.26.0-1.1 s390x"), dropping("cri-tools 1.26.1-1.1 s390x"), deb("kubeadm", "cri-tools")},
			[]string{"fail: kubeadm 1.26.0-1.1, 1.26.1-1.1 (s390x) needs cri-tools; the repository has it for other architectures only: 1.26.0-1.1 (amd64), 1.26.1-1.1 (amd64)"}},
		{"deb, a version for another architecture", repo.Deb, nil, changes{dropping("cri-tools 1.26.1-1.1 s390x"), deb("kubeadm", "cri-tools (>= 1.26.1)")},
			[]string{"fail: kubeadm 1.26.0-1.1, 1.26.1-1.1 (s390x) needs cri-tools (>= 1.26.1); the repository has 1.26.0-1.1, 1.26.1-1.1 (amd64)"}},
		{"deb, foreign", repo.Deb, nil, changes{deb("kubelet 1.26.1-1.1 amd64", "kubernetes-runtime | other-runtime")},
			[]string{"fail: kubelet 1.26.1-1.1 (amd64) needs kubernetes-runtime | other-runtime, which neither the repository nor the assumed system provides"}},
		{"deb, for all architectures, installable on one", repo.Deb, nil, changes{
			func(r *verify.Facts) {
				r.Packages = append(r.Packages, pkg(repo.Deb, "kubernetes-meta", "1-1", "all"))
			}, deb("kubernetes-meta", "cri-tools (= 1.26.1-1.1)"), dropping("cri-tools 1.26.1-1.1 s390x")}, nil},
		{"deb, for all architectures, installable on none", repo.Deb, nil, changes{
			func(r *verify.Facts) {
				r.Packages = append(r.Packages, pkg(repo.Deb, "kubernetes-meta", "1-1", "all"))
			}, deb("kubernetes-meta", "cri-tools (= 2)")},
			[]string{"fail: kubernetes-meta 1-1 (all) needs cri-tools (= 2); the repository has 1.26.0-1.1, 1.26.1-1.1"}},
		{"deb, in conflict with what it needs", repo.Deb, nil, changes{
			relations("kubelet", field("Depends", "cri-tools"), field("Conflicts", "cri-tools")), deb("kubeadm", "kubelet")},
			[]string{"fail: kubelet 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x) cannot be installed: what is needed excludes itself"}},
		{"deb, two versions of one package", repo.Deb, nil, changes{deb("kubeadm 1.26.0-1.1", "kubelet (= 1.26.0-1.1), cri-tools"), deb("cri-tools", "kubelet (= 1.26.1-1.1)")},
			[]string{"fail: kubeadm 1.26.0-1.1 (amd64, s390x) cannot be installed: what is needed excludes itself"}},
		{"deb, a conflict that another version avoids", repo.Deb, nil, changes{
			deb("kubeadm", "kubelet, cri-tools"), relations("kubelet 1.26.1-1.1", field("Breaks", "cri-tools"))}, nil},
		{"deb, replacing is no conflict", repo.Deb, nil, changes{deb("kubeadm", "kubelet"), relations("kubelet", field("Replaces", "kubeadm"))}, nil},
		{"deb, relations that do not parse", repo.Deb, nil, changes{deb("kubeadm", "kubelet (>= ")},
			[]string{"skipped: relations of packages do not parse, see apt-packages-wellformed (4 files)"}},
		{"deb, a list of packages unreachable", repo.Deb, nil, changes{dropping("cri-tools"), deb("kubeadm", "cri-tools"), unreadList(unreachable)},
			[]string{"blocked: not judged: 1 dependencies are unmet, but a list of packages was not read, see apt-index-checksums"}},
		{"deb, a list of packages missing", repo.Deb, nil, changes{dropping("cri-tools"), deb("kubeadm", "cri-tools"), unreadList(absent)},
			[]string{"skipped: not judged: 1 dependencies are unmet, but a list of packages was not read, see apt-index-checksums"}},
		{"deb, a list missing and nothing lacking", repo.Deb, nil, changes{deb("kubeadm", "cri-tools"), unreadList(absent)}, nil},
		{"deb, beyond a bound", repo.Deb, nil, changes{func(r *verify.Facts) {
			for i := range 100 {
				r.Packages = append(r.Packages, pkg(repo.Deb, "x", "1-1", "arch"+strings.Repeat("x", i)))
			}
		}}, []string{"blocked: nobody can tell whether the packages can be installed: the repository is too large to be solved"}},

		{"rpm, met inside", repo.RPM, nil, changes{rpm("kubeadm", "cri-tools GE 0:1.26.0\nkubelet")}, nil},
		{"rpm, met by the profile", repo.RPM, []verify.Capability{{Name: "iptables"}}, changes{rpm("kubelet", "iptables GE 0:1.4.21")}, nil},
		{"rpm, met by every system", repo.RPM, nil, changes{rpm("kubelet",
			"/bin/sh\nconfig(kubelet) EQ 0:1\nlibc.so.6(GLIBC_2.17)(64bit)\nld-linux-x86-64.so.2()(64bit)\nrpmlib(PayloadIsXz) LE 0:5.2-1\nrtld(GNU_HASH)")}, nil},
		{"rpm, a library of the repository's own", repo.RPM, nil, changes{relations("cri-tools", field("provides", "libcni.so.1(CNI_1)(64bit)")), rpm("kubelet", "libcni.so.1(CNI_2)(64bit)")},
			[]string{"fail: kubelet 1.26.0-150500.1.1, 1.26.1-150500.1.1 (s390x, x86_64) needs libcni.so.1(CNI_2)(64bit), which neither the repository nor the assumed system provides"}},
		{"rpm, a file that an expected package should have", repo.RPM, nil, changes{rpm("kubeadm", "/usr/bin/kubelet")},
			[]string{"fail: kubeadm 1.26.0-150500.1.1, 1.26.1-150500.1.1 (s390x, x86_64) needs /usr/bin/kubelet, and the repository has no /usr/bin/kubelet"}},
		{"rpm, a file that is there", repo.RPM, nil, changes{rpm("kubeadm", "/usr/bin/kubelet"), relations("kubelet", field("files", "dir /usr/bin\n/usr/bin/kubelet"))}, nil},
		{"rpm, a name that only other systems have", repo.RPM, []verify.Capability{{Name: "conntrack-tools"}}, changes{rpm("kubelet", "conntrack")},
			[]string{"fail: kubelet 1.26.0-150500.1.1, 1.26.1-150500.1.1 (s390x, x86_64) needs conntrack, which neither the repository nor the assumed system provides"}},
		{"rpm, only in older versions", repo.RPM, nil, changes{rpm("kubeadm", "cri-tools GE 0:1.30.0")},
			[]string{"fail: kubeadm 1.26.0-150500.1.1, 1.26.1-150500.1.1 (s390x, x86_64) needs cri-tools >= 1.30.0; the repository has 1.26.0-150500.1.1, 1.26.1-150500.1.1"}},
		{"rpm, one of two that are not there", repo.RPM, nil, changes{rpm("kubelet", "(conntrack or conntrack-tools)")},
			[]string{"fail: kubelet 1.26.0-150500.1.1, 1.26.1-150500.1.1 (s390x, x86_64) needs (conntrack or conntrack-tools), which neither the repository nor the assumed system provides"}},
		{"rpm, one of two that the profile has", repo.RPM, []verify.Capability{{Name: "conntrack-tools"}}, changes{rpm("kubelet", "(conntrack or conntrack-tools)")}, nil},
		{"rpm, if", repo.RPM, nil, changes{rpm("kubelet", "(kubelet-selinux if selinux-policy-targeted)")}, nil},
		{"rpm, obsoletes what it needs", repo.RPM, nil, changes{relations("kubelet 1.26.0-150500.1.1", field("requires", "cri-tools"), field("obsoletes", "cri-tools LT 0:9"))},
			[]string{"fail: kubelet 1.26.0-150500.1.1 (s390x, x86_64) cannot be installed: what is needed excludes itself"}},
		{"rpm, conflicts with itself", repo.RPM, nil, changes{relations("kubelet", field("provides", "runtime"), field("conflicts", "runtime"))}, nil},
		{"rpm, source packages are not asked", repo.RPM, nil, changes{
			func(r *verify.Facts) { r.Packages = append(r.Packages, pkg(repo.RPM, "kubelet", "1.26.0-1", "src")) }, rpm("kubelet 1.26.0-1 src", "golang GE 0:1.20")}, nil},
		{"rpm, rich relations that do not parse", repo.RPM, nil, changes{rpm("kubelet", "(a and")},
			[]string{"skipped: relations of packages do not parse, see rpm-primary-wellformed (4 files)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			e.Assumed = tt.assumed
			for _, change := range tt.changes {
				change(r)
			}
			var says []string
			for _, f := range runCheck(t, "dependency-closure", e, r).Findings {
				says = append(says, string(f.Status)+": "+f.Message)
				if f.URL == "" {
					t.Errorf("no address: %+v", f)
				}
				if f.Status == verify.Fail && (f.Hint == "" || f.Want == "" || f.Got == "" || len(f.Evidence) == 0) {
					t.Errorf("something is missing: %+v", f)
				}
			}
			if diff := cmp.Diff(tt.says, says); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// unreadList adds a second list of packages, which could not be read.
func unreadList(p *repo.Problem) func(*verify.Facts) {
	return func(r *verify.Facts) {
		x := repo.Index{File: file("other/Packages"), Type: "other/Packages"}
		x.Problem = p
		r.Apt.Indexes = append(r.Apt.Indexes, x)
	}
}

// TestDependencyClosureEvidence shows that a finding names who asks for what is
// missing and who falls with it, and a contradiction its parts.
func TestDependencyClosureEvidence(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	for _, change := range []func(*verify.Facts){
		dropping("cri-tools"),
		relations("kubelet 1.26.0-1.1", field("Depends", "cri-tools (>= 1.25.0)")),
		relations("kubelet 1.26.1-1.1", field("Depends", "cri-tools (>= 1.26.0)")),
		relations("kubeadm", field("Depends", "kubelet")),
	} {
		change(r)
	}
	found := runCheck(t, "dependency-closure", e, r).Findings
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	f := found[0]
	want := []string{
		"kubelet 1.26.0-1.1 (amd64, s390x): needs cri-tools (>= 1.25.0)",
		"kubelet 1.26.1-1.1 (amd64, s390x): needs cri-tools (>= 1.26.0)",
		"hence not installable either: kubeadm 1.26.0-1.1, 1.26.1-1.1 (amd64, s390x)",
		"Packages line 7",
	}
	if diff := cmp.Diff(want, f.Evidence); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(verify.Subject{Package: "kubelet"}, f.Subject); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	r = sound(repo.Deb)
	relations("kubeadm 1.26.0-1.1", field("Depends", "kubelet (= 1.26.0-1.1), cri-tools"))(r)
	relations("cri-tools", field("Depends", "kubelet (>> 1.26.0-1.1)"))(r)
	relations("cri-tools 1.26.0-1.1", field("Conflicts", "kubeadm"))(r)
	found = runCheck(t, "dependency-closure", e, r).Findings
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	for _, line := range []string{
		"kubeadm 1.26.0-1.1 needs kubelet (= 1.26.0-1.1)",
		"kubeadm 1.26.0-1.1 needs cri-tools",
		"cri-tools 1.26.1-1.1 needs kubelet (>> 1.26.0-1.1)",
		"only one version of kubelet can be installed",
	} {
		if !slices.Contains(found[0].Evidence, line) {
			t.Errorf("%q is not among %q", line, found[0].Evidence)
		}
	}
}

// TestManyForeignNames shows that a repository made to be used with another one
// does not fill the report.
func TestManyForeignNames(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	var names []string
	for i := range 100 {
		names = append(names, "lib"+strings.Repeat("x", i+1))
	}
	relations("kubelet", field("Depends", strings.Join(names, ", ")))(r)
	found := runCheck(t, "dependency-closure", e, r).Findings
	if len(found) != 41 || !strings.HasPrefix(found[40].Message, "60 more names are needed") {
		t.Errorf("%d findings, the last of them %+v", len(found), found[len(found)-1])
	}
}
