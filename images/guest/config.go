package guest

import (
	"fmt"
	"slices"
	"strings"
)

// Configs implements [Auditor], by dpkg's list of conffiles (deb-conffiles(5)).
func (apt) Configs(packages []string) Question[[]string] {
	return Question[[]string]{
		Commands: []Command{{Argv: append([]string{"dpkg-query", "-W", "-f", `${Conffiles}\n`}, packages...), Env: aptEnv()}},
		Read: func(a []Answer) ([]string, error) {
			if len(a) != 1 || a[0].Exit != 0 {
				return nil, fmt.Errorf("list of conffiles: want one answer with exit 0, got %+v", a)
			}
			return parseConfigs(a[0].Output)
		},
	}
}

// Answered implements [Asker] by an option of dpkg's (dpkg(1), --force-confold).
func (apt) Answered() File {
	const path = "/etc/dpkg/dpkg.cfg.d/" + Name
	return File{Path: path, Data: []byte("force-confold\n"), Mode: 0o644, Shell: heredoc(path, "force-confold\n"),
		Note: "for what follows: nobody is there to answer"}
}

// Configs implements [Auditor] by rpm -q --configfiles.
func (rpmBase) Configs(packages []string) Question[[]string] {
	return Question[[]string]{
		Commands: []Command{{Argv: append([]string{"rpm", "-q", "--configfiles"}, packages...), Env: locale()}},
		Read: func(a []Answer) ([]string, error) {
			if len(a) != 1 || a[0].Exit != 0 {
				return nil, fmt.Errorf("list of configuration files: want one answer with exit 0, got %+v", a)
			}
			return parseConfigs(a[0].Output)
		},
	}
}

// parseConfigs reads a path a line; dpkg puts a blank in front, and a checksum
// and perhaps "obsolete" behind. Of several packages' files each is there once.
func parseConfigs(text string) ([]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("list of configuration files: %w", err)
	}
	var paths []string
	for _, l := range all {
		l = strings.TrimSpace(l)
		if !strings.HasPrefix(l, "/") {
			continue // "(contains no files)"
		}
		f := strings.Fields(l)
		if len(f) > 1 && (f[len(f)-1] == "obsolete" || f[len(f)-1] == "newconffile") {
			continue // the version that is installed has it no more, or not yet
		}
		if len(f) > 1 && len(f[len(f)-1]) == 32 {
			l = strings.TrimSpace(strings.TrimSuffix(l, f[len(f)-1]))
		}
		if !slices.Contains(paths, l) {
			paths = append(paths, l)
		}
	}
	return paths, nil
}
