package mutation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/demo"
	"sigs.k8s.io/pkgverify/publish/fault"
)

// Program is the verifier.
type Program struct {
	// Arguments are the program and its first arguments.
	Arguments []string
	// Environment is added to that of this process.
	Environment []string
}

// Options says what to run.
type Options struct {
	// Verify is the verifier.
	Verify Program
	// Layout is that of the trees that are broken. The clean tree is verified
	// in every layout there is.
	Layout publish.Layout
	Faults []fault.Fault
	// Jobs bounds how many trees are broken and verified at once.
	Jobs int
	// Dir is a folder for trees and reports; it must be on one file system, as
	// trees are copied by hard links.
	Dir     string
	Cache   publish.Cache
	Samples string // folder of the sample programs' sources
	Now     func() time.Time
	// Log takes one line of progress at a time.
	Log func(line string)
}

// arches are the architectures of the trees: two are enough to tell them
// apart, and faults break the s390x ones.
func arches() []string { return []string{"amd64", "s390x"} }

// Run publishes, breaks, verifies and judges. The error is for a run that could
// not be made; what the verifier did not find is in the score.
func Run(ctx context.Context, options Options) (*Score, error) {
	var log sync.Mutex
	r := &runner{Options: options, log: func(format string, arguments ...any) {
		log.Lock()
		defer log.Unlock()
		options.Log(fmt.Sprintf(format, arguments...))
	}}
	var err error
	if r.verifier, err = inspect(ctx, options.Verify); err != nil {
		return nil, err
	}
	score := &Score{Outcomes: make([]Outcome, len(options.Faults))}
	var broken *tree
	for _, layout := range publish.Layouts() {
		clean, err := r.publish(ctx, layout)
		if err != nil {
			return nil, err
		}
		if layout.Name() == options.Layout.Name() {
			broken = clean
		}
		result := Clean{Profile: layout.Name()}
		result.Findings, result.Err = r.verify(ctx, clean.clean(), clean.report())
		score.Clean = append(score.Clean, result)
		r.log("%-7s the clean tree of %s", result.verdict(), layout.Name())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, options.Jobs))
	for i, f := range options.Faults {
		group.Go(func() error {
			started := time.Now()
			score.Outcomes[i] = r.outcome(ctx, broken, f)
			r.log("%-7s %s (%.1fs)", score.Outcomes[i].Verdict(), f.Name, time.Since(started).Seconds())
			return ctx.Err()
		})
	}
	return score, group.Wait()
}

// runner is a run with what it knows.
type runner struct {
	Options
	verifier *verifier
	log      func(format string, arguments ...any)
}

// tree is a clean tree of one layout.
type tree struct {
	layout  publish.Layout
	dir     string // of demo.Publish
	options demo.Options
	result  demo.Result
	// official is the folder of the checksums of its programs.
	official string
}

// publish publishes the clean tree of a layout.
func (r *runner) publish(ctx context.Context, layout publish.Layout) (*tree, error) {
	t := &tree{layout: layout, dir: filepath.Join(r.Dir, layout.Name())}
	t.options = demo.Options{
		Dir: t.dir, Layout: layout, Cache: r.Cache, Samples: r.Samples, Now: r.Now, Log: func(string) {},
		// The tree that is broken is read hundreds of times; the others, once,
		// show xz.
		Quick: layout.Name() == r.Layout.Name(),
	}
	for _, name := range arches() {
		arch, err := publish.ParseArch(name)
		if err != nil {
			return nil, err
		}
		t.options.Architectures = append(t.options.Architectures, arch)
	}
	var err error
	if t.result, err = demo.Publish(ctx, t.options); err != nil {
		return nil, fmt.Errorf("publishing the clean tree of %s: %w", layout.Name(), err)
	}
	t.official = filepath.Join(t.dir, "official")
	return t, writeOfficial(t.official, t.result.Releases, t.options.Architectures)
}

// channels are those that the layout's profile has.
func (t *tree) channels() []publish.Channel {
	if t.layout.Name() == "kubernetes" { // pkgs.k8s.io has no nightlies
		return []publish.Channel{publish.Stable, publish.Dev}
	}
	return []publish.Channel{publish.Stable, publish.Dev, publish.Nightly}
}

// report is the folder of the clean tree's report.
func (t *tree) report() string { return filepath.Join(t.dir, "report") }

// request is what to verify.
type request struct {
	*tree
	root, key string
	channels  []publish.Channel
	// baseline is a report of an earlier state; "" for none.
	baseline string
}

// clean asks for the whole clean tree.
func (t *tree) clean() request {
	return request{tree: t, root: t.result.Root, key: filepath.Join(t.dir, demo.PublicKey), channels: t.channels()}
}

// versions are the versions of some channels.
func (t *tree) versions(channels []publish.Channel) []string {
	var out []string
	for _, version := range t.result.Versions {
		if slices.Contains(channels, version.Channel()) {
			out = append(out, string(version))
		}
	}
	return out
}

// touchedChannels are the channels whose repositories hold one of the files;
// the stable one where none does.
func (t *tree) touchedChannels(files []string) []publish.Channel {
	var out []publish.Channel
	for _, channel := range t.channels() {
		for _, format := range []publish.Format{publish.Deb, publish.RPM} {
			folder := t.layout.Repository(channel, fault.Minor, format).Path + "/"
			if !slices.Contains(out, channel) && slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, folder) }) {
				out = append(out, channel)
			}
		}
	}
	if len(out) == 0 {
		return []publish.Channel{publish.Stable}
	}
	return out
}

// outcome breaks a copy of the tree, verifies it and judges the findings.
func (r *runner) outcome(ctx context.Context, t *tree, f fault.Fault) Outcome {
	o := Outcome{Fault: f}
	dir := filepath.Join(r.Dir, "faults", f.Name)
	defer func() {
		// The report stays, for who wants to know more; the tree is in the way.
		o.Err = errors.Join(o.Err, os.RemoveAll(filepath.Join(dir, "root")))
	}()
	broken := request{tree: t, root: filepath.Join(dir, "root"), key: filepath.Join(dir, demo.PublicKey)}
	if o.Err = publish.LinkTree(t.result.Root, broken.root); o.Err != nil {
		return o
	}
	options := t.options
	options.Fault = &f
	touched, err := demo.Break(ctx, options, broken.root, broken.key)
	if err != nil {
		o.Err = err
		return o
	}
	broken.channels = t.touchedChannels(touched)
	if f.Baseline {
		if !r.verifier.baseline {
			o.Missed = []string{"--baseline"}
			return o
		}
		broken.baseline = filepath.Join(t.report(), reportFile)
	}
	o.Findings, o.Err = r.verify(ctx, broken, filepath.Join(dir, "report"))
	o.judge(r.verifier.checks)
	return o
}
