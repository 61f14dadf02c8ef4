package lab

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

// TestPackagesThatMisbehave: each thing that is wrong is seen by the scenario
// that looks for it, in real containers, and nothing else is.
func TestPackagesThatMisbehave(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	for _, tc := range []struct {
		distro, revision string
		tree             func(testing.TB, signer, repo.Arch, ...pkg) string
	}{
		{"debian-12", "-1.1", debTree},
		{"rpm-dnf4", "-150500.1.1", rpmTree},
	} {
		t.Run(tc.distro, func(t *testing.T) {
			dir := tc.tree(t, s, repo.AMD64,
				pkg{name: "kubeadm", version: "1.26.0", requires: "nowhere-to-be-found"},
				pkg{name: "kubeadm", version: "1.26.1", requires: "conntrack"},
				pkg{name: "kubeadm", version: "1.26.2", requires: "conntrack", postinst: "echo left > /etc/kubeadm.left; echo '# more' >> /usr/bin/kubeadm"})
			f := realCell(t, tc.distro, repo.AMD64, serve(t, dir), s.public(), []string{"kubeadm"},
				func(j *Job, _ *Options) { j.Scenarios = nil })
			if f.Blocked != nil {
				t.Fatalf("blocked: %s", f.Blocked)
			}
			for name, o := range map[string]images.Outcome{
				"setup": f.Setup.Outcome, "list": f.List.Outcome, "solve": f.Solve.Outcome, "latest": f.Latest.Outcome, "audit": f.Audit.Outcome,
				"versions": f.Versions.Outcome, "origin": f.Origin.Outcome, "remove": f.Remove.Outcome, "pinned": f.Pinned.Outcome,
				"upgrade": f.Upgrade.Outcome, "downgrade": f.Downgrade.Outcome, "tampering": f.Tampering.Outcome,
			} {
				if !o.Ran || !o.OK {
					t.Errorf("%s: want ok, got %+v", name, o)
				}
			}
			var unsolved []string
			for _, x := range f.Solve.Solutions {
				if !x.OK {
					unsolved = append(unsolved, x.Pins[0].Version)
					if !strings.Contains(x.Reason, "nowhere-to-be-found") {
						t.Errorf("the reason does not name what is missing: %s", x.Reason)
					}
				}
			}
			if len(f.Solve.Solutions) != 3 || !slices.Equal(unsolved, []string{"1.26.0" + tc.revision}) {
				t.Errorf("of %d versions these have no solution: %q", len(f.Solve.Solutions), unsolved)
			}
			if len(f.Audit.Altered) != 1 || !strings.Contains(f.Audit.Altered[0], "/usr/bin/kubeadm") {
				t.Errorf("altered: %q", f.Audit.Altered)
			}
			if strings.TrimSuffix(f.Origin.Origins["kubeadm"], "/") != f.Origin.Want {
				t.Errorf("it came from %q, want %q", f.Origin.Origins["kubeadm"], f.Origin.Want)
			}
			if diff := cmp.Diff([]string{"/etc/kubeadm.left"}, f.Remove.Left); diff != "" || !f.Remove.Compared || len(f.Remove.Kept)+len(f.Remove.Dropped) > 0 {
				t.Errorf("removal: %+v; left (-want +got):\n%s", f.Remove, diff)
			}
			for version, c := range map[string][]images.ChangeFacts{"1.26.1": {f.Pinned, f.Downgrade}, "1.26.2": {f.Upgrade}} {
				for _, x := range c {
					if len(x.Installed) != 1 || x.Installed[0].Version != version+tc.revision || len(x.Runs) != 1 || x.Runs[0].Stdout != "kubeadm v"+version+"\n" {
						t.Errorf("want %s, got %+v, %+v", version, x.Installed, x.Runs)
					}
				}
			}
			// Of rpm also an unsigned package, and its control.
			if want := map[string]int{"debian-12": 5, "rpm-dnf4": 7}[tc.distro]; len(f.Tampering.Trials) != want {
				t.Errorf("%d trials, want %d", len(f.Tampering.Trials), want)
			}
			for _, x := range f.Tampering.Trials {
				if x.Accepted != x.Control || x.Fault != "" {
					t.Errorf("%s: %+v", x.Name, x)
				}
			}
		})
	}
}
