package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newImagesPrune(s streams) *cobra.Command {
	var flags imageFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove images that nothing asks for any more",
		Long: "Remove images that this version would not use: those that were built by another recipe, and those\n" +
			"that were pulled and that no reference leads to any more. What another process uses stays.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			all, err := loadCatalogue(flags.catalogue)
			if err != nil {
				return err
			}
			built, pulled, err := caches()
			if err != nil {
				return err
			}
			removed, err := built.Prune(all)
			if err == nil {
				more, pullErr := pulled.Prune()
				removed, err = append(removed, more...), pullErr
			}
			for _, dir := range removed {
				if _, err := fmt.Fprintf(s.out, "removed %s\n", dir); err != nil {
					return err
				}
			}
			if err != nil {
				_, _ = fmt.Fprintf(s.err, "verify: %v\n", err)
				return verdict(exitBlocked)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&flags.catalogue, "catalogue", "", catalogueHelp)
	return cmd
}
