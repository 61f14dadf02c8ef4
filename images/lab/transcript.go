package lab

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
)

// transcript writes what happened in a cell as a user could have typed it. The
// first error of the writer is kept and returned by end; a nil writer makes a
// transcript that writes nothing.
type transcript struct {
	w   io.WriteCloser
	err error
}

func (c *cellRun) openLog() error {
	c.log = &transcript{}
	if c.p.opts.Transcript == nil {
		return nil
	}
	w, err := c.p.opts.Transcript(c.job.Cell)
	if err != nil {
		return fmt.Errorf("transcript of %s: %w", c.job.Cell.ID, err)
	}
	c.log.w = w
	f := c.facts
	c.log.printf("# cell %s\n# platform %s, emulated: %t, engine %s\n# repository %s\n",
		f.Cell.ID, f.Platform, f.Emulated, f.Engine, c.job.RepoURL)
	if f.Notice != "" {
		c.log.printf("# %s\n", f.Notice)
	}
	return nil
}

func (t *transcript) printf(format string, args ...any) {
	if t.w == nil || t.err != nil {
		return
	}
	_, t.err = fmt.Fprintf(t.w, format, args...)
}

// note writes a remark.
func (t *transcript) note(s string) {
	t.printf("# %s\n", strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n# "))
}

// step writes a command, its output, and how it ended.
func (t *transcript) step(s images.Step) {
	t.printf("\n")
	if s.Note != "" {
		t.note(s.Note)
	}
	if len(s.Argv) == 3 && s.Argv[0] == "sh" && s.Argv[1] == "-c" {
		t.printf("%s\n", s.Argv[2])
	} else {
		t.printf("%s\n", guest.Quote(s.Argv))
	}
	for l := range strings.Lines(s.Output) {
		t.printf("  | %s\n", strings.TrimRight(l, "\r\n"))
	}
	t.printf("# exit %d after %s\n", s.Exit, s.Duration.Round(time.Millisecond))
	if s.Fault != "" {
		t.note("possible fault of the laboratory (" + string(s.Fault) + "): " + s.Detail)
	} else if s.Detail != "" {
		t.note(s.Detail)
	}
}

// end closes the transcript.
func (t *transcript) end(f images.CellFacts) error {
	if t.w == nil {
		return nil
	}
	t.printf("\n# image %s (%s)\n# cell took %s\n", f.Image, f.ImageDigest, f.Duration.Round(time.Millisecond))
	if err := errors.Join(t.err, t.w.Close()); err != nil {
		return fmt.Errorf("transcript of %s: %w", f.Cell.ID, err)
	}
	return nil
}
