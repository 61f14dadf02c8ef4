package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// earlier is a report of two repositories, one of which could not be read.
func earlier() *Report {
	r := mixed()
	claim := repo.Claim{By: "Packages", Line: 1, Size: 10, Digests: repo.Digests{SHA256: "aa", MD5: "bb"}}
	weak := repo.Claim{By: "Packages", Line: 9, Size: 11, Digests: repo.Digests{MD5: "cc"}}
	r.Repositories = []repo.Repository{
		{
			Target: target(repo.Deb),
			Apt: &repo.Apt{Indexes: []repo.Index{
				{File: repo.File{Path: "Packages", Problem: &repo.Problem{Kind: repo.Absent}}, Type: "Packages"},
				{File: repo.File{Path: "Packages.gz"}, Type: "Packages", Parsed: true},
			}},
			Packages: []repo.Package{
				{Name: "kubelet", Version: "1.26.3-1.1", Arch: "arm64", Path: "arm64/k.deb", Claim: claim, Artifact: &repo.Artifact{Scripts: []string{"postinst"}}},
				{Name: "kubectl", Version: "1.26.3-1.1", Arch: "arm64", Path: "arm64/c.deb", Claim: weak},
			},
		},
		{Target: target(repo.RPM), RPM: &repo.RPMMD{RepomdFile: repo.File{Problem: &repo.Problem{Kind: repo.Unreachable}}}},
	}
	return r
}

func every(string) bool { return true }

func TestReadBaseline(t *testing.T) {
	t.Parallel()
	r := earlier()
	want := &Baseline{
		Profile: "kubernetes", Finished: r.Finished,
		Targets: map[string]*verify.Baseline{
			"deb/stable/1.26": {Source: "old.json", Finished: r.Finished, URL: target(repo.Deb).URL, Packages: []verify.Published{
				{Name: "kubelet", Version: "1.26.3-1.1", Arch: "arm64", Path: "arm64/k.deb", Size: 10, Digests: repo.Digests{SHA256: "aa"}},
				{Name: "kubectl", Version: "1.26.3-1.1", Arch: "arm64", Path: "arm64/c.deb", Size: 11, Digests: repo.Digests{MD5: "cc"}},
			}},
			"rpm/stable/1.26": {Source: "old.json", Finished: r.Finished, URL: target(repo.RPM).URL, Unknown: "that run could not read the list of packages"},
		},
	}
	data, err := jsonOf(r)
	if err != nil {
		t.Fatal(err)
	}
	// Other tools sort the members, and leave the white space away.
	var loose any
	if err := json.Unmarshal(data, &loose); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(loose)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"as written": data, "sorted": sorted} {
		got, err := ReadBaseline(bytes.NewReader(text), "old.json", every)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		got, err = ReadBaseline(bytes.NewReader(text), "old.json", func(name string) bool { return strings.HasPrefix(name, "rpm/") })
		if err != nil || len(got.Targets) != 1 || len(got.Others) != 1 || got.Others[0] != "deb/stable/1.26" {
			t.Errorf("%s, rpm only: %+v, %v", name, got, err)
		}
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	t.Parallel()
	const head = `{"schema":"pkgverify/report/v1"`
	long := strings.Repeat("x", MaxBaselineValue+1)
	for name, tt := range map[string]struct {
		in   io.Reader
		want func(error) bool
	}{
		"empty":              {strings.NewReader(""), says("it is empty")},
		"a list":             {strings.NewReader("[]"), says(`wanted "{"`)},
		"an older schema":    {strings.NewReader(`{"schema":"pkgverify/report/v0","repositories":7}`), isSchemaError("pkgverify/report/v0")},
		"an older, at last":  {strings.NewReader(`{"repositories":[],"schema":"pkgverify/report/v0"}`), isSchemaError("pkgverify/report/v0")},
		"no schema":          {strings.NewReader(`{"version":3}`), isSchemaError("")},
		"cut":                {strings.NewReader(head + `,"repositories":[{"target":{`), is(io.ErrUnexpectedEOF)},
		"cut between":        {strings.NewReader(head + `,"repositories":[`), is(io.ErrUnexpectedEOF)},
		"more behind":        {strings.NewReader(head + "}{}"), says("wanted the end")},
		"not JSON behind":    {strings.NewReader(head + "}x"), says("invalid character")},
		"packages no list":   {strings.NewReader(head + `,"repositories":[{"packages":{}}]}`), says(`wanted "["`)},
		"package no object":  {strings.NewReader(head + `,"repositories":[{"packages":["kubelet"]}]}`), says("cannot unmarshal")},
		"size no number":     {strings.NewReader(head + `,"repositories":[{"packages":[{"claim":{"size":"1"}}]}]}`), says("offset")},
		"a long string":      {strings.NewReader(head + `,"vantage":"` + long + `"}`), is(ErrBaselineTooLarge)},
		"a long package":     {strings.NewReader(head + `,"repositories":[{"packages":[{"name":"` + long + `"}]}]}`), is(ErrBaselineTooLarge)},
		"a long repository":  {strings.NewReader(head + `,"repositories":[{"apt":{"x":"` + long + `"}}]}`), is(ErrBaselineTooLarge)},
		"an endless file":    {io.MultiReader(strings.NewReader(head+`,"x":"`), endless{}), is(ErrBaselineTooLarge)},
		"reading goes wrong": {io.MultiReader(strings.NewReader(head), failing{}), is(errDisk)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if b, err := ReadBaseline(tt.in, "old.json", every); err == nil || !tt.want(err) {
				t.Errorf("got %v, %v", b, err)
			}
		})
	}
}

