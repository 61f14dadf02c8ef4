package html_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/reports/html"
)

// TestKeys: copies of one key that end on different days stand apart, each with
// the days that it had left.
func TestKeys(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, published(), html.Options{}))
	var got []string
	for _, tr := range page.all("#keys tbody tr") {
		var row []string
		for _, td := range tr.all(".num,.days") {
			row = append(row, td.text())
		}
		got = append(got, strings.Join(row, " | ")+" "+tr.first(".days").attr("class"))
	}
	want := []string{
		"2022-08-25 | 2026-12-29 | 302 days days ", "2022-08-25 | 2024-11-02 | 484 days ago days over",
		"2026-05-11 | 71 days days ", "2026-03-10 | 9 days days soon",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := page.first("#keys .where").text(); !strings.Contains(got, "4 places") || !strings.Contains(got, "rpm/stable/1.28 repodata/repomd.xml.key") {
		t.Errorf("where the key is: %q", got)
	}
}

// TestSignatures: each client says of each kind of signature what its policy
// says, on the day of the run and a year later.
func TestSignatures(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, published(), html.Options{}))
	tables := page.all("#signatures table")
	if len(tables) != 3 {
		t.Fatalf("%d tables, want those of apt, rpm metadata and rpm packages", len(tables))
	}
	var got []string
	for _, body := range tables[0].all("tbody") {
		head := body.first("b").text() + " " + strings.Split(body.first("th").text(), ",")[0][len(body.first("b").text())+1:]
		for _, tr := range body.all("tr")[1:] {
			client := strings.Join(strings.Fields(tr.first("th").text())[:3], " ")
			got = append(got, head+": "+client+" "+tr.all("td")[0].text()+", "+tr.all("td")[1].text())
		}
	}
	want := []string{
		"InRelease version 3: apt up to accepts, refuses", // the key ends in between
		"InRelease version 3: apt 2.9.19 and refuses, refuses",
		"Release.gpg version 3: apt up to accepts, refuses",
		"Release.gpg version 3: apt 2.9.19 and refuses, refuses",
		"InRelease version 4: apt up to accepts, refuses",
		"InRelease version 4: apt 2.9.19 and accepts, accepts",
		"Release.gpg version 4: apt up to accepts, refuses",
		"Release.gpg version 4: apt 2.9.19 and accepts, accepts",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := tables[0].text(); !strings.Contains(got, "a signature packet of version 3 is refused by apt") {
		t.Errorf("no reason is given: %s", got)
	}
}

// TestInstallations: distribution by architecture by check, and the time line.
func TestInstallations(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, broken(3), html.Options{}))
	rows := page.all("#installs tbody tr")
	if len(rows) != 6*(1+4) {
		t.Fatalf("%d rows, want 6 repositories of 4 containers", len(rows))
	}
	var failed []string
	for _, body := range page.all("#installs tbody") {
		for _, tr := range body.all("tr") {
			if tr.Parent != nil && len(tr.all(".s-fail")) > 0 {
				failed = append(failed, body.first("th").text()+" "+tr.first("th").text()+" "+tr.first("td").text())
			}
		}
	}
	if diff := cmp.Diff([]string{"deb/stable/1.27 ubuntu-24.04 arm64 emulated"}, failed); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	cells := page.all("#timeline .cell")
	if len(cells) != 24 {
		t.Fatalf("%d containers, want 24", len(cells))
	}
	if got := cells[1].first(".when").text(); got != "+1 m 18 s for 1 m 50 s" {
		t.Errorf("the second began and took %q", got)
	}
	// A command may be meant to fail; that a scenario failed, its check says.
	for i, cell := range cells {
		n, want := len(cell.all("rect.bad")), 0
		if cell.first(".who").text() == "deb-stable-1.27-ubuntu-24.04-arm64" {
			want = 1
		}
		if n != want || len(cell.all("rect")) != 2+3 {
			t.Errorf("container %d: %d scenarios of %d failed, want %d of 3", i, n, len(cell.all("rect"))-2, want)
		}
	}
	// Of 564 seconds it began at 78 and took 110.
	if r := cells[1].first("rect.rest"); r.attr("x") != "138.3" || r.attr("width") != "195.0" {
		t.Errorf("its bar is at %s, %s wide", r.attr("x"), r.attr("width"))
	}
}

// TestFetched: each file with its size and who served it; what could not be had
// is counted at the top.
func TestFetched(t *testing.T) {
	t.Parallel()
	page := parse(t, render(t, published(), html.Options{}))
	first := page.first("#fetched .repo")
	if got := first.first("summary").text(); got != "deb/stable/1.26 200 packages listed, 200 files read (2.1 GB); 6 further files in 48 s" {
		t.Errorf("summary %q", got)
	}
	row := first.all("tbody tr")[0].text()
	if row != "InRelease1.2 kBredirected to cdn.example.org, 198.51.100.4:443" {
		t.Errorf("first file: %q", row)
	}
}
