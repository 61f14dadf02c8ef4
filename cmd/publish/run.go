package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitError is the exit code of a command that was run.
type exitError int

func (e exitError) Error() string { return "the command ended with exit code " + strconv.Itoa(int(e)) }

// Run runs the command line and returns the exit code.
func Run(ctx context.Context, io streams, arguments []string) int {
	root := &cobra.Command{
		Use:   "publish",
		Short: "Publish packages as signed apt and rpm-md repositories, as OBS does for pkgs.k8s.io",
		Long: "Publish packages as signed apt and rpm-md repositories, as OBS does for pkgs.k8s.io.\n\n" +
			"Exit codes: 0 done; 1 failed; 2 wrong usage. \"publish serve ROOT -- COMMAND\" ends with COMMAND's code.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetArgs(arguments)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newKeygen(), newAdd(), newDemo(), newServe(), newFaults(), newMutation(), newMan())
	err := root.ExecuteContext(ctx)
	var usage usageError
	var exit exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintf(io.err, "publish: %v\nSee publish --help.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(io.err, "publish: %v\n", err)
		return exitFailed
	}
}

// noArguments refuses arguments, as a usage error.
func noArguments(cmd *cobra.Command, arguments []string) error {
	if err := cobra.NoArgs(cmd, arguments); err != nil {
		return usageError{err}
	}
	return nil
}

// missing reports every flag that is needed and was not given.
func missing(values map[string]string) error {
	var problems []error
	for _, flag := range slices.Sorted(maps.Keys(values)) {
		if values[flag] == "" {
			problems = append(problems, fmt.Errorf("--%s is needed", flag))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return usageError{errors.Join(problems...)}
}

// clock returns the clock: fixed at SOURCE_DATE_EPOCH where that is set
// (reproducible-builds.org), else the machine's.
func clock() (func() time.Time, error) {
	text, ok := os.LookupEnv("SOURCE_DATE_EPOCH")
	if !ok || text == "" {
		return time.Now, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return nil, usageError{fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970", text)}
	}
	return func() time.Time { return time.Unix(seconds, 0).UTC() }, nil
}

// progress writes lines to the command's standard error.
func progress(cmd *cobra.Command) func(string) {
	return func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
}

// target is what most commands need to know.
type target struct {
	layout string
	arches []string
	cache  string
}

func (t *target) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.layout, "layout", "kep-1731", "addresses and channels: kep-1731 or kubernetes")
	cmd.Flags().StringSliceVar(&t.arches, "arch", nil, "architectures, by any of their names (default: those of the layout)")
	cmd.Flags().StringVar(&t.cache, "cache", "", "folder for what was built before (default: pkgverify in the user's cache folder)")
}

// parse reads the flags, and reports all that is wrong with them at once.
func (t *target) parse() (layout publish.Layout, arches []publish.Arch, cache publish.Cache, err error) {
	var problems []error
	layout, err = publish.ParseLayout(t.layout)
	problems = append(problems, err)
	for _, name := range t.arches {
		arch, err := publish.ParseArch(name)
		problems = append(problems, err)
		arches = append(arches, arch)
	}
	cache = publish.Cache(t.cache)
	if cache == "" {
		cache, err = publish.DefaultCache()
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return layout, nil, "", usageError{err}
	}
	return layout, arches, cache, nil
}
