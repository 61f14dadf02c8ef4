package guest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// Install implements [Installer]. dnf takes a version that is named in full
// for leave to go back to it ("dnf install kubeadm-1.26.1-150500.1.1" turns
// 1.26.2 into 1.26.1), so there is nothing more to say for Order.Downgrade, and
// no way to forbid it.
func (d dnf) Install(_ Source, o Order) Installation {
	return rpmInstallation(append(d.argv("-y", "install", disableExcludes, noWeakDeps), o.nevrs()...), o.names())
}

// Solve implements [Installer]: the very command of Install, to which the
// answer is no. At debug level 10 dnf says line by line what it would do; the
// table that it shows otherwise breaks its lines by the width of the columns.
func (d dnf) Solve(_ Source, o Order) Question[Solution] {
	argv := d.argv("-C", "-d", "10", "--assumeno", "install", disableExcludes, noWeakDeps)
	return Question[Solution]{
		Commands: []Command{{Argv: append(argv, o.nevrs()...), Env: locale()}},
		Read: func(a []Answer) (Solution, error) {
			if len(a) != 1 {
				return Solution{}, fmt.Errorf("dnf install --assumeno: want one answer, got %d", len(a))
			}
			return ParseDNFSolve(a[0])
		},
	}
}

// nevrs are the pins of an order as dnf and rpm write them.
func (o Order) nevrs() []string {
	all := make([]string, len(o.Pins))
	for i, p := range o.Pins {
		all[i] = p.nevr()
	}
	return all
}

// ParseDNFSolve reads what dnf 4 answers to an order that it was told not to
// carry out (dnf/cli/output.py, DepSolveProgressCallBack):
//
//	--> Starting dependency resolution
//	---> Package kubeadm.x86_64 1.26.1-150500.1.1 will be a downgrade
//	--> Finished dependency resolution
//	Dependencies resolved.
//
// dnf exits 1 both when it was stopped and when it found no solution; with
// nothing left to do it exits 0. An answer in which its solver has no part is
// an error.
func ParseDNFSolve(a Answer) (Solution, error) {
	all, err := lines(a.Output)
	if err != nil {
		return Solution{}, fmt.Errorf("dnf install --assumeno: %w", err)
	}
	var s Solution
	var asked bool
	for i, l := range all {
		switch {
		case strings.HasPrefix(l, "--> Starting dependency resolution"), strings.HasPrefix(l, "No match for argument: "):
			asked = true
		case l == "Dependencies resolved.":
			s.OK = asked
		case strings.HasPrefix(l, "---> Package "):
			p, installs, err := dnfStep(strings.TrimPrefix(l, "---> Package "))
			if err != nil {
				return Solution{}, fmt.Errorf("dnf install --assumeno: line %d: %w", i+1, err)
			}
			if installs {
				s.Would = append(s.Would, p)
			}
		}
	}
	why := dnfReason(a)
	switch {
	case !asked || a.Exit != 0 && a.Exit != 1 || a.Exit == 0 && !s.OK:
		return Solution{}, fmt.Errorf("dnf install --assumeno: exit %d without a word of its solver: %s", a.Exit, why)
	case !s.OK:
		return Solution{Reason: why}, nil
	}
	return s, nil
}

// dnfStep reads "kubeadm.x86_64 1.26.1-150500.1.1 will be a downgrade". It is
// false for a package that would go.
func dnfStep(text string) (images.Installed, bool, error) {
	f := strings.SplitN(text, " ", 3)
	bad := fmt.Errorf("want a package, its version and what becomes of it, got %q", text)
	if len(f) != 3 {
		return images.Installed{}, false, bad
	}
	dot := strings.LastIndexByte(f[0], '.')
	if dot < 0 || !ValidPackage(f[0][:dot]) || f[0][dot+1:] == "" || f[1] == "" {
		return images.Installed{}, false, bad
	}
	p := images.Installed{Package: f[0][:dot], Version: strings.TrimPrefix(f[1], "0:"), Arch: f[0][dot+1:]}
	switch f[2] {
	case "will be installed", "will be an upgrade", "will be a downgrade", "will be reinstalled", "will be obsoleting":
		return p, true, nil
	case "will be erased", "will be upgraded", "will be downgraded", "will be obsoleted":
		return p, false, nil
	}
	return images.Installed{}, false, bad
}

// dnfReason returns why dnf refused, by its own word: what it writes from
// "Error:" on, and the arguments that it knows nothing of.
func dnfReason(a Answer) string {
	var parts []string
	var inError bool
	for l := range strings.Lines(a.Output + "\n" + a.Errors) {
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.HasPrefix(l, "Error:"):
			inError = true
			parts = append(parts, strings.TrimSpace(strings.TrimPrefix(l, "Error:")))
		case strings.HasPrefix(l, "(try to add"):
			inError = false
		case inError && l != "":
			parts = append(parts, l)
		case strings.HasPrefix(l, "No match for argument: "):
			parts = append(parts, l)
		}
	}
	return reason(parts)
}

// Origins implements [Auditor], by dnf's record of its own transactions. What
// was installed without dnf has no origin there.
func (d dnf) Origins(_ Source, packages []string) Question[map[string]string] {
	argv := d.argv("-q", "-C", "repoquery", "--installed", "--qf", originFormat)
	return repoqueryOrigins(Command{Argv: append(argv, packages...), Env: locale()})
}

// originFormat is a package and the repository that it was installed from.
const originFormat = "%{name} %{from_repo}"

// repoqueryOrigins reads lines in originFormat.
func repoqueryOrigins(c Command) Question[map[string]string] {
	return Question[map[string]string]{
		Commands: []Command{c},
		Read: func(a []Answer) (map[string]string, error) {
			if len(a) != 1 || a[0].Exit != 0 {
				return nil, fmt.Errorf("dnf repoquery --installed: want one answer with exit 0, got %v", exits(a))
			}
			return ParseDNFOrigins(a[0].Output)
		},
	}
}

// ParseDNFOrigins reads lines of a package and, where dnf knows it, the ID of
// the repository that it came from.
func ParseDNFOrigins(text string) (map[string]string, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("dnf repoquery --installed: %w", err)
	}
	origins := map[string]string{}
	for i, l := range all {
		f := strings.Fields(l)
		switch {
		case l == "" || isDNFNotice(l):
		case len(f) == 0 || len(f) > 2 || !ValidPackage(f[0]):
			return nil, fmt.Errorf("dnf repoquery --installed: line %d: want package and repository, got %q", i+1, l)
		case len(f) == 2 && f[1] != "@System" && f[1] != "<unknown>":
			origins[f[0]] = f[1]
		}
	}
	return origins, nil
}

// exits are the exit codes of answers, for errors.
func exits(a []Answer) []int {
	codes := make([]int, len(a))
	for i := range a {
		codes[i] = a[i].Exit
	}
	return codes
}

// Remove implements [Remover]. What only these packages needed goes with them,
// as clean_requirements_on_remove has it by default (dnf.conf(5)).
func (d dnf) Remove(packages []string) Command {
	return Command{Argv: append(d.argv("-y", "remove"), packages...), Env: locale()}
}

// Autoremove implements [Remover].
func (d dnf) Autoremove() Command {
	return Command{Argv: d.argv("-y", "autoremove"), Env: locale()}
}
