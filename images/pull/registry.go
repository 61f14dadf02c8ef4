package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/filelock"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// Registry gets images from registries, and keeps them. It may be used by
// several goroutines and processes at once: an image is pulled once.
type Registry struct {
	// Dir is where images are kept; see [DefaultDir].
	Dir string
	// Mirrors are asked before a registry, in order.
	Mirrors []Mirror
	// Keychain has the credentials; nil is that of docker's and podman's
	// configuration files.
	Keychain authn.Keychain
	// Transport makes the requests; nil is one like net/http's own.
	Transport http.RoundTripper
	// Policy says how often a request is made; the zero Policy is [DefaultPolicy].
	Policy fetch.Policy
	// Note is told, in a line, what the user should know; it may be nil.
	Note func(string)
	// Progress is told how many bytes of an image's layers have come; it may be
	// nil. It may be called by several goroutines at once.
	Progress func(reference string, arch repo.Arch, done, total int64)

	// stall stands in for stallTime in tests.
	stall time.Duration

	users filelock.Users
}

// DefaultPolicy is more patient than that of repositories: registries limit the
// rate of anonymous users, and an image takes minutes anyway.
func DefaultPolicy() fetch.Policy {
	return fetch.Policy{Tries: 5, Backoff: time.Second, MaxWait: 2 * time.Minute}
}

// Image returns the image behind a reference for arch: the platform's own, with
// its digest. The registry is asked which that is, with a HEAD request where the
// image was pulled before. When it cannot be reached, what was pulled before is
// taken, and Note is told.
func (r *Registry) Image(ctx context.Context, reference string, arch repo.Arch) (images.Image, error) {
	p, err := r.pull(reference, arch)
	if err != nil {
		return images.Image{}, err
	}
	if digest, ok := p.ref.(name.Digest); ok {
		// What a digest names cannot change.
		if h, err := v1.NewHash(digest.DigestStr()); err == nil && (p.known.Root == h || p.known.Image == h) && p.store.has(p.known.Image) {
			if img, err := p.kept(ctx); err == nil {
				return img, nil
			}
		}
	}
	var problems []error
	places := r.places(p.ref)
	for i, place := range places {
		img, err := p.from(ctx, place)
		if err == nil {
			return img, nil
		}
		if ctx.Err() != nil {
			return images.Image{}, errors.Join(context.Cause(ctx), err)
		}
		if i < len(places)-1 {
			r.note("mirror %s: %v; asking %s", place.Context().RegistryStr(), err, places[i+1].Context().RegistryStr())
			err = fmt.Errorf("mirror: %w", err)
		}
		problems = append(problems, err)
	}
	err = errors.Join(append(problems, login(p.ref, problems[len(problems)-1]))...)
	// A registry that answers has the last word; one that does not, not.
	if errors.Is(problems[len(problems)-1], fetch.ErrUnreachable) && p.known.Reference != "" {
		if img, keptErr := p.kept(ctx); keptErr == nil {
			r.note("%s for %s: the registry cannot be reached, so what was pulled before is used (%s): %v", reference, arch, p.known.Image, err)
			return img, nil
		}
	}
	return images.Image{}, err
}

// login says what to do where a registry does not let everybody in; nil where
// that is not what is wrong.
func login(ref name.Reference, err error) error {
	var e *transport.Error
	if !errors.As(err, &e) || e.StatusCode != http.StatusUnauthorized && e.StatusCode != http.StatusForbidden {
		return nil
	}
	return fmt.Errorf("the registry wants other credentials, or has no such image: log in with 'docker login %s' or 'podman login %s'",
		ref.Context().RegistryStr(), ref.Context().RegistryStr())
}

// Kept reports whether the image behind a reference was pulled before.
func (r *Registry) Kept(reference string, arch repo.Arch) bool {
	p, err := r.pull(reference, arch)
	return err == nil && p.known.Reference != "" && p.store.has(p.known.Image)
}

// Prune removes the images that were pulled and to which no reference leads any
// more, since their tags have moved on, and returns their folders. What somebody
// uses stays.
func (r *Registry) Prune() (removed []string, err error) {
	removed, err = store(r.Dir).prune()
	if err != nil {
		err = fmt.Errorf("pulled images: %w", err)
	}
	return removed, err
}

func (r *Registry) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))
	}
}

// onePull is one image on its way.
type onePull struct {
	r         *Registry
	store     store
	reference string
	ref       name.Reference
	arch      repo.Arch
	platform  v1.Platform
	known     entry
}

func (r *Registry) pull(reference string, arch repo.Arch) (*onePull, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	platform, err := v1.ParsePlatform(arch.Platform())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", reference, err)
	}
	p := &onePull{r: r, store: store(r.Dir), reference: reference, ref: ref, arch: arch, platform: *platform}
	if known, ok := p.store.entry(reference, platform.String()); ok {
		p.known = known
	}
	return p, nil
}

