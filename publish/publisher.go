package publish

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrPublished says that a file of that name is published already with other
// contents. What was published never changes under its name.
var ErrPublished = errors.New("already published with other contents")

// Publisher writes repositories below a root.
type Publisher struct {
	// Root is the folder that is served.
	Root     string
	Layout   Layout
	Manifest *Manifest
	// Key signs the rpms and the indexes.
	Key *Key
	// Architectures to publish for; empty means those of the layout.
	Architectures []Arch
	Cache         Cache
	// Quick packs debs with zstd, which is several times quicker to read than
	// xz; dpkg reads it from 1.21.18 on.
	Quick bool
	// Now is the clock, for the dates of indexes and signatures.
	Now func() time.Time
	// Log takes one line of progress at a time; nil drops them. It may be
	// called from several goroutines.
	Log func(line string)
}

// Publish adds releases to the deb and the rpm repository of a channel and
// minor, and keeps what is there. A file that is there already with the same
// contents is left alone, so publishing twice changes nothing.
func (p *Publisher) Publish(ctx context.Context, channel Channel, minor string, releases ...Release) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, format := range []Format{Deb, RPM} {
		repository := p.Layout.Repository(channel, minor, format)
		group.Go(func() error {
			return p.Edit(ctx, repository, func(ctx context.Context, dir string) error {
				return p.Add(ctx, dir, format, p.Key, releases...)
			})
		})
	}
	return group.Wait()
}

// Edit changes one repository in one step for its readers: change works on a
// copy, in dir, whose files are hard links of the published ones and so must
// be replaced and never written to; then the indexes are made and signed anew
// and the copy takes the repository's place.
func (p *Publisher) Edit(ctx context.Context, repository Repository, change func(ctx context.Context, dir string) error) error {
	target := filepath.Join(p.Root, filepath.FromSlash(repository.Path))
	parent := filepath.Dir(target)
	prefix := workPrefix + filepath.Base(target)
	unlock, err := lock(parent, prefix)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }()
	work, err := os.MkdirTemp(parent, prefix+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // also after a failure half way
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil {
		if err := LinkTree(target, work); err != nil {
			return fmt.Errorf("copying %s: %w", target, err)
		}
	}
	if err := change(ctx, work); err != nil {
		return fmt.Errorf("%s: %w", repository.Path, err)
	}
	if err := p.index(ctx, repository, work); err != nil {
		return fmt.Errorf("%s: %w", repository.Path, err)
	}
	return swap(work, target)
}

// Add builds the packages of releases into the folder of a repository, as a
// change for Edit. Rpms are signed with key, unless that is nil.
func (p *Publisher) Add(ctx context.Context, dir string, format Format, key *Key, releases ...Release) error {
	assets, err := os.MkdirTemp("", "pkgverify-assets-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(assets)
	if err := os.CopyFS(assets, p.Manifest.assets); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, a := range p.artifacts(format, releases) {
		group.Go(func() error {
			name, err := a.name()
			if err != nil {
				return err
			}
			file := filepath.Join(dir, filepath.FromSlash(name))
			if _, err := os.Stat(file); err == nil && len(a.pkg.Versions) > 0 {
				return nil // came with an earlier release; the first counts
			}
			data, err := a.build(ctx, p.Cache, assets, key, p.Now())
			if err != nil {
				return err
			}
			return place(file, data, a.release.Date)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, release := range releases {
		p.log("built %s %s", format, release.Version)
	}
	return nil
}

// artifacts lists what releases are made of, each file once: cri-tools and
// kubernetes-cni are the same in many releases, and then the first counts.
func (p *Publisher) artifacts(format Format, releases []Release) []artifact {
	var out []artifact
	seen := map[string]bool{}
	for _, release := range releases {
		for i := range p.Manifest.Packages {
			pkg := &p.Manifest.Packages[i]
			if len(release.Packages) > 0 && !slices.Contains(release.Packages, pkg.Name) {
				continue
			}
			for _, arch := range p.architectures() {
				a := artifact{manifest: p.Manifest, pkg: pkg, release: release, arch: arch, format: format, quick: p.Quick}
				// A name that cannot be made is reported when it is built.
				if name, err := a.name(); err == nil && seen[name] {
					continue
				} else if err == nil {
					seen[name] = true
				}
				out = append(out, a)
			}
		}
	}
	return out
}

func (p *Publisher) architectures() []Arch {
	if len(p.Architectures) > 0 {
		return p.Architectures
	}
	return p.Layout.Architectures()
}

func (p *Publisher) log(format string, arguments ...any) {
	if p.Log != nil {
		p.Log(fmt.Sprintf(format, arguments...))
	}
}

// place writes a package file, dated as the release. A file that is there
// stays as it is if it has the same contents.
func place(name string, data []byte, date time.Time) error {
	old, err := os.ReadFile(name)
	if err == nil {
		if !bytes.Equal(unsigned(old), unsigned(data)) {
			return fmt.Errorf("%w: %s: publish the new build under a higher revision", ErrPublished, filepath.Base(name))
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(name, data, 0o644); err != nil {
		return err
	}
	return os.Chtimes(name, date, date)
}

// unsigned returns an rpm without its lead and signature header, which are
// new in each build, and any other file whole. The lead has 96 bytes; the
// signature header has 16, then 16 for each entry, then its store, and is
// padded to a multiple of 8 (rpm, docs/manual/format).
func unsigned(data []byte) []byte {
	const lead, intro, entry = 96, 16, 16
	if len(data) < lead+intro || !bytes.HasPrefix(data, []byte{0xed, 0xab, 0xee, 0xdb}) {
		return data
	}
	entries := uint64(binary.BigEndian.Uint32(data[lead+8:]))
	store := uint64(binary.BigEndian.Uint32(data[lead+12:]))
	end := lead + (intro+entry*entries+store+7)/8*8
	if end > uint64(len(data)) {
		return data
	}
	return data[end:]
}
