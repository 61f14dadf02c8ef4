package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

func newChecks(s streams) *cobra.Command {
	var asMarkdown bool
	cmd := &cobra.Command{
		Use:               "checks [ID]",
		Short:             "The catalogue of checks, or the text of one",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeCheck,
		RunE: func(_ *cobra.Command, args []string) error {
			if asMarkdown {
				if len(args) > 0 {
					return errors.New("--markdown writes the whole catalogue: leave out the check")
				}
				_, err := io.WriteString(s.out, checksPage(checks.Catalogue()))
				return err
			}
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
	cmd.Flags().BoolVar(&asMarkdown, "markdown", false, "the catalogue with the texts of all checks, as Markdown")
	return cmd
}

func explain(s streams, c verify.Check) error {
	_, err := fmt.Fprintf(s.out, "%s: %s\n\nsuite %s, severity %s, formats %s\n\n%s\n",
		c.ID, c.Title, c.Suite, c.Severity, formatNames(c), c.Doc)
	return err
}

func formatNames(c verify.Check) string {
	var formats []string
	for _, f := range c.Formats {
		formats = append(formats, string(f))
	}
	return strings.Join(formats, ", ")
}

// checksPage writes the catalogue as a page.
func checksPage(all []verify.Check) string {
	w := &markdown{}
	w.line("<!-- Made by \"verify checks --markdown\" from the texts in verify/checks: do not edit. -->")
	w.line("# The checks")
	w.line("Each check asks one question of each repository, or of each container in which the packages are installed. " +
		"*error* fails the run, *warning* does not. IDs are stable: reports, known issues and TestGrid rows use them.")
	w.line("`verify checks ID` prints one of these texts; `--label-filter check:ID` asks that question alone. " +
		"k/r is kubernetes/release, k/k kubernetes/kubernetes.")
	for _, suite := range verify.Suites() {
		w.line("## Suite %s", suite)
		var rows, texts []string
		for _, c := range all {
			if c.Suite != suite {
				continue
			}
			rows = append(rows, fmt.Sprintf("| [`%s`](#%s) | %s | %s | %s |", c.ID, c.ID, cell(prose(c.Title)), c.Severity, formatNames(c)))
			texts = append(texts, "### "+c.ID, string(c.Severity)+", "+formatNames(c)+": "+prose(c.Title)+".", lead(prose(c.Doc)))
		}
		w.line("| check | what is asked | severity | formats |\n|---|---|---|---|\n%s", strings.Join(rows, "\n"))
		for _, t := range texts {
			w.line("%s", t)
		}
	}
	return w.String()
}

// prose returns text in which nothing is Markdown.
func prose(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "`", "\\`", "<", "&lt;", "[", `\[`).Replace(text)
}

// leads are how the paragraphs of a check's text begin.
var leads = regexp.MustCompile(`(?m)^(Why|When it [a-z ]+|What [^:\n]{1,30}):`)

// lead sets off how the paragraphs begin.
func lead(text string) string { return leads.ReplaceAllString(text, "**$1:**") }
