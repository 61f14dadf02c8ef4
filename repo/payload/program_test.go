package payload_test

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/payload"
)

const (
	version = "v1.26.15-rc.1+0123456789abcd"
	commit  = "0123456789abcdef0123456789abcdef01234567"
	date    = "2023-01-18T19:15:26Z"
)

// program writes the source of a program with variables to set, which embeds
// another one if there is one.
func program(t testing.TB, embedded []byte) string {
	t.Helper()
	dir := t.TempDir()
	source := `package main

import (
	_ "embed"
	"fmt"
)

var version, plain, commit, date, other string

//go:embed other
var program []byte

func main() { fmt.Println(version, plain, commit, date, other, len(program)) }
`
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/hello\n\ngo 1.22\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600),
		os.WriteFile(filepath.Join(dir, "other"), embedded, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

const set = "-X main.version=" + version + " -X=main.plain=1.2.3 -X main.commit=" + commit + " -X main.date=" + date + " -X 'main.other=a b'"

// build builds the program in dir.
func build(t testing.TB, dir string, env []string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", out}, args...), ".")...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOOS=linux", "CGO_ENABLED=0"), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %v: %v\n%s", args, err, text)
	}
	return out
}

func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("install %s (make deps)", name)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// inspect reads a file in several ways, which must agree with each other and
// with the standard library.
func inspect(t testing.TB, name string) *repo.Program {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := payload.NewInspector()
	var first *repo.Program
	for k, r := range []io.Reader{bytes.NewReader(data), iotest.HalfReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
		digest, size, p, err := i.File(r, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); digest != hex.EncodeToString(sum[:]) || size != int64(len(data)) {
			t.Errorf("%s: %s, %d bytes; want %x, %d", name, digest, size, sum, len(data))
		}
		if k == 0 {
			first = p
		} else if diff := cmp.Diff(first, p); diff != "" {
			t.Errorf("%s: read another way (-first +now)\n%s", name, diff)
		}
	}
	if first == nil {
		t.Fatalf("%s is no program", name)
	}
	compareELF(t, name, first)
	compareBuild(t, name, first)
	return first
}

// compareELF holds p against debug/elf and file(1).
func compareELF(t testing.TB, name string, p *repo.Program) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := repo.ELF{
		Bits: 32, BigEndian: f.Data == elf.ELFDATA2MSB, Machine: f.Machine.String(), Type: f.Type.String(),
		Stripped: !slices.ContainsFunc(f.Sections, func(s *elf.Section) bool { return s.Type == elf.SHT_SYMTAB }),
	}
	if f.Class == elf.ELFCLASS64 {
		want.Bits = 64
	}
	loader := ""
	for _, g := range f.Progs {
		if g.Type == elf.PT_INTERP {
			b, err := io.ReadAll(g.Open())
			if err != nil {
				t.Fatal(err)
			}
			loader = strings.TrimRight(string(b), "\x00")
		}
	}
	if p.Interpreter != loader {
		t.Errorf("%s: loader %q, want %q", name, p.Interpreter, loader)
	}
	if diff := cmp.Diff(&want, p.ELF, cmpopts.IgnoreFields(repo.ELF{}, "Arch", "Static")); diff != "" {
		t.Errorf("%s: (-debug/elf +File)\n%s", name, diff)
	}
	said := tool(t, "file", "-L", "-b", name)
	if static := strings.Contains(said, "statically linked") || strings.Contains(said, "static-pie linked"); static != p.ELF.Static && p.ELF.Type != "ET_DYN" {
		t.Errorf("%s: static is %t; file says %s", name, p.ELF.Static, said)
	}
}

// compareBuild holds p against debug/buildinfo.
func compareBuild(t testing.TB, name string, p *repo.Program) {
	t.Helper()
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		if p.Go != nil {
			t.Errorf("%s: build information %+v; debug/buildinfo: %v", name, p.Go, err)
		}
		return
	}
	want := &repo.GoBuild{GoVersion: info.GoVersion, Path: info.Path, Module: info.Main.Path, Version: info.Main.Version}
	for _, s := range info.Settings {
		want.Settings = append(want.Settings, repo.Field{Name: s.Key, Value: s.Value})
	}
	if diff := cmp.Diff(want, p.Go, cmpopts.IgnoreFields(repo.GoBuild{}, "Linked")); diff != "" {
		t.Errorf("%s: (-debug/buildinfo +File)\n%s", name, diff)
	}
}

