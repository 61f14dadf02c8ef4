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
			[]string{"install-latest=blocked", "install-list=blocked", "install-setup=blocked", "install-versions=blocked"}, ""},
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
