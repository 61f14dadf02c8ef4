package fetch_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"testing"
)

// TestMain poisons the default transport: everything here goes through a
// source, and a source through its own.
func TestMain(m *testing.M) {
	http.DefaultTransport = poison{}
	os.Exit(m.Run())
}

type poison struct{}

func (poison) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("the default transport was asked for " + r.URL.String())
}

// quiet is the log of a server that is attacked on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
