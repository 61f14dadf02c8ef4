package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "Given an End User configured their system to
// disallow the use of unsigned, untrusted package repositories [...] Then their
// package manager does not complain about untrusted packages, sources or
// repositories".
func installSetup() verify.Check {
	return verify.Check{
		ID:       "install-setup",
		Title:    "the documented set-up is accepted, with verification on and no trust warning",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that a fresh system, set up as the documentation says with the repository's own key, accepts the repository: apt-get update, or dnf makecache with gpgcheck=1 and repo_gpgcheck=1, without a complaint about trust.

Why: it is the first thing that every user does. A wrong or expired key, an unsigned index and a broken index all end here.

When it fails: the output names the reason in the package manager's words; the metadata checks of the same target name the cause.`,
		Cell: func(_ *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Setup.Outcome, "the set-up was refused"); bad != nil {
				return bad
			}
			var found []verify.Finding
			for _, line := range f.Setup.Warnings {
				w := verify.Finding{Message: "the package manager complains at set-up", Got: line, Want: "no complaint",
					Hint: "see the metadata checks of this target for the cause"}
				if !trustComplaint.MatchString(line) {
					w.Status = verify.Warn
				}
				found = append(found, w)
			}
			return found
		},
	}
}

// trustComplaint matches what apt and dnf say about trust.
var trustComplaint = regexp.MustCompile(`(?i)sign|trust|key|verif|insecure|weak|polic|secur|gpg|digest|hash`)

// KEP-1731, user stories: "Then they see a list of all stable patch versions of
// the kubelet and a preference to install the latest available patch version.
// But they do not see any alpha, beta, release candidate or nightly releases
// [...] And they do not see any packages of any other kubernetes minor releases".
func installList() verify.Check {
	return verify.Check{
		ID:       "install-list",
		Title:    "the package manager lists the expected versions, prefers the latest, and shows nothing else",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks the package manager itself for the versions of each package: every expected one must be there, the latest must be the one that it would install, and none may belong to another channel or minor.

Why: it is the KEP's first user story, in the words of apt-cache policy and dnf list.

When it fails: see packages-published for what is missing, channel-policy and minor-policy for what should not be there.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.List.Outcome, "the packages could not be listed"); bad != nil {
				return bad
			}
			var found []verify.Finding
			for _, p := range e.Packages {
				if expectedHere(e, p) {
					found = append(found, judgeOffers(e, f, p)...)
				}
			}
			return found
		},
	}
}

// expectedHere reports whether p is expected for the cell's architecture.
func expectedHere(e *verify.CellExpectation, p verify.PackageExpectation) bool {
	return len(p.Arches) == 0 || slices.Contains(p.Arches, e.Cell.Arch)
}

func judgeOffers(e *verify.CellExpectation, f *images.CellFacts, p verify.PackageExpectation) []verify.Finding {
	finding := verify.Finding{Subject: verify.Subject{Package: p.Name}, URL: e.Target.URL}
	var offered, strange []string
	newest := ""
	for _, o := range f.List.Offers {
		if o.Package != p.Name {
			continue
		}
		upstream := repo.Package{Version: o.Version}.Upstream()
		offered = append(offered, upstream)
		if newest == "" || compareVersions(e.Target.Format, o.Version, newest) > 0 {
			newest = o.Version
		}
		rule := e.ChannelRule.Match
		if p.OwnVersions {
			rule = e.ChannelRule.Own
		}
		if (rule != nil && !rule.MatchString(upstream)) || (!p.OwnVersions && minorOf(upstream) != e.Target.Minor) {
			strange = append(strange, upstream)
		}
	}
	var missing []string
	for _, v := range p.Versions {
		if !slices.Contains(offered, v) {
			missing = append(missing, v)
		}
	}
	var found []verify.Finding
	add := func(message, want, got, hint string) {
		x := finding
		x.Message, x.Want, x.Got, x.Hint = message, want, got, hint
		found = append(found, x)
	}
	candidate := f.List.Candidates[p.Name]
	switch {
	case len(offered) == 0:
		add(p.Name+" is not offered", orNone(list(p.Versions)), "nothing", "see packages-published")
		return found
	case len(missing) > 0:
		add(p.Name+" is not offered in every expected version", list(p.Versions), list(offered), "see packages-published")
	}
	if len(strange) > 0 {
		add(p.Name+" is offered in versions that do not belong here", e.ChannelRule.Title+" of "+e.Target.Minor,
			list(strange), "see channel-policy and minor-policy")
	}
	if candidate != newest {
		add("the package manager does not prefer the latest "+p.Name, newest, orNone(candidate), "compare the versions in the index by the package manager's order")
	}
	return found
}

