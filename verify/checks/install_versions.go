package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

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
				found = append(found, judgeRuns(p.Binaries, f.Versions.Runs, f.Latest.Installed[i])...)
			}
			return found
		},
	}
}

// judgeRuns returns what is wrong with the versions that a package's programs
// print.
func judgeRuns(programs []verify.BinaryExpectation, runs []images.Run, installed images.Installed) []verify.Finding {
	var found []verify.Finding
	for _, b := range programs {
		if x := judgeRun(b, runs, installed); x != nil {
			x.Subject.Package, x.Subject.Version, x.Subject.File = installed.Package, installed.Version, b.Path
			found = append(found, *x)
		}
	}
	return found
}

// judgeRun returns what is wrong with the version that one program prints.
func judgeRun(b verify.BinaryExpectation, runs []images.Run, installed images.Installed) *verify.Finding {
	argv := append([]string{b.Path}, b.Args...)
	command := strings.Join(argv, " ")
	i := slices.IndexFunc(runs, func(r images.Run) bool { return slices.Equal(r.Argv, argv) })
	if i < 0 {
		return &verify.Finding{Status: verify.Blocked, Message: command + " was not run"}
	}
	run := runs[i]
	if run.Fault.Blames() || run.Fault == images.FaultTimeout {
		return &verify.Finding{Status: verify.Blocked, Message: command + " could not be run to its end", Got: string(run.Fault) + ": " + run.Detail}
	}
	upstream := repo.Package{Version: installed.Version}.Upstream()
	var wants []string
	for _, o := range b.Outputs {
		wants = append(wants, strings.ReplaceAll(o, "{version}", upstream))
	}
	// CNI plugins say what they are on standard error.
	printed := run.Stdout + "\n" + run.Stderr
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