// from pulls the image from one place, a mirror's or the registry's own.
func (p *onePull) from(ctx context.Context, ref name.Reference) (images.Image, error) {
	var done, total atomic.Int64
	puller, err := remote.NewPuller(p.r.options(ctx, func(n int) {
		if sum := done.Add(int64(n)); p.r.Progress != nil && total.Load() > 0 {
			p.r.Progress(p.reference, p.arch, min(sum, total.Load()), total.Load())
		}
	})...)
	if err != nil {
		return images.Image{}, err
	}
	if p.known.Reference != "" {
		// Not every registry answers HEAD with a digest.
		head, err := puller.Head(ctx, ref)
		if errors.Is(err, fetch.ErrUnreachable) {
			return images.Image{}, err
		}
		if err == nil && head.Digest == p.known.Root {
			img, err := p.kept(ctx)
			if err == nil {
				return img, nil
			}
			p.r.note("%s for %s: pulling again what is kept is not sound: %v", p.reference, p.arch, err)
			if err := p.store.forget(p.known.Image); err != nil {
				return images.Image{}, err
			}
		}
	}
	root, err := puller.Get(ctx, ref)
	if err != nil {
		return images.Image{}, err
	}
	img, digest, err := p.choose(ctx, puller, ref, root)
	if err != nil {
		return images.Image{}, err
	}
	m, err := img.Manifest()
	if err != nil {
		return images.Image{}, fmt.Errorf("%s: %w", ref, err)
	}
	size, err := bounded(ref.String(), m)
	if err != nil {
		return images.Image{}, err
	}
	if err := fits(ref.String(), img, p.platform); err != nil {
		return images.Image{}, err
	}
	total.Store(size)
	done.Store(0) // the configuration does not count
	if err := p.keep(ctx, img, digest); err != nil {
		return images.Image{}, fmt.Errorf("%s: %w", ref, err)
	}
	p.known = entry{Reference: p.reference, Platform: p.platform.String(), Root: root.Digest, Image: digest}
	if err := p.store.remember(p.known); err != nil {
		return images.Image{}, fmt.Errorf("%s: %w", ref, err)
	}
	return p.kept(ctx)
}

// options are the library's, with our own way of trying again in place of its.
func (r *Registry) options(ctx context.Context, count func(int)) []remote.Option {
	policy, stall, keys, next := r.Policy, r.stall, r.Keychain, r.Transport
	if policy == (fetch.Policy{}) {
		policy = DefaultPolicy()
	}
	if stall == 0 {
		stall = stallTime
	}
	if keys == nil {
		keys = authn.DefaultKeychain
	}
	if next == nil {
		next = remote.DefaultTransport
	}
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(keys), remote.WithUserAgent("pkgverify"),
		remote.WithTransport(&patient{next: next, policy: policy, stall: stall, count: count}),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	}
}

// choose returns the platform's own image of what a reference names.
func (p *onePull) choose(ctx context.Context, puller *remote.Puller, ref name.Reference, root *remote.Descriptor) (v1.Image, v1.Hash, error) {
	if root.Size > maxManifest {
		return nil, v1.Hash{}, fmt.Errorf("%s has a manifest of %d bytes, at most %d are read", ref, root.Size, maxManifest)
	}
	if !root.MediaType.IsIndex() {
		img, err := root.Image()
		return img, root.Digest, err
	}
	index, err := root.ImageIndex()
	if err != nil {
		return nil, v1.Hash{}, fmt.Errorf("%s: %w", ref, err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		return nil, v1.Hash{}, fmt.Errorf("%s: %w", ref, err)
	}
	chosen, err := choose(ref.String(), m.Manifests, p.platform)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	own, err := puller.Get(ctx, ref.Context().Digest(chosen.Digest.String()))
	if err != nil {
		return nil, v1.Hash{}, err
	}
	if own.Size != chosen.Size || own.Size > maxManifest {
		return nil, v1.Hash{}, fmt.Errorf("%s: wanted a manifest of %d bytes, got %d bytes", ref, chosen.Size, own.Size)
	}
	img, err := own.Image()
	return img, chosen.Digest, err
}

// keep puts an image into the store, unless it is there. Layers are held
// against their digests while they are written. A connection that breaks off
// costs the layers that were not complete.
func (p *onePull) keep(ctx context.Context, img v1.Image, digest v1.Hash) error {
	work, done, err := p.store.begin(ctx, digest)
	if err != nil {
		return err
	}
	defer done()
	if p.store.has(digest) {
		return nil // another process was first
	}
	policy := p.r.Policy
	if policy == (fetch.Policy{}) {
		policy = DefaultPolicy()
	}
	path, err := layout.Write(work, empty.Index)
	if err != nil {
		return err
	}
	if err := policy.Do(ctx, func() error { return path.WriteImage(img) }); err != nil {
		return err
	}
	desc, err := partial.Descriptor(img)
	if err != nil {
		return err
	}
	if err := path.AppendDescriptor(*desc); err != nil {
		return err
	}
	return os.Rename(work, p.store.dir(digest))
}

// kept returns the image that is known, from the store.
func (p *onePull) kept(ctx context.Context) (images.Image, error) {
	if err := ctx.Err(); err != nil {
		return images.Image{}, context.Cause(ctx)
	}
	img, err := p.store.open(p.known.Image, &p.r.users)
	if err != nil {
		return images.Image{}, err
	}
	base, _, _ := strings.Cut(p.reference, "@")
	return images.Image{Image: img, Origin: base + "@" + p.known.Image.String()}, nil
}
