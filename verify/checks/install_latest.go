package checks

import (
	"regexp"
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, Goals and Test Plan: the packages are consumable with the
// documented steps.
func installLatest() verify.Check {
	return verify.Check{
		ID:       "install-latest",
		Title:    "the latest of every package installs, unattended",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that all packages install together in their latest versions without a question, and that the package database then has them, whole, in just those versions; that the files are as the packages brought them (dpkg --verify, rpm -V), that every program is owned by a package, that the programs and environment files that units and drop-ins name are there, and, where the image has systemd-analyze, that it accepts the units.

A step that does not end in its time is blocked, for the machine may be slow, unless a maintainer script of these packages was found running then, and had taken half of that time by itself: then it fails. Under emulation it is always blocked.

Why: checksums and signatures say nothing about dependencies, file conflicts and maintainer scripts. kubeadm 1.30 could not be installed for want of cri-tools 1.30 (k/r #3574).

When it fails: read the output in cells/<cell>.log; the last command can be pasted into a container.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Latest.Outcome, "the latest packages do not install"); bad != nil {
				return bad
			}
			found := append(failedScripts(f, f.Latest.Warnings), audited(f)...)
			for _, p := range e.Packages {
				if !expectedHere(e, p) {
					continue
				}
				i := slices.IndexFunc(f.Latest.Installed, func(x images.Installed) bool { return x.Package == p.Name })
				want := f.List.Candidates[p.Name]
				x := verify.Finding{Subject: verify.Subject{Package: p.Name, Version: want}, Want: orNone(want),
					Hint: "read the transcript of this cell"}
				switch {
				case i < 0:
					x.Message, x.Got = p.Name+" is not installed, though the package manager reported success", "not in the package database"
				case !f.Latest.Installed[i].Wholly():
					x.Message, x.Got = p.Name+" is not wholly installed", f.Latest.Installed[i].Status
				case want != "" && f.Latest.Installed[i].Version != want:
					x.Message, x.Got = p.Name+" was installed in another version than the package manager prefers", f.Latest.Installed[i].Version
				default:
					continue
				}
				found = append(found, x)
			}
			return found
		},
	}
}

// failedScripts returns a finding for each line that tells of a script that
// failed: dnf 4 installs a package all the same, and exits 0.
func failedScripts(f *images.CellFacts, warnings []string) []verify.Finding {
	var found []verify.Finding
	for _, line := range warnings {
		if scriptletFailed.MatchString(line) {
			found = append(found, verify.Finding{Message: "a package's script failed during the installation",
				Want: "scripts that succeed", Got: line, Hint: "read cells/" + f.Cell.ID + ".log and mend the script"})
			break // the lines after it say it again
		}
	}
	return found
}

// scriptletFailed matches what rpm and dnf say of a script that failed.
var scriptletFailed = regexp.MustCompile(`(?i)scriptlet failed|Error in .* scriptlet`)