func TestArchitectures(t *testing.T) {
	t.Parallel()
	dir := program(t, nil)
	for _, tc := range []struct {
		arch repo.Arch
		env  []string
	}{
		{repo.AMD64, nil}, {repo.ARM64, nil}, {repo.ARM, []string{"GOARM=7"}}, {repo.PPC64LE, nil}, {repo.S390X, nil},
		{repo.I386, nil}, {repo.RISCV64, nil}, {repo.Loong64, nil},
	} {
		p := inspect(t, build(t, dir, append(tc.env, "GOARCH="+string(tc.arch)), "-trimpath", "-ldflags", "-s -w "+set))
		if p.ELF.Arch != tc.arch || !p.ELF.Static || !p.ELF.Stripped || p.ELF.Type != "ET_EXEC" {
			t.Errorf("%s: %+v", tc.arch, p.ELF)
		}
		for _, want := range []string{version, "1.2.3", commit, date} {
			if !slices.Contains(p.LinkStrings, want) {
				t.Errorf("%s: %q is not among %q", tc.arch, want, p.LinkStrings)
			}
		}
		if p.Go.Linked != nil {
			t.Errorf("%s: -trimpath kept %v", tc.arch, p.Go.Linked)
		}
	}
	for _, arch := range []string{"ppc64", "mips64le", "mips"} {
		if p := inspect(t, build(t, dir, []string{"GOARCH=" + arch})); p.ELF.Arch != "" {
			t.Errorf("%s is taken for %s", arch, p.ELF.Arch)
		}
	}
}

