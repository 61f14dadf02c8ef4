package html_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/pkgverify/reports/html"
)

var pages = flag.String("pages", "", "write the sample pages into this folder, to be looked at")

func TestWritePages(t *testing.T) {
	for _, n := range []int{0, 1, 40, 5000} {
		page := render(t, broken(n), html.Options{})
		t.Logf("%d findings: %d bytes", n, len(page))
		if *pages != "" {
			if err := os.WriteFile(filepath.Join(*pages, fmt.Sprintf("%d.html", n)), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
