package fetch_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http/httpproxy"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// TestProxy reads the settings as Go's transport reads them of the environment,
// which it does once in a process and so cannot be told by a test.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, r.URL.String()+" "+r.Header.Get("Proxy-Authorization"))
	}))
	t.Cleanup(proxy.Close)
	direct := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") }))
	t.Cleanup(direct.Close)
	config := httpproxy.Config{HTTPProxy: strings.Replace(proxy.URL, "//", "//u:p@", 1), HTTPSProxy: proxy.URL, NoProxy: "direct.test"}
	choose := config.ProxyFunc()
	get := func(root string) (string, *fetch.Response, error) {
		src, err := fetch.New(root, fetch.Options{Proxy: func(r *http.Request) (*url.URL, error) { return choose(r.URL) }})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := src.Open(t.Context(), "InRelease")
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return string(text), resp, err
	}

	// No such host exists: only the proxy can answer.
	got, resp, err := get("http://pkgs.test/core:/deb/")
	if err != nil || got != "http://pkgs.test/core:/deb/InRelease Basic dTpw" {
		t.Fatalf("got %q, %v", got, err)
	}
	if hop := resp.Hops[0]; hop.Address != proxy.Listener.Addr().String() || hop.URL != "http://pkgs.test/core:/deb/InRelease" {
		t.Errorf("hop %+v", hop)
	}
	if _, _, err := get("https://pkgs.test/"); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
		t.Errorf("CONNECT was refused: got %v", err)
	}
	if got, _, err := get(direct.URL); err != nil || got != "direct" {
		t.Errorf("loopback: got %q, %v", got, err)
	}
}

// TestSOCKSProxy speaks just so much of RFC 1928 that one fetch goes through.
func TestSOCKSProxy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	t.Cleanup(server.Close)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	asked := make(chan string, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		r := bufio.NewReader(c)
		greeting := make([]byte, 2)
		_, _ = io.ReadFull(r, greeting)
		_, _ = r.Discard(int(greeting[1]))
		_, _ = c.Write([]byte{5, 0})
		head := make([]byte, 5) // version, connect, 0, type of address, its length
		_, _ = io.ReadFull(r, head)
		name := make([]byte, int(head[4])+2)
		_, _ = io.ReadFull(r, name)
		asked <- net.JoinHostPort(string(name[:head[4]]), strconv.Itoa(int(binary.BigEndian.Uint16(name[head[4]:]))))
		_, _ = c.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80})
		to, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			return
		}
		defer func() { _ = to.Close() }()
		go func() { _, _ = io.Copy(to, r) }()
		_, _ = io.Copy(c, to)
	}()
	src, err := fetch.New("http://pkgs.test/", fetch.Options{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: listener.Addr().String()})})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := src.Open(t.Context(), "InRelease")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	// The name is resolved by the proxy.
	if name := <-asked; string(got) != "pkgs.test" || err != nil || name != "pkgs.test:80" {
		t.Errorf("got %q, %v; the proxy was asked for %q", got, err, name)
	}
}
