package main

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/profile"
)

// exampleMinor is the minor that the page for users shows addresses of.
const exampleMinor = "1.36"

// newDocs makes pages out of what the program knows, so that they cannot say
// anything else than what is tested.
func newDocs(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Documentation that is made from what the checks use",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var name, minor string
	users := &cobra.Command{
		Use:   "users",
		Short: "The repositories and how to set up each package manager, as Markdown",
		Long: "The repositories and how to set up each package manager, as Markdown: the same addresses\n" +
			"and the same commands that the install suite uses in its containers.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			p, err := profile.Load(name)
			if err != nil {
				return err
			}
			page, err := usersPage(p, minor)
			if err != nil {
				return err
			}
			_, err = io.WriteString(s.out, page)
			return err
		},
	}
	users.Flags().StringVar(&name, "profile", "kubernetes", "what the product is: "+strings.Join(profile.Names(), ", ")+", or a YAML file")
	users.Flags().StringVar(&minor, "minor", exampleMinor, "the minor version of the examples")
	completeFlag(users, "profile", profile.Names())
	cmd.AddCommand(users)
	return cmd
}

// usersPage writes the page for users of a profile's repositories.
func usersPage(p *profile.Profile, minor string) (string, error) {
	distros, err := images.Catalogue()
	if err != nil {
		return "", err
	}
	var channels []string
	for _, c := range p.Channels {
		channels = append(channels, c.Name)
	}
	plan, err := p.Plan(profile.Selection{Channels: channels, Minors: []string{minor}, Now: time.Time{}}, nil, distros)
	if err != nil {
		return "", err
	}
	key, err := p.Keyring()
	if err != nil {
		return "", err
	}
	if len(key) == 0 {
		// Where the profile pins no file, what the build service serves is taken
		// for granted: an armoured key.
		key = []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
	}
	w := &markdown{}
	w.line("<!-- Made by \"verify docs users\" from profile %s and the set-up that the install suite uses: do not edit. -->", p.Name)
	w.line("# Install from the package repositories")
	w.line("What follows is for %s. Each minor version has repositories of its own, so that a node moves to the next minor only when its "+
		"administrator changes the address. The examples are for %s: put your minor in its place.", p.Title, minor)
	w.repositories(p, plan)
	w.line("## Set up your package manager")
	w.line("As root. Each repository serves the public key that its metadata, and each rpm, are signed by. Verification is on in all that " +
		"follows; leave it on. The commands are those that the install suite runs in its containers: what is written here is tested at each release.")
	for _, m := range managers(distros) {
		if err := w.manager(m, plan, key); err != nil {
			return "", err
		}
	}
	w.line("## Move to the next minor")
	w.line("Write the next minor into the file that names the repository, make the package manager read it again, and upgrade. " +
		"Clusters are upgraded one minor at a time.")
	return w.String(), nil
}

// markdown is a page in the making.
type markdown struct{ strings.Builder }

// line writes a paragraph.
func (w *markdown) line(format string, args ...any) {
	if w.Len() > 0 {
		w.WriteString("\n")
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// block writes commands for the shell.
func (w *markdown) block(commands ...string) {
	w.line("```sh\n%s\n```", strings.Join(commands, "\n"))
}

// repositories writes what there is: one row for each channel and format.
func (w *markdown) repositories(p *profile.Profile, plan *verify.Plan) {
	w.line("## The repositories")
	rows := []string{"| channel | what it holds | format | address |", "|---|---|---|---|"}
	for _, t := range plan.Targets {
		i := slices.IndexFunc(p.Channels, func(c profile.Channel) bool { return c.Name == t.Target.Channel })
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | `%s` |", t.Target.Channel, cell(p.Channels[i].Title), t.Target.Format, t.Target.URL))
	}
	w.line("%s", strings.Join(rows, "\n"))
	for _, f := range repo.Formats() {
		for _, t := range plan.Targets {
			if t.Target.Format == f {
				w.line("%s packages: %s; for %s.", f, strings.Join(packageNames(t), ", "), archNames(f, t.Arches))
				break
			}
		}
	}
	if p.Key.Fingerprint != "" {
		w.line("The signing key has the fingerprint `%s`. Each repository serves it%s.", p.Key.Fingerprint, keyPlaces(p))
	}
	if len(p.Origins) > 0 {
		w.line("The same repositories are served at %s.", strings.Join(p.Origins, ", "))
	}
}

// keyPlaces says where below a repository's address the key is.
func keyPlaces(p *profile.Profile) string {
	var places []string
	for _, f := range repo.Formats() {
		if paths := p.Key.Paths[f]; len(paths) > 0 {
			places = append(places, fmt.Sprintf("`%s` (%s)", strings.Join(paths, "`, `"), f))
		}
	}
	if len(places) == 0 {
		return ""
	}
	return " as " + strings.Join(places, " and ")
}

// manager writes what users of a package manager have to do, for the first
// target that it can install from.
func (w *markdown) manager(m images.Manager, plan *verify.Plan, key []byte) error {
	i := slices.IndexFunc(plan.Targets, func(t *verify.Expectation) bool { return t.Target.Format == m.Format() })
	if i < 0 {
		return nil // not published for it
	}
	t := plan.Targets[i]
	g, err := guest.For(m)
	if err != nil {
		return err
	}
	source := guest.Source{URL: t.Target.URL, Key: key, Packages: packageNames(t)}
	setup, err := g.Setup(source)
	if err != nil {
		return err
	}
	var commands []string
	for _, f := range setup.Files {
		commands = append(commands, "mkdir -p "+guest.Quote([]string{path.Dir(f.Path)}), f.Shell)
	}
	w.line("### %s", m)
	w.line("Make the repository known:")
	w.block(append(commands, words(setup.Commands)...)...)
	w.line("See which versions there are:")
	w.block(words(g.List(source).Commands)...)
	w.line("Install the latest:")
	w.block(words([]guest.Command{g.InstallLatest(source).Command})...)
	return nil
}

// words returns commands as they can be pasted. Their environment only makes
// the answers readable for a program, and is left out.
func words(commands []guest.Command) []string {
	var out []string
	for _, c := range commands {
		out = append(out, guest.Quote(c.Argv))
	}
	return out
}

// managers returns the package managers of the distributions, in the order of
// [images.Managers].
func managers(distros []images.Distribution) []images.Manager {
	return slices.DeleteFunc(images.Managers(), func(m images.Manager) bool {
		return !slices.ContainsFunc(distros, func(d images.Distribution) bool { return d.Manager == m })
	})
}

// packageNames returns the names of the packages of a target.
func packageNames(t *verify.Expectation) []string {
	var out []string
	for _, p := range t.Packages {
		if !slices.Contains(out, p.Name) {
			out = append(out, p.Name)
		}
	}
	return out
}

// archNames lists architectures by the names that a format gives them.
func archNames(f repo.Format, all []repo.Arch) string {
	var out []string
	for _, a := range all {
		out = append(out, a.In(f))
	}
	return strings.Join(out, ", ")
}

// cell returns text as it can stand in a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", `\|`)
}
