package pull

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Mirror is a registry that has what another has.
type Mirror struct {
	// Of is the registry's name, such as "index.docker.io" for docker.io.
	Of string
	// Host is where to ask instead: host, port and the path in front of each
	// repository's name, if any.
	Host string
	// Plain is true for http.
	Plain bool
}

// ParseMirror reads "docker.io=mirror.example.org", where the mirror may have a
// scheme (https://, which is the default, or http://), a port and a path.
func ParseMirror(text string) (Mirror, error) {
	bad := func(why any) (Mirror, error) {
		return Mirror{}, fmt.Errorf("registry mirror %q: write REGISTRY=HOST, such as docker.io=mirror.example.org: %v", text, why)
	}
	of, host, ok := strings.Cut(text, "=")
	if !ok || of == "" || host == "" {
		return bad("a part is missing")
	}
	registry, err := name.NewRegistry(of, name.StrictValidation)
	if err != nil {
		return bad(err)
	}
	m := Mirror{Of: registry.RegistryStr(), Host: strings.TrimPrefix(host, "https://")}
	if rest, plain := strings.CutPrefix(host, "http://"); plain {
		m.Host, m.Plain = rest, true
	}
	m.Host = strings.TrimSuffix(m.Host, "/")
	if scheme, _, ok := strings.Cut(m.Host, "://"); ok {
		return bad(scheme + " is no way to ask a registry")
	}
	if _, err := m.repository("name"); err != nil {
		return bad(err)
	}
	return m, nil
}

func (m Mirror) repository(path string) (name.Repository, error) {
	var options []name.Option
	if m.Plain {
		options = append(options, name.Insecure)
	}
	host, prefix, _ := strings.Cut(m.Host, "/")
	registry, err := name.NewRegistry(host, append(options, name.StrictValidation)...)
	if err != nil {
		return name.Repository{}, err
	}
	if prefix != "" {
		path = prefix + "/" + path
	}
	return name.NewRepository(registry.RegistryStr()+"/"+path, options...)
}

// places returns where a reference is asked for: at the mirrors of its
// registry, and at last there itself.
func (r *Registry) places(ref name.Reference) []name.Reference {
	var all []name.Reference
	for _, m := range r.Mirrors {
		if m.Of != ref.Context().RegistryStr() {
			continue
		}
		repository, err := m.repository(ref.Context().RepositoryStr())
		if err != nil {
			continue // ParseMirror has tried it with another name
		}
		if digest, ok := ref.(name.Digest); ok {
			all = append(all, repository.Digest(digest.DigestStr()))
		} else {
			all = append(all, repository.Tag(ref.Identifier()))
		}
	}
	return append(all, ref)
}
