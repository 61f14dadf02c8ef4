package checks

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// maxListed bounds the subjects that one finding lists.
const maxListed = 40

// causes joins the findings that say the same of several packages: one cause is
// one finding, whose evidence names the packages. Findings are the same when
// status and message are; what differs by package (a digest) belongs into Want
// and Got, which are kept in the evidence. Only maxListed findings of a cause
// are held: 100,000 packages may have the same fault.
type causes struct {
	order []cause
	of    map[cause]*found
}

type cause struct {
	status  verify.Status
	message string
}

// found is what is known of one cause.
type found struct {
	first    verify.Finding
	subject  verify.Subject // what all share
	evidence []string
	count    int
}

// group joins findings.
func group(findings []verify.Finding) []verify.Finding {
	var c causes
	for _, f := range findings {
		c.add(f)
	}
	return c.findings()
}

func (c *causes) add(f verify.Finding) {
	k := cause{f.Status, f.Message}
	x := c.of[k]
	if x == nil {
		if c.of == nil {
			c.of = make(map[cause]*found)
		}
		x = &found{first: f, subject: f.Subject}
		c.of[k] = x
		c.order = append(c.order, k)
	}
	x.count++
	x.subject = common(x.subject, f.Subject)
	if x.count > maxListed {
		return
	}
	line := f.Subject.String()
	if f.Want != "" || f.Got != "" {
		line += fmt.Sprintf(": wanted %s, got %s", orNone(f.Want), orNone(f.Got))
	}
	x.evidence = append(x.evidence, line)
}

// findings returns one finding for each cause, in order of first mention.
func (c *causes) findings() []verify.Finding {
	var out []verify.Finding
	for _, k := range c.order {
		x := c.of[k]
		f := x.first
		if x.count > 1 {
			f.Message = fmt.Sprintf("%s (%d files)", f.Message, x.count)
			f.Want, f.Got, f.Evidence, f.Subject = "", "", x.evidence, x.subject
			if more := x.count - len(x.evidence); more > 0 {
				f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", more))
			}
		}
		out = append(out, f)
	}
	return out
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
	var c causes
	for _, p := range r.Packages {
		if p.Artifact == nil {
			continue
		}
		for _, f := range judge(p) {
			f.Subject = verify.SubjectOf(p)
			if f.URL == "" {
				f.URL = p.Artifact.URL
			}
			c.add(f)
		}
	}
	return c.findings()
}
