package lab

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// misbehaviour is a second version, 1.26.2, in which one thing is wrong.
type misbehaviour struct {
	name string
	// packages are the ones of the second version; the first is sound.
	packages []pkg
	// want are the checks that fail, with a part of what each says; rest those
	// that have nothing to try after that.
	want map[string]string
	rest []string
	// only is the one format in which it can be wrong, or is seen so.
	only repo.Format
}

const (
	unitPath   = "/usr/lib/systemd/system/kubelet.service"
	dropInPath = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
	confPath   = "/etc/default/kubelet"
	sound      = "[Service]\nExecStart=/usr/bin/kubelet\nEnvironmentFile=-/etc/default/kubelet\n"
)

// foreign is the head of an ELF program for a machine that no emulator is
// registered for (e_machine EM_AVR).
func foreign() []byte {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(b[16:], 2)
	binary.LittleEndian.PutUint16(b[18:], 83)
	return b
}

// soundFiles are those of a kubelet in which nothing is wrong.
func soundFiles() map[string]string {
	return map[string]string{unitPath: sound, confPath: "KUBELET_EXTRA_ARGS=\n"}
}

func misbehaviours() []misbehaviour {
	kubelet := func(change func(*pkg)) []pkg {
		p := pkg{name: "kubelet", version: "1.26.2", files: soundFiles()}
		change(&p)
		return []pkg{p}
	}
	afterLatest := []string{"install-versions", "install-origin", "install-remove", "install-pinned", "install-upgrade", "install-downgrade"}
	return []misbehaviour{
		{name: "sound", packages: kubelet(func(*pkg) {})},
		{name: "failing postinst", only: repo.Deb, packages: kubelet(func(p *pkg) { p.postinst = "echo it went wrong >&2; exit 3" }),
			want: map[string]string{"install-latest": "it went wrong"}, rest: afterLatest},
		{name: "failing %post", only: repo.RPM, packages: kubelet(func(p *pkg) { p.postinst = "echo it went wrong >&2; exit 3" }),
			want: map[string]string{"install-latest": "scriptlet failed", "install-upgrade": "scriptlet failed"}},
		{name: "undeclared dependency of a program", packages: kubelet(func(p *pkg) { p.program = "exec no-such-program-here kubelet v1.26.2" }),
			want: map[string]string{"install-versions": "not found", "install-upgrade": "not found"}, rest: []string{"install-downgrade"}},
		{name: "dependency that is nowhere", packages: kubelet(func(p *pkg) { p.requires = "no-such-package" }),
			want: map[string]string{"install-latest": "no-such-package", "install-solve": "no-such-package"}, rest: afterLatest},
		{name: "file of another package", packages: append(kubelet(func(p *pkg) { p.files["/usr/share/kube/notes"] = "kubelet's\n" }),
			pkg{name: "kubeadm", version: "1.26.2", files: map[string]string{"/usr/share/kube/notes": "kubeadm's\n"}}),
			want: map[string]string{"install-latest": "/usr/share/kube/notes"}, rest: afterLatest},
		{name: "leftover files", packages: kubelet(func(p *pkg) { p.postinst = "mkdir -p /var/lib/kubelet/x; echo left >/etc/kubelet.left" }),
			want: map[string]string{"install-remove": "/etc/kubelet.left"}},
		{name: "unit with a bad path", packages: kubelet(func(p *pkg) { p.files[unitPath] = strings.Replace(sound, "bin/kubelet", "local/bin/kubelet", 1) }),
			want: map[string]string{"install-latest": "ExecStart=/usr/local/bin/kubelet"}},
		{name: "drop-in that names the other family's file", packages: kubelet(func(p *pkg) {
			p.files[dropInPath] = "[Service]\nEnvironmentFile=-/etc/sysconfig/kubelet\n"
		}), want: map[string]string{"install-latest": "but /etc/default/kubelet is"}},
		{name: "another version", packages: kubelet(func(p *pkg) { p.program = "echo kubelet v1.26.1" }),
			want: map[string]string{"install-versions": "kubelet v1.26.1", "install-upgrade": "kubelet v1.26.1"}},
		{name: "another architecture", packages: kubelet(func(p *pkg) { p.image = foreign() }),
			want: map[string]string{"install-versions": "exit code", "install-upgrade": "exit code"}, rest: []string{"install-downgrade"}},
		{name: "lost configuration", only: repo.Deb, packages: kubelet(func(p *pkg) { p.postinst = "echo KUBELET_EXTRA_ARGS= >/etc/default/kubelet" }),
			want: map[string]string{"install-upgrade": "/etc/default/kubelet"}},
		{name: "file that a script changes", packages: kubelet(func(p *pkg) { p.postinst = "echo '# more' >>/usr/bin/kubelet" }),
			want: map[string]string{"install-latest": "/usr/bin/kubelet"}},
	}
}

