package reports

import (
	"fmt"
	"io"
	"time"

	"sigs.k8s.io/pkgverify/verify"
)

// JSON returns c as indented JSON with a newline at its end.
func (c *Comparison) JSON() ([]byte, error) {
	data, err := marshal(c, "")
	if err != nil {
		return nil, fmt.Errorf("write the comparison as JSON: %w", err)
	}
	return data, nil
}

// Text writes c for reading: how many on the first line, then what is new,
// what nobody could tell, what is still there, what is mended. The length is
// bounded; what is left out is counted. [TextOptions.Files] has no meaning here.
func (c *Comparison) Text(w io.Writer, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = defaultWidth
	}
	p := &page{width: max(opts.Width, minWidth), color: opts.Color}
	st := green
	switch {
	case len(c.New) > 0:
		st = red
	case len(c.Still)+len(c.Untold) > 0:
		st = yellow
	}
	p.styled(st, "", "", fmt.Sprintf("%s new, %s mended, %s still there, %s could not be told",
		thousands(len(c.New)), thousands(len(c.Mended)), thousands(len(c.Still)), thousands(len(c.Untold))))
	p.para("", "", fmt.Sprintf("earlier: %s, %s", c.Earlier.Finished.UTC().Format(time.RFC3339), c.Earlier.Verdict))
	p.para("", "", fmt.Sprintf("later:   %s, %s", c.Later.Finished.UTC().Format(time.RFC3339), c.Later.Verdict))
	p.changes("NEW", red, c.New, true)
	p.changes("COULD NOT BE TOLD THIS TIME", yellow, c.Untold, false)
	p.changes("STILL THERE", yellow, c.Still, false)
	p.changes("MENDED", green, c.Mended, false)
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}

// changes writes one list under a title, with the next step where asked for.
func (p *page) changes(title string, st style, list []Change, hints bool) {
	if len(list) == 0 {
		return
	}
	p.blank()
	p.line(p.paint(st, title))
	for i, x := range list {
		if i == maxRows {
			p.para("  ", inBlock, fmt.Sprintf("... and %s, see --json", thousands(len(list)-i)+" more"))
			return
		}
		at := orWord(x.Target, "this run")
		if s := x.Subject.String(); s != "" {
			at += ": " + s
		}
		p.para("  ", inBlock, fmt.Sprintf("%s (%s) in %s", x.Check, x.turn(), cut(at, maxValue)))
		p.para(inBlock, inBlock, cut(orWord(x.Message, "no message was recorded"), maxValue))
		if hints && x.Hint != "" {
			p.para(inBlock+"what to do: ", inField, cut(x.Hint, maxValue))
		}
	}
}

// turn says how the status and the number of findings changed.
func (x Change) turn() string {
	s := string(x.After)
	if x.Before != x.After {
		s = string(x.Before) + " -> " + s
	}
	switch {
	case x.WasCount == x.Count && x.Count <= 1, x.WasCount+x.Count <= 1:
		return s
	case x.WasCount == x.Count, x.Before == verify.Pass, x.Before == NotAsked:
		return fmt.Sprintf("%s, %s", s, count(x.Count, "finding", "findings"))
	}
	return fmt.Sprintf("%s, %s findings before, %s now", s, thousands(x.WasCount), thousands(x.Count))
}
