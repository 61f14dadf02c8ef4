package guest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// Install implements [Installer].
func (apt) Install(_ Source, o Order) Installation {
	query := []string{"dpkg-query", "-W", "-f", `${Package}\t${Version}\t${Architecture}\t${Status}\n`}
	return Installation{
		Command: Command{Argv: append(aptInstall(), o.apt()...), Env: aptEnv()},
		Query:   Command{Argv: append(query, o.names()...), Env: aptEnv()},
		Read:    ParseDpkgQuery,
	}
}

// aptInstall is how the documentation installs, without a question.
func aptInstall() []string {
	return []string{"apt-get", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"}
}

// apt are the arguments of apt-get for an order: PACKAGE=VERSION.
func (o Order) apt() []string {
	var argv []string
	if o.Downgrade {
		argv = append(argv, "--allow-downgrades")
	}
	for _, p := range o.Pins {
		if p.Version == "" {
			argv = append(argv, p.Package)
		} else {
			argv = append(argv, p.Package+"="+p.Version)
		}
	}
	return argv
}

// Solve implements [Installer]: the very command of Install, simulated.
func (apt) Solve(_ Source, o Order) Question[Solution] {
	return Question[Solution]{
		Commands: []Command{{Argv: append(append(aptInstall(), "--simulate"), o.apt()...), Env: aptEnv()}},
		Read: func(a []Answer) (Solution, error) {
			if len(a) != 1 {
				return Solution{}, fmt.Errorf("apt-get --simulate: want one answer, got %d", len(a))
			}
			return ParseAptSimulation(a[0])
		},
	}
}

// ParseAptSimulation reads what apt-get --simulate prints (apt-get(8)):
//
//	Inst kubeadm [1.26.1-1.1] (1.26.2-1.1 deb:1.26/deb [amd64])
//	Conf kubeadm (1.26.2-1.1 deb:1.26/deb [amd64])
//
// It exits with 100 when it finds no solution; the reason is in lines from "The
// following packages have unmet dependencies:" on, and in "E: " lines.
func ParseAptSimulation(a Answer) (Solution, error) {
	all, err := lines(a.Output)
	if err != nil {
		return Solution{}, fmt.Errorf("apt-get --simulate: %w", err)
	}
	var s Solution
	var why []string
	unmet := false
	for i, l := range all {
		switch {
		case strings.HasPrefix(l, "The following packages have unmet dependencies:"):
			unmet = true
		case strings.HasPrefix(l, "Inst "):
			p, err := aptStep(l)
			if err != nil {
				return Solution{}, fmt.Errorf("apt-get --simulate: line %d: %w", i+1, err)
			}
			s.Would = append(s.Would, p)
		case unmet && strings.HasPrefix(l, " "):
			why = append(why, strings.TrimSpace(l))
		}
	}
	for l := range strings.Lines(a.Errors) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(l), "E: "); ok {
			why = append(why, text)
		}
	}
	switch {
	case a.Exit == 0:
		s.OK = true
		return s, nil
	case a.Exit == 100 && len(why) > 0:
		return Solution{Reason: reason(why)}, nil
	}
	return Solution{}, fmt.Errorf("apt-get --simulate: exit %d without a word of its solver: %s", a.Exit, reason(why))
}

// aptStep reads a line of a simulation: "Inst NAME [OLD] (NEW ORIGIN [ARCH])".
func aptStep(l string) (images.Installed, error) {
	bad := fmt.Errorf("want \"Inst NAME (VERSION ORIGIN [ARCHITECTURE])\", got %q", l)
	name, rest, ok := strings.Cut(strings.TrimPrefix(l, "Inst "), " ")
	open := strings.Index(rest, "(")
	if !ok || open < 0 {
		return images.Installed{}, bad
	}
	inside, _, ok := strings.Cut(rest[open+1:], ")")
	f := strings.Fields(inside)
	if !ok || len(f) < 2 || name == "" {
		return images.Installed{}, bad
	}
	name, _, _ = strings.Cut(name, ":") // libc6:amd64
	return images.Installed{Package: name, Version: f[0], Arch: strings.Trim(f[len(f)-1], "[]")}, nil
}

