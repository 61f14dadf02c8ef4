package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish/fault"
)

func newFaults() *cobra.Command {
	return &cobra.Command{
		Use:   "faults",
		Short: "List the ways in which publish demo --fault and publish mutation break a tree",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, f := range fault.Catalogue() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n    %s\n", f.Name, f.Title)
				for _, line := range []struct {
					says   string
					checks []string
				}{{"must fail:", f.Want}, {"must warn:", f.Warn}, {"may fail: ", f.May}} {
					if len(line.checks) > 0 {
						fmt.Fprintf(cmd.OutOrStdout(), "    %s %s\n", line.says, strings.Join(line.checks, ", "))
					}
				}
			}
			return nil
		},
	}
}
