package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/profile"
)

// completePlan makes shells offer the values of the flags that make a plan.
// Channels and packages are those of the profile on the command line.
func completePlan(cmd *cobra.Command, p *planFlags) {
	completeFlag(cmd, "profile", profile.Names())
	completeFlag(cmd, "format", names(repo.Formats()))
	completeFlag(cmd, "suite", names(verify.Suites()))
	completeFlag(cmd, "arch", names(repo.Arches()))
	completeFlag(cmd, "install-arch", names(repo.Arches()))
	completeProfile(cmd, "channel", p, func(prof *profile.Profile) (out []string) {
		for _, c := range prof.Channels {
			out = append(out, c.Name)
		}
		return out
	})
	completeProfile(cmd, "package", p, func(prof *profile.Profile) (out []string) {
		for _, x := range prof.Packages {
			out = append(out, x.Name)
		}
		return out
	})
	completeProfile(cmd, "distro", p, func(*profile.Profile) (out []string) {
		all, err := p.distros()
		if err != nil {
			return nil
		}
		for _, d := range all {
			out = append(out, d.Name)
		}
		return out
	})
}

// completeFlag makes shells offer values for a flag, and no files.
func completeFlag(cmd *cobra.Command, flag string, values []string) {
	register(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeProfile makes shells offer what values takes from the profile of the
// command line.
func completeProfile(cmd *cobra.Command, flag string, p *planFlags, values func(*profile.Profile) []string) {
	register(cmd, flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		prof, err := profile.Load(p.profile)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return values(prof), cobra.ShellCompDirectiveNoFileComp
	})
}

// register hangs a completion on a flag, which must be there.
func register(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(fmt.Sprintf("completion of --%s: %v", flag, err)) // the flag is not defined, or twice: a slip in this program
	}
}

// completeCheck offers the IDs of the checks.
func completeCheck(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		for _, c := range checks.Catalogue() {
			out = append(out, cobra.CompletionWithDesc(c.ID, c.Title))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// names returns values of a string type as strings.
func names[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