// Origins implements [Auditor], by the version table of apt-cache policy.
func (apt) Origins(_ Source, packages []string) Question[map[string]string] {
	return Question[map[string]string]{
		Commands: []Command{{Argv: append([]string{"apt-cache", "policy"}, packages...), Env: aptEnv()}},
		Read: func(a []Answer) (map[string]string, error) {
			if len(a) != 1 || a[0].Exit != 0 {
				return nil, fmt.Errorf("apt-cache policy: want one answer with exit 0, got %v", exits(a))
			}
			return ParsePolicyOrigins(a[0].Output)
		},
	}
}

// ParsePolicyOrigins reads where the installed versions come from: the first
// source below the version that "Installed:" names, as apt takes it.
func ParsePolicyOrigins(text string) (map[string]string, error) {
	offers, _, err := ParsePolicy(text)
	if err != nil {
		return nil, err
	}
	installed := map[string]string{}
	name := ""
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		if pkg, ok := strings.CutSuffix(l, ":"); ok && !strings.HasPrefix(l, " ") {
			name = pkg
		} else if v, ok := strings.CutPrefix(l, "  Installed: "); ok && v != "(none)" {
			installed[name] = v
		}
	}
	origins := map[string]string{}
	for _, o := range offers {
		if _, known := origins[o.Package]; !known && o.Version == installed[o.Package] {
			origins[o.Package] = o.Origin
		}
	}
	return origins, nil
}

// Altered implements [Auditor] by dpkg --verify, which prints nothing for files
// that are as they were.
func (apt) Altered(packages []string) Question[[]string] {
	return Question[[]string]{
		Commands: []Command{{Argv: append([]string{"dpkg", "--verify"}, packages...), Env: aptEnv()}},
		Read: func(a []Answer) ([]string, error) {
			if len(a) != 1 {
				return nil, fmt.Errorf("dpkg --verify: want one answer, got %d", len(a))
			}
			all, err := lines(a[0].Output)
			if err != nil {
				return nil, fmt.Errorf("dpkg --verify: %w", err)
			}
			var altered []string
			for _, l := range all {
				if l != "" {
					altered = append(altered, l)
				}
			}
			if a[0].Exit != 0 && len(altered) == 0 {
				return nil, fmt.Errorf("dpkg --verify: exit %d: %s", a[0].Exit, strings.TrimSpace(a[0].Errors))
			}
			return altered, nil
		},
	}
}

// Owners implements [Auditor] by dpkg -L, asked of one package at a time: its
// answer does not say whose a path is.
func (apt) Owners(packages []string) Question[map[string]string] {
	q := Question[map[string]string]{Read: func(a []Answer) (map[string]string, error) {
		owners := map[string]string{}
		for i, x := range a {
			all, err := lines(x.Output)
			if err != nil || x.Exit != 0 {
				return nil, fmt.Errorf("dpkg -L %s: exit %d: %w", packages[i], x.Exit, err)
			}
			for _, l := range all {
				if strings.HasPrefix(l, "/") {
					owners[l] = packages[i]
				}
			}
		}
		return owners, nil
	}}
	for _, p := range packages {
		q.Commands = append(q.Commands, Command{Argv: []string{"dpkg", "-L", p}, Env: aptEnv()})
	}
	return q
}

// Remove implements [Remover].
func (apt) Remove(packages []string) Command {
	return Command{Argv: append([]string{"apt-get", "remove", "-y", "-o", "Dpkg::Use-Pty=0"}, packages...), Env: aptEnv()}
}

// Purge implements [Remover].
func (apt) Purge(packages []string) (Command, bool) {
	return Command{Argv: append([]string{"apt-get", "purge", "-y", "-o", "Dpkg::Use-Pty=0"}, packages...), Env: aptEnv()}, true
}

// Autoremove implements [Remover].
func (apt) Autoremove() Command {
	return Command{Argv: []string{"apt-get", "autoremove", "-y", "-o", "Dpkg::Use-Pty=0"}, Env: aptEnv()}
}
