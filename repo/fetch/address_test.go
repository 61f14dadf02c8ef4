package fetch_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, says string }{
		{"", "empty"},
		{"ftp://host/x", `"ftp" is not one of`},
		{"core:/stable:/deb", "./core:/stable:/deb"},
		{"http://", "names no host"},
		{"http:///path", "names no host"},
		{"http://host/?q=1", "query"},
		{"http://host/?", "query"},
		{"http://host/#x", "fragment"},
		{"http://a b/", "invalid character"},
		{"http://host/%zz", "invalid URL escape"},
		{"file://other/x", "file:///path"},
		{"file:relative", "file:///path"},
		{"file:///a%2Fb", "no folder"},
		{"file:///a%00b", "no folder"},
		{"file:///a?x", "query"},
	} {
		if _, err := fetch.New(tt.address, fetch.Options{}); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("New(%q): got %v, want an error with %q", tt.address, err, tt.says)
		}
	}
	_, err := fetch.New("http://user:secret@host/?q", fetch.Options{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password in the address: got %v", err)
	}
	if _, err := fetch.New("http://host/", fetch.Options{Network: "udp"}); err == nil {
		t.Error("network udp was taken")
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ root, path, want string }{
		{"http://h/core:/stable:/", "amd64/kubelet_1.30.0~rc.1-1.1_amd64.deb", "http://h/core:/stable:/amd64/kubelet_1.30.0~rc.1-1.1_amd64.deb"},
		{"http://h/x", "a+b c%#?.deb", "http://h/x/a%2Bb%20c%25%23%3F.deb"},
		{"http://h/isv%3A/core%3a/", "epoch_1:2-3_all.deb", "http://h/isv%3A/core%3a/epoch_1:2-3_all.deb"},
		{"http://h", "epoch_1%3a2-3_all.deb", "http://h/epoch_1%253a2-3_all.deb"},
	} {
		if got := fetch.Join(tt.root, tt.path); got != tt.want {
			t.Errorf("Join(%q, %q) = %q, want %q", tt.root, tt.path, got, tt.want)
		}
	}
}

func TestOtherSpelling(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, want string }{
		{"https://h:8443/isv:/kubernetes:/v1.28/deb/", "https://h:8443/isv%3A/kubernetes%3A/v1.28/deb/"},
		{"https://h:8443/isv%3A/kubernetes%3a/deb/a%2Bb", "https://h:8443/isv:/kubernetes:/deb/a%2Bb"},
		{"https://h/isv:/kubernetes%3A/", "https://h/isv%3A/kubernetes%3A/"},
		{"http://h/a%253Ab/c:", "http://h/a%253Ab/c%3A"},
		{"http://h:80/deb/", ""},
		{"http://h/a%253Ab", ""},
		{"http://h/%zz:", ""},
		{"mailto:x", ""},
	} {
		got, ok := fetch.OtherSpelling(tt.address)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("OtherSpelling(%q) = %q, %v; want %q", tt.address, got, ok, tt.want)
		}
		back, ok := fetch.OtherSpelling(got)
		if again, _ := fetch.OtherSpelling(back); tt.want != "" && (!ok || again != got) {
			t.Errorf("%q and back is %q, and again %q", got, back, again)
		}
	}
}

// TestSpellingIsKept serves a store that knows one spelling only, as some
// mirrors of OBS do (k/r #3969).
func TestSpellingIsKept(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"/isv:/kubernetes:/deb/", "/isv%3A/kubernetes%3A/deb/", "/isv%3a/kubernetes:/deb/"} {
		var asked string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.RequestURI
			if !strings.HasPrefix(r.RequestURI, "/store") {
				w.Header().Set("Location", "/store"+r.RequestURI)
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			_, _ = io.WriteString(w, "x")
		}))
		t.Cleanup(server.Close)
		_, resp, err := open(t, server.URL+dir, "amd64/e_1:2_all.deb")
		want := "/store" + dir + "amd64/e_1:2_all.deb"
		if err != nil || asked != want || resp.Hops[1].URL != server.URL+want {
			t.Errorf("%s: asked %q (%v), want %q", dir, asked, err, want)
		}
	}
}
