package crawl_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/crawl"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// metalinkOf is a metalink as MirrorManager writes it; the mirror that is
// preferred comes last.
func metalinkOf(repomd string, mirrors ...string) string {
	digest := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	text := `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml"><size>` + fmt.Sprint(len(repomd)) + `</size>
  <verification><hash type="sha256">` + digest(repomd) + `</hash></verification>
  <mm0:alternates><mm0:alternate><mm0:timestamp>1</mm0:timestamp><size>3</size>
   <verification><hash type="sha256">` + digest("old") + `</hash></verification></mm0:alternate></mm0:alternates>
  <resources>`
	for i, m := range mirrors {
		protocol, _, _ := strings.Cut(m, ":")
		text += fmt.Sprintf(`<url protocol=%q type=%q location="DE" preference="%d">%srepodata/repomd.xml</url>`, protocol, protocol, 10+i, m)
	}
	return text + `</resources></file></files></metalink>`
}

func TestFindMirror(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at := server.URL
	text := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	text("/good/repodata/repomd.xml", "new")
	text("/other/repodata/repomd.xml", "new")
	mux.HandleFunc("/broken/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for _, tt := range []struct {
		name, list string
		root       string
		mirrors    int
		passed     []repo.ProblemKind
		states     int
		problem    repo.ProblemKind
	}{
		{name: "metalink, by preference", list: metalinkOf("new", at+"/good/", at+"/other/", "ftp://mirror.test/"), root: at + "/other/", mirrors: 2, states: 2},
		{name: "metalink, the preferred one has nothing", list: metalinkOf("new", at+"/good/", at+"/nothing/"), root: at + "/good/", mirrors: 2, states: 2, passed: []repo.ProblemKind{repo.Absent}},
		{name: "mirrorlist", list: "# mirrors\n" + at + "/good\n" + at + "/other/\n", root: at + "/good/", mirrors: 2},
		{name: "no mirror has it", list: at + "/nothing/\n", mirrors: 1, passed: []repo.ProblemKind{repo.Absent}, problem: repo.Absent},
		{name: "nobody can tell", list: at + "/nothing/\n" + at + "/broken/\n", mirrors: 2, passed: []repo.ProblemKind{repo.Absent, repo.Unreachable}, problem: repo.Unreachable},
		{name: "only other protocols", list: "ftp://mirror.test/\nfile:///etc/\n", problem: repo.Malformed},
		{name: "broken metalink", list: "<metalink", problem: repo.Malformed},
		{name: "metalink of something else", list: strings.ReplaceAll(metalinkOf("new", at+"/good/"), "repomd.xml", "disk.iso"), problem: repo.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.RequestURI() != "/metalink?repo=x&arch=y" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				_, _ = w.Write([]byte(tt.list))
			}))
			t.Cleanup(lists.Close)
			list, root := crawl.FindMirror(t.Context(), lists.URL+"/metalink?repo=x&arch=y", fetch.Options{}, fetch.Policy{Tries: 1})
			if root != tt.root || len(list.Mirrors) != tt.mirrors || len(list.Root) != tt.states {
				t.Errorf("root %q, %d mirrors, %d states; wanted %q, %d, %d", root, len(list.Mirrors), len(list.Root), tt.root, tt.mirrors, tt.states)
			}
			var passed []repo.ProblemKind
			for _, p := range list.Passed {
				passed = append(passed, p.Kind)
			}
			if diff := cmp.Diff(tt.passed, passed); diff != "" {
				t.Errorf("passed over (-want +got):\n%s", diff)
			}
			if (tt.problem == "") != list.OK() || !list.OK() && list.Problem.Kind != tt.problem {
				t.Errorf("problem %v, wanted %q", list.Problem, tt.problem)
			}
		})
	}
}

// TestMaxMirrors: the mirrors behind the bound are not tried.
func TestMaxMirrors(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/last/repodata/repomd.xml", func(http.ResponseWriter, *http.Request) {})
	for n, want := range map[int]string{crawl.MaxMirrors - 1: server.URL + "/last/", crawl.MaxMirrors: ""} {
		path := fmt.Sprintf("/list%d", n)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(server.URL+"/nothing/\n", n) + server.URL + "/last/\n"))
		})
		list, root := crawl.FindMirror(t.Context(), server.URL+path, fetch.Options{}, fetch.Policy{Tries: 1})
		if root != want || len(list.Passed) != n {
			t.Errorf("%d bad mirrors: root %q, passed over %d", n, root, len(list.Passed))
		}
	}
}

// TestMetalinkClaims: what the metalink says of repomd.xml is its claim.
func TestMetalinkClaims(t *testing.T) {
	t.Parallel()
	list := &repo.MirrorList{Root: []repo.Claim{{By: "the list", Size: 3}}}
	src, err := fetch.New(t.TempDir(), fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := crawl.Crawl(t.Context(), src, repo.Target{Format: repo.RPM}, crawl.Options{Mirrors: list})
	if r.Mirrors != list || len(r.RPM.RepomdFile.Claims) != 1 {
		t.Errorf("mirrors %+v, claims %+v", r.Mirrors, r.RPM.RepomdFile.Claims)
	}
}
