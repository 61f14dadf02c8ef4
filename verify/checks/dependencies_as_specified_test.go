package checks_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// kubeadmTable is a table of dependencies with two rows, of which the second
// overlaps with a rule for all versions.
func kubeadmTable(t *testing.T) []verify.DependencyRule {
	t.Helper()
	var rules []verify.DependencyRule
	for _, x := range []struct {
		bounds   string
		needs    []verify.Capability
		optional []string
	}{
		{"< 1.26.1", []verify.Capability{{Name: "cri-tools", Version: "1.25.0"}}, nil},
		{">= 1.26.1 < 1.26.5", []verify.Capability{{Name: "cri-tools", Version: "1.26.0"}, {Name: "util-linux"}}, []string{"socat"}},
		{"< 1.26.5", []verify.Capability{{Name: "util-linux"}}, []string{"conntrack", "iproute2"}},
		{">= 1.26.5 < 1.27.0", nil, nil},
	} {
		r, err := verify.ParseRange(x.bounds)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, verify.DependencyRule{Range: r, Needs: x.needs, Optional: x.optional})
	}
	return rules
}

func TestDependenciesAsSpecified(t *testing.T) {
	t.Parallel()
	deb := func(depends string) []repo.Field { return []repo.Field{{Name: "Depends", Value: depends}} }
	rpm := func(requires string) []repo.Field { return []repo.Field{{Name: "requires", Value: requires}} }
	const missing, otherwise, extra = "warn: kubeadm does not depend on ", "warn: kubeadm depends on ", ", which is not specified"
	for _, tt := range []struct {
		name    string
		format  repo.Format
		version string
		fields  []repo.Field
		says    []string
	}{
		{"deb, as specified", repo.Deb, "1.26.1-1.1", deb("cri-tools (>= 1.26.0), util-linux"), []string{}},
		{"deb, of another row", repo.Deb, "1.26.0-1.1", deb("util-linux,\n cri-tools (>=1.25.0)"), []string{}},
		{"deb, with optional ones", repo.Deb, "1.26.1-1.1", deb("socat, conntrack (>= 1), cri-tools (>= 1.26.0), util-linux"), []string{}},
		{"deb, with the C library", repo.Deb, "1.26.1-1.1", deb("cri-tools (>= 1.26.0), util-linux, libc6 (>= 2.34), libc6.1 (>= 2.34) | libc6"), []string{}},
		{"deb, a part in Pre-Depends", repo.Deb, "1.26.1-1.1", append(deb("util-linux"), repo.Field{Name: "Pre-Depends", Value: "cri-tools (>= 1.26.0)"}), []string{}},
		{"deb, said twice", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 1.26.0), util-linux"), []string{}},
		{"deb, equal versions written in two ways", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 0:1.26.0-0)"), []string{}},
		{"deb, one missing", repo.Deb, "1.26.1-1.1", deb("util-linux"), []string{missing + "cri-tools"}},
		{"deb, all missing", repo.Deb, "1.26.1-1.1", nil, []string{missing + "cri-tools", missing + "util-linux"}},
		{"deb, one more", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 1.26.0), ebtables"), []string{otherwise + "ebtables" + extra}},
		{"deb, optional in another row only", repo.Deb, "1.26.0-1.1", deb("util-linux, cri-tools (>= 1.25.0), socat"), []string{otherwise + "socat" + extra}},
		{"deb, another bound", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 1.25.0)"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"deb, another operator", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (= 1.26.0)"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"deb, no bound", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"deb, a bound where none is", repo.Deb, "1.26.1-1.1", deb("util-linux (>= 2), cri-tools (>= 1.26.0)"), []string{otherwise + "util-linux otherwise than specified"}},
		{"deb, an alternative", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 1.26.0) | crictl"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"deb, a second bound", repo.Deb, "1.26.1-1.1", deb("util-linux, cri-tools (>= 1.26.0), cri-tools (<< 1.27)"), []string{otherwise + "cri-tools" + extra}},
		{"deb, in a version that must have none", repo.Deb, "1.26.5-1.1", deb("cri-tools (>= 1.26.0)"), []string{otherwise + "cri-tools" + extra}},
		{"deb, none where none must be", repo.Deb, "1.26.5-1.1", nil, []string{}},
		{"deb, does not parse", repo.Deb, "1.26.1-1.1", deb("util-linux, ("), []string{"skipped: the dependencies of kubeadm do not parse, see apt-packages-wellformed"}},
		{"deb, a pre-release by its own place", repo.Deb, "1.26.1~rc.0-1.1", deb("cri-tools (>= 1.25.0), util-linux"), []string{}},
		{"deb, a pre-release as its release", repo.Deb, "1.26.1~rc.0-1.1", deb("cri-tools (>= 1.26.0), util-linux"), []string{}},
		{"deb, a pre-release as neither", repo.Deb, "1.26.1~rc.0-1.1", deb("cri-tools (>= 1.24.0), util-linux"), []string{otherwise + "cri-tools otherwise than specified"}},

		{"rpm, as specified", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GE 0:1.26.0\nutil-linux"), []string{}},
		{"rpm, without an epoch", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GE 1.26.0\nutil-linux"), []string{}},
		{"rpm, with what rpmbuild adds", repo.RPM, "1.26.1-150500.1.1",
			rpm("/bin/sh\n/usr/bin/systemctl\nconfig(kubeadm) EQ 0:1.26.1-150500.1.1\ncri-tools GE 0:1.26.0\nlibc.so.6()(64bit)\nlibc.so.6(GLIBC_2.17)(64bit)\nlibfoo.so.1\nrpmlib(PayloadIsXz) LE 0:5.2-1\nrtld(GNU_HASH)\nutil-linux"), []string{}},
		{"rpm, one missing", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GE 0:1.26.0"), []string{missing + "util-linux"}},
		{"rpm, one more", repo.RPM, "1.26.1-150500.1.1", rpm("conntrack-tools\ncri-tools GE 0:1.26.0\nutil-linux"), []string{otherwise + "conntrack-tools" + extra}},
		{"rpm, another epoch", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GE 1:1.26.0\nutil-linux"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"rpm, another operator", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GT 0:1.26.0\nutil-linux"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"rpm, a release where none is", repo.RPM, "1.26.1-150500.1.1", rpm("cri-tools GE 0:1.26.0-1\nutil-linux"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"rpm, rich", repo.RPM, "1.26.1-150500.1.1", rpm("(cri-tools >= 1.26.0 or crictl)\nutil-linux"), []string{otherwise + "cri-tools otherwise than specified"}},
		{"rpm, rich, of optional ones", repo.RPM, "1.26.1-150500.1.1", rpm("(socat or conntrack)\ncri-tools GE 0:1.26.0\nutil-linux"), []string{}},
		{"rpm, rich, does not parse", repo.RPM, "1.26.1-150500.1.1", rpm("(socat or\nutil-linux"), []string{"skipped: the dependencies of kubeadm do not parse, see rpm-primary-wellformed"}},
		{"rpm, a version of which nothing is said", repo.RPM, "1.27.0-1", rpm("whatever"), []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			e.Package("kubeadm").Dependencies = kubeadmTable(t)
			p := pkg(tt.format, "kubeadm", tt.version, repo.AMD64.In(tt.format))
			p.Fields = repo.NewFields(tt.fields...)
			r.Packages = []repo.Package{p}
			res := onRepository(t, e, r)["dependencies-as-specified"]
			if diff := cmp.Diff(tt.says, says(res)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			for _, f := range res.Findings {
				if f.URL == "" || f.Got == "" || len(f.Evidence) != 1 || f.Status == verify.Warn && (f.Want == "" || f.Hint == "") {
					t.Errorf("says too little: %+v", f)
				}
			}
		})
	}
}

// TestDependencyCauses: one row of the table that was not followed is one
// finding, however many packages it is in.
func TestDependencyCauses(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	e.Package("kubeadm").Dependencies = kubeadmTable(t)
	res := onRepository(t, e, r)["dependencies-as-specified"] // no package declares any
	want := []string{"warn: kubeadm does not depend on cri-tools (4 files)", "warn: kubeadm does not depend on util-linux (4 files)"}
	if diff := cmp.Diff(want, says(res)); diff != "" || res.Status != verify.Warn {
		t.Errorf("%s (-want +got):\n%s", res.Status, diff)
	}
	if got := res.Findings[0].Evidence[0]; got != "kubeadm 1.26.0-1.1 amd64: wanted cri-tools >= 1.25.0, got no such dependency" {
		t.Errorf("evidence %q", got)
	}
	// A package of which the profile says nothing is not asked.
	e.Package("kubeadm").Dependencies = nil
	if res := onRepository(t, e, r)["dependencies-as-specified"]; res.Status != verify.Pass {
		t.Errorf("got %+v", res)
	}
}
