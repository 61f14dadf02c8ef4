package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/suites"
)

// listed is one spec in the output of verify list --json.
type listed struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	URL    string   `json:"url"`
	Labels []string `json:"labels"`
}

func newList(s streams) *cobra.Command {
	var flags planFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the plan: what would be asked of which repository; nothing is fetched",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			plan, _, err := flags.resolve(time.Now())
			if err != nil {
				return err
			}
			specs, err := suites.Selected(plan, flags.labelFilter)
			if err != nil {
				return err
			}
			if asJSON {
				out := make([]listed, 0, len(specs))
				for _, x := range specs {
					out = append(out, listed{x.Name(), x.Check.Title, x.Target.Target.URL, x.Labels()})
				}
				enc := json.NewEncoder(s.out)
				enc.SetIndent("", "  ")
				return enc.Encode(out)
			}
			url := ""
			for _, x := range specs {
				if u := x.Target.Target.URL; u != url {
					url = u
					if _, err := fmt.Fprintf(s.out, "%s  %s\n", x.Target.Target.Name(), u); err != nil {
						return err
					}
				}
				if _, err := fmt.Fprintf(s.out, "  %s\n", x.Name()); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(s.out, "%d specs\n", len(specs))
			return err
		},
	}
	flags.add(cmd.Flags())
	completePlan(cmd, &flags)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