func TestLinked(t *testing.T) {
	t.Parallel()
	dir := program(t, nil)
	p := inspect(t, build(t, dir, nil, "-ldflags", set+" -X main.version=v1.0.0"))
	want := []repo.Field{
		{Name: "main.version", Value: "v1.0.0"}, {Name: "main.plain", Value: "1.2.3"}, {Name: "main.commit", Value: commit},
		{Name: "main.date", Value: date}, {Name: "main.other", Value: "a b"},
	}
	if diff := cmp.Diff(want, p.Go.Linked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p.ELF.Stripped || !slices.Contains(p.LinkStrings, "v1.0.0") {
		t.Errorf("%+v, strings %q", p.ELF, p.LinkStrings)
	}
	for _, s := range p.Go.Settings {
		if line := "\tbuild\t" + s.Name + "="; !strings.Contains(tool(t, "go", "version", "-m", build(t, dir, nil, "-ldflags", set)), line) {
			t.Errorf("go version -m has no line %q", line)
		}
	}
}

func TestBuildModes(t *testing.T) {
	t.Parallel()
	inner, err := os.ReadFile(build(t, program(t, nil), nil, "-ldflags", "-X main.version=v9.9.9"))
	if err != nil {
		t.Fatal(err)
	}
	// A program may embed others, with their build information; some copies
	// are aligned as the program's own is.
	var many []byte
	for k := range 40 {
		many = append(append(many, inner[len(inner)/3:]...), make([]byte, 1+k%16)...)
	}
	for _, tc := range []struct {
		name     string
		embedded []byte
		args     []string
		static   bool
	}{
		{"pie", nil, []string{"-buildmode=pie", "-ldflags", "-s -w " + set}, false},
		{"embedded", inner, []string{"-ldflags", "-s -w " + set}, true},
		{"many embedded", many, []string{"-ldflags", "-s -w " + set}, true},
		{"no build id", nil, []string{"-ldflags", "-buildid= " + set}, true},
	} {
		p := inspect(t, build(t, program(t, tc.embedded), nil, tc.args...))
		if p.ELF.Static != tc.static || p.ELF.Arch == "" || p.Go == nil || p.Go.Path != "example.com/hello" {
			t.Errorf("%s: %+v, %+v", tc.name, p.ELF, p.Go)
		}
		if !slices.Contains(p.LinkStrings, version) || !slices.Contains(p.LinkStrings, commit) {
			t.Errorf("%s: strings %q", tc.name, p.LinkStrings)
		}
	}
}

// TestCompiler looks at what the C compiler makes, alone and as the linker of
// a Go program, which is how kubelet is built.
func TestCompiler(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := filepath.Join(dir, "x.c")
	if err := os.WriteFile(source, []byte("int f(void) { return 1; }\nint main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		args   []string
		kind   string
		static bool
	}{
		{"pie", []string{"-pie", "-fPIE"}, "ET_DYN", false},
		{"no-pie", []string{"-no-pie"}, "ET_EXEC", false},
		{"static", []string{"-static", "-no-pie"}, "ET_EXEC", true},
		{"static-pie", []string{"-static-pie", "-fPIE"}, "ET_DYN", true},
		{"shared", []string{"-shared", "-fPIC"}, "ET_DYN", false},
		{"object", []string{"-c"}, "ET_REL", false},
		{"stripped", []string{"-s"}, "ET_DYN", false},
	} {
		out := filepath.Join(dir, tc.name)
		tool(t, "gcc", append(tc.args, "-o", out, source)...)
		p := inspect(t, out)
		if p.ELF.Type != tc.kind || p.ELF.Static != tc.static || p.ELF.Stripped != (tc.name == "stripped") {
			t.Errorf("%s: %+v", tc.name, p.ELF)
		}
		if tc.static && !strings.Contains(tool(t, "file", "-b", out), "static") {
			t.Errorf("file does not call %s static", tc.name)
		}
	}
	for _, flags := range []string{"", "-extldflags=-Wl,-z,noseparate-code", "-extldflags=-static"} {
		out := build(t, program(t, nil), []string{"CGO_ENABLED=1"}, "-ldflags", "-linkmode=external -s -w "+flags+" "+set)
		p := inspect(t, out)
		if p.ELF.Static != strings.Contains(flags, "static") || p.Go == nil || !slices.Contains(p.LinkStrings, version) {
			t.Errorf("%q: %+v, %+v, %q", flags, p.ELF, p.Go, p.LinkStrings)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("/usr/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range names {
		head := make([]byte, 4)
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		_, err = io.ReadFull(f, head)
		f.Close()
		if err == nil && string(head) == elf.ELFMAG && n < 60 {
			n++
			inspect(t, name)
		}
	}
	if n == 0 {
		t.Error("no programs in /usr/bin")
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	for _, tc := range []struct {
		text string
		mode fs.FileMode
		want *repo.Program
	}{
		{"#!/bin/sh -e\necho\n", 0o755, &repo.Program{Interpreter: "/bin/sh -e"}},
		{"#! /usr/bin/env python3", 0o700, &repo.Program{Interpreter: "/usr/bin/env python3"}},
		{"#!/bin/sh\n", 0o644, nil},
		{"#!\n", 0o755, &repo.Program{}},
		{"#!" + long, 0o755, &repo.Program{Interpreter: long[:payload.MaxInterpreter]}},
		{"#", 0o755, nil},
		{"", 0o755, nil},
		{"\x7fELF", 0o755, nil},
		{"\x7fELF" + long, 0o755, nil},
	} {
		_, _, p, err := payload.NewInspector().File(strings.NewReader(tc.text), tc.mode)
		if diff := cmp.Diff(tc.want, p); err != nil || diff != "" {
			t.Errorf("%.20q: %v (-want +got)\n%s", tc.text, err, diff)
		}
	}
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	i := payload.NewInspector()
	for _, n := range []int64{0, 1, 100, 1 << 17, 1<<17 + 5} {
		r := io.MultiReader(io.LimitReader(zeros{}, n), iotest.ErrReader(broken))
		if _, _, _, err := i.File(r, 0o755); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v, want the reader's error", n, err)
		}
	}
	if _, _, _, err := i.File(idle{}, 0o755); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
