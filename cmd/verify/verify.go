package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/lab"
	"sigs.k8s.io/pkgverify/images/pull"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/fetch/cache"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/reports/html"
	"sigs.k8s.io/pkgverify/suites"
	"sigs.k8s.io/pkgverify/verify"
)

// runFlags are the flags of a run, beside those of its plan.
type runFlags struct {
	plan            planFlags
	engine          string
	images          []string
	mirrors         []string
	parallel        int
	installParallel int
	timeout         time.Duration
	settle          time.Duration
	cache           string
	artifacts       string
	json            bool
	quiet           bool
	verbose         bool
	wait            time.Duration
	baseline        string
	knownIssues     string
}

const verifyLong = `verify checks published deb and rpm repositories as their users get them: the
expected packages are there, index and files agree, everything is signed by the
current key, and the packages install in real containers and say the right
version.

With no address it looks at the real repositories of the profile.`

const verifyExample = `  verify --channel stable --minor 1.26
  verify --channel stable --minor 1.30 --versions 1.30.2 --suite metadata
  verify --profile kep-1731 --base-url http://127.0.0.1:8080/ --key key.asc \
         --channel stable,dev --minor 1.26 --distro debian-12
  verify list --channel stable --minor 1.26`

func newVerify(s streams) *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:           "verify",
		Short:         "Verify published package repositories",
		Long:          verifyLong + "\n\n" + exitHelp,
		Example:       verifyExample,
		Version:       tool().Version,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.run(cmd.Context(), s)
		},
	}
	flags.plan.add(cmd.Flags())
	f := cmd.Flags()
	f.StringVar(&flags.engine, "engine", "auto", "what runs the containers: "+strings.Join(engine.Names(), ", "))
	f.StringArrayVar(&flags.images, "image", nil, "DISTRO=REF: use this image: a registry reference, oci:DIR, tar:FILE, or engine:NAME, which the engine has")
	f.StringArrayVar(&flags.mirrors, "registry-mirror", nil, mirrorHelp)
	f.IntVar(&flags.parallel, "parallel", 8, "package files of one repository read at once")
	f.IntVar(&flags.installParallel, "install-parallel", min(2, runtime.NumCPU()), "containers at once")
	f.DurationVar(&flags.timeout, "timeout", time.Hour, "bound on the whole run")
	f.DurationVar(&flags.settle, "settle", 15*time.Second, "wait before looking again, twice at most, at a repository whose index and signed root disagree; 0 never looks again")
	f.StringVar(&flags.cache, "cache", "", "folder that keeps what was verified, so that the next run fetches only what is new")
	f.StringVar(&flags.artifacts, "artifacts", "", "folder for the reports (default $ARTIFACTS, else ./artifacts)")
	f.DurationVar(&flags.wait, "wait", 0, "poll until the newest expected version is published in every target, then verify; after this long verify all the same")
	f.StringVar(&flags.baseline, "baseline", "", "an earlier report.json: files that vanished or changed under one name fail")
	f.StringVar(&flags.knownIssues, "known-issues", "", "YAML file of findings that are known: reported as such, not failed")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress, and of the summary only the verdict")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "every check in the summary, those that passed too")
	cmd.MarkFlagsMutuallyExclusive("quiet", "verbose")
	f.BoolVar(&flags.json, "json", false, "report v1 on standard output instead of the summary")
	cmd.AddCommand(newList(s), newChecks(s), newRender(s), newImages(s), newDocs(s), newMan())
	completePlan(cmd, &flags.plan)
	completeFlag(cmd, "engine", engine.Names())
	return cmd
}

