package tamper

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

// get fetches a file of a copy; a status other than 200 is its text.
func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	return string(data)
}

// TestTrials asks each copy for every file: just what it says is changed.
func TestTrials(t *testing.T) {
	t.Parallel()
	for format, files := range map[repo.Format][]string{
		repo.Deb: {"InRelease", "Release", "Release.gpg", "Packages", "Packages.gz", "main/by-hash/SHA256/ab", "amd64/kubelet_1_amd64.deb", "Release.key"},
		repo.RPM: {"repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/repomd.xml.key", "repodata/ab-primary.xml.gz", "x86_64/kubelet-1.x86_64.rpm"},
	} {
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, ok := strings.CutPrefix(r.URL.Path, "/core:/")
			if !ok || !slices.Contains(files, name) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_, _ = io.WriteString(w, "the text of "+name)
		}))
		t.Cleanup(upstream.Close)
		s, err := Open(t.Context(), Options{Format: format, Root: upstream.URL + "/core:/", Key: []byte("the key")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		got := map[string][]string{}
		for _, trial := range s.Trials() {
			if other := !bytes.Equal(trial.Key, []byte("the key")); other != (trial.Name == "other-key") {
				t.Errorf("%s: the key is another: %t", trial.Name, other)
			}
			if trial.Control != (trial.Name == "untouched") {
				t.Errorf("%s: control is %t", trial.Name, trial.Control)
			}
			for _, name := range files {
				text := get(t, trial.URL+name)
				if text == "the text of "+name {
					continue
				}
				how := "another text"
				if strings.HasPrefix(text, "404") {
					how = "gone"
				} else if bits(text, "the text of "+name) == 1 {
					how = "one bit"
				}
				got[trial.Name] = append(got[trial.Name], name+": "+how)
			}
			if text := get(t, trial.URL+"nothing"); !strings.HasPrefix(text, "403") {
				t.Errorf("%s: what the repository lacks: %s", trial.Name, text)
			}
		}
		want := map[string][]string{
			"unsigned-metadata": {"InRelease: gone", "Release.gpg: gone"},
			"flipped-index":     {"Packages: one bit", "Packages.gz: one bit", "main/by-hash/SHA256/ab: one bit"},
			"flipped-package":   {"amd64/kubelet_1_amd64.deb: one bit"},
		}
		if format == repo.RPM {
			want = map[string][]string{
				"other-key":         {"repodata/repomd.xml.key: another text"},
				"unsigned-metadata": {"repodata/repomd.xml.asc: gone"},
				"flipped-index":     {"repodata/ab-primary.xml.gz: one bit"},
				"flipped-package":   {"x86_64/kubelet-1.x86_64.rpm: one bit"},
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// bits returns in how many bits two texts of one length differ, -1 for others.
func bits(a, b string) int {
	if len(a) != len(b) {
		return -1
	}
	n := 0
	for i := range len(a) {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}

// TestBrokenUpstream: what the repository does not answer is remembered.
func TestBrokenUpstream(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(down.Close)
	s, err := Open(t.Context(), Options{Format: repo.Deb, Root: down.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if text := get(t, s.Trials()[0].URL+"Release"); !strings.HasPrefix(text, "502") || s.Err() == nil || !strings.Contains(s.Err().Error(), "503") {
		t.Errorf("got %s, %v", text, s.Err())
	}
}
