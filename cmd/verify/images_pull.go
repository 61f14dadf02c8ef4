package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
)

// pullsAtOnce bounds the images that are pulled at the same time; the layers of
// each come four at once.
const pullsAtOnce = 2

func newImagesPull(s streams) *cobra.Command {
	var flags imageFlags
	var mirrors []string
	cmd := &cobra.Command{
		Use:   "pull [DISTRO...]",
		Short: "Pull images from their registries, so that a run needs no registry",
		Long: "Pull images from the registries that the catalogue names: those that are named, or all. They are kept\n" +
			"beside the other caches. A run uses them as long as the registry says, or cannot say, that they are current.\n" +
			"Credentials are those of docker login or podman login.",
		RunE: func(cmd *cobra.Command, args []string) error {
			jobs, err := flags.jobs(args, func(d images.Distribution) string {
				if d.Reference == "" {
					return "is in no registry; make it with verify images build " + d.Name
				}
				return ""
			})
			from, mirrorErr := parseMirrors(mirrors)
			if err := errors.Join(err, mirrorErr); err != nil {
				return err
			}
			if err := pullImages(cmd.Context(), s, jobs, from); err != nil {
				_, _ = fmt.Fprintf(s.err, "verify: %v\n", err)
				return verdict(exitBlocked)
			}
			return nil
		},
		ValidArgsFunction: flags.completeDistros,
	}
	flags.add(cmd.Flags())
	cmd.Flags().StringArrayVar(&mirrors, "registry-mirror", nil, mirrorHelp)
	return cmd
}

// pullImages pulls every image, also when some cannot be had. The error joins
// every problem.
func pullImages(ctx context.Context, s streams, jobs []imageJob, mirrors []pull.Mirror) error {
	_, registry, err := caches()
	if err != nil {
		return err
	}
	progress := newProgress(s.err)
	shown := &pulls{to: progress, phases: make(map[string]*reports.Phase)}
	registry.Mirrors, registry.Progress = mirrors, shown.update
	registry.Note = func(line string) { progress.Start("images").Done(line) }
	var group errgroup.Group
	group.SetLimit(pullsAtOnce)
	origins, problems := make([]string, len(jobs)), make([]error, len(jobs))
	for i, j := range jobs {
		group.Go(func() error {
			img, err := registry.Image(ctx, j.distro.Reference, j.arch)
			if err != nil {
				problems[i] = fmt.Errorf("%s for %s: %w", j.distro.Name, j.arch, err)
			}
			origins[i] = img.Origin
			shown.end(j.distro.Reference, j.arch, err)
			return nil
		})
	}
	_ = group.Wait() // problems has the errors
	progress.Close()
	for i, j := range jobs {
		if origins[i] == "" {
			continue
		}
		if _, err := fmt.Fprintf(s.out, "%s %s %s\n", j.distro.Name, j.arch, origins[i]); err != nil {
			return err
		}
	}
	return errors.Join(problems...)
}

// pulls turns the bytes of images into phases of progress.
type pulls struct {
	to     *reports.Progress
	mu     sync.Mutex
	phases map[string]*reports.Phase
}

func (p *pulls) phase(reference string, arch repo.Arch) *reports.Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := fmt.Sprintf("pull %s for %s", reference, arch)
	if p.phases[name] == nil {
		p.phases[name] = p.to.Start(name)
	}
	return p.phases[name]
}

func (p *pulls) update(reference string, arch repo.Arch, done, total int64) {
	const kib = 1 << 10
	p.phase(reference, arch).Update(reports.Count{Done: int(done / kib), Total: max(1, int(total/kib)), Unit: "KiB"})
}

func (p *pulls) end(reference string, arch repo.Arch, err error) {
	note := ""
	if err != nil {
		note = "not pulled"
	}
	p.phase(reference, arch).Done(note)
}
