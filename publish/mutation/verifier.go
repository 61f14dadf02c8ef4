package mutation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/serve"
)

// reportFile is the name of the verifier's report in its artifacts folder.
const reportFile = "report.json"

// maxReport bounds a report that is read, in bytes.
const maxReport = 64 << 20

// ErrVerifier says that the verifier could not be run, or did not end as one.
var ErrVerifier = errors.New("the verifier cannot be used")

// verifier is what a program says of itself.
type verifier struct {
	// checks are the IDs of its checks that need no container.
	checks []string
	// baseline and official say whether it has the flags --baseline and
	// --official-binaries.
	baseline, official bool
}

// inspect asks a program for its checks and its flags.
func inspect(ctx context.Context, p Program) (*verifier, error) {
	list, err := p.output(ctx, "checks")
	if err != nil {
		return nil, err
	}
	v := &verifier{}
	for line := range strings.Lines(list) {
		// ID, suite, severity, title
		if fields := strings.Fields(line); len(fields) >= 3 && fields[1] != "install" {
			v.checks = append(v.checks, fields[0])
		}
	}
	if len(v.checks) == 0 {
		return nil, fmt.Errorf("%w: %s checks: lists none: %q", ErrVerifier, p.Arguments[0], list)
	}
	help, err := p.output(ctx, "--help")
	if err != nil {
		return nil, err
	}
	v.baseline, v.official = strings.Contains(help, "--baseline"), strings.Contains(help, "--official-binaries")
	return v, nil
}

// output runs the program and returns its standard output.
func (p Program) output(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, p.Arguments[0], slices.Concat(p.Arguments[1:], arguments)...)
	command.Env = append(os.Environ(), p.Environment...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s %s: %w: %s", ErrVerifier, p.Arguments[0], strings.Join(arguments, " "), err, last(stderr.String()))
	}
	return string(out), nil
}

// verify serves a tree, runs the verifier on it, and returns what it found
// wrong. Its report is written into the folder artifacts.
func (r *runner) verify(ctx context.Context, q request, artifacts string) ([]Finding, error) {
	var channels []string
	for _, channel := range q.channels {
		channels = append(channels, string(channel))
	}
	arguments := slices.Concat(r.Verify.Arguments, []string{
		"--profile", q.layout.Name(), "--base-url", serve.URLPlaceholder, "--key", q.key,
		"--channel", strings.Join(channels, ","), "--minor", fault.Minor, "--versions", strings.Join(q.versions(q.channels), ","),
		"--arch", strings.Join(arches(), ","), "--suite", "metadata,packages", "--engine", "none", "--settle", "0",
		"--artifacts", artifacts,
	})
	if r.verifier.official {
		arguments = append(arguments, "--official-binaries", q.official)
	}
	if q.baseline != "" {
		arguments = append(arguments, "--baseline", q.baseline)
	}
	var stderr bytes.Buffer
	exit, err := serve.Run(ctx, q.root, "127.0.0.1:0", serve.Command{
		Arguments: arguments, Environment: r.Verify.Environment, Stdout: new(bytes.Buffer), Stderr: &stderr,
	}, func(string) {})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVerifier, err)
	}
	// 0 passed, 1 failed, 3 blocked: in each case there is a report.
	if exit != 0 && exit != 1 && exit != 3 {
		return nil, fmt.Errorf("%w: exit code %d: %s", ErrVerifier, exit, last(stderr.String()))
	}
	findings, err := readFindings(filepath.Join(artifacts, reportFile))
	if err == nil && (exit == 1) != slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == fail }) {
		err = fmt.Errorf("%w: its exit code %d does not fit its report", ErrVerifier, exit)
	}
	return findings, err
}

// last returns the last line of what a program printed.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// The statuses of report v1 that are no findings.
const (
	pass          = "pass"
	notApplicable = "not-applicable"
)

// The statuses that are.
const (
	fail    = "fail"
	warn    = "warn"
	skipped = "skipped"
)

// Finding is a result of the verifier that is not a pass.
type Finding struct {
	Check   string `json:"check"`
	Status  string `json:"status"`
	Target  string `json:"target"`
	Message string `json:"message"`
}

// readFindings reads the part of report v1 that matters here.
func readFindings(name string) ([]Finding, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxReport {
		err = fmt.Errorf("%d bytes, want at most %d", info.Size(), maxReport)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(name)
	}
	var report struct {
		Schema  string    `json:"schema"`
		Results []Finding `json:"results"`
	}
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err == nil && (report.Schema != "pkgverify/report/v1" || len(report.Results) == 0) {
		err = fmt.Errorf("schema %q, %d results", report.Schema, len(report.Results))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrVerifier, name, err)
	}
	return slices.DeleteFunc(report.Results, func(f Finding) bool { return f.Status == pass || f.Status == notApplicable }), nil
}

// writeOfficial writes the checksums of a release's programs as dl.k8s.io has
// them: v1.26.0/bin/linux/amd64/kubelet.sha256 beside the program's name.
func writeOfficial(dir string, releases []publish.Release, architectures []publish.Arch) error {
	for _, release := range releases {
		for _, arch := range architectures {
			from := filepath.Join(release.Binaries, arch.Go)
			to := filepath.Join(dir, "v"+string(release.Version), "bin", "linux", arch.Go)
			if err := os.MkdirAll(to, 0o755); err != nil {
				return err
			}
			entries, err := os.ReadDir(from)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if !entry.Type().IsRegular() {
					continue
				}
				sum, err := sha256Of(filepath.Join(from, entry.Name()))
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(to, entry.Name()+".sha256"), []byte(sum), 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
