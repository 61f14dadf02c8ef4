package metalink_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/metalink"
)

const (
	md5Sum    = "0123456789abcdef0123456789abcdef"
	sha256Sum = "0a2ad071615148399d2d45dbf9dba39b1507cc288923266955c28229c23c0c04"
)

// good has the form of MirrorManager's answers.
const good = `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="Mon, 23 Nov 2026 01:02:03 GMT" generator="mirrormanager" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1729000000</mm0:timestamp>
   <size>6285</size>
   <verification>
    <hash type="md5">` + md5Sum + `</hash>
    <hash type="sha256">` + sha256Sum + `</hash>
   </verification>
   <mm0:alternates>
    <mm0:alternate>
     <mm0:timestamp>1728000000</mm0:timestamp>
     <size>6284</size>
     <verification>
      <hash type="sha256">` + sha256Sum + `</hash>
     </verification>
    </mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="https" type="https" location="DE" preference="100">https://mirror.example.org/fedora/repodata/repomd.xml</url>
    <url protocol="http" type="http" location="US" preference="99">http://mirror.example.net/a%20b/repodata/repomd.xml?x=1&amp;y=2</url>
    <url protocol="rsync" type="rsync" location="US" preference="98">rsync://mirror.example.net/fedora/repodata/repomd.xml</url>
   </resources>
  </file>
 </files>
</metalink>
`

func TestParse(t *testing.T) {
	t.Parallel()
	want := &metalink.Metalink{Files: []metalink.File{{
		Name: "repomd.xml", Timestamp: time.Unix(1729000000, 0).UTC(), Size: 6285, Digests: repo.Digests{MD5: md5Sum, SHA256: sha256Sum},
		Alternates: []metalink.File{{Timestamp: time.Unix(1728000000, 0).UTC(), Size: 6284, Digests: repo.Digests{SHA256: sha256Sum}}},
		Resources: []metalink.Resource{
			{URL: "https://mirror.example.org/fedora/repodata/repomd.xml", Protocol: "https", Type: "https", Location: "DE", Preference: 100},
			{URL: "http://mirror.example.net/a%20b/repodata/repomd.xml?x=1&y=2", Protocol: "http", Type: "http", Location: "US", Preference: 99},
			{URL: "rsync://mirror.example.net/fedora/repodata/repomd.xml", Protocol: "rsync", Type: "rsync", Location: "US", Preference: 98},
		},
	}}}
	got, err := metalink.Parse(iotest.OneByteReader(strings.NewReader(good)))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("wanted (-), got (+):\n%s%v", diff, err)
	}
}

// TestFaults breaks one thing: it is left out and said.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		old, new, want string
		mirrors        int
	}{
		{"1729000000", "x", "line 5: timestamp", 3},
		{"<size>6285", "<size>-1", "line 6: size", 3},
		{"<size>6285", "<size>", "line 6: size", 3},
		{md5Sum + "<", "x<", "line 8: md5 hash", 3},
		{`type="md5"`, `type="sha256"`, "wanted 64", 3},
		{`<hash type="md5">` + md5Sum, `<hash type="sha256">` + sha256Sum, "two sha256", 3},
		{`preference="99"`, `preference="101"`, "preference", 3},
		{`protocol="https"`, `protocol="http"`, "protocol", 2},
		{"https://mirror", "file://mirror", "scheme", 2},
		{"https://mirror.example.org", "https://", "without a host", 2},
		{"https://mirror", "https://a:b@mirror", "user name", 2},
		{"https://mirror", "ht tps://mirror", "white space", 2},
		{"https://mirror", "://mirror", "not a URL", 2},
		{"org/fedora", "org/fedora#x", "fragment", 2},
		{"org/fedora", "org/" + strings.Repeat("x", metalink.MaxURL), "bytes", 2},
		{`name="repomd.xml"`, `name="../repomd.xml"`, "leads out", -1},
		{`name="repomd.xml"`, ``, "empty segment", -1},
	} {
		bad := strings.Replace(good, x.old, x.new, 1)
		if bad == good {
			t.Fatalf("%q is not there", x.old)
		}
		got, err := metalink.Parse(strings.NewReader(bad))
		if err != nil || len(got.Faults) == 0 || !strings.Contains(got.Faults[0].String(), x.want) {
			t.Errorf("%.40q: %v, %+v; wanted %q", x.new, err, got, x.want)
			continue
		}
		if x.mirrors < 0 && len(got.Files) > 0 || x.mirrors >= 0 && len(got.Files[0].Resources) != x.mirrors {
			t.Errorf("%.40q: %+v; wanted %d mirrors", x.new, got.Files, x.mirrors)
		}
	}
}

