package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish/demo"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/sample"
)

func newDemo() *cobra.Command {
	var options demo.Options
	var t target
	var name string
	cmd := &cobra.Command{
		Use:   "demo --out DIR",
		Short: "Publish sample packages of all channels and architectures, with a key made on the spot",
		Long: "Publish sample packages of all channels and architectures, with a key made on the spot.\n\n" +
			"DIR/root is the folder to serve; DIR/key.asc the public key; DIR/versions.txt what was published;\n" +
			"DIR/private.asc the private key, which a later run uses again.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := missing(map[string]string{"out": options.Dir}); err != nil {
				return err
			}
			var err error
			if options.Layout, options.Architectures, options.Cache, err = t.parse(); err != nil {
				return err
			}
			if name != "" {
				f, err := fault.Find(name)
				if err != nil {
					return usageError{err}
				}
				options.Fault = &f
			}
			if options.Now, err = clock(); err != nil {
				return err
			}
			if options.Samples == "" {
				if options.Samples, err = sample.FindSources("."); err != nil {
					return err
				}
			}
			options.Log = progress(cmd)
			result, err := demo.Publish(cmd.Context(), options)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "root %s\nkey %s\n", result.Root, result.Fingerprint)
			for _, file := range result.Touched {
				fmt.Fprintf(cmd.OutOrStdout(), "broken %s\n", file)
			}
			return nil
		},
	}
	t.addFlags(cmd)
	cmd.Flags().StringVar(&options.Dir, "out", "", "folder to write")
	cmd.Flags().BoolVar(&options.Real, "real", false, "publish the real programs, for this machine's architecture (minutes, the first time)")
	cmd.Flags().StringVar(&name, "fault", "", "break the tree in this way at the end; see publish faults")
	cmd.Flags().StringVar(&options.Samples, "samples", "", "folder of the sample programs' sources (default: publish/sample, here or above)")
	return cmd
}
