package fetch_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo/fetch"
)

// TestOpenSince holds the conditional request against net/http's own server,
// which implements RFC 9110 section 13.
func TestOpenSince(t *testing.T) {
	t.Parallel()
	date := time.Date(2024, 10, 23, 4, 37, 5, 0, time.UTC)
	for name, tag := range map[string]string{"strong tag": `"one"`, "weak tag": `W/"one"`, "date only": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, etag, modified := "old", tag, date
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/away/x" { // what is known is asked of where it led
					http.Redirect(w, r, "/x", http.StatusFound)
					return
				}
				if etag != "" {
					w.Header().Set("ETag", etag)
				}
				http.ServeContent(w, r, "x", modified, bytes.NewReader([]byte(text)))
			}))
			t.Cleanup(server.Close)
			src, err := fetch.New(server.URL+"/away", fetch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			again, ok := src.(fetch.Revisitor)
			if !ok {
				t.Fatal("an http source cannot ask again")
			}
			first, err := again.OpenSince(t.Context(), "x", fetch.Version{})
			if err != nil {
				t.Fatal(err)
			}
			if err := first.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if first.Version.ETag != tag || first.Version.LastModified != date.Format(http.TimeFormat) {
				t.Errorf("the version is %+v", first.Version)
			}
			_, err = again.OpenSince(t.Context(), "x", first.Version)
			if !errors.Is(err, fetch.ErrUnchanged) || errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrAbsent) {
				t.Errorf("unchanged: %v", err)
			}
			text, modified = "new", date.Add(time.Hour)
			if etag != "" {
				etag = strings.Replace(tag, "one", "two", 1)
			}
			second, err := again.OpenSince(t.Context(), "x", first.Version)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(second.Body); err != nil || string(data) != "new" {
				t.Errorf("changed: %q, %v", data, err)
			}
			if err := second.Body.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestNotModifiedUnasked: a server that says so to everybody is not believed.
func TestNotModifiedUnasked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }))
	t.Cleanup(server.Close)
	src, err := fetch.New(server.URL, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.Open(t.Context(), "x"); !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, fetch.ErrUnchanged) {
		t.Errorf("got %v", err)
	}
}
