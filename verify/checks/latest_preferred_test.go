package checks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// add adds a package to a repository.
func add(name, version, arch string) func(*verify.Facts) {
	return func(r *verify.Facts) {
		r.Packages = append(r.Packages, pkg(r.Target.Format, name, version, arch))
	}
}

func TestLatestPreferred(t *testing.T) {
	t.Parallel()
	marked := func(e *verify.Expectation) { e.Marker = &verify.Marker{URL: "http://marker.test/"} }
	keep := func(*verify.Expectation) {}
	for _, tt := range []struct {
		name   string
		format repo.Format
		expect func(*verify.Expectation)
		change func(*verify.Facts)
		says   []string
		hint   string
	}{
		{"a rebuild of the latest", repo.Deb, keep, add("kubelet", "1.26.1-2.1", "amd64"), []string{}, ""},
		{"a rebuild of an older one", repo.RPM, keep, add("kubelet", "1.26.0-150500.9.1", "x86_64"), []string{}, ""},
		{"a release candidate that sorts below", repo.Deb, keep, add("kubelet", "1.26.1~rc.0-1.1", "amd64"), []string{}, ""},
		{"a release candidate", repo.Deb, keep, add("kubelet", "1.26.2~rc.0-1.1", "amd64"),
			[]string{"fail: apt would choose 1.26.2~rc.0-1.1, and the latest release is 1.26.1"}, "see channel-policy"},
		{"a release candidate of the latest, without a tilde", repo.RPM, keep, add("kubelet", "1.26.1.rc.0-150500.1.1", "x86_64"),
			[]string{"fail: dnf and zypper would choose 1.26.1.rc.0-150500.1.1, and the latest release is 1.26.1"}, "see channel-policy"},
		{"another minor", repo.RPM, keep, add("kubelet", "1.27.0-150500.1.1", "s390x"),
			[]string{"fail: dnf and zypper would choose 1.27.0-150500.1.1, and the latest release is 1.26.1"}, "see minor-policy"},
		{"an older minor does no harm", repo.Deb, keep, add("kubelet", "1.25.9-1.1", "amd64"), []string{}, ""},
		{"an epoch on an old release", repo.Deb, keep, add("kubelet", "1:1.26.0-1.1", "amd64"),
			[]string{"fail: apt would choose 1:1.26.0-1.1, and the latest release is 1.26.1"}, "the epoch 1 puts it above"},
		{"an epoch on the latest changes nothing", repo.RPM, keep, add("kubelet", "1:1.26.1-150500.1.1", "x86_64"), []string{}, ""},
		{"one for all architectures", repo.Deb, keep, add("kubelet", "1:1.26.0-1.1", "all"),
			[]string{"fail: apt would choose 1:1.26.0-1.1, and the latest release is 1.26.1 (2 files)"}, ""},
		{"another architecture's is not chosen", repo.Deb, keep, add("kubelet", "1.27.0-1.1", "arm64"), []string{}, ""},
		{"three packages: one cause", repo.Deb, keep, func(r *verify.Facts) {
			for _, name := range []string{"kubeadm", "kubelet"} {
				for _, arch := range []string{"amd64", "s390x"} {
					add(name, "1.26.2~rc.0-1.1", arch)(r)
				}
			}
		}, []string{"fail: apt would choose 1.26.2~rc.0-1.1, and the latest release is 1.26.1 (4 files)"}, ""},
		{"the latest missing is packages-published's", repo.Deb, keep, drop(func(p repo.Package) bool { return p.Upstream() == "1.26.1" }), []string{}, ""},
		{"nothing of a package is there", repo.Deb, keep, drop(func(p repo.Package) bool { return p.Name == "kubelet" }), []string{}, ""},
		{"a newer patch than the user named", repo.Deb, keep, add("kubelet", "1.26.9-1.1", "amd64"), []string{}, ""},
		{"a newer patch than the marker names", repo.Deb, marked, add("kubelet", "1.26.9-1.1", "amd64"),
			[]string{"fail: apt would choose 1.26.9-1.1, and the latest release is 1.26.1"}, "mend the version marker"},
		{"a patch that looks newer", repo.Deb, keep, add("kubelet", "1.26.1+really1.26.0-1.1", "amd64"),
			[]string{"fail: apt would choose 1.26.1+really1.26.0-1.1, and the latest release is 1.26.1"}, "see channel-policy"},
		{"a companion's epoch", repo.RPM, keep, add("cri-tools", "1:1.25.0-150500.1.1", "x86_64"),
			[]string{"fail: dnf and zypper would choose 1:1.25.0-150500.1.1, and the latest release is 1.26.1"}, "the epoch 1"},
		{"a companion's newer version", repo.RPM, keep, add("cri-tools", "1.30.0-150500.1.1", "x86_64"), []string{}, ""},
		{"a pre-release channel", repo.Deb, func(e *verify.Expectation) {
			e.ChannelRule = verify.VersionRule{Match: regexp.MustCompile(`-(alpha|beta|rc)\.\d+$`)}
			e.Packages = []verify.PackageExpectation{{Name: "kubelet", Versions: []string{"1.26.0-rc.1", "1.26.0-alpha.10", "1.26.0-beta.9"}}}
		}, func(r *verify.Facts) {
			r.Packages = nil
			for _, v := range []string{"1.26.0~alpha.10-1.1", "1.26.0~alpha.9-1.1", "1.26.0~beta.9-1.1", "1.26.0~rc.1-1.1"} {
				add("kubelet", v, "amd64")(r)
			}
		}, []string{}, ""},
		{"a final release among pre-releases", repo.Deb, func(e *verify.Expectation) {
			e.ChannelRule = verify.VersionRule{Match: regexp.MustCompile(`-(alpha|beta|rc)\.\d+$`)}
			e.Packages = []verify.PackageExpectation{{Name: "kubelet", Versions: []string{"1.26.0-rc.1"}}}
		}, func(r *verify.Facts) {
			r.Packages = nil
			add("kubelet", "1.26.0~rc.1-1.1", "amd64")(r)
			add("kubelet", "1.26.0-1.1", "amd64")(r)
		}, []string{"fail: apt would choose 1.26.0-1.1, and the latest release is 1.26.0-rc.1"}, "see channel-policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			tt.expect(e)
			tt.change(r)
			res := onRepository(t, e, r)["latest-preferred"]
			if diff := cmp.Diff(tt.says, says(res)); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if len(res.Findings) > 0 && (!strings.Contains(res.Findings[0].Hint, tt.hint) || res.Findings[0].URL == "") {
				t.Errorf("hint %q, want %q in it", res.Findings[0].Hint, tt.hint)
			}
		})
	}
}

