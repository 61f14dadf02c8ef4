package checks_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestSoundCellPasses(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{}, statuses(onCell(expectation(repo.Deb), soundCell()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneThingWrongInACell(t *testing.T) {
	t.Parallel()
	refused := images.Outcome{Ran: true, Count: 1, Detail: "exit code 100"}
	for _, tt := range []struct {
		name   string
		change func(*images.CellFacts)
		want   []string
		says   string
	}{
		{"laboratory at fault", func(f *images.CellFacts) { f.Blocked = unreachable },
			[]string{"install-downgrade=blocked", "install-latest=blocked", "install-list=blocked", "install-origin=blocked", "install-pinned=blocked",
				"install-rejects-tampering=blocked", "install-remove=blocked", "install-setup=blocked", "install-solve=blocked", "install-upgrade=blocked", "install-versions=blocked"}, ""},
		{"set-up refused", func(f *images.CellFacts) {
			f.Setup.Outcome = refused
			f.List, f.Latest, f.Versions = images.ListFacts{}, images.InstallFacts{}, images.VersionFacts{}
		}, []string{"install-latest=skipped", "install-list=skipped", "install-setup=fail", "install-versions=skipped"}, "the set-up was refused"},
		{"trust warning", func(f *images.CellFacts) { f.Setup.Warnings = []string{"W: GPG error: NO_PUBKEY"} },
			[]string{"install-setup=fail"}, "complains"},
		{"another warning", func(f *images.CellFacts) { f.Setup.Warnings = []string{"W: Conflicting distribution"} },
			[]string{"install-setup=warn"}, "complains"},
		{"version not offered", func(f *images.CellFacts) { f.List.Offers = f.List.Offers[:len(f.List.Offers)-1] },
			[]string{"install-list=fail"}, "kubelet is not offered in every expected version"},
		{"package not offered", func(f *images.CellFacts) { f.List.Offers = f.List.Offers[2:] },
			[]string{"install-list=fail"}, "cri-tools is not offered"},
		{"release candidate offered and preferred", func(f *images.CellFacts) {
			f.List.Offers = append(f.List.Offers, images.Offer{Package: "kubelet", Version: "1.26.2~rc.0-1.1"})
			f.List.Candidates["kubelet"] = "1.26.2~rc.0-1.1"
			f.Latest.Installed[2].Version = "1.26.2~rc.0-1.1"
			f.Versions.Runs[0].Stdout = "Kubernetes v1.26.2-rc.0\n"
		}, []string{"install-list=fail"}, "do not belong here"},
		{"another minor offered", func(f *images.CellFacts) {
			f.List.Offers = append(f.List.Offers, images.Offer{Package: "kubelet", Version: "1.25.9-1.1"})
		}, []string{"install-list=fail"}, "do not belong here"},
		{"older one preferred", func(f *images.CellFacts) {
			f.List.Candidates["kubelet"], f.Latest.Installed[2].Version = "1.26.0-1.1", "1.26.0-1.1"
			f.Versions.Runs[0].Stdout = "Kubernetes v1.26.0\n"
		}, []string{"install-list=fail"}, "does not prefer the latest kubelet"},
		{"does not install", func(f *images.CellFacts) { f.Latest.Outcome, f.Versions = refused, images.VersionFacts{} },
			[]string{"install-latest=fail", "install-versions=skipped"}, "do not install"},
		{"disk full while installing", func(f *images.CellFacts) {
			f.Latest.Outcome = images.Outcome{Ran: true, Count: 1, Fault: images.FaultDisk}
			f.Versions = images.VersionFacts{}
		}, []string{"install-latest=blocked", "install-versions=skipped"}, "do not install"},
		{"time-out while installing", func(f *images.CellFacts) {
			f.Latest.Outcome = images.Outcome{Ran: true, Count: 1, Fault: images.FaultTimeout}
			f.Versions = images.VersionFacts{}
		}, []string{"install-latest=blocked", "install-versions=skipped"}, "do not install"},
		{"rpm's script failed, exit 0 all the same", func(f *images.CellFacts) {
			f.Latest.Warnings = []string{"warning: %post(kubelet-1.26.1-150500.1.1.x86_64) scriptlet failed, exit status 1"}
		}, []string{"install-latest=fail"}, "script failed"},
		{"half installed", func(f *images.CellFacts) { f.Latest.Installed[2].Status = "install ok half-configured" },
			[]string{"install-latest=fail"}, "not wholly installed"},
		{"not installed at all", func(f *images.CellFacts) { f.Latest.Installed = f.Latest.Installed[1:] },
			[]string{"install-latest=fail"}, "cri-tools is not installed"},
		{"wrong binary", func(f *images.CellFacts) { f.Versions.Runs[0].Stdout = "Kubernetes v1.26.10\n" },
			[]string{"install-versions=fail"}, "prints another version"},
		{"binary that fails", func(f *images.CellFacts) { f.Versions.Runs[0].Exit = 1 },
			[]string{"install-versions=fail"}, "fails"},
		{"emulator crash", func(f *images.CellFacts) {
			f.Versions.Runs[0].Exit, f.Versions.Runs[0].Fault = 139, images.FaultEmulation
		}, []string{"install-versions=blocked"}, "could not be run"},
		{"binary not run", func(f *images.CellFacts) { f.Versions.Runs = nil },
			[]string{"install-versions=blocked"}, "was not run"},
		{"old version cannot be resolved", func(f *images.CellFacts) {
			f.Solve.Solutions[1].OK, f.Solve.Solutions[1].Reason = false, "kubelet : Depends: conntrack but it is not installable"
		}, []string{"install-solve=fail"}, "finds no way to install a version"},
		{"solver without a word", func(f *images.CellFacts) { f.Solve.Outcome = refused }, []string{"install-solve=fail"}, "could not be simulated"},
		{"from elsewhere", func(f *images.CellFacts) { f.Origin.Origins["kubelet"] = "http://deb.debian.org/debian" },
			[]string{"install-origin=fail"}, "came from elsewhere"},
		{"from nowhere", func(f *images.CellFacts) { delete(f.Origin.Origins, "kubelet") }, []string{"install-origin=fail"}, "came from elsewhere"},
		{"newer kubelet than was ordered", func(f *images.CellFacts) { f.Pinned.Installed[1].Version = "1.26.1-1.1" },
			[]string{"install-pinned=fail"}, "kubelet is installed in another version than was ordered"},
		{"pinned, with another binary", func(f *images.CellFacts) { f.Pinned.Runs[0].Stdout = "Kubernetes v1.26.1\n" },
			[]string{"install-pinned=fail"}, "prints another version"},
		{"upgrade refused", func(f *images.CellFacts) {
			f.Upgrade, f.Downgrade = images.ChangeFacts{Outcome: refused}, images.ChangeFacts{}
		},
			[]string{"install-downgrade=skipped", "install-upgrade=fail"}, "the upgrade to the latest fails"},
		{"upgrade half done", func(f *images.CellFacts) { f.Upgrade.Installed[0].Status = "install ok unpacked" },
			[]string{"install-upgrade=fail"}, "not wholly installed"},
		{"downgrade loses a package", func(f *images.CellFacts) { f.Downgrade.Installed = f.Downgrade.Installed[:1] },
			[]string{"install-downgrade=fail"}, "kubelet is not installed"},
		{"autoremove takes the kubelet", func(f *images.CellFacts) { f.Remove.Dropped = []string{"kubelet"} },
			[]string{"install-remove=fail"}, "autoremove takes away"},
		{"left behind", func(f *images.CellFacts) { f.Remove.Left = []string{"/etc/kubelet.env", "/var/lib/kubelet"} },
			[]string{"install-remove=fail"}, "left behind"},
		{"still there", func(f *images.CellFacts) { f.Remove.Kept = []string{"kubelet"} }, []string{"install-remove=fail"}, "still there"},
		{"no list of files", func(f *images.CellFacts) { f.Remove.Compared = false }, []string{"install-remove=blocked"}, "could not be listed"},
		{"flipped package accepted", func(f *images.CellFacts) { f.Tampering.Trials[0].Accepted = true },
			[]string{"install-rejects-tampering=fail"}, "accepts a copy that was tampered with (flipped-package)"},
		{"untouched copy refused", func(f *images.CellFacts) { f.Tampering.Trials[1].Accepted = false },
			[]string{"install-rejects-tampering=blocked"}, "a copy that must be accepted is refused (untouched)"},
		{"no untouched copy", func(f *images.CellFacts) { f.Tampering.Trials = f.Tampering.Trials[:1] },
			[]string{"install-rejects-tampering=blocked"}, "no untouched copy was tried"},
		{"refused for want of a network", func(f *images.CellFacts) { f.Tampering.Trials[0].Fault = images.FaultNetwork },
			[]string{"install-rejects-tampering=blocked"}, "could not be tried"},
		{"altered file", func(f *images.CellFacts) { f.Audit.Altered = []string{"??5?????? /usr/bin/kubelet"} },
			[]string{"install-latest=fail"}, "not as their package brought them"},
		{"program of no package", func(f *images.CellFacts) { f.Audit.Unowned = []string{"/usr/bin/kubelet"} },
			[]string{"install-latest=fail"}, "owned by no package"},
		{"unit that systemd does not take", func(f *images.CellFacts) {
			f.Audit.Units = []string{"kubelet.service: Command /usr/bin/kublet is not executable"}
		},
			[]string{"install-latest=fail"}, "complains of a unit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := soundCell()
			tt.change(f)
			results := onCell(expectation(repo.Deb), f)
			if diff := cmp.Diff(tt.want, statuses(results)); diff != "" {
				t.Fatalf("checks (-want +got):\n%s", diff)
			}
			if tt.says == "" {
				return
			}
			first := results[firstSpeaking(tt.want)].Findings[0]
			if !strings.Contains(first.Message, tt.says) {
				t.Errorf("says %q, want %q in it", first.Message, tt.says)
			}
			if first.Subject.Cell != f.Cell.ID || first.Subject.Distro != "debian-12" {
				t.Errorf("subject %+v does not name the cell", first.Subject)
			}
		})
	}
}

// TestNothingOlder: what cannot be tried has not passed.
func TestNothingOlder(t *testing.T) {
	t.Parallel()
	f := soundCell()
	none := images.ChangeFacts{Outcome: images.Outcome{Absent: "no version before the latest"}}
	f.Pinned, f.Upgrade, f.Downgrade = none, none, none
	results := onCell(expectation(repo.Deb), f)
	for _, id := range []string{"install-pinned", "install-upgrade", "install-downgrade"} {
		if got := results[id]; got.Status != verify.NotApplicable || got.Findings[0].Message != "no version before the latest" {
			t.Errorf("%s: %s, %+v", id, got.Status, got.Findings)
		}
	}
}

func TestStatusOnlyRises(t *testing.T) {
	t.Parallel()
	if got := verify.Blocked.Worse(verify.Fail); got != verify.Fail {
		t.Errorf("blocked and fail: got %s", got)
	}
	if got := verify.Fail.Worse(verify.Pass); got != verify.Fail {
		t.Errorf("fail and pass: got %s", got)
	}
	if got := verify.Pass.Worse(verify.Blocked); got != verify.Blocked {
		t.Errorf("pass and blocked: got %s", got)
	}
}

// TestEvidence: a finding repeats what the failed step says, from its first
// complaint on, and not what other steps of the scenario print.
func TestEvidence(t *testing.T) {
	t.Parallel()
	f := soundCell()
	f.Steps = []images.Step{{Argv: []string{"true"}}, {Argv: []string{"apt-get", "--simulate"}, Exit: 1, Output: "a question"},
		{Argv: []string{"apt-get"}, Exit: 100, Output: "Reading...\nE: no space\n" + strings.Repeat("more\n", 20)}}
	f.Latest.Outcome = images.Outcome{Ran: true, First: 1, Count: 2, At: 2}
	x := onCell(expectation(repo.Deb), f)["install-latest"].Findings[0]
	if len(x.Evidence) != 12 || x.Evidence[0] != "E: no space" || x.Got != "exit code 100 of apt-get" {
		t.Errorf("got %+v", x)
	}
}
