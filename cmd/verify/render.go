package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
)

// renderFlags are the flags of verify render.
type renderFlags struct {
	html, junit, text, metrics, json bool
	against                          string
}

func newRender(s streams) *cobra.Command {
	var flags renderFlags
	cmd := &cobra.Command{
		Use:   "render report.json",
		Short: "Render a saved report again, or say what changed since an earlier one",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return flags.run(s, args[0])
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.html, "html", false, "as an HTML page; with --against, with what changed")
	f.BoolVar(&flags.junit, "junit", false, "as JUnit XML")
	f.BoolVar(&flags.text, "text", false, "as text (default)")
	f.BoolVar(&flags.metrics, "metrics", false, "as metrics in Prometheus' text format")
	f.StringVar(&flags.against, "against", "", "an earlier report.json: what is new since, mended, still there")
	f.BoolVar(&flags.json, "json", false, "with --against: as JSON")
	cmd.MarkFlagsMutuallyExclusive("html", "junit", "text", "metrics", "json")
	cmd.MarkFlagsMutuallyExclusive("junit", "metrics", "against")
	return cmd
}

func (r *renderFlags) run(s streams, name string) error {
	if r.json && r.against == "" {
		return errors.New("--json goes with --against: the report itself is JSON already")
	}
	rep, err := readReport(name)
	if err != nil {
		return err
	}
	switch {
	case r.against != "":
		return r.compare(s, name, rep)
	case r.metrics:
		_, err = s.out.Write(rep.Metrics())
		return err
	case r.junit:
		return whole(rep.JUnit)(s.out)
	case r.html:
		return html.Write(s.out, rep, html.Options{})
	}
	return rep.Text(s.out, textOptions(s.out))
}

// compare writes what changed since the report of --against.
func (r *renderFlags) compare(s streams, name string, later *reports.Report) error {
	earlier, err := readReport(r.against)
	switch {
	case err != nil:
		return fmt.Errorf("--against: %w", err)
	case earlier.Plan.Profile != later.Plan.Profile:
		return fmt.Errorf("--against %s is of the profile %q, %s of %q: name a report of the same profile", r.against, earlier.Plan.Profile, name, later.Plan.Profile)
	case earlier.Finished.After(later.Finished):
		return fmt.Errorf("--against %s is later (%s) than %s (%s): change them over", r.against, earlier.Finished.Format(time.RFC3339), name, later.Finished.Format(time.RFC3339))
	}
	c := reports.Compare(earlier, later)
	switch {
	case r.json:
		return whole(c.JSON)(s.out)
	case r.html:
		return html.Write(s.out, later, html.Options{Changes: c})
	}
	return c.Text(s.out, textOptions(s.out))
}

// readReport reads a report from a file.
func readReport(name string) (*reports.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	rep, err := reports.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rep, nil
}

// textOptions suits the text to where it goes.
func textOptions(w io.Writer, files ...string) reports.TextOptions {
	o := reports.TextOptions{Files: files, Color: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
	if n := terminalWidth(w); n > 0 {
		o.Width = n
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		o.Width = n
	}
	return o
}
