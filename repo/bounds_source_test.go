package repo_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const modulePath = "sigs.k8s.io/pkgverify/repo"

// bound is a constant that bounds what is read.
type bound struct {
	dir, name string // dir is that of the package, below repo; "." is repo
	position  string
	value     string   // with its unit
	what      string   // the first sentence of the comment
	past      string   // the sentence that says what going past it is
	tests     []string // that name it
}

func (b bound) pkg() string {
	if b.dir == "." {
		return "repo"
	}
	return path.Base(b.dir)
}

func (b bound) id() string { return b.pkg() + "." + b.name }

// isBound reports whether a constant is one: by its name if it is exported,
// else by the word in the first sentence of its comment.
func isBound(name, what string) bool {
	if ast.IsExported(name) {
		return boundName.MatchString(name)
	}
	return strings.HasPrefix(what, "bounds ") || strings.HasPrefix(what, "bound ")
}

var (
	boundName = regexp.MustCompile(`^(Max|Min|Default)[A-Z]|(Timeout|Slack|Floor|Progress)$`)
	byteUnit  = regexp.MustCompile(`\bbytes\b`)
	bitUnit   = regexp.MustCompile(`\bbits\b`)
	aside     = regexp.MustCompile(`[:;]|, which`)
	pastWord  = regexp.MustCompile(`\b[Gg]oing past\b`)
	verb      = regexp.MustCompile(`^(bounds?|is|are) `)
	pastStart = regexp.MustCompile(`^Going past (it|one)(,| is)? `)
	unless    = regexp.MustCompile(`, unless it\s+says otherwise`)
	docLink   = regexp.MustCompile(`\[([*\w.]+)\]`)
)

// sources are the parsed files of the packages below repo.
type sources struct {
	files  *token.FileSet
	code   map[string][]*ast.File // by package directory
	tests  map[string][]*ast.File
	values map[string]map[string]ast.Expr // the constants of a package
}

