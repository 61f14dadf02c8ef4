package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
)

// imageRow is one distribution in the output of verify images list --json.
type imageRow struct {
	images.Distribution
	// Ended is true when its end of life has passed.
	Ended bool `json:"ended"`
	// From says by architecture where the image would come from now: "built"
	// and "pulled" are here already, "registry" would be pulled, and "build"
	// has to be made with verify images build.
	From map[repo.Arch]string `json:"from"`
}

func newImagesList(s streams) *cobra.Command {
	var flags imageFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The catalogue of distributions, and where each image would come from now",
		Long: "The catalogue of distributions, and where each image would come from now, for one architecture:\n" +
			"it was built or pulled and is here, it would be pulled from the registry, or it has to be built.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			rows, err := flags.rows(time.Now())
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(s.out)
				enc.SetIndent("", "  ")
				return enc.Encode(rows)
			}
			return flags.table(s.out, rows)
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, with all fields and architectures")
	return cmd
}

// rows returns what there is to say of each distribution.
func (i *imageFlags) rows(now time.Time) ([]imageRow, error) {
	all, err := loadCatalogue(i.catalogue)
	if err != nil {
		return nil, err
	}
	built, pulled, err := caches()
	if err != nil {
		return nil, err
	}
	rows := make([]imageRow, 0, len(all))
	for _, d := range all {
		row := imageRow{Distribution: d, Ended: d.EndOfLife.Before(now), From: make(map[repo.Arch]string, len(d.Architectures))}
		for _, a := range d.Architectures {
			if row.From[a], err = from(built, pulled, d, a); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// from says where an image would come from, in the order of pull.Source.
func from(built *build.Builder, pulled *pull.Registry, d images.Distribution, a repo.Arch) (string, error) {
	_, ok, err := built.Cached(d, a)
	switch {
	case err != nil:
		return "", err
	case ok:
		return "built", nil
	case d.Reference == "":
		return "build", nil
	case pulled.Kept(d.Reference, a):
		return "pulled", nil
	}
	return "registry", nil
}

// table shows the rows to a reader, for the architectures that were asked for.
func (i *imageFlags) table(out io.Writer, rows []imageRow) error {
	var arches []repo.Arch
	for _, text := range i.arches {
		a, ok := repo.ParseArch(text)
		if !ok {
			return fmt.Errorf("--arch %q: there is %s", text, joinArches(repo.Arches()))
		}
		arches = append(arches, a)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := "NAME\tMANAGER\tARCHITECTURES\tEND OF LIFE"
	for _, a := range arches {
		head += fmt.Sprintf("\tFROM (%s)", a)
	}
	if _, err := fmt.Fprintln(w, head+"\tTITLE"); err != nil {
		return err
	}
	for _, r := range rows {
		end := r.EndOfLife.String()
		switch {
		case end == "":
			end = "-"
		case r.Ended:
			end += " (ended)"
		}
		line := fmt.Sprintf("%s\t%s\t%s\t%s", r.Name, r.Manager, joinArches(r.Architectures), end)
		for _, a := range arches {
			place := r.From[a]
			if place == "" {
				place = "-"
			}
			line += "\t" + place
		}
		if _, err := fmt.Fprintln(w, line+"\t"+r.Title); err != nil {
			return err
		}
	}
	return w.Flush()
}
