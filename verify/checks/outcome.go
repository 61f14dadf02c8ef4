package checks

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/verify"
)

// outcome returns a finding when a scenario did not come to its end: skipped
// when an earlier one left nothing to try, blocked when the laboratory is to
// blame, failed when the packages are.
func outcome(f *images.CellFacts, o images.Outcome, message string) []verify.Finding {
	x := verify.Finding{Message: message, Hint: "read cells/" + f.Cell.ID + ".log", URL: f.Cell.Target.URL}
	switch {
	case o.Absent != "":
		x.Status, x.Message, x.Hint = verify.NotApplicable, o.Absent, ""
		return []verify.Finding{x}
	case !o.Ran:
		x.Status = verify.Skipped
		x.Message = "not tried, because an earlier step failed in this cell"
		x.Hint = ""
		return []verify.Finding{x}
	case o.OK:
		return nil
	case o.Fault != "":
		// A time-out has a fault too: where a maintainer script was found to be
		// its reason, there is none.
		x.Status = verify.Blocked
	}
	x.Got = o.Detail
	if o.At > 0 && o.At < len(f.Steps) {
		step := f.Steps[o.At]
		if x.Got == "" {
			x.Got = fmt.Sprintf("exit code %d of %s", step.Exit, strings.Join(step.Argv, " "))
		}
		x.Evidence = complaint(step.Output)
	}
	return []verify.Finding{x}
}

// complaint returns the lines in which a package manager says why it failed:
// the last ones, or from its first complaint on if that is further up.
func complaint(output string) []string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	from := max(0, len(lines)-tailLines)
	for i, l := range lines[:from] {
		if slices.ContainsFunc(complaints(), func(p string) bool { return strings.HasPrefix(strings.TrimSpace(l), p) }) {
			from = i
			break
		}
	}
	return lines[from:min(len(lines), from+tailLines)]
}

// complaints are how apt, dpkg, dnf, rpm and zypper begin a complaint.
func complaints() []string {
	return []string{"E: ", "dpkg: error", "Error:", "error:", "Problem:", "Problem 1:", "The following packages have unmet dependencies"}
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
