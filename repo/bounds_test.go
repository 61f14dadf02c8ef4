package repo_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update writes the files that tests hold against what they generate.
var update = flag.Bool("update", false, "write BOUNDS.md anew")

const boundsFile = "BOUNDS.md"

// boundGroup is a heading of BOUNDS.md and the bounds below it.
type boundGroup struct {
	title  string
	bounds []string
}

// boundGroups are what every repository makes a reader of it bound. The bounds
// that no group names follow by package.
func boundGroups() []boundGroup {
	return []boundGroup{
		{"Size of roots, indexes and packages", []string{
			"crawl.MaxRootSize", "crawl.MaxIndexSize", "crawl.MaxPackageSize", "crawl.MaxIndexes",
			"metalink.MaxBytes", "rpmmd.MaxModuleBytes", "rpmmd.MaxPackageBytes",
		}},
		{"Decompression", []string{
			"compress.MaxRatio", "compress.RatioFloor", "compress.MaxWindow", "compress.MaxStreams", "compress.MaxBlocks",
			"deb.MaxControl", "deb.MaxData", "rpm.MaxPayload",
		}},
		{"Length of stanzas, lines and fields", []string{
			"deb822.MaxStanza", "deb822.MaxLine", "deb822.MaxFields", "deb822.maxHalf",
			"debrel.MaxRelations", "debver.MaxLen", "rpmver.MaxLen", "rpmdep.MaxRichLen", "rpmdep.MaxRichDepth",
		}},
		{"Number of packages and files listed", []string{
			"crawl.MaxPackages", "apt.MaxPackages", "rpmmd.MaxPackages", "rpmmd.MaxEntries", "rpmmd.MaxData",
			"rpmmd.MaxModules", "apt.MaxEntries", "apt.MaxSourceFiles",
		}},
		{"Members of ar, tar and cpio archives", []string{
			"deb.MaxMembers", "deb.MaxControlMembers", "deb.MaxControlFile", "deb.MaxFiles", "cpio.MaxEntries", "cpio.MaxTail",
		}},
		{"Length of paths", []string{
			"repopath.MaxLen", "deb.MaxPath", "deb.MaxDepth", "deb.MaxPaths", "rpm.MaxPath", "rpm.MaxPaths", "rpm.MaxLink", "cpio.MaxName",
		}},
		{"XML", []string{
			"xmlstream.DefaultDepth", "xmlstream.DefaultAttributes", "xmlstream.DefaultToken",
			"rpmmd.MaxDepth", "rpmmd.MaxAttributes", "rpmmd.MaxToken",
		}},
		{"Tags and data of rpm headers", []string{
			"rpm.MaxTags", "rpm.MaxStore", "rpm.MaxSignatureTags", "rpm.MaxSignatureStore", "rpm.MaxSignatureTag",
			"rpm.maxArray", "rpm.MaxFiles", "rpm.MaxDependencies", "rpm.MaxPayloadDigests",
		}},
		{"Signatures and keys", []string{
			"pgp.MaxSignatures", "pgp.MaxSignatureFile", "pgp.MaxSubpackets", "pgp.MaxCandidates", "rpm.MaxSignatures",
			"pgp.MaxKeyring", "pgp.MaxBlocks", "pgp.MaxPacket", "pgp.MaxParts", "pgp.MaxSelfSignatures", "pgp.MaxWork",
		}},
		{"Redirects", []string{
			"fetch.MaxRedirects", "fetch.MaxLocation", "fetch.MaxHops", "fetch.MaxHopHeaders", "fetch.MaxHopValues", "fetch.MaxHopValue",
			"fetch.maxRedirectBody", "fetch.redirectBodyTimeout",
		}},
		{"Body against the announced size", []string{"crawl.SizeSlack", "fetch.MaxHeaderBytes"}},
		{"Time, progress and retries", []string{
			"fetch.ConnectTimeout", "fetch.answerTimeouts", "fetch.StallTimeout", "fetch.MinRateBytes", "fetch.MinRateWindow",
			"fetch.ResumeProgress", "fetch.maxRetryAfter", "fetch.DefaultTries", "fetch.DefaultBackoff", "fetch.DefaultMaxWait",
		}},
	}
}

// TestBounds holds BOUNDS.md against the sources: every bound has a comment
// that says what it bounds and what comes of going past it, and a test that
// names it.
func TestBounds(t *testing.T) {
	t.Parallel()
	all := scanBounds(t)
	for _, b := range all {
		switch {
		case b.what == "":
			t.Errorf("%s: %s has no comment that begins with its name", b.position, b.id())
		case b.past == "":
			t.Errorf("%s: the comment of %s, or of its group, does not say what going past it is: add a sentence \"Going past it ...\"", b.position, b.id())
		case len(b.tests) == 0:
			t.Errorf("%s: no test names %s", b.position, b.id())
		}
	}
	want := renderBounds(t, all)
	if *update {
		if err := os.WriteFile(boundsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(boundsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("repo/%s is not what the sources say; go test ./repo -run TestBounds -update writes it (-want +got)\n%s", boundsFile, diff)
	}
}

const boundsHead = `# Bounds

Everything that is read from a repository may be hostile, so every length, count,
ratio and time is bounded. Going past a bound is a finding or a typed error, never
a crash; what it is, and why the bound is where it is, stands in the comment of
the constant. This file is made from those comments: ` + "`go test ./repo -run TestBounds -update`" + `
writes it, and the test fails when a bound lacks its comment or its test.

A ` + "`repo.FormatError`" + ` is a finding of the file that it is in, and so is a fault. Constants
that no input can go past, such as the sizes of buffers, are not listed.
`

// renderBounds returns the text of BOUNDS.md.
func renderBounds(t *testing.T, all []bound) string {
	t.Helper()
	var out strings.Builder
	out.WriteString(boundsHead)
	left := slices.Clone(all)
	section := func(title string, bounds []bound) {
		fmt.Fprintf(&out, "\n## %s\n\n| Bound | Value | What it bounds | Past it | Test |\n|---|---|---|---|---|\n", title)
		for _, b := range bounds {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", b.id(), b.value, cell(b.what), cell(b.past), strings.Join(b.tests, ", "))
		}
	}
	for _, group := range boundGroups() {
		var of []bound
		for _, id := range group.bounds {
			i := slices.IndexFunc(left, func(b bound) bool { return b.id() == id })
			if i < 0 {
				t.Errorf("%s below %q is no bound, or is there twice", id, group.title)
				continue
			}
			of = append(of, left[i])
			left = slices.Delete(left, i, i+1)
		}
		section(group.title, of)
	}
	for len(left) > 0 {
		dir := left[0].dir
		n := slices.IndexFunc(left, func(b bound) bool { return b.dir != dir })
		if n < 0 {
			n = len(left)
		}
		section("More of "+left[0].pkg(), left[:n])
		left = left[n:]
	}
	return out.String()
}

// cell makes a comment's text fit for a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
