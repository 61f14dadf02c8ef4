package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

// buildsAtOnce bounds the images that are made at the same time: each keeps
// about one processor busy.
const buildsAtOnce = 2

func newImagesBuild(s streams) *cobra.Command {
	var flags imageFlags
	var sources string
	cmd := &cobra.Command{
		Use:   "build [DISTRO...]",
		Short: "Make images from Debian's packages, for where no registry can be reached",
		Long: "Make images from Debian's packages, for where no registry can be reached: those that are named, or all\n" +
			"that can be made. One that was made before is not made again. Foreign architectures are emulated.",
		RunE: func(cmd *cobra.Command, args []string) error {
			jobs, err := flags.jobs(args, func(d images.Distribution) string {
				if d.Build == nil {
					return "cannot be built; its image is " + d.Reference
				}
				return ""
			})
			if err != nil {
				return err
			}
			if err := buildImages(cmd.Context(), s, jobs, sources); err != nil {
				_, _ = fmt.Fprintf(s.err, "verify: %v\n", err)
				return verdict(exitBlocked)
			}
			return nil
		},
		ValidArgsFunction: flags.completeDistros,
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringVar(&sources, "sources", "", "where Debian's packages come from, as in apt's sources.list, or the address of a mirror (default: this machine's own sources, else deb.debian.org)")
	return cmd
}

func buildImages(ctx context.Context, s streams, jobs []imageJob, sources string) error {
	b, _, err := caches()
	if err != nil {
		return err
	}
	b.Log, b.Sources = s.err, sources
	// Emulated builds take longest and use one processor each: begun first,
	// they do not end alone.
	slices.SortStableFunc(jobs, func(x, y imageJob) int {
		switch native := repo.Arch(hostArch()); {
		case x.arch != native && y.arch == native:
			return -1
		case x.arch == native && y.arch != native:
			return 1
		}
		return 0
	})
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
