package apt

import (
	"bytes"
	"crypto"
	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/deb822"
)

// release is a Release that lists packages, with further lines in front.
func release(packages []byte, lines string) []byte {
	h := crypto.SHA256.New()
	h.Write(packages)
	return fmt.Appendf(nil, "%sSHA256:\n %x %d Packages\n", lines, h.Sum(nil), len(packages))
}

const releaseHead = "Archive: deb\nCodename: deb\nOrigin: o\nLabel: l\nArchitectures: amd64\nDate: Wed Oct  2 04:37:05 2024\nDescription: d  \n"

// TestSplitInReleaseAgreesWithApt holds for every variant: what is split and
// whose signature gpgv finds good is what apt-get accepts.
func TestSplitInReleaseAgreesWithApt(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	packages := testdata(t, "Packages")
	text := release(packages, releaseHead)
	good := string(s.clearsign(t, text, "-u", "one@example.org"))
	twice := string(s.clearsign(t, text, "-u", "one@example.org", "-u", "two@example.org"))
	block := good[strings.Index(good, beginSignature):]
	other := string(s.clearsign(t, []byte("Origin: other\n")))
	body := func(f func(string) string) string {
		head, rest, _ := strings.Cut(good, "\n\n")
		msg, _, _ := strings.Cut(rest, beginSignature)
		return head + "\n\n" + f(msg) + block
	}
	lines := func(f func(string) string) func(string) string {
		return func(msg string) string {
			var b strings.Builder
			for l := range strings.Lines(msg) {
				b.WriteString(f(strings.TrimSuffix(l, "\n")) + "\n")
			}
			return b.String()
		}
	}
	variants := []struct {
		name, in string
		err      string // of SplitInRelease, "" if it splits
		apt      bool   // what apt is known to say, so that both do not fail alike
	}{
		{"as signed", good, "", true},
		{"two keys in one block", twice, "", true},
		{"two blocks", good + block, "", true},
		{"block of another text as well", good + other[strings.Index(other, beginSignature):], "", false},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), "", true},
		{"spaces at line ends", body(lines(func(l string) string { return l + " \t" })), "", true},
		{"spaces after the marks", strings.ReplaceAll(good, "-----\n", "----- \t\n"), "", true},
		{"every line escaped", body(lines(func(l string) string { return "- " + l })), "", true},
		{"no final newline", strings.TrimSuffix(good, "\n"), "", true},
		{"Version and Comment", strings.Replace(good, beginSignature+"\n", beginSignature+"\nVersion: GnuPG v2\nComment: c\n", 1), "", true},
		{"no Hash header", strings.Replace(good, "Hash: SHA512\n", "", 1), "", true},
		{"other header", strings.Replace(good, "Hash:", "Charset: UTF-8\nHash:", 1), "", true},
		{"text changed", strings.Replace(good, "Label: l", "Label: m", 1), "", false},
		{"signature of another key ring", strings.Replace(good, block, other[strings.Index(other, beginSignature):], 1), "", false},
		{"text before", "Origin: evil\n" + good, "line 1: want " + beginMessage, false},
		{"empty line before", "\n" + good, "line 1: want " + beginMessage, false},
		{"space before", " " + good, "line 1: want " + beginMessage, false},
		{"text after", good + "Origin: evil\n", "line that is not signed after the signature: \"Origin", false},
		{"empty line after", good + "\n", "line that is not signed after the signature: \"\"", false},
		{"message after", good + other, "line that is not signed after", false},
		{"message before", other + good, "line that is not signed after", false},
		{"text between blocks", good + "Origin: evil\n" + block, "line that is not signed after", false},
		{"empty line between blocks", good + "\n" + block, "line that is not signed after", false},
		{"dash line in the text", body(func(m string) string { return "-Origin: evil\n" + m }), "line in the signed text begins with a dash", false},
		{"dash without space", body(func(m string) string { return "-\n" + m }), "line in the signed text begins with a dash", false},
		{"message mark in the text", body(func(m string) string { return beginMessage + "\n" + m }), "line in the signed text begins with a dash", false},
		{"dash in the headers", strings.Replace(good, "Hash:", "-Hash:", 1), "line in the armor headers begins with a dash", false},
		{"dash in the signature", strings.Replace(good, endSignature, "-x\n"+endSignature, 1), "line in the signature begins with a dash", false},
		{"signature not closed", strings.Replace(good, endSignature+"\n", "", 1), "file ends in a signature", false},
		{"no signature", good[:strings.Index(good, beginSignature)], "file ends in the signed text", false},
		{"text before and after", "x\n" + good + "x\n", "line 1: want " + beginMessage, false},
		{"message inside a message", beginMessage + "\nHash: SHA512\n\n" + good, "line in the signed text begins with a dash", false},
		{"message in the signature", strings.Replace(good, endSignature, beginMessage+"\n"+endSignature, 1), "line in the signature begins with a dash", false},
		{"message between the blocks", good + other + block, "line that is not signed after", false},
		{"unsigned Release appended", good + string(text), "line that is not signed after", false},
		{"spaces for the empty line of the armor", strings.Replace(good, beginSignature+"\n\n", beginSignature+"\n  \n", 1), "", true},
		{"the same with a Release appended", strings.Replace(good, beginSignature+"\n\n", beginSignature+"\n  \n", 1) + string(text), "line that is not signed after", false},
		{"white space for the empty line of the headers", strings.Replace(good, "Hash: SHA512\n\n", "Hash: SHA512\n \t \n", 1), "", true},
		{"no empty line after the headers", strings.Replace(good, "Hash: SHA512\n\n", "Hash: SHA512\n", 1), "line in the armor headers begins with a dash", false},
		{"headers over several lines", strings.Replace(good, "Hash:", "Version: 0.8.15~exp1\nComment: I love you!\nMultilines: no\n yes\n maybe\nHash:", 1), "", true},
		{"text after the mark", strings.Replace(good, beginMessage, beginMessage+" Garbage", 1), "line 1: want " + beginMessage, false},
		{"text after the signature's mark", strings.Replace(good, beginSignature, beginSignature+" x", 1), "line in the signed text begins with a dash", false},
		{"text after the end mark", strings.Replace(good, endSignature+"\n", endSignature+"x\n", 1), "line in the signature begins with a dash", false},
		{"end mark without newline, then text", strings.TrimSuffix(good, "\n") + "Origin: evil\n", "line in the signature begins with a dash", false},
		{"byte order mark", "\ufeff" + good, "line 1: want " + beginMessage, false},
		{"NUL after the text", good + "\x00", "line that is not signed after", false},
		{"signed field added", body(func(m string) string { return m + "Suite: evil\n" }), "", false},
		{"long line added", body(func(m string) string { return m + "X: " + strings.Repeat("x", 100_000) + "\n" }), "", false},
		{"only the mark", beginMessage + "\n", "file ends in the armor headers", false},
		{"empty", "", "empty file", false},
		{"not signed", string(text), "line 1: want " + beginMessage, false},
		{"armored key", string(s.gpg(t, nil, "--armor", "--export")), "line 1: want " + beginMessage, false},
	}
	for i, v := range variants {
		if i > 0 && v.in == good {
			t.Errorf("%s: nothing was changed", v.name)
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			_, aptErr := s.update(t, []byte(v.in), packages)
			if (aptErr == nil) != v.apt {
				t.Errorf("apt-get update: %v; want it to accept: %v", aptErr, v.apt)
			}
			c, err := SplitInRelease([]byte(v.in))
			if v.err != "" {
				wantFormat(t, err, v.err)
				return
			}
			if err != nil {
				t.Fatalf("SplitInRelease: %v", err)
			}
			dir := t.TempDir()
			_, gpgvErr := try(t, "", nil, "gpgv", "--keyring", s.keyring,
				write(t, filepath.Join(dir, "sig"), c.Signatures), write(t, filepath.Join(dir, "text"), c.Text))
			if (gpgvErr == nil) != v.apt {
				t.Errorf("gpgv over the split: %v; apt: %v", gpgvErr, aptErr)
			}
			rel, err := ParseRelease(bytes.NewReader(c.Plain), "InRelease")
			if err != nil || len(rel.Faults) != 0 || len(rel.Entries) != 1 {
				t.Fatalf("ParseRelease: %+v, %v", rel, err)
			}
			if want := 1 + strings.Count(v.in[:strings.Index(v.in, " Packages")], "\n"); rel.Entries[0].Line != want {
				t.Errorf("Packages is on line %d, want %d as in the file", rel.Entries[0].Line, want)
			}
		})
	}
}

