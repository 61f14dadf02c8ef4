// Package html renders report v1 as one HTML page that needs nothing beside
// itself: no network, no script to be read, and no server. Whatever came from
// a repository is text in it, never markup: see [Write].
package html

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"sigs.k8s.io/pkgverify/reports"
)

//go:embed assets
var assets embed.FS

// Options are for [Write].
type Options struct {
	// Changes, if not nil, is what changed since an earlier report; it gets a
	// section of its own.
	Changes *reports.Comparison
}

// Write writes r as a page. The size is bounded by the constants of this
// package; what is left out is counted on the page, and is in report.json.
//
// Text of the report is escaped for its place by html/template, cut to a
// length, and shown with whatever does not print (control characters, marks
// that turn the direction of text) as Go escapes. Only http and https
// addresses become links. The page's Content-Security-Policy forbids every
// request and every style and script but its own.
//
// Equal reports give equal bytes. Errors are those of w.
func Write(w io.Writer, r *reports.Report, opts Options) error {
	p, err := pageOf(r, opts)
	if err != nil {
		return err
	}
	t, err := template.ParseFS(assets, "assets/*.tmpl")
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := t.ExecuteTemplate(out, "page.tmpl", p); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report as HTML: %w", err)
	}
	return nil
}

// pageView is what the template is given. All text in it is fit to be shown.
type pageView struct {
	CSP    string
	Style  template.CSS
	Script template.JS

	Head     headView
	Changes  *changesView
	Findings findingsView
	Matrix   matrixView
	Installs installsView
	Cells    cellsView
	Trust    trustView
	Fetched  []fetchedView
	Checks   checksView
}

func pageOf(r *reports.Report, opts Options) (*pageView, error) {
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return nil, fmt.Errorf("read the page's style: %w", err)
	}
	script, err := assets.ReadFile("assets/page.js")
	if err != nil {
		return nil, fmt.Errorf("read the page's script: %w", err)
	}
	ids := newAnchors(r)
	return &pageView{
		CSP: "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " +
			hashSource(style) + "; script-src " + hashSource(script),
		Style:    template.CSS(style),
		Script:   template.JS(script),
		Head:     headOf(r),
		Changes:  changesOf(opts.Changes),
		Findings: findingsOf(r, ids),
		Matrix:   matrixOf(r, ids),
		Installs: installsOf(r, ids),
		Cells:    cellsOf(r, ids),
		Trust:    trustOf(r),
		Fetched:  fetchedOf(r),
		Checks:   checksOf(r, ids),
	}, nil
}

// hashSource returns the source expression of Content Security Policy for one
// inline style or script (CSP Level 3, section 2.3.1).
func hashSource(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Bounds of texts, in bytes.
const (
	// maxName bounds a name: a package, a version, a path.
	maxName = 300
	// maxValue bounds a message and what was wanted or got.
	maxValue = 2000
	// maxLine bounds a line of evidence.
	maxLine = 600
	// maxOutput bounds the output of a command.
	maxOutput = 4000
)

// name returns a short text from outside, fit to be shown.
func name(s string) string { return reports.Visible(reports.Cut(s, maxName)) }

// value returns a text from outside, fit to be shown.
func value(s string) string {
	return reports.VisibleLines(reports.Cut(strings.TrimRight(s, "\n"), maxValue))
}

// link is an address that is shown, and can be followed if it has an Href.
type link struct{ Text, Href string }

// linkTo returns an address as a link when it is of the web. Others, such as
// javascript: or file:, stay text.
func linkTo(address string) link {
	l := link{Text: name(address)}
	if len(address) > maxName || l.Text != address {
		return l // a cut or escaped address leads elsewhere
	}
	if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
		l.Href = address
	}
	return l
}
