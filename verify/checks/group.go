package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// maxListed bounds the subjects that one finding lists.
const maxListed = 40

// group joins the findings that say the same of several packages: one cause is
// one finding, whose evidence names the packages. Findings are the same when
// status and message are; a cause that differs by package (a digest) belongs
// into Want and Got, which are kept in the evidence.
func group(findings []verify.Finding) []verify.Finding {
	type cause struct {
		status  verify.Status
		message string
	}
	var order []cause
	byCause := make(map[cause][]verify.Finding)
	for _, f := range findings {
		c := cause{f.Status, f.Message}
		if _, seen := byCause[c]; !seen {
			order = append(order, c)
		}
		byCause[c] = append(byCause[c], f)
	}
	var out []verify.Finding
	for _, c := range order {
		out = append(out, merge(byCause[c]))
	}
	return out
}

// merge makes one finding of several that have one cause.
func merge(same []verify.Finding) verify.Finding {
	if len(same) == 1 {
		return same[0]
	}
	all := same[0]
	all.Message = fmt.Sprintf("%s (%d files)", all.Message, len(same))
	all.Want, all.Got, all.Evidence = "", "", nil
	for i, f := range same {
		all.Subject = common(all.Subject, f.Subject)
		if i == maxListed {
			all.Evidence = append(all.Evidence, fmt.Sprintf("and %d more", len(same)-maxListed))
		}
		if i >= maxListed {
			continue
		}
		line := f.Subject.String()
		if f.Want != "" || f.Got != "" {
			line += fmt.Sprintf(": wanted %s, got %s", orNone(f.Want), orNone(f.Got))
		}
		all.Evidence = append(all.Evidence, line)
	}
	return all
}

// common keeps what two subjects share.
func common(a, b verify.Subject) verify.Subject {
	keep := func(x, y string) string {
		if x == y {
			return x
		}
		return ""
	}
	return verify.Subject{
		Package: keep(a.Package, b.Package),
		Version: keep(a.Version, b.Version),
		Arch:    keep(a.Arch, b.Arch),
		File:    keep(a.File, b.File),
	}
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// each runs judge over the packages whose files were asked for, and groups
// what it finds.
func each(r *verify.Facts, judge func(repo.Package) []verify.Finding) []verify.Finding {
	var found []verify.Finding
	for _, p := range r.Packages {
		if p.Artifact == nil {
			continue
		}
		for _, f := range judge(p) {
			f.Subject = verify.SubjectOf(p)
			if f.URL == "" {
				f.URL = p.Artifact.URL
			}
			found = append(found, f)
		}
	}
	return group(found)
}
