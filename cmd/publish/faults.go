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
		Short: "List the ways in which publish demo --fault can break a tree",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, f := range fault.Catalogue() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n    %s\n    must fail: %s\n    may fail:  %s\n",
					f.Name, f.Title, strings.Join(f.Want, ", "), strings.Join(f.May, ", "))
			}
			return nil
		},
	}
}