// KEP-1731, Goals and Test Plan: the packages are consumable with the
// documented steps.
func installLatest() verify.Check {
	return verify.Check{
		ID:       "install-latest",
		Title:    "the latest of every package installs, unattended",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that all packages install together in their latest versions without a question, and that the package database then has them, whole, in just those versions.

Why: checksums and signatures say nothing about dependencies, file conflicts and maintainer scripts. kubeadm 1.30 could not be installed for want of cri-tools 1.30 (k/r #3574).

When it fails: read the output in cells/<cell>.log; the last command can be pasted into a container.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Latest.Outcome, "the latest packages do not install"); bad != nil {
				return bad
			}
			var found []verify.Finding
			for _, line := range f.Latest.Warnings {
				// dnf installs a package whose scriptlet failed, and exits 0.
				if scriptletFailed.MatchString(line) {
					found = append(found, verify.Finding{Message: "a package's script failed during the installation",
						Want: "scripts that succeed", Got: line, Hint: "read cells/" + f.Cell.ID + ".log and mend the script"})
				}
			}
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
				case !wholly(f.Latest.Installed[i].Status):
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

// scriptletFailed matches what rpm and dnf say of a script that failed.
var scriptletFailed = regexp.MustCompile(`(?i)scriptlet failed|Error in .* scriptlet`)

// wholly reports whether a status of the package database means installed.
func wholly(status string) bool { return status == "install ok installed" || status == "installed" }

// KEP-1731, Test Plan: "assert that installed packages contain the correct
// binary versions".
func installVersions() verify.Check {
	return verify.Check{
		ID:       "install-versions",
		Title:    "the installed binaries, run there, print the package's version",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks each installed program for its version, in the container, and that it is the version of the package that brought it.

Why: the right package with the wrong binary inside passes every checksum and signature.

When it fails: the package was built from the wrong binary. Take it back, build it again under a new revision, and publish.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if len(f.Versions.Runs) == 0 {
				if bad := outcome(f, f.Versions.Outcome, "the installed programs were not run"); bad != nil {
					return bad
				}
			}
			var found []verify.Finding
			for _, p := range e.Packages {
				i := slices.IndexFunc(f.Latest.Installed, func(x images.Installed) bool { return x.Package == p.Name })
				if i < 0 {
					continue // install-latest reports it
				}
				for _, b := range p.Binaries {
					if x := judgeRun(f, b, f.Latest.Installed[i]); x != nil {
						x.Subject.Package, x.Subject.Version, x.Subject.File = p.Name, f.Latest.Installed[i].Version, b.Path
						found = append(found, *x)
					}
				}
			}
			return found
		},
	}
}

// judgeRun returns what is wrong with the version that one program prints.
func judgeRun(f *images.CellFacts, b verify.BinaryExpectation, installed images.Installed) *verify.Finding {
	argv := append([]string{b.Path}, b.Args...)
	command := strings.Join(argv, " ")
	i := slices.IndexFunc(f.Versions.Runs, func(r images.Run) bool { return slices.Equal(r.Argv, argv) })
	if i < 0 {
		return &verify.Finding{Status: verify.Blocked, Message: command + " was not run"}
	}
	run := f.Versions.Runs[i]
	if run.Fault.Blames() || run.Fault == images.FaultTimeout {
		return &verify.Finding{Status: verify.Blocked, Message: command + " could not be run to its end", Got: string(run.Fault) + ": " + run.Detail}
	}
	upstream := repo.Package{Version: installed.Version}.Upstream()
	var wants []string
	for _, o := range b.Outputs {
		wants = append(wants, strings.ReplaceAll(o, "{version}", upstream))
	}
	// CNI plugins say what they are on standard error, which is in the step.
	printed := run.Stdout + "\n" + outputOf(f, argv)
	x := &verify.Finding{Want: strings.Join(wants, " or "), Hint: "the package was built from the wrong binary: build it again"}
	if run.Exit != 0 {
		x.Message = command + " fails"
		x.Got = fmt.Sprintf("exit code %d", run.Exit)
		x.Evidence = tail(printed)
		return x
	}
	for line := range strings.Lines(printed) {
		if slices.Contains(wants, strings.TrimSuffix(strings.TrimSpace(line), ",")) {
			return nil
		}
	}
	x.Message = command + " prints another version than its package's"
	x.Got = quote(strings.TrimSpace(printed))
	return x
}

// outputOf returns all that a program printed.
func outputOf(f *images.CellFacts, argv []string) string {
	for _, s := range f.Steps {
		if s.Scenario == images.Versions && slices.Equal(s.Argv, argv) {
			return s.Output
		}
	}
	return ""
}

// outcome returns a finding when a scenario did not come to its end: skipped
// when an earlier one left nothing to try, blocked when the laboratory is to
// blame, failed when the packages are.
func outcome(f *images.CellFacts, o images.Outcome, message string) []verify.Finding {
	x := verify.Finding{Message: message, Hint: "read cells/" + f.Cell.ID + ".log", URL: f.Cell.Target.URL}
	switch {
	case !o.Ran:
		x.Status = verify.Skipped
		x.Message = "not tried, because an earlier step failed in this cell"
		x.Hint = ""
		return []verify.Finding{x}
	case o.OK:
		return nil
	case o.Fault != "":
		// A time-out may be an endless maintainer script or a slow machine:
		// nobody can tell.
		x.Status = verify.Blocked
	}
	x.Got = o.Detail
	for _, step := range f.Steps[min(o.First, len(f.Steps)):min(o.First+o.Count, len(f.Steps))] {
		if step.OK() {
			continue
		}
		if x.Got == "" {
			x.Got = fmt.Sprintf("exit code %d of %s", step.Exit, strings.Join(step.Argv, " "))
		}
		x.Evidence = tail(step.Output)
		break // what comes after is a consequence
	}
	return []verify.Finding{x}
}

// tailLines bounds the lines of output that a finding repeats.
const tailLines = 12

// tail returns the last lines of a command's output.
func tail(output string) []string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return lines
}