var errDisk = errors.New("the disk is broken")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func says(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func isSchemaError(got string) func(error) bool {
	return func(err error) bool {
		var s *SchemaError
		return errors.As(err, &s) && s.Got == got
	}
}

// manyPackages is a report whose one repository has n packages, made as it is
// read.
func manyPackages(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := fmt.Fprintf(w, `{"schema":%q,"plan":{"profile":"p"},"repositories":[{"target":{"format":"deb","channel":"stable","minor":"1.26","url":"u"},"apt":{"indexes":[{"type":"Packages","parsed":true}]},"packages":[`, Schema)
		for i := 0; i < n && err == nil; i++ {
			if i > 0 {
				_, err = io.WriteString(w, ",")
			}
			if err == nil {
				_, err = fmt.Fprintf(w, `{"name":"package-%d","version":"1.26.%d-1.1","arch":"amd64","path":"amd64/%d.deb","claim":{"by":"Packages","line":%d,"size":%d,"digests":{"md5":"%032x","sha256":"%064x"}},"artifact":{"path":"amd64/%d.deb","url":"u","size":1,"evidence":%q}}`,
					i, i, i, i, i, i, i, i, strings.Repeat("h", 200))
			}
		}
		if err == nil {
			_, err = io.WriteString(w, "]}]}")
		}
		_ = w.CloseWithError(err)
	}()
	return r
}

// TestBaselineMemory: of 100,000 packages only what is compared is
// held, and of a repository that nobody asks for nothing is.
func TestBaselineMemory(t *testing.T) {
	const n = 100_000
	for _, tt := range []struct {
		name   string
		wanted func(string) bool
		most   uint64 // bytes of heap in use at the end
	}{
		{"wanted", every, 64 << 20},
		{"not wanted", func(string) bool { return false }, 8 << 20},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b, err := ReadBaseline(manyPackages(n), "old.json", tt.wanted)
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if here := b.Targets["deb/stable/1.26"]; here != nil && len(here.Packages) != n {
			t.Errorf("%s: %d packages", tt.name, len(here.Packages))
		}
		if after.HeapAlloc > before.HeapAlloc && after.HeapAlloc-before.HeapAlloc > tt.most {
			t.Errorf("%s: %d bytes are held, at most %d are to be", tt.name, after.HeapAlloc-before.HeapAlloc, tt.most)
		}
		runtime.KeepAlive(b)
	}
}

func FuzzReadBaseline(f *testing.F) {
	data, err := jsonOf(earlier())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"schema":"pkgverify/report/v1","repositories":null,"plan":null}`))
	f.Add([]byte(`{"schema":"pkgverify/report/v1","repositories":[{"apt":null,"rpm":{},"packages":null},null]}`))
	f.Add([]byte(strings.Repeat("[", 20000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ReadBaseline(bytes.NewReader(data), "old.json", every)
		if err != nil {
			return
		}
		for name, x := range b.Targets {
			if x.Source != "old.json" || x.Finished != b.Finished {
				t.Errorf("%s: %+v", name, x)
			}
		}
		// What is taken as a baseline is a report, or close to it.
		var whole map[string]any
		if err := json.Unmarshal(data, &whole); err != nil {
			t.Errorf("taken, and no JSON: %v", err)
		}
	})
}
