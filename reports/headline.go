package reports

import (
	"fmt"

	"sigs.k8s.io/pkgverify/verify"
)

// The first words of a headline.
const (
	headPass        = "PASS"
	headFail        = "FAIL"
	headBlocked     = "BLOCKED"
	headInterrupted = "INTERRUPTED"
)

// Headline says in one sentence how the run ended: the word is PASS, FAIL,
// BLOCKED or INTERRUPTED, the text says what of how much.
func (r *Report) Headline() (word, text string) {
	outcomes := r.outcomes()
	switch {
	case r.Summary.Verdict == Fail:
		failed, in := tally(outcomes, verify.Fail)
		return headFail, fmt.Sprintf("%s failed in %s", count(failed, "check", "checks"), r.ofAll(in))
	case r.Interrupted:
		return headInterrupted, "stopped before the end; nothing had failed so far"
	case r.Summary.Verdict == Blocked:
		if len(r.Results) == 0 {
			return headBlocked, "nothing was checked"
		}
		blocked, in := tally(outcomes, verify.Blocked)
		if blocked == 0 {
			return headBlocked, "no check could be asked"
		}
		return headBlocked, fmt.Sprintf("could not tell for %s in %s", count(blocked, "check", "checks"), r.ofAll(in))
	}
	passed, in := tally(outcomes, verify.Pass)
	text = fmt.Sprintf("%s passed in %s", count(passed, "check", "checks"), count(in, "repository", "repositories"))
	if n := len(r.Cells); n > 0 {
		text += " and " + count(n, "container", "containers")
	}
	return headPass, text
}

// tally returns how many checks ended with the status, and in how many
// repositories.
func tally(outcomes []*outcome, s verify.Status) (checks, targets int) {
	c, in := map[string]bool{}, map[string]bool{}
	for _, o := range outcomes {
		if o.status == s && o.target != "" {
			c[o.check], in[o.target] = true, true
		}
	}
	return len(c), len(in)
}

// ofAll returns "1 of 6 repositories".
func (r *Report) ofAll(n int) string {
	all := max(len(r.Plan.Targets), n)
	return fmt.Sprintf("%d of %s", n, count(all, "repository", "repositories"))
}
