package guest

import (
	"bytes"
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// apt is the guest of apt and dpkg.
type apt struct{}

// aptEnv keeps debconf and dpkg from asking anything.
func aptEnv() []string { return locale("DEBIAN_FRONTEND=noninteractive") }

// Setup implements [Guest]: a deb822 source (sources.list(5)) whose Signed-By
// names the repository's own key.
func (apt) Setup(s Source) (Setup, error) {
	if err := s.check(); err != nil {
		return Setup{}, err
	}
	if len(s.Key) == 0 {
		return Setup{}, fmt.Errorf("set up apt for %s: the repository's key is needed", s.URL)
	}
	// apt tells the forms apart by the ending alone (apt-key(8), sources.list(5)).
	key := "/etc/apt/keyrings/" + Name + "-apt-keyring.gpg"
	if bytes.HasPrefix(bytes.TrimSpace(s.Key), []byte("-----BEGIN PGP")) {
		key = "/etc/apt/keyrings/" + Name + "-apt-keyring.asc"
	}
	source := "Types: deb\nURIs: " + s.URL + "\nSuites: /\nSigned-By: " + key + "\n"
	path := "/etc/apt/sources.list.d/" + Name + ".sources"
	return Setup{
		Files: []File{
			{
				Path: key, Data: s.Key, Mode: 0o644,
				Shell: "curl -fsSL " + Quote([]string{s.URL + "Release.key"}) + " -o " + key,
				Note:  "the image has no curl: the harness fetched this key from the repository and copied it in",
			},
			{Path: path, Data: []byte(source), Mode: 0o644, Shell: heredoc(path, source)},
		},
		// Error-Mode=any: without it apt-get update exits 0 when a repository
		// cannot be fetched or verified, and goes on with old lists.
		Commands: []Command{{
			Argv: []string{"apt-get", "update", "-o", "APT::Update::Error-Mode=any"}, Env: aptEnv(),
		}},
	}, nil
}

// List implements [Guest].
func (apt) List(s Source) Listing {
	return Listing{
		Commands: []Command{{Argv: append([]string{"apt-cache", "policy"}, s.Packages...), Env: aptEnv()}},
		Read: func(out []string) ([]images.Offer, map[string]string, error) {
			if len(out) != 1 {
				return nil, nil, fmt.Errorf("apt-cache policy: want one output, got %d", len(out))
			}
			return ParsePolicy(out[0])
		},
	}
}

// InstallLatest implements [Guest].
func (apt) InstallLatest(s Source) Installation {
	query := []string{"dpkg-query", "-W", "-f", `${Package}\t${Version}\t${Architecture}\t${Status}\n`}
	return Installation{
		Command: Command{Argv: append(aptInstall(), s.Packages...), Env: aptEnv()},
		Query:   Command{Argv: append(query, s.Packages...), Env: aptEnv()},
		Read:    ParseDpkgQuery,
	}
}

// ParsePolicy reads the output of "apt-cache policy PACKAGE...":
//
//	kubeadm:
//	  Installed: (none)
//	  Candidate: 1.26.2-1.1
//	  Version table:
//	     1.26.2-1.1 500
//	        500 http://127.0.0.1:8080/core:/stable:/v1.26/deb  Packages
//
// An installed version is marked with "***". A version that only dpkg's status
// file knows is not on offer. The manager does not say the architecture, so
// Offer.Arch stays empty.
func ParsePolicy(text string) ([]images.Offer, map[string]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, nil, fmt.Errorf("apt-cache policy: %w", err)
	}
	var offers []images.Offer
	candidates := map[string]string{}
	var name, version string
	table := false
	for i, l := range all {
		bad := func() error { return fmt.Errorf("apt-cache policy: line %d: cannot read %q", i+1, l) }
		body := strings.TrimLeft(l, " ")
		indent := len(l) - len(body)
		switch {
		case body == "" || isNotice(body):
		case indent == 0:
			pkg, ok := strings.CutSuffix(body, ":")
			if !ok || !ValidPackage(pkg) {
				return nil, nil, bad()
			}
			name, version, table = pkg, "", false
		case name == "":
			return nil, nil, bad()
		case indent == 2:
			field, value, ok := strings.Cut(body, ":")
			if !ok {
				return nil, nil, bad()
			}
			table = field == "Version table"
			if v := strings.TrimSpace(value); field == "Candidate" && v != "(none)" {
				candidates[name] = v
			}
		case !table:
			return nil, nil, bad()
		case indent == 5 || strings.HasPrefix(body, "*** "):
			f := strings.Fields(strings.TrimPrefix(body, "*** "))
			if len(f) < 2 {
				return nil, nil, bad()
			}
			version = f[0]
		case indent == 8 || indent == 7 || indent == 9: // right-aligned priority
			f := strings.Fields(body)
			if len(f) < 2 || version == "" {
				return nil, nil, bad()
			}
			if strings.HasPrefix(f[1], "/") {
				continue // /var/lib/dpkg/status
			}
			offers = append(offers, images.Offer{Package: name, Version: version, Origin: f[1]})
		default:
			return nil, nil, bad()
		}
	}
	return offers, candidates, nil
}

// isNotice reports whether a line is one of apt's own messages.
func isNotice(l string) bool {
	return strings.HasPrefix(l, "N: ") || strings.HasPrefix(l, "W: ") || strings.HasPrefix(l, "E: ")
}

// ParseDpkgQuery reads what dpkg-query prints of each package: name, version,
// architecture and status, separated by tabs. Packages that the database does
// not have are named on standard error, in lines that are passed over.
func ParseDpkgQuery(text string) ([]images.Installed, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("dpkg-query: %w", err)
	}
	var got []images.Installed
	for i, l := range all {
		if l == "" || strings.HasPrefix(l, "dpkg-query: ") {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("dpkg-query: line %d: want 4 fields, got %q", i+1, l)
		}
		got = append(got, images.Installed{Package: f[0], Version: f[1], Arch: f[2], Status: f[3]})
	}
	return got, nil
}

// heredoc returns the shell command that writes text to path.
func heredoc(path, text string) string {
	return "cat > " + path + " <<'EOF'\n" + text + "EOF"
}
