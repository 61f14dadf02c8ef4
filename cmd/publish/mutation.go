package main

import (
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/mutation"
	"sigs.k8s.io/pkgverify/publish/sample"
)

func newMutation() *cobra.Command {
	var options mutation.Options
	var t target
	var names []string
	var out string
	cmd := &cobra.Command{
		Use:   "mutation [--faults A,B] -- VERIFY [ARGUMENTS]",
		Short: "Break a published tree in each way of the catalogue, and see whether a verifier finds it",
		Long: "Break a published tree in each way of the catalogue, and see whether a verifier finds it.\n\n" +
			"VERIFY is run on the clean tree of every layout, where it must be silent, and on each broken tree,\n" +
			"where the checks that are meant for the fault must fail, and no others that have no cause. It is run\n" +
			"without containers. The exit code is 0 only if all of that holds.",
		Args: func(cmd *cobra.Command, arguments []string) error {
			if cmd.ArgsLenAtDash() != 0 || len(arguments) == 0 {
				return usageError{errors.New("want the verifier after --")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, arguments []string) (err error) {
			var problems []error
			if options.Layout, _, options.Cache, err = t.parse(); err != nil {
				problems = append(problems, err)
			}
			if len(t.arches) > 0 {
				problems = append(problems, errors.New("--arch: the architectures of the trees are fixed"))
			}
			if options.Faults, err = faultsNamed(names); err != nil {
				problems = append(problems, err)
			}
			if options.Jobs < 1 {
				problems = append(problems, errors.New("--jobs: want 1 or more"))
			}
			if err := errors.Join(problems...); err != nil {
				return usageError{err}
			}
			if options.Now, err = clock(); err != nil {
				return err
			}
			if options.Samples == "" {
				if options.Samples, err = sample.FindSources("."); err != nil {
					return err
				}
			}
			if options.Dir = out; out == "" {
				if options.Dir, err = os.MkdirTemp("", "pkgverify-mutation-"); err != nil {
					return err
				}
				defer func() { err = errors.Join(err, os.RemoveAll(options.Dir)) }()
			}
			options.Verify, options.Log = mutation.Program{Arguments: arguments}, progress(cmd)
			score, err := mutation.Run(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := score.Write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !score.OK() {
				return exitError(exitFailed)
			}
			return nil
		},
	}
	t.addFlags(cmd)
	cmd.Flags().StringSliceVar(&names, "faults", nil, "only these faults (default: all); see publish faults")
	cmd.Flags().IntVar(&options.Jobs, "jobs", runtime.NumCPU(), "trees that are broken and verified at once")
	cmd.Flags().StringVar(&out, "out", "", "folder for trees and reports, which stay there (default: a temporary one)")
	cmd.Flags().StringVar(&options.Samples, "samples", "", "folder of the sample programs' sources (default: publish/sample, here or above)")
	return cmd
}

// faultsNamed returns the faults of these names, and all of them for none.
func faultsNamed(names []string) ([]fault.Fault, error) {
	if len(names) == 0 {
		return fault.Catalogue(), nil
	}
	var faults []fault.Fault
	var problems []error
	for _, name := range names {
		f, err := fault.Find(strings.TrimSpace(name))
		problems = append(problems, err)
		faults = append(faults, f)
	}
	return faults, errors.Join(problems...)
}
