package guest

import (
	"fmt"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// dnf5 is the guest of dnf 5 and rpm. It takes keys as dnf 4 does. What it would
// do goes to standard output, everything else that it says to standard error.
type dnf5 struct{ rpmBase }

// dnf5DisableExcludes lifts the exclude= line; dnf 5 has no --disableexcludes.
const dnf5DisableExcludes = "--setopt=disable_excludes=" + Name

// Setup implements [Guest], as for dnf 4.
func (dnf5) Setup(s Source) (Setup, error) {
	return yumSetup(s, "exclude="+strings.Join(s.Packages, " ")+"\n",
		Command{Argv: []string{"dnf5", "-y", "makecache", mustBeThere}, Env: locale()})
}

// List implements [Guest]. Unlike dnf 4 it ends no line by itself.
func (dnf5) List(s Source) Listing {
	query := func(more ...string) Command {
		argv := []string{"dnf5", "-q", "-C", "repoquery", "--repo=" + Name, dnf5DisableExcludes, "--qf", queryFormat + `\n`}
		return Command{Argv: append(append(argv, more...), s.Packages...), Env: locale()}
	}
	return repoqueryListing(query(), query("--latest-limit=1"))
}

// InstallLatest implements [Guest].
func (dnf5) InstallLatest(s Source) Installation {
	install := []string{"dnf5", "-y", "install", dnf5DisableExcludes, noWeakDeps}
	return rpmInstallation(append(install, s.Packages...), s.Packages)
}

// Install implements [Installer]. As in dnf 4 a version named in full is leave
// to go back to it; --allow-downgrade is about the dependencies.
func (dnf5) Install(_ Source, o Order) Installation {
	return rpmInstallation(dnf5Install(o, "-y"), o.names())
}

// dnf5Install is the command that carries an order out, by global options.
func dnf5Install(o Order, global ...string) []string {
	argv := append(append([]string{"dnf5"}, global...), "install", dnf5DisableExcludes, noWeakDeps)
	if o.Downgrade {
		argv = append(argv, "--allow-downgrade")
	}
	return append(argv, o.nevrs()...)
}

// Solve implements [Installer]: the very command of Install, to which the
// answer is no. dnf 5 has no structured form of what it would do without
// fetching the packages (--store); its table is not cut where the output is no
// terminal.
func (dnf5) Solve(_ Source, o Order) Question[Solution] {
	return Question[Solution]{
		Commands: []Command{{Argv: dnf5Install(o, "-C", "--assumeno"), Env: locale()}},
		Read: func(a []Answer) (Solution, error) {
			if len(a) != 1 {
				return Solution{}, fmt.Errorf("dnf5 install --assumeno: want one answer, got %d", len(a))
			}
			return ParseDNF5Solve(a[0])
		},
	}
}

// ParseDNF5Solve reads what dnf 5 answers to an order that it was told not to
// carry out:
//
//	Package              Arch   Version             Repository      Size
//	Downgrading:
//	 kubeadm             x86_64 0:1.26.1-150500.1.1 kubernetes   1.8 MiB
//	   replacing kubeadm x86_64 0:1.26.2-150500.1.1 kubernetes   1.8 MiB
//
//	Transaction Summary:
//
// dnf 5 exits 1 both when it was stopped and when it found no solution; with
// nothing left to do it exits 0. An answer in which its solver has no part is
// an error.
func ParseDNF5Solve(a Answer) (Solution, error) {
	all, err := lines(a.Output)
	if err != nil {
		return Solution{}, fmt.Errorf("dnf5 install --assumeno: %w", err)
	}
	s := Solution{OK: a.Exit == 0 && strings.Contains(a.Output+a.Errors, "Nothing to do.")}
	var table, installs bool
	for i, l := range all {
		switch {
		case strings.HasPrefix(l, "Package ") && strings.HasSuffix(l, " Size"):
			table = true
		case !table:
		case l == "Transaction Summary:":
			s.OK, table = a.Exit == 0 || a.Exit == 1, false
		case l == "", strings.HasPrefix(l, "   replacing "):
		case !strings.HasPrefix(l, " "):
			installs = dnf5Installs(l)
		case installs:
			// The size has a blank of its own.
			f := strings.Fields(l)
			if len(f) < 5 || !ValidPackage(f[0]) || !strings.Contains(f[2], ":") {
				return Solution{}, fmt.Errorf("dnf5 install --assumeno: line %d: want package, architecture, version, repository and size, got %q", i+1, l)
			}
			s.Would = append(s.Would, images.Installed{Package: f[0], Version: strings.TrimPrefix(f[2], "0:"), Arch: f[1]})
		}
	}
	if s.OK {
		return s, nil
	}
	why, spoke := dnf5Reason(a.Errors)
	if a.Exit != 1 || !spoke {
		return Solution{}, fmt.Errorf("dnf5 install --assumeno: exit %d without a word of its solver: %s", a.Exit, reason([]string{a.Errors}))
	}
	return Solution{Reason: why}, nil
}

// dnf5Installs reports whether a heading of the table is about packages that
// come, not about those that go or are passed over.
func dnf5Installs(heading string) bool {
	for _, h := range []string{"Installing", "Upgrading", "Downgrading", "Reinstalling"} {
		if strings.HasPrefix(heading, h) {
			return true
		}
	}
	return false
}

// dnf5Reason returns why dnf 5 refused, by its own word, and whether its solver
// has spoken at all.
func dnf5Reason(errs string) (string, bool) {
	_, after, ok := strings.Cut(errs, "Failed to resolve the transaction:\n")
	if !ok {
		return "", false
	}
	before, _, _ := strings.Cut(after, "You can try to add to command line:")
	return reason([]string{before}), true
}

// Origins implements [Auditor], by dnf's record of its own transactions.
func (dnf5) Origins(_ Source, packages []string) Question[map[string]string] {
	argv := []string{"dnf5", "-q", "-C", "repoquery", "--installed", "--qf", originFormat + `\n`}
	return repoqueryOrigins(Command{Argv: append(argv, packages...), Env: locale()})
}

// Remove implements [Remover]. What only these packages needed goes with them,
// as clean_requirements_on_remove has it by default.
func (dnf5) Remove(packages []string) Command {
	return Command{Argv: append([]string{"dnf5", "-y", "remove"}, packages...), Env: locale()}
}

// Autoremove implements [Remover].
func (dnf5) Autoremove() Command {
	return Command{Argv: []string{"dnf5", "-y", "autoremove"}, Env: locale()}
}