// run is the command itself.
func (r *runFlags) run(ctx context.Context, s streams) error {
	start := time.Now()
	plan, key, err := r.plan.resolve(start)
	if err == nil {
		err = r.compare(plan)
	}
	problems := []error{err}
	if r.parallel < 1 || r.installParallel < 1 {
		problems = append(problems, errors.New("--parallel and --install-parallel need at least 1"))
	}
	if r.settle < 0 {
		problems = append(problems, fmt.Errorf("--settle %v: needs to be 0 or more", r.settle))
	}
	if r.timeout <= 0 {
		problems = append(problems, fmt.Errorf("--timeout %v: needs to be more than 0", r.timeout))
	}
	if r.wait < 0 {
		problems = append(problems, fmt.Errorf("--wait %v: needs to be 0 or more", r.wait))
	}
	listed, err := r.known(start)
	problems = append(problems, err)
	distros, err := r.plan.distros()
	if err != nil {
		return err
	}
	notices := noticesAt(start, plan, distros)
	references, err := parseImages(r.images, distros)
	mirrors, mirrorErr := parseMirrors(r.mirrors)
	problems = append(problems, err, mirrorErr, validEngine(r.engine))
	dir := r.artifactsDir()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	artifacts, err := openFolder(dir)
	if err != nil {
		return err
	}
	defer artifacts.close()

	progress := r.progress(s)
	shown := newPhases(progress)
	for _, n := range notices {
		progress.Start("containers").Done(n)
	}
	web, policy := fetch.Options{UserAgent: "pkgverify/" + tool().Version}, fetch.DefaultPolicy()
	found := &pull.Source{References: references, Registry: &pull.Registry{
		Mirrors: mirrors, Note: func(line string) { progress.Start("images").Done(line) },
	}}
	laboratory, err := r.laboratory(distros, found, dir, func(line string) { progress.Start("containers").Done(line) })
	if err != nil {
		return err
	}
	laboratory.Fetch, laboratory.Policy = web, policy
	kept, err := r.openCache(s)
	if err != nil {
		return err
	}
	defer func() { _ = kept.Close() }() // nothing is lost: entries are whole files
	outcome, err := suites.Run(ctx, suites.Options{
		Plan:        plan,
		Key:         key,
		LabelFilter: r.plan.labelFilter,
		Fetch:       web,
		Policy:      policy,
		Settle:      r.settling(),
		Cache:       kept,
		Parallel:    r.parallel,
		Timeout:     r.timeout,
		StartCells:  laboratory.Start,
		Progress:    shown,
		Known:       listed,
		Wait:        suites.Wait{For: r.wait},
	})
	// Containers are removed before the verdict is shown.
	if closeErr := laboratory.Close(); closeErr != nil {
		_, _ = fmt.Fprintf(s.err, "verify: containers were left behind; the next run removes them: %v\n", closeErr)
	}
	progress.Close()
	if err != nil {
		return err
	}
	report := r.report(plan, outcome, start)
	report.Interrupted = outcome.Interrupted
	files, writeErr := writeReports(dir, report)
	if err := r.show(s, report, files); err != nil && !errors.Is(err, syscall.EPIPE) {
		// The exit code says it all the same. A reader that closed its pipe has
		// what it wants.
		_, _ = fmt.Fprintf(s.err, "verify: %s: the summary could not be written: %v\n", report.Summary.Verdict, err)
	}
	if writeErr != nil {
		// The verdict was shown; that it was not kept is said beside it.
		_, _ = fmt.Fprintf(s.err, "verify: the reports could not be written: %v\n", writeErr)
	}
	return exitOf(report)
}

// maxCache is how many bytes a cache may hold when a run begins: what was not
// used for longest is removed.
const maxCache = 32 << 30

// openCache opens the cache, or returns nil when there is to be none.
func (r *runFlags) openCache(s streams) (*cache.Cache, error) {
	if r.cache == "" {
		return nil, nil
	}
	c, err := cache.Open(r.cache, cache.Options{Bodies: true, Warn: func(err error) {
		_, _ = fmt.Fprintf(s.err, "verify: --cache: the run goes on without: %v\n", err)
	}})
	if err != nil {
		return nil, fmt.Errorf("--cache: %w", err)
	}
	if _, err := c.Prune(maxCache); err != nil {
		_, _ = fmt.Fprintf(s.err, "verify: --cache: not tidied up: %v\n", err)
	}
	return c, nil
}

