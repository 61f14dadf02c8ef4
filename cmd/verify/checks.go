package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

func newChecks(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "checks [ID]",
		Short: "The catalogue of checks, or the text of one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, c := range checks.Catalogue() {
				var err error
				switch {
				case len(args) == 0:
					_, err = fmt.Fprintf(s.out, "%-26s %-9s %-8s %s\n", c.ID, c.Suite, c.Severity, c.Title)
				case c.ID == args[0]:
					return explain(s, c)
				}
				if err != nil {
					return err
				}
			}
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("there is no check %q; verify checks lists them", args[0])
		},
	}
}

func explain(s streams, c verify.Check) error {
	var formats []string
	for _, f := range c.Formats {
		formats = append(formats, string(f))
	}
	_, err := fmt.Fprintf(s.out, "%s: %s\n\nsuite %s, severity %s, formats %s\n\n%s\n",
		c.ID, c.Title, c.Suite, c.Severity, strings.Join(formats, ", "), c.Doc)
	return err
}
