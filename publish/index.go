package publish

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrTool says that a program that publishing needs is missing or failed.
var ErrTool = errors.New("tool failed")

// index writes the indexes of a repository folder and signs them.
func (p *Publisher) index(ctx context.Context, repository Repository, dir string) error {
	if repository.Format == RPM {
		return p.indexRPM(ctx, repository, dir)
	}
	return p.indexDeb(ctx, repository, dir)
}

func (p *Publisher) indexDeb(ctx context.Context, repository Repository, dir string) error {
	packages, err := run(ctx, dir, "dpkg-scanpackages", "-m", ".")
	if err != nil {
		return err
	}
	// As bs_publish does: a Filename without "./".
	packages = bytes.ReplaceAll(packages, []byte("\nFilename: ./"), []byte("\nFilename: "))
	compressed, err := gzipped(packages)
	if err != nil {
		return err
	}
	release := releaseFile{
		repository: repository,
		date:       p.Now(),
		files:      []indexFile{{"Packages", packages}, {"Packages.gz", compressed}},
	}
	for _, arch := range Architectures() {
		if bytes.Contains(packages, []byte("\nArchitecture: "+arch.Deb+"\n")) {
			release.architectures = append(release.architectures, arch.Deb)
		}
	}
	text := release.text()
	out := map[string][]byte{"Packages": packages, "Packages.gz": compressed, "Release": text}
	if err := SignRelease(out, text, p.Key, p.Now()); err != nil {
		return err
	}
	if out["Release.key"], err = p.Key.Public(); err != nil {
		return err
	}
	return writeFiles(dir, out)
}

// SignRelease adds InRelease and Release.gpg, which sign the text of Release.
func SignRelease(out map[string][]byte, release []byte, key *Key, at time.Time) error {
	var err error
	if out["InRelease"], err = key.ClearSignature(release, at); err != nil {
		return err
	}
	out["Release.gpg"], err = key.DetachedSignature(release, at, true)
	return err
}

// indexFile is a file that Release lists.
type indexFile struct {
	name string
	data []byte
}

// releaseFile is what Release says.
type releaseFile struct {
	repository    Repository
	architectures []string
	date          time.Time
	files         []indexFile
}

// text writes Release as OBS does (bs_publish, createrepo_debian): the
// repository's name as Archive and Codename, an asctime date without a zone,
// no Suite, no Valid-Until.
func (r releaseFile) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Archive: %[1]s\nCodename: %[1]s\nOrigin: %[2]s\nLabel: %[3]s\nArchitectures: %[4]s\nDate: %[5]s\nDescription: %[6]s\n",
		r.repository.Format, r.repository.Origin(), r.repository.Project, strings.Join(r.architectures, " "),
		r.date.UTC().Format(time.ANSIC), r.repository.title)
	for _, sum := range []struct {
		name string
		of   func([]byte) string
	}{
		{"MD5Sum", func(d []byte) string { return fmt.Sprintf("%x", md5.Sum(d)) }},
		{"SHA1", func(d []byte) string { return fmt.Sprintf("%x", sha1.Sum(d)) }},
		{"SHA256", func(d []byte) string { return fmt.Sprintf("%x", sha256.Sum256(d)) }},
	} {
		fmt.Fprintf(&b, "%s:\n", sum.name)
		for _, file := range r.files {
			fmt.Fprintf(&b, " %s %d %s\n", sum.of(file.data), len(file.data), file.name)
		}
	}
	return b.Bytes()
}

func (p *Publisher) indexRPM(ctx context.Context, repository Repository, dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, "repodata")); err != nil {
		return err
	}
	at := p.Now()
	if _, err := run(ctx, dir, "createrepo_c", "--quiet", "--unique-md-filenames", "--checksum=sha256",
		"--no-database", "--changelog-limit", "20", "--content", "update",
		"--repo", "obsrepository://build.opensuse.org/"+repository.Project+"/"+string(RPM),
		"--revision", strconv.FormatInt(at.Unix(), 10), "--set-timestamp-to-revision", "."); err != nil {
		return err
	}
	repomd, err := os.ReadFile(filepath.Join(dir, "repodata", "repomd.xml"))
	if err != nil {
		return err
	}
	out := map[string][]byte{}
	if out["repodata/repomd.xml.asc"], err = p.Key.DetachedSignature(repomd, at, true); err != nil {
		return err
	}
	if out["repodata/repomd.xml.key"], err = p.Key.Public(); err != nil {
		return err
	}
	return writeFiles(dir, out)
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// gzipped compresses without a name or a time, so that equal data gives an
// equal file.
func gzipped(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

// run runs a program in a folder and returns its standard output.
func run(ctx context.Context, dir, name string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%w: install %s (Debian: dpkg-dev, createrepo-c): %w", ErrTool, name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s in %s: %w: %s", ErrTool, name, strings.Join(arguments, " "), dir, err,
			strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
