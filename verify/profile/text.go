package profile

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// compile returns nil for an empty expression, which accepts all.
func compile(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	return regexp.Compile(expr)
}

// parseCapability reads "NAME" or "NAME OPERATOR VERSION", with that operator.
func parseCapability(text, operator string) (verify.Capability, error) {
	words := strings.Fields(text)
	switch {
	case len(words) == 1:
		return verify.Capability{Name: words[0]}, nil
	case len(words) == 3 && words[1] == operator:
		return verify.Capability{Name: words[0], Version: words[2]}, nil
	}
	return verify.Capability{}, fmt.Errorf("%q is neither a name nor \"name %s version\"", text, operator)
}

// The placeholders that texts of a profile may hold.
const (
	folderName  = "{folder}"
	minorName   = "{minor}"
	versionName = "{version}"
	archName    = "{arch}"
)

// anyPlaceholder is one word in braces; JSON and the like hold braces too.
var anyPlaceholder = regexp.MustCompile(`\{[A-Za-z]+\}`)

// placeholders complains of one that is not filled in here.
func placeholders(text string, known ...string) error {
	for _, name := range anyPlaceholder.FindAllString(text, -1) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s is not filled in here; there is %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// below reports whether a relative path stays below where it goes on from.
func below(text string) bool {
	return !strings.HasPrefix(text, "/") && !slices.Contains(strings.Split(text, "/"), "..")
}

func absolute(file string) bool { return path.IsAbs(file) && path.Clean(file) == file }

func isSpace(r rune) bool { return r <= ' ' }

// checkRemote checks the address of a server, or of a folder as file URL.
func checkRemote(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return err
	case u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path):
		return nil
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q is not one of http, https, file", u.Scheme)
	case u.Host == "":
		return errors.New("names no host")
	}
	return nil
}
