package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "Given an End User configured their system to disallow
// the use of unsigned, untrusted package repositories and the installation of
// unsigned, untrusted packages".
func installRejectsTampering() verify.Check {
	return verify.Check{
		ID:       "install-rejects-tampering",
		Title:    "the package manager refuses copies that were tampered with",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks the package manager to take copies of the repository in which one thing was changed: another key than the one that signed, no signatures, one bit of the lists, one bit of the packages; of rpm also a package without its signature, in metadata that is right about it and signed by another key, which the guest is told to trust besides. Each must be refused; a copy that is untouched, and one whose metadata is signed by that other key, must be accepted, else the others tell nothing.

Why: it is the proof that verification is really on where the other install checks pass: packages were published unsigned for years, and the documentation of the day had gpgcheck=0 (k/k #57855, #57873).

When it fails: the image or the documented set-up does not verify what it should. See cells/<cell>.log for the commands; until it is mended, do not trust what this image installs.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Tampering.Outcome, "copies that were tampered with could not be tried"); bad != nil {
				return bad
			}
			var found []verify.Finding
			controlled := false
			for _, t := range f.Tampering.Trials {
				x := verify.Finding{URL: e.Target.URL, Hint: "read cells/" + f.Cell.ID + ".log"}
				switch {
				case t.Fault != "":
					x.Status = verify.Blocked
					x.Message, x.Got = fmt.Sprintf("the copy %s could not be tried", t.Name), string(t.Fault)+": "+t.Detail
				case t.Control && !t.Accepted:
					x.Status = verify.Blocked
					x.Message, x.Want, x.Got = fmt.Sprintf("a copy that must be accepted is refused (%s), so that those after it tell nothing", t.Name), "an installation, for "+t.What, t.Word
				case !t.Control && t.Accepted:
					x.Message = fmt.Sprintf("the package manager accepts a copy that was tampered with (%s)", t.Name)
					x.Want, x.Got = "a refusal, for "+t.What, "an installation"
				default:
					controlled = controlled || t.Control
					continue
				}
				found = append(found, x)
			}
			if !controlled && len(found) == 0 {
				return []verify.Finding{{Status: verify.Blocked, Message: "no untouched copy was tried, so that the others tell nothing"}}
			}
			return found
		},
	}
}
