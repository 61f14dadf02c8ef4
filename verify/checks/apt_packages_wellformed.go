package checks

import (
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Wiki, "RepositoryFormat", "Packages indices": the mandatory fields are
// Package, Version, Architecture, Filename, Size and the checksums; "Filename
// [...] path relative to the base directory of the repository".
func aptPackagesWellformed() verify.Check {
	return verify.Check{
		ID:       "apt-packages-wellformed",
		Title:    "the stanzas of Packages parse, are complete, and do not contradict each other",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  debOnly(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that every stanza of Packages parses and has the required fields, that no two different packages share name, version and architecture, and that every Filename stays inside the repository.

Why: apt drops a stanza it cannot read, takes one of two that contradict each other, and installs bytes that nobody meant.

When it fails: the message names the line. Run dpkg-scanpackages again over the published tree and sign again; find out which tool wrote the stanza.`,
		Repository: func(_ *verify.Expectation, r *verify.Facts) []verify.Finding {
			return wellformed(r.Apt.Indexes, r.Packages, "stanza")
		},
	}
}
