package rpm_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo/rpm"
)

// extract returns the SHA-256 of every regular file by rpm2archive, nil when it
// fails. What a set of hard links has is at all of them.
func extract(t *testing.T, file string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), tool(t, "rpm2archive"), "-n", "-")
	in, err := exec.CommandContext(t.Context(), tool(t, "cat"), file).Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	sums := make(map[string]string)
	links := make(map[string]string)
	archive := tar.NewReader(bytes.NewReader(out))
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil
		}
		name := strings.TrimPrefix(strings.TrimPrefix(h.Name, "./"), "/")
		switch h.Typeflag {
		case tar.TypeReg:
			sum := sha256.New()
			if _, err := io.Copy(sum, archive); err != nil {
				return nil
			}
			sums[name] = hex.EncodeToString(sum.Sum(nil))
		case tar.TypeLink:
			links[name] = strings.TrimPrefix(strings.TrimPrefix(h.Linkname, "./"), "/")
		}
	}
	for name, target := range links {
		sums[name] = sums[target]
	}
	return sums
}

// compareContent holds what a deep read says of the payload, and what the header
// says of files, dependencies and scriptlets, against rpm's own words.
func compareContent(t *testing.T, b built, name string) {
	t.Helper()
	file := filepath.Join(b.dir, name)
	p, err := rpm.Options{Payload: true, Header: true}.Read(bytes.NewReader(b.read(t, name)), b.ring)
	if !accepted(p, err) {
		t.Errorf("%s: %v, faults %s", name, err, faultTexts(p))
		return
	}
	got := make(map[string]string)
	for _, f := range p.Files {
		if f.Mode.IsRegular() && !f.Ghost {
			got[strings.TrimPrefix(f.Path, "/")] = f.SHA256
		}
	}
	if diff := cmp.Diff(extract(t, file), got); diff != "" {
		t.Errorf("%s: rpm2archive (-), Read (+):\n%s", name, diff)
	}
	query := func(format string) string { return run(t, nil, "rpm", "-qp", "--nosignature", "--qf", format, file) }
	files, err := p.Header.Files()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, f := range files {
		fmt.Fprintf(&lines, "%s|%d|%s|%s|%s|%d|%d|%s|%d|%d|%d|%d|%d|%s|%s\n", f.Path, f.Size, f.Owner, f.Group, f.Link, f.Flags, f.Verify, f.Digest,
			f.ModTime.Unix(), f.Device, f.Inode, f.Rdev, f.Color, f.Language, f.Capabilities)
	}
	caps := "|"
	if p.Header.Has(5010) {
		caps = "|%{FILECAPS}"
	}
	want := query(`[%{FILENAMES}|%{FILESIZES}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{FILELINKTOS}|%{FILEFLAGS}|%{FILEVERIFYFLAGS}|%{FILEDIGESTS}|` +
		`%{FILEMTIMES}|%{FILEDEVICES}|%{FILEINODES}|%{FILERDEVS}|%{FILECOLORS}|%{FILELANGS}` + caps + `\n]`)
	want = strings.ReplaceAll(want, "|(none)|", "|0|") // no colours in a source package
	if diff := cmp.Diff(want, lines.String()); diff != "" {
		t.Errorf("%s: files of rpm (-), of the header (+):\n%s", name, diff)
	}
	for kind, tag := range map[rpm.Kind]string{
		rpm.Requires: "REQUIRE", rpm.Provides: "PROVIDE", rpm.Conflicts: "CONFLICT", rpm.Supplements: "SUPPLEMENT",
		rpm.Triggers: "TRIGGER", rpm.FileTriggers: "FILETRIGGER", rpm.TransFileTriggers: "TRANSFILETRIGGER",
	} {
		list, err := p.Header.Dependencies(kind)
		if err != nil {
			t.Fatal(err)
		}
		lines.Reset()
		for _, d := range list {
			fmt.Fprintf(&lines, "%s|%d|%s\n", d.Name, d.Flags, d.EVR)
		}
		if diff := cmp.Diff(query("[%{"+tag+"NAME}|%{"+tag+"FLAGS}|%{"+tag+"VERSION}\n]"), lines.String()); diff != "" && len(list)+strings.Count(diff, "(none)") > 0 {
			t.Errorf("%s: %s of rpm (-), of the header (+):\n%s", name, kind, diff)
		}
	}
	if p.Name == "lzma" && !p.Source {
		if diff := cmp.Diff(strings.Fields(`filetriggerin filetriggerpostun filetriggerun post posttrans postun pre pretrans preun
			transfiletriggerin transfiletriggerpostun transfiletriggerun triggerin triggerpostun triggerprein triggerun verifyscript`), p.Scripts); diff != "" {
			t.Errorf("%s: scripts: %s", name, diff)
		}
	}
}