// TestEmptyReleaseAgreesWithApt signs texts that begin with empty lines, which
// apt takes for the whole Release.
func TestEmptyReleaseAgreesWithApt(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	packages := testdata(t, "Packages")
	for n, good := range []bool{true, true, false, false} {
		in := s.clearsign(t, append(bytes.Repeat([]byte("\n"), n), release(packages, releaseHead)...))
		_, aptErr := s.update(t, in, packages)
		_, err := SplitInRelease(in)
		if (aptErr == nil) != good || (err == nil) != good {
			t.Errorf("%d empty lines: apt: %v; SplitInRelease: %v; want it to be good: %v", n, aptErr, err, good)
		}
	}
}

// TestSplitInReleaseText compares the text with what gpg itself takes out.
func TestSplitInReleaseText(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	for _, text := range []string{
		"A: 1\nB: 2\n", "A: 1", "A: 1\n\n\n", "\nA: 1\n", "- A\n-- B\n--- C\nFrom x\n", "A: 1  \nB:\t\n", "A: 1\r\nB: 2\r\n", "Zoë\n", "\n",
	} {
		signed := s.clearsign(t, []byte(text))
		c, err := SplitInRelease(signed)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		// gpg hands out the line ends as they are in the file, with the
		// newline that belongs to the mark.
		want := s.gpg(t, signed, "--decrypt")
		var clean []string
		for l := range strings.SplitSeq(strings.TrimSuffix(string(want), "\n"), "\n") {
			clean = append(clean, strings.TrimRight(l, " \t\r"))
		}
		if diff := cmp.Diff(strings.Join(clean, "\n"), string(c.Text)); diff != "" {
			t.Errorf("%q (-gpg --decrypt +SplitInRelease)\n%s", text, diff)
		}
		if diff := cmp.Diff([]string{"SHA512"}, c.Hashes); diff != "" {
			t.Errorf("%q: Hash headers (-want +got)\n%s", text, diff)
		}
	}
}

