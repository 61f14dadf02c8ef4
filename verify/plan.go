package verify

import (
	"slices"

	"sigs.k8s.io/pkgverify/repo"
)

// Plan is what a run does, decided once: the targets, the cells, the checks.
type Plan struct {
	Profile  string
	Channels []string
	Minors   []string
	// Versions are those that the user named, empty when the profile's markers
	// decide.
	Versions []string
	Targets  []*Expectation
	Cells    []*CellExpectation
	Checks   []Check
}

// Spec is one thing to ask: a check of a target, or of a cell.
type Spec struct {
	Check  *Check
	Target *Expectation
	// Cell is nil for a repository check.
	Cell *CellExpectation
}

// Specs returns what the plan asks, target by target, in a fixed order: the
// repository checks of the target, then its cells. Checks that have nothing to
// ask of a target are left out.
func (p *Plan) Specs() []Spec {
	var specs []Spec
	for _, t := range p.Targets {
		for i := range p.Checks {
			c := &p.Checks[i]
			if c.Repository != nil && c.Applies(t.Target.Format) {
				specs = append(specs, Spec{Check: c, Target: t})
			}
		}
		for _, cell := range p.Cells {
			if cell.Expectation != t {
				continue
			}
			for i := range p.Checks {
				c := &p.Checks[i]
				if c.Cell != nil && c.Applies(t.Target.Format) {
					specs = append(specs, Spec{Check: c, Target: t, Cell: cell})
				}
			}
		}
	}
	return specs
}

// Name returns the name of s: stable from run to run and unique in a plan.
func (s Spec) Name() string {
	if s.Cell != nil {
		return s.Target.Target.Name() + " " + s.Cell.Cell.Distro + " " + string(s.Cell.Cell.Arch) + " " + s.Check.ID
	}
	return s.Target.Target.Name() + " " + s.Check.ID
}

// Labels returns the labels of s in Ginkgo's form; none holds a character that
// its filter language reserves. What is asked of packages, by the index or
// beyond, has a label for each package that is looked at.
func (s Spec) Labels() []string {
	t := s.Target.Target
	labels := []string{
		"format:" + string(t.Format), "channel:" + t.Channel, "minor:" + t.Minor,
		"suite:" + string(s.Check.Suite), "check:" + s.Check.ID,
	}
	if s.Check.Payload {
		labels = append(labels, "depth:payload")
	}
	if s.Cell != nil {
		labels = append(labels, "distro:"+s.Cell.Cell.Distro, "arch:"+string(s.Cell.Cell.Arch))
	}
	if s.Check.Suite != Metadata || slices.Contains(s.Check.Needs, NeedIndex) {
		for _, p := range s.Target.Packages {
			labels = append(labels, "package:"+p.Name)
		}
	}
	return labels
}

// Siblings returns the targets of the same channel and minor in other formats.
func (p *Plan) Siblings(t *Expectation) []*Expectation {
	var out []*Expectation
	for _, other := range p.Targets {
		if other.Target.Channel == t.Target.Channel && other.Target.Minor == t.Target.Minor && other.Target.Format != t.Target.Format {
			out = append(out, other)
		}
	}
	return out
}

// PackageNames returns the names of the expected packages, each once.
func (p *Plan) PackageNames() []string {
	var out []string
	for _, t := range p.Targets {
		for _, x := range t.Packages {
			if !slices.Contains(out, x.Name) {
				out = append(out, x.Name)
			}
		}
	}
	return out
}

// Architectures returns the architectures of all targets, each once.
func (p *Plan) Architectures() []repo.Arch {
	var out []repo.Arch
	for _, t := range p.Targets {
		for _, a := range t.Arches {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}
