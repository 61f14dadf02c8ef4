package build

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
)

//go:embed recipes
var recipeFiles embed.FS

// recipe is how the root of an image is made.
type recipe struct {
	// variant is mmdebstrap's: which packages there are to begin with.
	variant string
	include []string
	// native are included besides where the image is of this machine's own
	// architecture: they are large, and slow to unpack under emulation.
	native []string
	// hook is the recipe's own last hook with its first arguments, "" for none;
	// it gets the root, rpm's name of the architecture, and the suite besides.
	hook string
	// aptOptions are those that the suite needs.
	aptOptions []string
}

// findRecipe returns the recipe of that name, as the catalogue calls it.
func findRecipe(name string) (recipe, error) {
	switch name {
	case "debian":
		// What the Kubernetes packages depend on, now or in earlier builds.
		return recipe{variant: "apt", include: []string{
			"ca-certificates", "conntrack", "ebtables", "ethtool", "iproute2", "iptables", "mount", "socat", "util-linux",
		}, native: []string{"systemd"}}, nil // for systemd-analyze, which is asked about the units
	case "rpm-dnf":
		return rpmClient("dnf"), nil
	case "rpm-dnf5":
		r := rpmClient("dnf5")
		// Debian has dnf5 first in the release after trixie, whose lists are valid
		// for a week while it is in the making; many mirrors are further behind.
		// Their signature is still needed.
		r.aptOptions = []string{`Acquire::Check-Valid-Until "false"`}
		return r, nil
	case "rpm-zypper":
		return rpmClient("zypper"), nil
	}
	return recipe{}, fmt.Errorf("recipe %q is not known: there are debian, rpm-dnf, rpm-dnf5 and rpm-zypper", name)
}

// rpmClient is the recipe of a root with rpm and one of its package managers.
func rpmClient(manager string) recipe {
	// gpg and its agent check the signature of repomd.xml, for dnf 4 and zypper.
	return recipe{variant: "essential", hook: "rpm-client.sh " + manager, include: []string{
		"ca-certificates", "conntrack", manager, "ebtables", "ethtool", "gpg", "gpg-agent", "iproute2", "iptables", "mount", "rpm", "socat",
		"util-linux",
	}}
}

// sourceDate is the time that files made by the build have (SOURCE_DATE_EPOCH),
// so that one set of packages gives one image.
const sourceDate = "1700000000"

// plan is one call of mmdebstrap, without what depends on the machine.
type plan struct {
	suite  string
	arch   repo.Arch
	recipe recipe
	// native is true when arch is this machine's own.
	native bool
}

func newPlan(d images.Distribution, arch repo.Arch) (plan, error) {
	if d.Build == nil {
		return plan{}, fmt.Errorf("image of %s: the catalogue names no way to build it", d.Name)
	}
	if !d.Supports(arch) {
		return plan{}, fmt.Errorf("image of %s: it does not exist for %s, only for %v", d.Name, arch, d.Architectures)
	}
	r, err := findRecipe(d.Build.Recipe)
	if err != nil {
		return plan{}, fmt.Errorf("image of %s: %w", d.Name, err)
	}
	machine, _ := repo.ParseArch(runtime.GOARCH)
	return plan{suite: d.Build.Suite, arch: arch, recipe: r, native: arch == machine}, nil
}

// include returns the packages that the image has beside those of its variant.
func (p plan) include() []string {
	if p.native {
		return slices.Concat(p.recipe.include, p.recipe.native)
	}
	return p.recipe.include
}

// argv returns mmdebstrap's arguments. hooks is the folder that the scripts
// are in, merged the hook folder of mmdebstrap that merges /usr beforehand,
// and foreign tells whether the architecture is emulated.
func (p plan) argv(hooks, merged string, foreign bool, sources string) []string {
	a := []string{
		"mmdebstrap", "--variant=" + p.recipe.variant, "--architectures=" + p.arch.In(repo.Deb), "--format=tar",
		"--include=" + strings.Join(p.include(), ","),
		`--aptopt=Acquire::Languages "none"`, `--aptopt=APT::Install-Recommends "false"`,
		// apt gives dpkg a path of its own, on which what the hooks put in front
		// would not be found.
		`--aptopt=DPkg::Path "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"`,
		"--dpkgopt=force-unsafe-io",
	}
	for _, o := range p.recipe.aptOptions {
		a = append(a, "--aptopt="+o)
	}
	for _, dir := range []string{"doc", "man", "info", "locale", "lintian"} {
		a = append(a, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	a = append(a, p.merge(merged)...)
	// Byte code is made at the end, or when it is needed.
	const noCompile = `for b in py3compile py3clean; do printf '#!/bin/sh\nexit 0\n' > "$1/usr/local/bin/$b"; chmod 755 "$1/usr/local/bin/$b"; done`
	a = append(a, "--essential-hook="+noCompile)
	if foreign {
		a = append(a, "--extract-hook="+path.Join(hooks, "native-in.sh"), "--essential-hook="+path.Join(hooks, "native-essential.sh"),
			"--customize-hook="+path.Join(hooks, "native-out.sh"))
	}
	if p.recipe.hook != "" {
		a = append(a, fmt.Sprintf(`--customize-hook=%s "$1" %s %s`, path.Join(hooks, p.recipe.hook), p.arch.In(repo.RPM), p.suite))
	}
	a = append(a, "--customize-hook="+path.Join(hooks, "common.sh"), p.suite, "-")
	if sources != "" {
		a = append(a, sources)
	}
	return a
}

// merge returns the arguments that merge /usr beforehand, by mmdebstrap's own
// hooks: doing it afterwards, with the usrmerge package, is slow.
func (p plan) merge(hooks string) []string {
	switch {
	case hooks == "":
		return nil
	case p.suite == "bullseye":
		// It has no usr-is-merged to take the place of the one that the hook
		// makes up to begin with.
		return []string{"--setup-hook=" + path.Join(hooks, "setup00.sh"), `--essential-hook=dpkg --root="$1" --purge usr-is-merged`}
	}
	return []string{"--hook-dir=" + hooks}
}

// key names the content of a recipe: another recipe gives another key. It does
// not cover the versions of Debian's packages.
func (p plan) key() (string, error) {
	h := sha256.New()
	// The argv for a foreign architecture names every hook.
	for _, a := range p.argv("hooks", "merged", true, "") {
		fmt.Fprintf(h, "%q\n", a)
	}
	fmt.Fprintf(h, "config %q\n", configEnv())
	names, err := fs.Glob(recipeFiles, "recipes/*")
	if err != nil {
		return "", fmt.Errorf("recipes: %w", err)
	}
	slices.Sort(names)
	for _, n := range names {
		f, err := recipeFiles.Open(n)
		if err != nil {
			return "", fmt.Errorf("recipes: %w", err)
		}
		fmt.Fprintf(h, "file %q\n", n)
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("recipes: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