// TestMisbehaviour: packages that misbehave fail the check that is for it, with
// a reason that names it, and no other. Real package managers, real containers.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	for _, distro := range []string{"debian-12", "rpm-dnf4"} {
		for _, m := range misbehaviours() {
			if m.only != "" && m.only != formatOf(distro) {
				continue
			}
			t.Run(distro+" "+m.name, func(t *testing.T) {
				t.Parallel()
				m.run(t, s, distro)
			})
		}
	}
}

// run installs the packages in a real container, and judges.
func (m misbehaviour) run(t *testing.T, s signer, distro string) {
	t.Helper()
	tree := debTree
	if formatOf(distro) == repo.RPM {
		tree = rpmTree
	}
	var packages []pkg
	e := &verify.Expectation{Target: repo.Target{Format: formatOf(distro), Channel: "stable", Minor: "1.26"}, Arches: []repo.Arch{repo.AMD64}}
	var names []string
	for _, p := range m.packages {
		before := pkg{name: p.name, version: "1.26.1", requires: p.required}
		if p.name == "kubelet" {
			before.files = soundFiles()
		}
		packages = append(packages, before, p)
		names = append(names, p.name)
		e.Packages = append(e.Packages, verify.PackageExpectation{Name: p.name, Versions: []string{"1.26.1", "1.26.2"},
			Binaries: []verify.BinaryExpectation{{Path: "/usr/bin/" + p.name, Outputs: []string{p.name + " v{version}"}}}})
	}
	e.Target.URL = serve(t, tree(t, s, repo.AMD64, packages...))
	f := realCell(t, distro, repo.AMD64, e.Target.URL, s.public(), names, func(j *Job, _ *Options) {
		j.Scenarios = slices.DeleteFunc(images.Scenarios(), func(x images.Scenario) bool { return x == images.Tampering })
	})
	judge(t, e, &f, m)
}

func formatOf(distro string) repo.Format {
	if strings.HasPrefix(distro, "rpm-") {
		return repo.RPM
	}
	return repo.Deb
}

// judge holds the verdicts of the checks on a cell against what is wanted.
func judge(t *testing.T, e *verify.Expectation, f *images.CellFacts, m misbehaviour) {
	t.Helper()
	want, got := []string{}, []string{}
	for id := range m.want {
		want = append(want, id+" fail")
	}
	for _, id := range m.rest {
		want = append(want, id+" skipped")
	}
	for _, c := range checks.Catalogue() {
		if c.Cell == nil || c.ID == string(images.Tampering) {
			continue
		}
		r := c.OnCell(&verify.CellExpectation{Cell: f.Cell, Expectation: e}, f)
		if r.Status != verify.Pass {
			got = append(got, c.ID+" "+string(r.Status))
		}
		if says := m.want[c.ID]; says != "" && !strings.Contains(fmt.Sprintf("%+v", r.Findings), says) {
			t.Errorf("%s: want %q in the reason, got %+v", c.ID, says, r.Findings)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}