// TestBad goes past bounds, and gives what is no metalink.
func TestBad(t *testing.T) {
	t.Parallel()
	many := func(s string, n int) string { return strings.Repeat(s, n+1) }
	for _, x := range []struct{ old, new, want string }{
		{good, "", "no root element"},
		{"</metalink>", "", "ends inside"},
		{"</metalink>", "</metalink><x/>", "second root"},
		{`xmlns="http://www.metalinker.org/"`, "", "root element"},
		{"<files>", `<!DOCTYPE x>`, "not allowed"},
		{" <files>", " <files>" + many(`<file name="x"/>`, metalink.MaxFiles), "files"},
		{"   <mm0:alternates>", "   <mm0:alternates>" + many("<mm0:alternate/>", metalink.MaxAlternates), "alternates"},
		{"   </resources>", many("<url/>", metalink.MaxURLs) + "   </resources>", "URLs"},
		{" <files>", many("<a/>", metalink.MaxBytes/4) + " <files>", "more than 4194304 bytes"},
		{" <files>", many("<a>", 20) + " <files>", "deeper"},
	} {
		bad := strings.Replace(good, x.old, x.new, 1)
		_, err := metalink.Parse(strings.NewReader(bad))
		var format *repo.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%.40q: %v; wanted %q", x.new, err, x.want)
		}
	}
	broken := errors.New("broken")
	if _, err := metalink.Parse(io.MultiReader(strings.NewReader(good[:500]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// TestAgainstLibrepo: librepo, which dnf uses, reads the same.
func TestAgainstLibrepo(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, whose modules these are
	const script = `
import json, librepo, sys
h = librepo.Handle()
h.repotype, h.fetchmirrors, h.destdir, h.metalinkurl = librepo.LR_YUMREPO, True, sys.argv[2], sys.argv[1]
h.perform()
m = h.metalink
f = lambda x: {"timestamp": x["timestamp"], "size": x["size"], "hashes": dict(x["hashes"])}
print(json.dumps({"file": f(m), "name": m["filename"], "alternates": [f(a) for a in m["alternates"]],
  "urls": [[u["url"], u["protocol"], u["type"], u["location"], u["preference"]] for u in m["urls"]]}))
`
	dir := t.TempDir()
	path := filepath.Join(dir, "metalink.xml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script, path, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("install python3-librepo (make deps): %v\n%s", err, stderr.Bytes())
	}
	var want any
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	m, err := metalink.Parse(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	state := func(f metalink.File) any {
		hashes := map[string]any{}
		for a, sum := range f.Digests.All() {
			hashes[string(a)] = sum
		}
		return map[string]any{"timestamp": float64(f.Timestamp.Unix()), "size": float64(f.Size), "hashes": hashes}
	}
	var alternates, urls []any
	for _, a := range m.Files[0].Alternates {
		alternates = append(alternates, state(a))
	}
	for _, u := range m.Files[0].Resources {
		urls = append(urls, []any{u.URL, u.Protocol, u.Type, u.Location, float64(u.Preference)})
	}
	got := any(map[string]any{"file": state(m.Files[0]), "name": m.Files[0].Name, "alternates": alternates, "urls": urls})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("librepo (-), got (+):\n%s", diff)
	}
}

func TestMirrorlist(t *testing.T) {
	t.Parallel()
	got, err := metalink.ParseMirrorlist(strings.NewReader("# repo = x\n\nhttp://a.example/x/\r\n  https://b.example/\nfoo\nfile:///etc\nftp://c.example"))
	want := []string{"http://a.example/x/", "https://b.example/", "ftp://c.example"}
	if diff := cmp.Diff(want, got.URLs); diff != "" || err != nil || len(got.Faults) != 2 || got.Faults[0].Where != "line 5" || got.Faults[1].Where != "line 6" {
		t.Errorf("wanted (-), got (+):\n%s%+v %v", diff, got.Faults, err)
	}
	for text, want := range map[string]string{
		strings.Repeat("http://a/\n", metalink.MaxURLs+1): "URLs",
		strings.Repeat("x", 17*metalink.MaxURL):           "longer than",
		strings.Repeat("\n", metalink.MaxBytes+1):         "more than 4194304 bytes",
	} {
		if _, err := metalink.ParseMirrorlist(strings.NewReader(text)); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%.20q: %v; wanted %q", text, err, want)
		}
	}
	broken := errors.New("broken")
	if _, err := metalink.ParseMirrorlist(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(good[:900]))
	f.Add([]byte(strings.ReplaceAll(good, "https", "file")))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := metalink.Parse(bytes.NewReader(data))
		if (m == nil) == (err == nil) {
			t.Fatal("neither answer nor error, or both")
		}
		if m == nil {
			return
		}
		for _, file := range m.Files {
			for _, r := range file.Resources {
				if !strings.HasPrefix(strings.ToLower(r.URL), r.Protocol+"://") || r.Preference < 0 || r.Preference > 100 {
					t.Errorf("%+v", r)
				}
			}
		}
	})
}

func FuzzMirrorlist(f *testing.F) {
	f.Add([]byte("# c\nhttp://a.example/\n\nfile:///x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := metalink.ParseMirrorlist(bytes.NewReader(data))
		if (m == nil) == (err == nil) {
			t.Fatal("neither answer nor error, or both")
		}
		if m == nil {
			return
		}
		for _, u := range m.URLs {
			if !strings.Contains(u, "://") || strings.ContainsAny(u, " \n\r\t") {
				t.Errorf("%q", u)
			}
		}
	})
}
