package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/repo"
)

// buildsAtOnce bounds the images that are made at the same time: each keeps
// about one processor busy.
const buildsAtOnce = 2

func newImages(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "images",
		Short: "The distributions to install on, and their images",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImagesList(s), newImagesBuild(s))
	return cmd
}

func newImagesList(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The catalogue of distributions",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			all, err := images.Catalogue()
			if err != nil {
				return err
			}
			for _, d := range all {
				if _, err := fmt.Fprintf(s.out, "%-12s %-5s %s\n", d.Name, d.Manager, d.Title); err != nil {
					return err
				}
				for _, line := range []string{"platforms: " + joinArches(d.Architectures), "registry:  " + d.Reference, "note:      " + d.Notice} {
					if strings.HasSuffix(line, " ") {
						continue
					}
					if _, err := fmt.Fprintf(s.out, "%18s %s\n", "", line); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

func joinArches(all []repo.Arch) string {
	var names []string
	for _, a := range all {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

func newImagesBuild(s streams) *cobra.Command {
	var arches []string
	cmd := &cobra.Command{
		Use:   "build [DISTRO...]",
		Short: "Make images from Debian's packages, for where no registry can be reached",
		RunE: func(cmd *cobra.Command, args []string) error {
			jobs, err := buildJobs(args, arches)
			if err != nil {
				return err
			}
			if err := buildImages(cmd.Context(), s, jobs); err != nil {
				_, _ = fmt.Fprintf(s.err, "verify: %v\n", err)
				return verdict(exitBlocked)
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&arches, "arch", []string{hostArch()}, "architectures; foreign ones are emulated")
	return cmd
}

// buildJob is one image to be made.
type buildJob struct {
	distro images.Distribution
	arch   repo.Arch
}

// buildJobs reads the arguments. Its error joins every problem.
func buildJobs(names, arches []string) ([]buildJob, error) {
	all, err := images.Catalogue()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		for _, d := range all {
			if d.Build != nil {
				names = append(names, d.Name)
			}
		}
	}
	var jobs []buildJob
	var problems []error
	for _, name := range names {
		d, ok := images.Find(all, name)
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("distribution %q is not in the catalogue; verify images list shows it", name))
			continue
		case d.Build == nil:
			problems = append(problems, fmt.Errorf("distribution %s cannot be built; its image is %s", name, d.Reference))
			continue
		}
		for _, text := range arches {
			a, ok := repo.ParseArch(text)
			if !ok || !d.Supports(a) {
				problems = append(problems, fmt.Errorf("--arch %q: %s is there for %s", text, name, joinArches(d.Architectures)))
				continue
			}
			jobs = append(jobs, buildJob{d, a})
		}
	}
	// Emulated builds take longest and use one processor each: begun first,
	// they do not end alone.
	slices.SortStableFunc(jobs, func(a, b buildJob) int {
		switch native := repo.Arch(hostArch()); {
		case a.arch != native && b.arch == native:
			return -1
		case a.arch == native && b.arch != native:
			return 1
		}
		return 0
	})
	return jobs, errors.Join(problems...)
}

func buildImages(ctx context.Context, s streams, jobs []buildJob) error {
	dir, err := build.DefaultDir()
	if err != nil {
		return err
	}
	b := &build.Builder{Dir: dir, Log: s.err}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(buildsAtOnce)
	refs := make([]string, len(jobs))
	for i, j := range jobs {
		group.Go(func() error {
			img, err := b.Image(ctx, j.distro, j.arch)
			refs[i] = img.Ref
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, j := range jobs {
		if _, err := fmt.Fprintf(s.out, "%s %s %s\n", j.distro.Name, j.arch, refs[i]); err != nil {
			return err
		}
	}
	return nil
}
