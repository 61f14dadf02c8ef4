package checks

import (
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// kubernetes.io, "Creating a cluster with kubeadm": kubeadm, kubelet and kubectl
// are installed in one version, which the user chooses.
func installPinned() verify.Check {
	return verify.Check{
		ID:       "install-pinned",
		Title:    "an older version, with its companions pinned, installs as just that",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks for the packages of the release before the latest, all named with that version, and that just these versions are installed and print it.

Why: clusters are made of the version that their owner chose. Installing kubeadm in one version has pulled a newer kubelet (k/r #3295, #3480).

When it fails: read the dependencies of the older version: one of them asks for more than it should.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			return changed(e, f, &f.Pinned, "the version before the latest does not install")
		},
	}
}

// kubernetes.io, "Upgrading kubeadm clusters".
func installUpgrade() verify.Check {
	return verify.Check{
		ID:       "install-upgrade",
		Title:    "the version before the latest upgrades to the latest",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that the packages of the release before the latest, once installed, are upgraded to the latest, unattended, and that the programs print the new version. Before that a line is written into each of their configuration files, which must still be there after.

Why: upgrades run the maintainer scripts of two versions and meet the files of the old one; a fresh installation does neither.

When it fails: read the transcript: it is a script, a file that another package has too, or a configuration file about which the package manager asks.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			return changed(e, f, &f.Upgrade, "the upgrade to the latest fails")
		},
	}
}

// kubernetes.io, "Upgrading kubeadm clusters", "Recovering from a failure state".
func installDowngrade() verify.Check {
	return verify.Check{
		ID:       "install-downgrade",
		Title:    "the latest goes back to the version before it",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that the latest packages go back to the version before, and that the programs print the old version.

Why: it is what is left to the owner of a cluster when a release turns out bad.

When it fails: read the transcript: a script of the newer version, or a dependency, keeps the older one out.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			return changed(e, f, &f.Downgrade, "the downgrade from the latest fails")
		},
	}
}

// changed judges how an order of given versions went.
func changed(e *verify.CellExpectation, f *images.CellFacts, change *images.ChangeFacts, message string) []verify.Finding {
	if len(change.Runs) == 0 {
		if bad := outcome(f, change.Outcome, message); bad != nil {
			return bad
		}
	}
	found := failedScripts(f, change.Warnings)
	if len(change.Lost) > 0 {
		found = append(found, verify.Finding{Message: "what was written into a configuration file is lost", Want: "the administrator's line in " + list(change.Lost),
			Got: "files without it", Evidence: change.Lost, Hint: "make the file a conffile (deb) or %config(noreplace) (rpm), and keep scripts away from it"})
	}
	for _, want := range change.Want {
		i := slices.IndexFunc(change.Installed, func(x images.Installed) bool { return x.Package == want.Package })
		x := verify.Finding{Subject: verify.Subject{Package: want.Package, Version: want.Version}, Want: want.Version, Hint: "read the transcript of this cell"}
		switch {
		case i < 0:
			x.Message, x.Got = want.Package+" is not installed", "not in the package database"
		case !change.Installed[i].Wholly():
			x.Message, x.Got = want.Package+" is not wholly installed", change.Installed[i].Status
		case change.Installed[i].Version != want.Version:
			x.Message, x.Got = want.Package+" is installed in another version than was ordered", change.Installed[i].Version
		default:
			if p := e.Package(want.Package); p != nil {
				found = append(found, judgeRuns(p.Binaries, change.Runs, change.Installed[i])...)
			}
			continue
		}
		found = append(found, x)
	}
	return found
}
