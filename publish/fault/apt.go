package fault

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/publish"
)

// aptTree is the deb repository as it is published, to be changed and written.
type aptTree struct {
	publisher  *publish.Publisher
	repository publish.Repository
	dir        string
	// packages is the text of Packages, release that of Release.
	packages, release []byte
	// touched are the files that were written, below dir.
	touched []string
}

// apt returns a fault that changes the deb repository.
func apt(change func(a *aptTree) error) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		a := &aptTree{publisher: tree.Publisher}
		a.repository, a.dir = tree.repository(publish.Deb)
		var err error
		if a.packages, err = a.read("Packages"); err != nil {
			return nil, err
		}
		if a.release, err = a.read("Release"); err != nil {
			return nil, err
		}
		if err := change(a); err != nil {
			return nil, err
		}
		return below(a.repository, a.touched...), nil
	}
}

func (a *aptTree) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return data, nil
}

func (a *aptTree) write(name string, data []byte) error {
	a.touched = append(a.touched, name)
	return put(filepath.Join(a.dir, name), data)
}

func (a *aptTree) remove(name string) error {
	a.touched = append(a.touched, name)
	if err := os.Remove(filepath.Join(a.dir, name)); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return nil
}

// list writes Packages and Packages.gz, and leaves Release as it is.
func (a *aptTree) list(packages []byte) error {
	compressed, err := gzipped(packages)
	if err != nil {
		return err
	}
	if err := a.write("Packages", packages); err != nil {
		return err
	}
	return a.write("Packages.gz", compressed)
}

// sign writes Release, and InRelease and Release.gpg that sign it with the
// publisher's key.
func (a *aptTree) sign(release []byte) error {
	out := map[string][]byte{"Release": release}
	if err := publish.SignRelease(out, release, a.publisher.Key, a.publisher.Now()); err != nil {
		return err
	}
	for _, name := range []string{"Release", "InRelease", "Release.gpg"} {
		if err := a.write(name, out[name]); err != nil {
			return err
		}
	}
	return nil
}

// signIn writes InRelease alone.
func (a *aptTree) signIn(release []byte) error {
	signed, err := a.publisher.Key.ClearSignature(release, a.publisher.Now())
	if err != nil {
		return err
	}
	return a.write("InRelease", signed)
}

// publish writes packages with a Release that fits, properly signed.
func (a *aptTree) publish(packages []byte) error {
	release, err := resum(a.release, packages)
	if err != nil {
		return err
	}
	if err := a.list(packages); err != nil {
		return err
	}
	return a.sign(release)
}

// resum returns release with the sizes and hashes of another Packages and of
// what it is compressed.
func resum(release, packages []byte) ([]byte, error) {
	compressed, err := gzipped(packages)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"Packages": packages, "Packages.gz": compressed}
	var out bytes.Buffer
	section := ""
	for line := range strings.Lines(string(release)) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, " ") {
			section, _, _ = strings.Cut(line, ":")
		} else if data, ok := files[fields[len(fields)-1]]; ok {
			line = fmt.Sprintf(" %s %d %s\n", sumIn(section, data), len(data), fields[len(fields)-1])
		}
		out.WriteString(line)
	}
	return out.Bytes(), nil
}

// sumIn returns the hash of a section of Release.
func sumIn(section string, data []byte) string {
	switch section {
	case "MD5Sum":
		return fmt.Sprintf("%x", md5.Sum(data))
	case "SHA1":
		return fmt.Sprintf("%x", sha1.Sum(data))
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// setField gives a field of the release another value, or adds it.
func setField(release []byte, name, value string) []byte {
	line := []byte(name + ": " + value + "\n")
	field := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `: .*\n`)
	if !field.Match(release) {
		return append(line, release...)
	}
	return field.ReplaceAllLiteral(release, line)
}

// dated gives the release another date, as OBS writes it.
func dated(release []byte, at time.Time) []byte {
	return setField(release, "Date", at.UTC().Format(time.ANSIC))
}

// stanzas splits Packages.
func stanzas(packages []byte) []string {
	return strings.Split(strings.TrimRight(string(packages), "\n"), "\n\n")
}

func joinStanzas(all []string) []byte { return []byte(strings.Join(all, "\n\n") + "\n\n") }

// stanzaOf returns the index of the stanza of a package file.
func stanzaOf(all []string, file string) (int, error) {
	at := slices.IndexFunc(all, func(stanza string) bool {
		return strings.Contains(stanza, "\nFilename: "+filepath.ToSlash(file)+"\n")
	})
	if at < 0 {
		return 0, fmt.Errorf("%w: no stanza of %s", ErrNoTarget, file)
	}
	return at, nil
}

// changeStanza changes the stanza of the latest kubelet and publishes the
// list, properly signed. change may return more stanzas than one.
func changeStanza(change func(stanza string) []string) applyFunc {
	return apt(func(a *aptTree) error {
		packages, err := a.withStanza(change)
		if err != nil {
			return err
		}
		return a.publish(packages)
	})
}

// withStanza returns the list with the stanza of the latest kubelet changed.
func (a *aptTree) withStanza(change func(stanza string) []string) ([]byte, error) {
	file, _, err := latest(a.dir, publish.Deb, "kubelet")
	if err != nil {
		return nil, err
	}
	all := stanzas(a.packages)
	at, err := stanzaOf(all, file)
	if err != nil {
		return nil, err
	}
	return joinStanzas(slices.Replace(all, at, at+1, change(all[at])...)), nil
}

// older returns the list as it was before the latest version was published.
func (a *aptTree) older() ([]byte, error) {
	_, newest, err := latest(a.dir, publish.Deb, "kubelet")
	if err != nil {
		return nil, err
	}
	all := stanzas(a.packages)
	n := len(all)
	all = slices.DeleteFunc(all, func(stanza string) bool {
		return strings.Contains(stanza, "\nVersion: "+newest.Package()+"-")
	})
	if len(all) == n || len(all) == 0 {
		return nil, fmt.Errorf("%w: want an older version beside %s", ErrNoTarget, newest)
	}
	return joinStanzas(all), nil
}
