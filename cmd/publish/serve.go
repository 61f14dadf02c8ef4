package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish/serve"
)

func newServe() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve ROOT [-- COMMAND [ARGUMENTS]]",
		Short: "Serve a published root as pkgs.k8s.io does, and run a command against it",
		Long: "Serve a published root as pkgs.k8s.io does: 403 for what is missing, no listings.\n\n" +
			"With a command, every {url} in its arguments becomes the base URL; serving ends with the command,\n" +
			"and with its exit code.",
		Args: func(cmd *cobra.Command, arguments []string) error {
			if dash := cmd.ArgsLenAtDash(); len(arguments) == 0 || dash > 1 || dash == 0 || (dash < 0 && len(arguments) > 1) ||
				dash == len(arguments) {
				return usageError{errors.New("want one ROOT, and a command only after --")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, arguments []string) error {
			code, err := serve.Run(cmd.Context(), arguments[0], listen, serve.Command{
				Arguments: arguments[1:],
				Stdin:     cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
			}, func(url string) {
				fmt.Fprintf(cmd.ErrOrStderr(), "serving %s at %s\n", arguments[0], url)
			})
			if err == nil && code != 0 {
				err = exitError(code)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	return cmd
}
