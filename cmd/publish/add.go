package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish"
)

func newAdd() *cobra.Command {
	var t target
	var root, keyFile, version, channel, minor, binaries, manifestFile string
	var revision int
	cmd := &cobra.Command{
		Use:   "add --root DIR --key FILE --version V --binaries DIR",
		Short: "Add one version to the repositories of its channel and minor",
		Long: "Add one version to the repositories of its channel and minor, and keep what is there.\n\n" +
			"The folder of binaries holds one folder for each architecture by its Go name: amd64/kubelet,\n" +
			"amd64/kubeadm, amd64/kubectl, amd64/crictl, amd64/cni/*, arm64/kubelet and so on.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := missing(map[string]string{"root": root, "key": keyFile, "version": version, "binaries": binaries}); err != nil {
				return err
			}
			layout, arches, cache, err := t.parse()
			if err != nil {
				return err
			}
			release, err := publish.ParseVersion(version)
			if err != nil {
				return usageError{err}
			}
			where := release.Channel()
			if channel != "" {
				if where, err = layout.ParseChannel(channel); err != nil {
					return usageError{err}
				}
			}
			if where != release.Channel() {
				return usageError{fmt.Errorf("version %s belongs to channel %s, not %s", release, release.Channel(), where)}
			}
			if minor != "" && minor != release.Minor() {
				return usageError{fmt.Errorf("version %s belongs to minor %s, not %s", release, release.Minor(), minor)}
			}
			if revision < 1 {
				return usageError{fmt.Errorf("--revision %d: want 1 or more", revision)}
			}
			now, err := clock()
			if err != nil {
				return err
			}
			manifest, err := readManifest(manifestFile)
			if err != nil {
				return err
			}
			key, err := readKey(keyFile)
			if err != nil {
				return err
			}
			date, err := newest(binaries)
			if err != nil {
				return err
			}
			publisher := &publish.Publisher{
				Root: root, Layout: layout, Manifest: manifest, Key: key, Architectures: arches, Cache: cache,
				Now: now, Log: progress(cmd),
			}
			return publisher.Publish(cmd.Context(), where, release.Minor(), publish.Release{
				Version: release, Date: date, Binaries: binaries, Revision: revision,
			})
		},
	}
	t.addFlags(cmd)
	cmd.Flags().StringVar(&root, "root", "", "the folder that is served")
	cmd.Flags().StringVar(&keyFile, "key", "", "the armored private key")
	cmd.Flags().StringVar(&version, "version", "", "the version to add, such as 1.26.3")
	cmd.Flags().StringVar(&channel, "channel", "", "the channel (default: the version's)")
	cmd.Flags().StringVar(&minor, "minor", "", "the minor (default: the version's)")
	cmd.Flags().StringVar(&binaries, "binaries", "", "the folder of binaries")
	cmd.Flags().StringVar(&manifestFile, "manifest", "", "a manifest in the place of the built-in one; its files lie beside it")
	cmd.Flags().IntVar(&revision, "revision", 1, "counts the builds of one version")
	return cmd
}

func readManifest(name string) (*publish.Manifest, error) {
	if name == "" {
		return publish.DefaultManifest()
	}
	return publish.OpenManifest(name)
}

func readKey(name string) (*publish.Key, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	key, err := publish.ReadKey(f)
	return key, errors.Join(err, f.Close())
}
