package guest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
)

func TestParseAptSimulation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		a    Answer
		want Solution
		err  string
	}{
		{"upgrade and a new one", Answer{Output: "Reading package lists...\nInst kubeadm [1.26.1-1.1] (1.26.2-1.1 127.0.0.1 [amd64]) []\n" +
			"Inst libc6:arm64 (2.36-9 Debian:12.1/stable, Debian-Security:12/stable-security [arm64])\nConf kubeadm (1.26.2-1.1 127.0.0.1 [amd64])\n"},
			Solution{OK: true, Would: []images.Installed{
				{Package: "kubeadm", Version: "1.26.2-1.1", Arch: "amd64"}, {Package: "libc6", Version: "2.36-9", Arch: "arm64"},
			}}, ""},
		{"nothing to do", Answer{Output: "kubeadm is already the newest version (1.26.2-1.1).\n"}, Solution{OK: true}, ""},
		{"unmet", Answer{Exit: 100, Output: "The following packages have unmet dependencies:\n kubelet : Depends: kubernetes-runtime but it is not installable\n",
			Errors: "E: Unable to correct problems, you have held broken packages.\n"},
			Solution{Reason: "kubelet : Depends: kubernetes-runtime but it is not installable\nUnable to correct problems, you have held broken packages."}, ""},
		{"no such version", Answer{Exit: 100, Errors: "E: Version '9' for 'kubeadm' was not found\n"}, Solution{Reason: "Version '9' for 'kubeadm' was not found"}, ""},
		{"no word", Answer{Exit: 100}, Solution{}, "without a word of its solver"},
		{"another end", Answer{Exit: 139, Errors: "E: x\n"}, Solution{}, "exit 139"},
		{"a line that cannot be read", Answer{Output: "Inst kubeadm\n"}, Solution{}, "line 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseAptSimulation(tt.a)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("got error %v, want %q in it", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePolicyOrigins(t *testing.T) {
	t.Parallel()
	text := `kubelet:
  Installed: 1.26.1-1.1
  Candidate: 1.26.2-1.1
  Version table:
     1.26.2-1.1 500
        500 http://a.test/core:/stable:/v1.26/deb  Packages
 *** 1.26.1-1.1 500
        500 http://b.test/deb  Packages
        500 http://a.test/core:/stable:/v1.26/deb  Packages
        100 /var/lib/dpkg/status
kubectl:
  Installed: 1.26.0-9
  Candidate: 1.26.2-1.1
  Version table:
     1.26.2-1.1 500
        500 http://a.test/core:/stable:/v1.26/deb  Packages
 *** 1.26.0-9 100
        100 /var/lib/dpkg/status
kubeadm:
  Installed: (none)
  Candidate: 1.26.2-1.1
  Version table:
     1.26.2-1.1 500
        500 http://a.test/core:/stable:/v1.26/deb  Packages
`
	got, err := ParsePolicyOrigins(text)
	if diff := cmp.Diff(map[string]string{"kubelet": "http://b.test/deb"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestAptOrders: what apt is told.
func TestAptOrders(t *testing.T) {
	t.Parallel()
	o := Order{Pins: []Pin{{"kubeadm", "1.26.1-1.1"}, {"kubelet", ""}}, Downgrade: true}
	install := "apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 "
	purge, ok := apt{}.Purge([]string{"kubelet"})
	for got, want := range map[string]string{
		Quote(apt{}.Install(Source{}, o).Command.Argv):   install + "--allow-downgrades kubeadm=1.26.1-1.1 kubelet",
		Quote(apt{}.Solve(Source{}, o).Commands[0].Argv): install + "--simulate --allow-downgrades kubeadm=1.26.1-1.1 kubelet",
		Quote(apt{}.Remove([]string{"kubelet"}).Argv):    "apt-get remove -y -o Dpkg::Use-Pty=0 kubelet",
		Quote(purge.Argv):              "apt-get purge -y -o Dpkg::Use-Pty=0 kubelet",
		Quote(apt{}.Autoremove().Argv): "apt-get autoremove -y -o Dpkg::Use-Pty=0",
		Quote(apt{}.Altered([]string{"kubelet"}).Commands[0].Argv): "dpkg --verify kubelet",
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if !ok {
		t.Error("apt purges")
	}
}

func FuzzApt(f *testing.F) {
	f.Add("Inst kubeadm [1] (2 127.0.0.1 [amd64])\n", "E: x\n", 100)
	f.Add("kubelet:\n  Installed: 1\n  Version table:\n *** 1 500\n        500 http://a Packages\n", "", 0)
	f.Fuzz(func(t *testing.T, out, errs string, exit int) {
		s, err := ParseAptSimulation(Answer{Exit: exit, Output: out, Errors: errs})
		if err == nil && s.OK != (exit == 0) {
			t.Errorf("exit %d is OK=%t", exit, s.OK)
		}
		if origins, err := ParsePolicyOrigins(out); err == nil {
			for name, origin := range origins {
				if !ValidPackage(name) || origin == "" {
					t.Errorf("%q comes from %q", name, origin)
				}
			}
		}
	})
}
