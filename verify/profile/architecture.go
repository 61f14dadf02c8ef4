package profile

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Architecture is one that the product is published for. In YAML it is a name,
// or a mapping where it is not there for every minor and format.
type Architecture struct {
	// Name in any spelling.
	Name string `yaml:"name"`
	// Minors is a range of minors; "" is all.
	Minors string `yaml:"minors"`
	// Formats; empty is all.
	Formats []repo.Format `yaml:"formats"`

	arch   repo.Arch    // Name, read
	minors verify.Range // Minors, read
}

// UnmarshalYAML reads either form, strictly: the decoder's own strictness does
// not reach into methods like this one.
func (a *Architecture) UnmarshalYAML(node *yaml.Node) error {
	*a = Architecture{}
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&a.Name)
	}
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			if key := node.Content[i]; !slices.Contains([]string{"name", "minors", "formats"}, key.Value) {
				return fmt.Errorf("line %d: field %s not found in architecture", key.Line, key.Value)
			}
		}
	}
	type plain Architecture // without this method
	return node.Decode((*plain)(a))
}

// serves reports whether the repositories of that minor and format have the
// architecture.
func (a *Architecture) serves(minor string, f repo.Format) bool {
	return a.minors.Contains(minor) && (len(a.Formats) == 0 || slices.Contains(a.Formats, f))
}

// arches returns every architecture of the profile, each once.
func (p *Profile) arches() []repo.Arch {
	var out []repo.Arch
	for _, a := range p.Architectures {
		if !slices.Contains(out, a.arch) {
			out = append(out, a.arch)
		}
	}
	return out
}

// archesOf returns the architectures that a repository of that minor and format
// has.
func (p *Profile) archesOf(minor string, f repo.Format) []repo.Arch {
	var out []repo.Arch
	for _, a := range p.Architectures {
		if a.serves(minor, f) && !slices.Contains(out, a.arch) {
			out = append(out, a.arch)
		}
	}
	return out
}