// TestDatesAgreeWithApt holds the dates that are no faults against apt's.
func TestDatesAgreeWithApt(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	packages := testdata(t, "Packages")
	for _, date := range []string{
		"Wed Oct  2 04:37:05 2024", "Wed Oct 23 04:37:05 2024", "Wed, 02 Oct 2024 04:37:05 UTC", "Wed, 2 Oct 2024 04:37:05 GMT",
		"Wed, 02 Oct 2024 04:37:05 Z", "Wed, 02 Oct 2024 04:37:05 +0000", "Wed, 02 Oct 2024 04:37:05 +0200", "Wed, 02 Oct 2024 04:37:05 CEST",
		"2024-10-02T04:37:05Z", "1727843825", "yesterday",
		"Wed, 02 Oct 2024 04:37:05 -0000", "Wed, 02 Oct 2024 04:37:05 +00:00", "Wed, 02 Oct 2024 04:37:05 0", "Wed, 02 Oct 2024 04:37:05 utc",
		"Wed, 02 Oct 2024 04:37:05", "Wed, 02 Oct 2024 04:37 UTC", "Wed, 02 Oct 2024 4:37:05 UTC", "Wed,  2  Oct  2024  04:37:05  UTC",
		"wed, 02 oct 2024 04:37:05 UTC", "Wed, 02 October 2024 04:37:05 UTC", "Mit, 02 Okt 2024 04:37:05 UTC", "02 Oct 2024 04:37:05 UTC",
		"Thu, 02 Oct 2024 04:37:05 UTC", "Wed, 02 Oct 2024 04:37:05 UTC UTC", "Wed Oct 2 04:37:05 UTC 2024", "Wed Oct 2 04:37:05 2024 UTC",
		"Wednesday, 02-Oct-24 04:37:05 GMT", "Wednesday, 02 Oct 2024 04:37:05 GMT", "Wed, 32 Oct 2024 04:37:05 UTC", "Wed, 02 Oct 2024 24:37:05 UTC",
		"Wed, 02 Oct 2024 04:60:05 UTC", "Wed; 02 Oct 2024 04:37:05 UTC", "Wed, 31 Feb 2024 04:37:05 UTC",
	} {
		t.Run(date, func(t *testing.T) {
			t.Parallel()
			rel := release(packages, strings.Replace(releaseHead, "Wed Oct  2 04:37:05 2024", date, 1))
			warnings, err := s.update(t, s.clearsign(t, rel), packages)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseRelease(bytes.NewReader(rel), "Release")
			if err != nil {
				t.Fatal(err)
			}
			if refused := strings.Contains(warnings, "Invalid 'Date' entry"); (len(got.Faults) > 0) != refused {
				t.Errorf("faults %v, apt: %s", got.Faults, warnings)
			}
		})
	}
}

