package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// said runs a command line in this process and returns what it prints.
func said(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), streams{in: strings.NewReader(""), out: &stdout, err: &stderr}, args); code != exitPass {
		t.Fatalf("verify %s: exit %d\n%s", strings.Join(args, " "), code, stderr.String())
	}
	return stdout.String()
}

// TestPagesAreCurrent: pages that are made from the program are what it makes.
func TestPagesAreCurrent(t *testing.T) {
	t.Parallel()
	for page, args := range map[string][]string{
		"docs/checks.md": {"checks", "--markdown"},
		"docs/users.md":  {"docs", "users"},
	} {
		want := said(t, args...)
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s is not what verify %s prints: run make docs (-want +got):\n%s", page, strings.Join(args, " "), diff)
		}
	}
}

// TestUsersPageOfEachProfile: the commands are a shell's, and the addresses
// those that the plan has.
func TestUsersPageOfEachProfile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		profile, minor string
		says           []string
	}{
		{"kubernetes", "1.30", []string{
			"https://pkgs.k8s.io/core:/stable:/v1.30/deb/", "https://pkgs.k8s.io/core:/prerelease:/v1.30/rpm/",
			"repo_gpgcheck=1", "Signed-By: /etc/apt/keyrings/", "DE15B14486CD377B9E876E1A234654DA9A296436",
		}},
		{"kep-1731", "1.26", []string{"core:/nightly:/v1.26", "armv7l", "armhf", "/build/rpm/"}},
		{"testdata/widgets.yaml", "1.26", []string{"widget"}},
	} {
		page := said(t, "docs", "users", "--profile", tc.profile, "--minor", tc.minor)
		for _, s := range tc.says {
			if !strings.Contains(page, s) {
				t.Errorf("%s: want %q in the page:\n%s", tc.profile, s, page)
			}
		}
		for _, script := range blocks(page, "sh") {
			cmd := exec.CommandContext(t.Context(), "sh", "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s\n%s", tc.profile, err, out, script)
			}
		}
	}
}

// blocks returns the fenced blocks of a page that are in a language; indented
// ones count as "".
func blocks(page, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```").FindAllStringSubmatch(page, -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	if language == "" {
		out = append(out, regexp.MustCompile(`(?m)^(?: {4}.*\n)+`).FindAllString(page, -1)...)
	}
	return out
}

// pages are all pages that people read.
func pages(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("docs/*.md")
	if err != nil || len(paths) < 4 {
		t.Fatalf("pages: %v (%v)", paths, err)
	}
	all := map[string]string{}
	for _, path := range append(paths, "../../README.md") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(data)
	}
	return all
}

// commandLines returns the command lines of verify in a page's blocks and
// between backquotes, without the program's name.
func commandLines(page string) []string {
	text := strings.Join(append(blocks(page, "sh"), blocks(page, "")...), "")
	for _, m := range regexp.MustCompile("`((?:bin/)?verify [^`\n]+)`").FindAllStringSubmatch(page, -1) {
		text += m[1] + "\n"
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)(?:^ *|&& |-- )(?:bin/)?verify ((?:[a-z]|--).*)`).FindAllStringSubmatch(text, -1) {
		line, _, _ := strings.Cut(m[1], " #")
		out = append(out, line)
	}
	return out
}

// TestPagesNameWhatExists: each flag that a page names beside a command is one
// of that command, and each page and file that it leads to is there.
func TestPagesNameWhatExists(t *testing.T) {
	t.Parallel()
	root := newVerify(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.InitDefaultCompletionCmd()
	flag := regexp.MustCompile(`(?:^|[\s"\[(])--([a-z][a-z-]*)`)
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	lines := 0
	for path, page := range pages(t) {
		for _, line := range commandLines(page) {
			words := strings.Fields(line)
			cmd, rest, err := root.Find(words)
			if err != nil {
				t.Errorf("%s: verify %s: %v", path, line, err)
				continue
			}
			if cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
				t.Errorf("%s: verify %s: there is no such command", path, line)
			}
			for _, f := range flag.FindAllStringSubmatch(line, -1) {
				lines++
				if !hasFlag(cmd, f[1]) {
					t.Errorf("%s: verify %s: %q has no flag --%s", path, line, cmd.CommandPath(), f[1])
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s leads to %s: %v", path, m[1], err)
			}
		}
	}
	if lines < 20 {
		t.Errorf("only %d flags were found in the pages: this test has lost its sense", lines)
	}
}

func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil
}

// TestEachCheckSaysWhatToDo: the catalogue is the handbook's chapter on
// failures. And what the pages lead to in it is there.
func TestEachCheckSaysWhatToDo(t *testing.T) {
	t.Parallel()
	anchors := map[string]bool{}
	for _, s := range verify.Suites() {
		anchors["suite-"+string(s)] = true
	}
	for _, c := range checks.Catalogue() {
		anchors[c.ID] = true
		for _, paragraph := range []string{"Asks ", "\n\nWhy: ", "\nWhen it fails: "} {
			if !strings.Contains(c.Doc, paragraph) {
				t.Errorf("the text of %s has no paragraph %q", c.ID, strings.TrimSpace(paragraph))
			}
		}
	}
	for path, page := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\((?:[a-z/]*checks\.md)?#([^)]+)\)`).FindAllStringSubmatch(page, -1) {
			if !anchors[m[1]] {
				t.Errorf("%s leads to #%s of the catalogue, which is not there", path, m[1])
			}
		}
	}
}

// TestManualPages: one for each command, without a complaint of mandoc's.
func TestManualPages(t *testing.T) {
	t.Parallel()
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Fatal("install mandoc (make deps)")
	}
	dir := filepath.Join(t.TempDir(), "man1")
	said(t, "man", dir)
	written, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(written) < 10 {
		t.Fatalf("pages: %v (%v)", written, err)
	}
	for _, path := range written {
		out, err := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "error", path).CombinedOutput()
		if err != nil {
			t.Errorf("mandoc: %v\n%s", err, out)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "verify.1"))
	if err != nil || !bytes.Contains(page, []byte(`nobody could tell`)) || !bytes.Contains(page, []byte("known-issues")) {
		t.Errorf("verify.1 lacks exit codes or flags (%v):\n%s", err, page)
	}
}

// TestCompletion asks as a shell does.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		line string
		says []string
	}{
		{"--profile ", []string{"kubernetes", "kep-1731"}},
		{"--channel ", []string{"stable", "dev"}},
		{"list --profile kep-1731 --channel ", []string{"nightly"}},
		{"--distro ", []string{"debian-12"}},
		{"--suite ", []string{"metadata", "packages", "install"}},
		{"--arch ", []string{"arm64"}},
		{"--package ", []string{"kubelet"}},
		{"--engine ", []string{"docker", "none"}},
		{"checks ", []string{"packages-published", "key-current"}},
		{"che", []string{"checks"}},
	} {
		got := said(t, append([]string{cobra.ShellCompRequestCmd}, strings.Split(tc.line, " ")...)...)
		for _, s := range tc.says {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(s) + `(\t|$)`).MatchString(got) {
				t.Errorf("verify %s<TAB>: want %q among\n%s", tc.line, s, got)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := said(t, "completion", shell); !strings.Contains(got, "__complete") {
			t.Errorf("completion %s prints no script:\n%s", shell, got)
		}
	}
}