// TestCandidatesOfTheTools: what the check says is chosen is what apt and rpm
// choose among the same versions.
func TestCandidatesOfTheTools(t *testing.T) {
	t.Parallel()
	for i, versions := range [][]string{
		{"1.26.0-1.1", "1.26.1-1.1"},
		{"1.26.9-1.1", "1.26.10-1.1", "1.26.1-9.1"},
		{"1.26.1-1.1", "1.26.2~rc.0-1.1"},
		{"1.26.1-1.1", "1.26.1~rc.0-1.1"},
		{"1.26.1-1.1", "1.26.1.rc.0-1.1", "1.26.0-2.1"},
		{"1:1.26.0-1.1", "1.26.1-1.1"},
		{"0:1.26.1-1.1", "1.26.0-1.1"},
		{"1.26.1+really1.26.0-1.1", "1.26.1-1.1"},
		{"1.27.0-1.1", "1.26.15-1.1", "1.26.2-1.1"},
		{"1.26.0~alpha.10-1.1", "1.26.0~alpha.9-1.1", "1.26.0~beta.0-1.1"},
	} {
		for _, f := range repo.Formats() {
			e := expectation(f)
			// A release that is none: whatever else is chosen is told.
			e.Packages = []verify.PackageExpectation{{Name: "kubelet", Versions: []string{"0.0.1"}}}
			e.ChannelRule.Match = regexp.MustCompile("^$")
			r := sound(f)
			r.Packages = []repo.Package{pkg(f, "kubelet", "0.0.1-1", repo.AMD64.In(f))}
			for _, v := range versions {
				add("kubelet", v, repo.AMD64.In(f))(r)
			}
			var want string
			if f == repo.Deb {
				want = aptCandidate(t, versions)
			} else {
				want = rpmCandidate(t, versions)
			}
			got := onRepository(t, e, r)["latest-preferred"].Findings
			if len(got) != 1 || got[0].Got != want {
				t.Errorf("%d %s %v: got %+v, want %s", i, f, versions, got, want)
			}
		}
	}
}

// aptCandidate asks apt-cache policy, in folders of the test's own.
func aptCandidate(t *testing.T, versions []string) string {
	t.Helper()
	dir := t.TempDir()
	var index strings.Builder
	for _, v := range versions {
		fmt.Fprintf(&index, "Package: kubelet\nVersion: %s\nArchitecture: amd64\nMaintainer: x <x@example.com>\nFilename: x_%s.deb\nSize: 1\nSHA256: %064d\nDescription: x\n\n",
			v, strings.ReplaceAll(v, ":", ""), 0)
	}
	for name, text := range map[string]string{"Packages": index.String(), "status": "", "sources.list": "deb [trusted=yes] file:" + dir + " ./\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	apt := func(args ...string) string {
		args = append([]string{"-qq", "-o", "APT::Architecture=amd64", "-o", "APT::Architectures::=amd64", "-o", "Dir::Etc::SourceList=" + dir + "/sources.list",
			"-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::Etc::Preferences=/dev/null", "-o", "Dir::Etc::PreferencesParts=/dev/null",
			"-o", "Dir::State::Lists=" + dir + "/lists", "-o", "Dir::State::Status=" + dir + "/status", "-o", "Dir::Cache=" + dir + "/cache",
			"-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"}, args...)
		name := "apt-get"
		if slices.Contains(args, "policy") {
			name = "apt-cache"
		}
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s (make deps installs it): %v\n%s", name, err, out)
		}
		return string(out)
	}
	apt("update")
	candidate := regexp.MustCompile(`Candidate: (\S+)`).FindStringSubmatch(apt("policy", "kubelet"))
	if candidate == nil {
		t.Fatal("apt-cache policy names no candidate")
	}
	return candidate[1]
}

// rpmCandidate sorts with rpm's own comparison.
func rpmCandidate(t *testing.T, versions []string) string {
	t.Helper()
	best := versions[0]
	for _, v := range versions[1:] {
		out, err := exec.CommandContext(t.Context(), "rpm", "--eval", fmt.Sprintf("%%{lua: print(rpm.vercmp(%q, %q))}", v, best)).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm (make deps installs it): %v\n%s", err, out)
		}
		if strings.TrimSpace(string(out)) == "1" {
			best = v
		}
	}
	return best
}