// TestPackagesAgreesWithApt holds what is refused of a stanza's syntax against
// apt's.
func TestPackagesAgreesWithApt(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	plain := string(testdata(t, "Packages"))
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"as it is", plain, true},
		{"no final newline", strings.TrimRight(plain, "\n"), true},
		{"CRLF", strings.ReplaceAll(plain, "\n", "\r\n"), true},
		{"space before the colon", strings.ReplaceAll(plain, "Version:", "Version :"), true},
		{"line without colon", strings.Replace(plain, "Priority: optional", "Priority", 1), false},
		{"no version", strings.Replace(plain, "Version: 1.28.0-1.1\n", "", 1), false},
		{"one empty line first", "\n" + plain, true},
		{"two empty lines first", "\n\n" + plain, false},
		{"two lines of CR first", "\r\n\r\n" + plain, false},
		{"relation of a source package", strings.Replace(plain, "Priority:", "Depends: a [amd64]\nPriority:", 1), false},
		{"relation not closed", strings.Replace(plain, "Priority:", "Depends: a (>= 1\nPriority:", 1), false},
		{"Latin-1", strings.Replace(plain, "Description: ", "Description: \xe9", 1), false},
		{"field twice", strings.Replace(plain, "Priority:", "Section: x\nPriority:", 1), false},
		{"value on the next line", strings.ReplaceAll(plain, "Version: ", "Version:\n "), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(tc.in)
			_, aptErr := s.update(t, s.clearsign(t, release(in, releaseHead)), in)
			var bad error
			for _, err := range Packages(bytes.NewReader(in), "Packages") {
				if err != nil {
					bad = err
				}
			}
			if (bad == nil) != tc.ok || tc.ok && aptErr != nil {
				t.Errorf("Packages: %v; apt: %v; want it to be good: %v", bad, aptErr, tc.ok)
			}
		})
	}
}