func readSources(t *testing.T) *sources {
	t.Helper()
	s := &sources{token.NewFileSet(), map[string][]*ast.File{}, map[string][]*ast.File{}, map[string]map[string]ast.Expr{}}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			return cmp.Or(err, fs.SkipDir)
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(s.files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") {
			s.tests[dir] = append(s.tests[dir], file)
			return nil
		}
		s.code[dir] = append(s.code[dir], file)
		for _, group := range constants(file) {
			for _, spec := range group.Specs {
				for i, id := range spec.(*ast.ValueSpec).Names {
					if values := spec.(*ast.ValueSpec).Values; i < len(values) {
						if s.values[dir] == nil {
							s.values[dir] = map[string]ast.Expr{}
						}
						s.values[dir][id.Name] = values[i]
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// constants returns the declarations of constants of a file, those within
// functions left out.
func constants(file *ast.File) []*ast.GenDecl {
	var all []*ast.GenDecl
	for _, d := range file.Decls {
		if group, ok := d.(*ast.GenDecl); ok && group.Tok == token.CONST {
			all = append(all, group)
		}
	}
	return all
}

// scanBounds returns every bound of the packages below repo, by package and in
// the order of the source.
func scanBounds(t *testing.T) []bound {
	t.Helper()
	s := readSources(t)
	var all []bound
	dirs := make([]string, 0, len(s.code))
	for dir := range s.code {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range dirs {
		for _, file := range s.code[dir] {
			for _, group := range constants(file) {
				for _, spec := range group.Specs {
					all = append(all, s.boundsOf(t, dir, group, spec.(*ast.ValueSpec))...)
				}
			}
		}
	}
	return all
}

func (s *sources) boundsOf(t *testing.T, dir string, group *ast.GenDecl, spec *ast.ValueSpec) []bound {
	t.Helper()
	about, own := group.Doc.Text(), spec.Doc.Text()
	if !group.Lparen.IsValid() {
		about, own = "", group.Doc.Text()
	}
	var all []bound
	for _, id := range spec.Names {
		what, named := strings.CutPrefix(first(sentences(own)), id.Name+" ")
		if !named {
			what = ""
		}
		if !isBound(id.Name, what) {
			continue
		}
		value, err := s.eval(dir, s.values[dir][id.Name])
		if err != nil {
			t.Errorf("%s: %v", s.files.Position(id.Pos()), err)
			continue
		}
		if value.Kind() != constant.Int {
			continue
		}
		past := ""
		for _, sentence := range append(sentences(own), sentences(about)...) {
			if past == "" && pastWord.MatchString(sentence) {
				past = sentence
			}
		}
		n, _ := constant.Int64Val(value)
		all = append(all, bound{
			dir: dir, name: id.Name, position: s.files.Position(id.Pos()).String(),
			value: show(n, s.isDuration(dir, id.Name), what),
			what:  upper(plain(verb.ReplaceAllString(what, ""))), past: upper(plain(pastStart.ReplaceAllString(unless.ReplaceAllString(past, ""), ""))), tests: s.testsOf(dir, id.Name),
		})
	}
	return all
}

// eval evaluates a constant expression of numbers, of constants of this module
// and of the units of package time.
func (s *sources) eval(dir string, x ast.Expr) (constant.Value, error) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(x.Value, x.Kind, 0), nil
	case *ast.ParenExpr:
		return s.eval(dir, x.X)
	case *ast.Ident:
		return s.eval(dir, s.values[dir][x.Name])
	case *ast.SelectorExpr:
		if unit, ok := timeUnit(x); ok {
			return constant.MakeInt64(int64(unit)), nil
		}
		for other := range s.values {
			if path.Base(other) == x.X.(*ast.Ident).Name {
				return s.eval(other, s.values[other][x.Sel.Name])
			}
		}
	case *ast.BinaryExpr:
		a, err := s.eval(dir, x.X)
		if err != nil {
			return nil, err
		}
		b, err := s.eval(dir, x.Y)
		if err != nil {
			return nil, err
		}
		if x.Op == token.SHL {
			by, _ := constant.Uint64Val(b)
			return constant.Shift(a, token.SHL, uint(by)), nil
		}
		return constant.BinaryOp(a, x.Op, b), nil
	}
	return nil, fmt.Errorf("a bound of the form %T cannot be evaluated here", x)
}

func timeUnit(x *ast.SelectorExpr) (time.Duration, bool) {
	unit, ok := map[string]time.Duration{
		"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
	}[x.Sel.Name]
	of, _ := x.X.(*ast.Ident)
	return unit, ok && of != nil && of.Name == "time"
}

// isDuration reports whether the value of a constant names a unit of time.
func (s *sources) isDuration(dir, name string) bool {
	found := false
	ast.Inspect(s.values[dir][name], func(n ast.Node) bool {
		if x, ok := n.(*ast.SelectorExpr); ok {
			_, unit := timeUnit(x)
			found = found || unit
		}
		return true
	})
	return found
}

// testsOf returns the tests that name a bound: those of its package and, with
// the package's name before it, those of other packages.
func (s *sources) testsOf(dir, name string) []string {
	var own, others []string
	for in, files := range s.tests {
		for _, file := range files {
			inside := in == dir && !strings.HasSuffix(file.Name.Name, "_test")
			as := imported(file, dir)
			if !inside && as == "" {
				continue
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(f.Name.Name, "Test") || !names(f, as, name, inside) {
					continue
				}
				if in == dir {
					own = append(own, f.Name.Name)
				} else {
					others = append(others, path.Base(in)+"."+f.Name.Name)
				}
			}
		}
	}
	if len(own) > 0 {
		others = nil
	}
	own = append(own, others...)
	slices.Sort(own)
	return slices.Compact(own)
}

// imported returns the name by which a file knows the package of dir, "" if it
// does not.
func imported(file *ast.File, dir string) string {
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == path.Join(modulePath, dir) {
			if spec.Name != nil {
				return spec.Name.Name
			}
			return path.Base(p)
		}
	}
	return ""
}

// names reports whether a function names a constant.
func names(f *ast.FuncDecl, as, name string, inside bool) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if of, ok := x.X.(*ast.Ident); ok && of.Name == as && x.Sel.Name == name {
				found = true
			}
		case *ast.Ident:
			found = found || inside && x.Name == name
		}
		return !found
	})
	return found
}

// show returns a number with its unit, which the comment names.
func show(n int64, duration bool, what string) string {
	if at := aside.FindStringIndex(what); at != nil {
		what = what[:at[0]]
	}
	switch {
	case duration && n%int64(24*time.Hour) == 0:
		return strconv.FormatInt(n/int64(24*time.Hour), 10) + " days"
	case duration && n%int64(time.Minute) == 0:
		return strings.TrimSuffix(time.Duration(n).String(), "0s")
	case duration:
		return time.Duration(n).String()
	case bitUnit.MatchString(what):
		return group(n) + " bits"
	case !byteUnit.MatchString(what):
		return group(n)
	}
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<unit.shift && n%(1<<unit.shift) == 0 {
			return group(n>>unit.shift) + " " + unit.name
		}
	}
	return group(n) + " bytes"
}

// group returns a number with a comma each three digits.
func group(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// sentences splits a comment. Its paragraphs are sentences, too.
func sentences(text string) []string {
	var all []string
	end := regexp.MustCompile(`[.!?] +[A-Za-z"'0-9]`)
	for _, block := range new(comment.Parser).Parse(text).Content {
		paragraph, ok := block.(*comment.Paragraph)
		if !ok {
			continue
		}
		rest := strings.Join(strings.Fields(string(new(comment.Printer).Comment(&comment.Doc{Content: []comment.Block{paragraph}}))), " ")
		for {
			at := end.FindStringIndex(rest)
			if at == nil {
				break
			}
			all = append(all, rest[:at[0]+1])
			rest = strings.TrimSpace(rest[at[0]+1:])
		}
		all = append(all, rest)
	}
	return all
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// plain makes the links of a comment code.
func plain(text string) string {
	return docLink.ReplaceAllString(strings.TrimSuffix(text, "."), "`$1`")
}

func upper(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
