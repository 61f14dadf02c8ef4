package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"sigs.k8s.io/pkgverify/repo"
)

// program is the package of the program in the image.
const program = "sigs.k8s.io/pkgverify/cmd/verify"

// compile compiles verify for an architecture: static, without the paths of
// this machine, and without what only debuggers read.
func compile(ctx context.Context, a repo.Arch, out string, log io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, program)
	// GOARM, GOAMD64 and GOFLAGS are set, so that the machine's own do not count;
	// 7 is what the packages call armhf. The commit is written into the program
	// where Go finds it (not in a linked worktree).
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+string(a), "GOARM=7", "GOAMD64=v1", "GOFLAGS=-buildvcs=auto")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile verify for %s (from a folder of its module): %w", a, err)
	}
	return nil
}

// source is what a program was compiled from.
type source struct {
	// Revision is the commit, "" when it was not compiled in a git checkout;
	// Modified says that there were changes beside it.
	Revision string
	Modified bool
	// Date is the commit's, or SOURCE_DATE_EPOCH where that is set, or 1970.
	Date time.Time
}

// sourceOf reads what a program says of itself.
func sourceOf(path string) (source, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return source{}, fmt.Errorf("read the build information: %w", err)
	}
	s := source{Date: time.Unix(0, 0).UTC()}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			s.Revision = setting.Value
		case "vcs.modified":
			s.Modified = setting.Value == "true"
		case "vcs.time":
			if s.Date, err = time.Parse(time.RFC3339, setting.Value); err != nil {
				return source{}, fmt.Errorf("build information: vcs.time: %w", err)
			}
		}
	}
	date, ok, err := sourceDate()
	if ok {
		s.Date = date
	}
	return s, err
}

// authorities returns Mozilla's certificate authorities in PEM. Those that
// Mozilla trusts only in part (for certificates issued before a day) are left
// out: a PEM file cannot say so, and no server that verify asks needs them.
func authorities() ([]byte, error) {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		cert, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities: %w", err)
		}
		fmt.Fprintf(&out, "# %s\n", cert.Subject)
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