// TestIndexers reads back what dpkg-scanpackages and apt-ftparchive write.
func TestIndexers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{}
	for _, version := range []string{"1.28.0-1.1", "2:1.30.0~rc.1-2"} {
		src := t.TempDir()
		write(t, filepath.Join(src, "DEBIAN/control"), fmt.Appendf(nil,
			"Package: kubectl\nVersion: %s\nArchitecture: all\nMaintainer: a <a@example.org>\nDepends: b (>= 1),\n c\nDescription: d\n long\n .\n more\n", version))
		write(t, filepath.Join(src, "usr/bin/kubectl"), []byte(version))
		name := "all/kubectl_" + strings.ReplaceAll(version, ":", "_") + ".deb"
		write(t, filepath.Join(dir, name), nil)
		run(t, "", nil, "dpkg-deb", "--root-owner-group", "-b", src, filepath.Join(dir, name))
		files[name] = version
	}
	for _, index := range [][]string{
		{"dpkg-scanpackages", "-m", "."}, {"dpkg-scanpackages", "-m", "all"}, {"apt-ftparchive", "packages", "."}, {"apt-ftparchive", "packages", "all"},
	} {
		got := map[string]string{}
		for p, err := range Packages(bytes.NewReader(run(t, dir, nil, index[0], index[1:]...)), "Packages") {
			if err != nil {
				t.Errorf("%v: %v", index, err)
				continue
			}
			got[p.Path] = p.Version
			checkClaim(t, filepath.Join(dir, p.Path), p.Claim)
			control := run(t, dir, nil, "dpkg-deb", "-f", p.Path)
			for s, err := range deb822.Stanzas(bytes.NewReader(control)) {
				if err != nil {
					t.Fatal(err)
				}
				for name, value := range s.Fields.All() {
					if v := p.Fields.Value(name); v != value {
						t.Errorf("%v: %s: %q, want %q as in the package", index, name, v, value)
					}
				}
			}
		}
		if diff := cmp.Diff(files, got); diff != "" {
			t.Errorf("%v (-want +got)\n%s", index, diff)
		}
	}

	write(t, filepath.Join(dir, "Packages"), run(t, dir, nil, "dpkg-scanpackages", "-m", "."))
	rel, err := ParseRelease(bytes.NewReader(run(t, dir, nil, "apt-ftparchive", "-o", "APT::FTPArchive::Release::Origin=o", "release", ".")), "Release")
	if err != nil || len(rel.Faults) != 0 || rel.Origin != "o" || rel.Date.IsZero() {
		t.Fatalf("%+v, %v", rel, err)
	}
	found := false
	for _, e := range rel.Entries {
		if e.Path == "Packages" {
			found = true
			if count(e.Digests) != 4 {
				t.Errorf("digests %v, want 4", e.Digests)
			}
			checkClaim(t, filepath.Join(dir, e.Path), e.Claim)
		}
	}
	if !found {
		t.Errorf("Packages is not among %v", rel.Entries)
	}
}

// checkClaim compares c with the file.
func checkClaim(t *testing.T, path string, c repo.Claim) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for alg, want := range c.Digests.All() {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		h := alg.Hash().New()
		n, err := io.Copy(h, f)
		if got := fmt.Sprintf("%x", h.Sum(nil)); err != nil || n != c.Size || got != want {
			t.Errorf("%s: %v; %s %s over %d bytes, the index says %s over %d", path, err, alg, got, n, want, c.Size)
		}
	}
	if count(c.Digests) < 3 {
		t.Errorf("%s: digests %v", path, c.Digests)
	}
}

func FuzzSplitInRelease(f *testing.F) {
	const sig = beginSignature + "\n\naaaa\n=aaaa\n" + endSignature + "\n"
	f.Add([]byte(beginMessage + "\nHash: SHA512\n\nA: 1\n- -B\n" + sig))
	f.Add([]byte(beginMessage + "\r\n\r\nA: 1 \t\r\n" + sig + sig))
	f.Add([]byte(beginMessage + "\n\n" + sig + "x"))
	f.Add([]byte(beginMessage + "\n-\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := SplitInRelease(data)
		if err != nil {
			wantFormat(t, err, "")
			return
		}
		if !bytes.HasPrefix(data, []byte(beginMessage)) || !bytes.HasPrefix(c.Signatures, []byte(beginSignature)) {
			t.Error("split without the marks")
		}
		if got := bytes.TrimLeft(c.Plain, "\n"); !bytes.Equal(got, bytes.TrimLeft(append(bytes.Clone(c.Text), '\n'), "\n")) {
			t.Errorf("Plain %q is not Text %q", c.Plain, c.Text)
		}
	})
}
