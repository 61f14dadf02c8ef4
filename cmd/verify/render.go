package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/reports"
)

func newRender(s streams) *cobra.Command {
	var junit, text bool
	cmd := &cobra.Command{
		Use:   "render report.json",
		Short: "Render a saved report again",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if junit && text {
				return errors.New("--junit and --text contradict each other")
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // opened for reading
			rep, err := reports.Read(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if junit {
				data, err := rep.JUnit()
				if err == nil {
					_, err = s.out.Write(data)
				}
				return err
			}
			return rep.Text(s.out, textOptions(s.out))
		},
	}
	cmd.Flags().BoolVar(&junit, "junit", false, "as JUnit XML")
	cmd.Flags().BoolVar(&text, "text", false, "as text (default)")
	return cmd
}

// textOptions suits the text to where it goes.
func textOptions(w io.Writer, files ...string) reports.TextOptions {
	o := reports.TextOptions{Files: files, Color: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		o.Width = n
	}
	return o
}
