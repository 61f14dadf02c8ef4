package payload_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo/payload"
)

// keep passes a file through t in small pieces.
func keep(t *payload.Texts, path, text string) string {
	if t.Begin(path) {
		for rest := text; rest != ""; {
			n := min(len(rest), 1000)
			_, _ = t.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
	}
	return t.End()
}

func TestTexts(t *testing.T) {
	t.Parallel()
	const unit = "/usr/lib/systemd/system/a.service"
	for _, tt := range []struct {
		path, text string
		kept       bool
	}{
		{unit, "[Service]\n", true},
		{"/lib/systemd/system/a.service", "x", true},
		{"/usr/lib/systemd/system/a.service.d/10.conf", "x", true},
		{"/usr/lib/systemd/user/a.service", "x", true},
		{"/etc/systemd/system/a.service", "x", true},
		{"/usr/local/lib/systemd/system/a.service", "x", true},
		{"/etc/default/kubelet", "A=ü\n", true},
		{"/usr/lib/sysctl.d/50.conf", "x", true},
		{"/usr/lib/modules-load.d/50.conf", "x", true},
		{"/usr/lib/environment.d/50.conf", "x", true},
		{"/usr/lib/systemd/systemd", "x", false},
		{"/usr/lib/systemd/system-generators", "x", false},
		{"/usr/lib/x.conf", "x", false},
		{"/usr/bin/x", "x", false},
		{"/etc", "x", false},
		{"/opt/etc/x", "x", false},
		{unit, "a\x00b", false},
		{unit, "\xff\xfe", false},
		{unit, strings.Repeat("x", payload.MaxText), true},
		{unit, strings.Repeat("x", payload.MaxText+1), false},
		{unit, strings.Repeat("x", 10*payload.MaxText), false},
	} {
		var texts payload.Texts
		want := ""
		if tt.kept {
			want = tt.text
		}
		if got := keep(&texts, tt.path, tt.text); got != want {
			t.Errorf("%s: kept %.40q of %.40q", tt.path, got, tt.text)
		}
	}
}

// TestTextsOfAPackageAreBounded: what is kept in all has a bound, and much in
// /etc leaves room for the units.
func TestTextsOfAPackageAreBounded(t *testing.T) {
	t.Parallel()
	var texts payload.Texts
	block := strings.Repeat("x", payload.MaxText)
	kept := 0
	for i := range 3 * payload.MaxTexts / payload.MaxText {
		kept += len(keep(&texts, fmt.Sprintf("/etc/%d", i), block))
	}
	if kept != payload.MaxTexts {
		t.Errorf("kept %d bytes, want %d", kept, payload.MaxTexts)
	}
	if got := keep(&texts, "/usr/lib/systemd/system/a.service", "x"); got != "x" {
		t.Errorf("no room for the unit: %q", got)
	}
	texts, kept = payload.Texts{}, 0
	for i := range 2 * payload.MaxTextFiles {
		kept += len(keep(&texts, fmt.Sprintf("/etc/%d", i), "y"))
	}
	if kept != payload.MaxTextFiles {
		t.Errorf("kept %d files, want %d", kept, payload.MaxTextFiles)
	}
}