// looks is how often a repository that is being published is looked at again.
const looks = 2

func (r *runFlags) settling() crawl.Settle {
	if r.settle == 0 {
		return crawl.Settle{}
	}
	return crawl.Settle{Looks: looks, Wait: r.settle}
}

// laboratory makes what runs the containers.
func (r *runFlags) laboratory(distros []images.Distribution, found *pull.Source, dir string, note func(string)) (*suites.Laboratory, error) {
	built, err := build.DefaultDir()
	if err != nil {
		return nil, err
	}
	found.Cache = &build.Builder{Dir: built}
	if found.Registry.Dir, err = pull.DefaultDir(); err != nil {
		return nil, err
	}
	return &suites.Laboratory{
		Engine:    r.engine,
		Catalogue: distros,
		Note:      note,
		Options: lab.Options{
			Run:        fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()),
			Images:     found,
			Parallel:   r.installParallel,
			Transcript: transcripts(dir),
		},
	}, nil
}

func (r *runFlags) artifactsDir() string {
	switch {
	case r.artifacts != "":
		return r.artifacts
	case os.Getenv("ARTIFACTS") != "":
		return os.Getenv("ARTIFACTS")
	}
	return "artifacts"
}

// report puts the outcome into report v1.
func (r *runFlags) report(plan *verify.Plan, o *suites.Outcome, start time.Time) *reports.Report {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	rep := &reports.Report{
		Schema: reports.Schema, Tool: tool(), Started: start.UTC(), Finished: time.Now().UTC(), Vantage: host,
		Plan:         reports.PlanOf(plan),
		Summary:      reports.Summarise(o.Results),
		Results:      o.Results,
		Repositories: o.Repositories,
		Cells:        []reports.Cell{},
	}
	for _, f := range o.Cells {
		rep.Cells = append(rep.Cells, reports.CellOf(f))
	}
	return rep
}

// writeReports writes every file that is made of the report, and returns those
// that it could write.
func writeReports(dir string, rep *reports.Report) ([]string, error) {
	var written []string
	var problems []error
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"report.json", rep.WriteJSON},
		{"report.html", func(w io.Writer) error { return html.Write(w, rep, html.Options{}) }},
		{"junit_verify.xml", whole(rep.JUnit)},
		{"metadata.json", whole(rep.Metadata)},
		{"metrics.prom", whole(func() ([]byte, error) { return rep.Metrics(), nil })},
	} {
		if err := reports.WriteFile(dir, file.name, file.write); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", file.name, err))
			continue
		}
		written = append(written, filepath.Join(dir, file.name))
	}
	return written, errors.Join(problems...)
}

// whole writes a file that is made in one piece.
func whole(render func() ([]byte, error)) func(io.Writer) error {
	return func(w io.Writer) error {
		data, err := render()
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
}

// progress returns where the work tells how far it is.
func (r *runFlags) progress(s streams) *reports.Progress {
	w := s.err
	if r.quiet {
		w = io.Discard
	}
	return newProgress(w)
}

// show writes the verdict to standard output.
func (r *runFlags) show(s streams, rep *reports.Report, files []string) error {
	if r.json {
		return rep.WriteJSON(s.out)
	}
	o := textOptions(s.out, files...)
	o.Quiet, o.Verbose = r.quiet, r.verbose
	return rep.Text(s.out, o)
}

// exitOf returns the error that carries the exit code.
func exitOf(rep *reports.Report) error {
	switch {
	case rep.Interrupted:
		return verdict(exitInterrupted)
	case rep.Summary.Verdict == reports.Fail:
		return verdict(exitFail)
	case rep.Summary.Verdict == reports.Blocked:
		return verdict(exitBlocked)
	}
	return nil
}

// tool says what this program is, from its build information.
func tool() reports.Tool {
	t := reports.Tool{Version: "devel", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		t.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			t.Commit = s.Value
		}
	}
	return t
}
