package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo"
)

func newImages(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "images",
		Short: "The distributions to install on, and their images",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newImagesList(s), newImagesPull(s), newImagesBuild(s), newImagesPrune(s))
	return cmd
}

// imageFlags are those that the subcommands of images share.
type imageFlags struct {
	catalogue string
	arches    []string
}

func (i *imageFlags) add(f *pflag.FlagSet) {
	f.StringVar(&i.catalogue, "catalogue", "", catalogueHelp)
	f.StringSliceVar(&i.arches, "arch", []string{hostArch()}, "architectures, in either spelling (arm64, aarch64)")
}

// completeDistros makes shells offer the names of distributions.
func (i *imageFlags) completeDistros(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all, err := loadCatalogue(i.catalogue)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var out []cobra.Completion
	for _, d := range all {
		out = append(out, cobra.CompletionWithDesc(d.Name, d.Title))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// imageJob is one image to be pulled or made.
type imageJob struct {
	distro images.Distribution
	arch   repo.Arch
}

// jobs reads the arguments: the distributions of these names, or, without any,
// all that the command can do, on the architectures that they have. refuse says
// why it cannot do one, or "". The error joins every problem.
func (i *imageFlags) jobs(names []string, refuse func(images.Distribution) string) ([]imageJob, error) {
	all, err := loadCatalogue(i.catalogue)
	if err != nil {
		return nil, err
	}
	var problems []error
	chosen := slices.DeleteFunc(slices.Clone(all), func(d images.Distribution) bool { return refuse(d) != "" })
	if len(names) > 0 {
		chosen = nil
	}
	for _, name := range names {
		d, ok := images.Find(all, name)
		if !ok {
			problems = append(problems, fmt.Errorf("distribution %q is not in the catalogue; verify images list shows it", name))
		} else if why := refuse(d); why != "" {
			problems = append(problems, fmt.Errorf("distribution %s %s", name, why))
		} else {
			chosen = append(chosen, d)
		}
	}
	var jobs []imageJob
	for _, text := range i.arches {
		a, ok := repo.ParseArch(text)
		if !ok {
			problems = append(problems, fmt.Errorf("--arch %q: there is %s", text, joinArches(repo.Arches())))
			continue
		}
		for _, d := range chosen {
			if d.Supports(a) {
				jobs = append(jobs, imageJob{d, a})
			} else if len(names) > 0 {
				problems = append(problems, fmt.Errorf("--arch %q: %s is there for %s", text, d.Name, joinArches(d.Architectures)))
			}
		}
	}
	return jobs, errors.Join(problems...)
}

func joinArches(all []repo.Arch) string { return strings.Join(names(all), ", ") }

// caches returns where images are kept: those that are built here, and those
// that are pulled.
func caches() (*build.Builder, *pull.Registry, error) {
	built, err := build.DefaultDir()
	if err != nil {
		return nil, nil, err
	}
	pulled, err := pull.DefaultDir()
	if err != nil {
		return nil, nil, err
	}
	return &build.Builder{Dir: built}, &pull.Registry{Dir: pulled}, nil
}
