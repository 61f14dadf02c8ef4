package fetch_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
)

// raw serves connections by hand: answer gets each after its request header was
// read, and the connection is closed after it.
func raw(t *testing.T, answer func(c net.Conn, request *http.Request)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					answer(c, r)
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// says answers with a text.
func says(text string) func(net.Conn, *http.Request) {
	return func(c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, text) }
}

// endless answers with a head and then one text for ever.
func endless(head, text string) func(net.Conn, *http.Request) {
	return func(c net.Conn, _ *http.Request) {
		_, err := io.WriteString(c, head)
		for many := strings.Repeat(text, 1+4096/len(text)); err == nil; {
			_, err = io.WriteString(c, many)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name   string
		answer func(net.Conn, *http.Request)
		says   string
	}{
		{"nothing", says(""), "EOF"},
		{"cut in the status line", says("HTTP/1.1 2"), ""},
		{"cut in the header", says(ok + "Content-Length: 4\r\nX-"), ""},
		{"garbage", says("\x00\x01\x02 SSH-2.0-OpenSSH\r\n\r\n"), "malformed HTTP"},
		{"two lengths", says(ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhalf"), "Content-Length"},
		{"a length below zero", says(ok + "Content-Length: -1\r\n\r\nhalf"), "Content-Length"},
		{"a length past any", says(ok + "Content-Length: 99999999999999999999\r\n\r\nhalf"), "Content-Length"},
		{"short", says(ok + "Content-Length: 5\r\n\r\nhalf"), "cut after 4 of 5 bytes"},
		{"chunks without an end", says(ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), "unexpected EOF"},
		{"chunk of a bad length", says(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n"), "chunk"},
		{"chunk shorter than it says", says(ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf"), "unexpected EOF"},
		{"unknown transfer encoding", says(ok + "Transfer-Encoding: rot13\r\n\r\nhalf"), "transfer encoding"},
		{"endless header", endless(ok, "X-Header: "+strings.Repeat("x", 80)+"\r\n"), "header"},
		{"endless header line", endless(ok+"X: ", "x"), "header"},
		{"endless 1xx", endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), "headers exceeded 65536 bytes"},
		{"endless chunk extension", endless(ok+"Transfer-Encoding: chunked\r\n\r\n4;x=", "x"), "line"},
		{"endless trailer", endless(ok+"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n", "X-Trailer: x\r\n"), "trailer"},
		{"switches protocols", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhalf"), "101"},
		{"a part that nobody asked for", says("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/100\r\nContent-Length: 4\r\n\r\nhalf"), "not asked for"},
		{"no content", says("HTTP/1.1 204 No Content\r\n\r\n"), "204"},
		{"not modified", says("HTTP/1.1 304 Not Modified\r\n\r\n"), "304"},
		{"another's words", says("HTTP/1.1 203 Non-Authoritative Information\r\nContent-Length: 4\r\n\r\nhalf"), "203"},
		{"needs a password", says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "401"},
		{"reset", func(c net.Conn, _ *http.Request) {
			_, _ = io.WriteString(c, ok+"Content-Length: 100\r\n\r\nhalf")
			_ = c.(*net.TCPConn).SetLinger(0)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := raw(t, tt.answer)
			_, _, err := open(t, root, "InRelease")
			if !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrAbsent) {
				t.Fatalf("got %v, want ErrUnreachable", err)
			}
			if !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), root+"/InRelease: ") {
				t.Errorf("%q does not say the address and %q", err, tt.says)
			}
		})
	}
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, answer string
		size         int64
	}{
		{"announced", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhalf and more that is not of it", 4},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n3\r\nalf\r\n0\r\n\r\n", -1},
		{"until the connection ends", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf", -1},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhalf", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, resp, err := open(t, raw(t, says(tt.answer)), "x")
			if got != "half" || err != nil || resp.Size != tt.size {
				t.Errorf("got %q, %v, %+v", got, err, resp)
			}
		})
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	redirect := func(location string) func(net.Conn, *http.Request) {
		// The body is that of incident 29: 138 bytes that were taken for a file.
		const body = "<html>\r\n<head><title>302 Found</title></head>\r\n</html>"
		return says(fmt.Sprintf("HTTP/1.1 302 Found\r\n%sContent-Length: %d\r\n\r\n%s", location, len(body), body))
	}
	for _, tt := range []struct {
		name   string
		answer func(net.Conn, *http.Request)
		says   string
	}{
		{"nowhere", redirect(""), "without a Location"},
		{"to a file", redirect("Location: file:///etc/passwd\r\n"), "scheme"},
		{"to another scheme", redirect("Location: gopher://h/x\r\n"), "scheme"},
		{"to no host", redirect("Location: http:///x\r\n"), "no host"},
		{"to no address", redirect("Location: http://[::1\r\n"), "redirect"},
		{"to itself", redirect("Location: /dir/x\r\n"), "loop of 1"},
		{"too far", redirect("Location: /" + strings.Repeat("x", fetch.MaxLocation) + "\r\n"), "8193 bytes"},
		{"in a loop", func(c net.Conn, r *http.Request) {
			redirect("Location: "+map[string]string{"/dir/x": "/a", "/a": "/b", "/b": "/a"}[r.URL.Path]+"\r\n")(c, r)
		}, "loop of 2"},
		{"for ever", func(c net.Conn, r *http.Request) { redirect("Location: "+r.URL.Path+"x\r\n")(c, r) }, "more than 10 redirects"},
		{"choice", says("HTTP/1.1 300 Multiple Choices\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"), "300"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, _, err := open(t, raw(t, tt.answer)+"/dir", "x")
			var e *fetch.Error
			if !errors.Is(err, fetch.ErrUnreachable) || !errors.As(err, &e) || text != "" {
				t.Fatalf("got %q, %v, want ErrUnreachable", text, err)
			}
			if !strings.Contains(err.Error(), tt.says) || e.Status/100 != 3 || len(e.Hops) == 0 || len(e.Hops) > fetch.MaxRedirects+1 {
				t.Errorf("%v does not say %q; status %d, %d hops", err, tt.says, e.Status, len(e.Hops))
			}
		})
	}
}

func TestRedirectToNobody(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	front := httptest.NewServer(http.RedirectHandler(gone.URL+"/x", http.StatusTemporaryRedirect))
	t.Cleanup(front.Close)
	_, _, err := open(t, front.URL, "x")
	var e *fetch.Error
	if !errors.As(err, &e) || len(e.Hops) != 1 || e.Status != 0 || !strings.Contains(err.Error(), "after a redirect to "+gone.URL+"/x") {
		t.Errorf("got %v", err)
	}
}

// TestCredentialsStayHome redirects to the same server, to another, and to
// another by a name in the address.
func TestCredentialsStayHome(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	note := func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization") + r.Header.Get("Referer") + r.Header.Get("Cookie")
		w.Header().Set("Set-Cookie", "a=b")
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(w, r)
		_, _ = io.WriteString(w, "x")
	}))
	t.Cleanup(other.Close)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(w, r)
		to := strings.Replace(other.URL, "http://", "http://eve:pass@", 1) + "/z"
		if r.URL.Path == "/x" {
			to = "/y"
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(front.Close)
	_, resp, err := open(t, strings.Replace(front.URL, "http://", "http://user:secret@", 1), "x")
	if err != nil {
		t.Fatal(err)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:secret"))
	for i, want := range []string{basic, basic, ""} {
		if got := <-seen; got != want {
			t.Errorf("request %d had %q, want %q", i, got, want)
		}
	}
	for _, text := range []string{resp.URL, fmt.Sprint(resp.Hops)} {
		if strings.Contains(text, "secret") || strings.Contains(text, "eve") || strings.Contains(text, "@") {
			t.Errorf("%q has a user in it", text)
		}
	}
	front.Close()
	if _, _, err := open(t, strings.Replace(front.URL, "http://", "http://user:secret@", 1), "x"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v has the password in it", err)
	}
}

func TestDowngradeIsRecorded(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/y", http.StatusFound))
	t.Cleanup(secure.Close)
	src, err := fetch.New(strings.Replace(secure.URL, "https://", "https://user:secret@", 1), fetch.Options{Transport: secure.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := src.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if len(got) != 0 || err != nil || resp.Hops[0].URL != secure.URL+"/x" || resp.Hops[1].URL != plain.URL+"/y" {
		t.Errorf("got %q, %v, %v", got, err, resp.Hops)
	}
}

func TestCertificateIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for _, root := range []string{server.URL, plain.URL} {
		root = strings.Replace(root, "http://", "https://", 1)
		src, err := fetch.New(root, fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		err = fetch.DefaultPolicy().Do(t.Context(), func() error { calls++; _, err := src.Open(t.Context(), "x"); return err })
		if calls != 1 || !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%s: %d calls, %v", root, calls, err)
		}
	}
}

func TestHeadersOfHops(t *testing.T) {
	t.Parallel()
	root := raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nServer: \u009b31mevil\u202e\xff\r\nVia: 1.1 a\r\nVia: 1.1 b\r\n"+
		"Via: 1.1 c\r\nVia: 1.1 d\r\nX-Secret: no\r\nSet-Cookie: no\r\nx-cache: HIT\r\nETag: "+strings.Repeat("é", 200)+"\r\nDate: today\r\n\r\nx"))
	_, resp, err := open(t, root, "x")
	if err != nil {
		t.Fatal(err)
	}
	want := []repo.Field{
		{Name: "Date", Value: "today"},
		{Name: "Server", Value: "\uFFFD31mevil\uFFFD\uFFFD"},
		{Name: "Via", Value: "1.1 a"}, {Name: "Via", Value: "1.1 b"}, {Name: "Via", Value: "1.1 c"},
		{Name: "Content-Length", Value: "1"},
		{Name: "ETag", Value: strings.Repeat("é", 128) + "..."},
		{Name: "X-Cache", Value: "HIT"},
	}
	if diff := cmp.Diff(want, resp.Hops[0].Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestHeadersOfHopsAreBounded(t *testing.T) {
	t.Parallel()
	header := ""
	for _, name := range []string{"Date", "Server", "Via", "Age", "Retry-After", "Content-Type", "Content-Encoding", "Last-Modified",
		"Cache-Control", "Expires", "X-Cache", "X-Cache-Hits", "X-Served-By", "X-Varnish", "CF-Ray"} {
		header += strings.Repeat(name+": v\r\n", 3)
	}
	_, resp, err := open(t, raw(t, says("HTTP/1.1 200 OK\r\n"+header+"\r\nx")), "x")
	if err != nil || len(resp.Hops[0].Headers) != fetch.MaxHopHeaders {
		t.Errorf("%v, %d headers, want %d", err, len(resp.Hops[0].Headers), fetch.MaxHopHeaders)
	}
}

// TestNothingIsDecoded serves a .gz as many servers wrongly do, and a plain
// file that is compressed against the client's wish.
func TestNothingIsDecoded(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, "Package: kubelet\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	t.Cleanup(server.Close)
	// A transport that would like to decode is kept from it too.
	for _, opts := range []fetch.Options{{}, {Transport: &http.Transport{}}} {
		src, err := fetch.New(server.URL, opts)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := src.Open(t.Context(), "Packages.gz")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !bytes.Equal(got, packed.Bytes()) || resp.Size != int64(packed.Len()) {
			t.Errorf("got %d bytes, %v, size %d", len(got), err, resp.Size)
		}
		if encoding := <-asked; encoding != "identity" {
			t.Errorf("asked for %q", encoding)
		}
		if !fieldIs(resp.Hops[0].Headers, "Content-Encoding", "gzip") {
			t.Errorf("the hop does not name the encoding: %v", resp.Hops)
		}
	}
}

func fieldIs(fields []repo.Field, name, value string) bool {
	for _, f := range fields {
		if f.Name == name {
			return f.Value == value
		}
	}
	return false
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/whole":
			_, _ = io.WriteString(w, r.Proto)
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler) // RST_STREAM
		case "/endless":
			w.Header().Set("X-Long", strings.Repeat("x", 2*fetch.MaxHeaderBytes))
		}
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	client := server.Client().Transport.(*http.Transport)
	client.MaxResponseHeaderBytes = fetch.MaxHeaderBytes
	src, err := fetch.New(server.URL, fetch.Options{Transport: client})
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string) (string, *fetch.Response, error) {
		resp, err := src.Open(t.Context(), path)
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		return string(data), resp, err
	}
	got, resp, err := read("whole")
	if got != "HTTP/2.0" || err != nil || resp.Hops[0].Address != server.Listener.Addr().String() {
		t.Errorf("got %q, %v, %+v", got, err, resp)
	}
	for _, path := range []string{"short", "endless"} {
		if got, _, err := read(path); !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
}

// TestNetworkFamily forces a family that the server does not have.
func TestNetworkFamily(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	t.Cleanup(server.Close) // on 127.0.0.1
	for network, works := range map[string]bool{"": true, "tcp4": true, "tcp6": false} {
		src, err := fetch.New(server.URL, fetch.Options{Network: network, ConnectTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := src.Open(t.Context(), "x")
		if works != (err == nil) {
			t.Errorf("%q: got %v", network, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
}

// TestConnectionsAreUsedAgain counts connections over redirects: a repository
// behind a redirect has thousands of files.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var connections = make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/a") {
			http.Redirect(w, r, "/b"+r.URL.Path, http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "x")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	src, err := fetch.New(server.URL+"/a", fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		resp, err := src.Open(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if n := len(connections); n != 1 {
		t.Errorf("%d connections for 20 requests", n)
	}
}
