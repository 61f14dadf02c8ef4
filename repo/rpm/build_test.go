package rpm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo/pgp"
)

const specHead = `Name: %s
Version: %s
Release: 1.1
%s
Summary: A package <of> & "tests"
License: Apache-2.0
Group: Development/Tools
URL: https://example.org/?a=1&b=2
Vendor: Example
Packager: Somebody <somebody@example.org>
%%description
First line, ümlaut.

  Indented line.
%%install
mkdir -p %%{buildroot}/usr/bin %%{buildroot}/etc/x %%{buildroot}/usr/lib/x
echo '#!/bin/sh' > %%{buildroot}/usr/bin/tool; chmod 4755 %%{buildroot}/usr/bin/tool
ln %%{buildroot}/usr/bin/tool %%{buildroot}/usr/bin/tool-hard
ln -s tool %%{buildroot}/usr/bin/tool-soft
echo conf > %%{buildroot}/etc/x/conf
echo data > "%%{buildroot}/usr/lib/x/with space"
echo free > %%{buildroot}/usr/lib/x/license
%%files
/usr/bin/*
%%dir /etc/x
%%config(noreplace) %%attr(0600,daemon,adm) /etc/x/conf
%%ghost /etc/x/ghost
%%doc %%lang(de) %%caps(cap_net_raw=ep) "/usr/lib/x/with space"
%%license %%verify(not md5 size) /usr/lib/x/license
%%dev(c,4,65) %%attr(0620,root,tty) /dev/sample
%s
`

// scriptlets are all that rpm 4.18 has.
const scriptlets = `%pre
:
%post -p /sbin/ldconfig
%preun
:
%postun
:
%pretrans -p <lua>
a = 1
%posttrans
:
%verifyscript
:
%triggerprein -- bash
:
%triggerin -- bash
:
%triggerun -- bash
:
%triggerpostun -- bash
:
%filetriggerin -- /usr/lib
:
%filetriggerun -- /usr/lib
:
%filetriggerpostun -- /usr/lib
:
%transfiletriggerin -- /usr/lib
:
%transfiletriggerun -- /usr/lib
:
%transfiletriggerpostun -- /usr/lib
:
`

// specs are the packages that are built; between them they use what rpm
// headers of repositories hold.
var specs = []struct {
	name, version, preamble, tail string
	args                          []string
}{
	{"plain", "1.0", "", "", []string{"--define", "_binary_payload w9.gzdio"}},
	{"zstd", "1.0~rc.1", "Epoch: 7\nBuildArch: noarch", "", []string{"--define", "_binary_payload w3.zstdio"}},
	{"xz", "1.0^git1", "", "%triggerin -- bash\n:\n%post\n:\n%preun\n:\n", []string{"--define", "_binary_payload w2.xzdio"}},
	{"bzip2", "1", "", "", []string{"--define", "_binary_payload w9.bzdio"}},
	{"uncompressed", "1", "", "", []string{"--define", "_binary_payload w.ufdio"}},
	{"lzma", "1", "", scriptlets, []string{"--define", "_binary_payload w7.lzdio", "--define", "_source_payload w7.lzdio"}},
	{"xz-7", "1", "", "", []string{"--define", "_binary_payload w7.xzdio"}},
	{"zstd-19", "1", "", "", []string{"--define", "_binary_payload w19.zstdio", "--define", "_source_payload w19.zstdio"}},
	{"md5", "1", "", "", []string{"--define", "_binary_filedigest_algorithm 1", "--define", "_source_filedigest_algorithm 1"}},
	{"sha512", "1", "", "", []string{"--define", "_binary_filedigest_algorithm 10"}},
	{"deps", "2.0", `Epoch: 2
Provides: a = 1.0, b, c(x) = 3:4-5, deps-self = 1
Requires: d >= 1:2.0-3, e < 5, f, /usr/bin/tool, /usr/bin/other, a = 1.0, (g >= 1 if h else i), b
Requires: libc.so.6(GLIBC_2.4)(64bit), libc.so.6(GLIBC_2.34)(64bit), libc.so.6()(64bit)
Requires(post): f
Requires(pre): d >= 1:2.0-3
Conflicts: j > 1
Obsoletes: k <= 2
Suggests: l
Enhances: m = 1
Recommends: n >= 2
Supplements: (o and p)`, "", nil},
}

// built are the packages of one test.
type built struct {
	dir   string
	files []string // sorted base names
	ring  *pgp.Keyring
	other *pgp.Keyring
	db    string // an rpm database with the key
}

// build makes the packages, signs them, and imports the key.
func build(t *testing.T) built {
	t.Helper()
	b := built{dir: t.TempDir(), db: t.TempDir()}
	home := t.TempDir()
	env := []string{"GNUPGHOME=" + home}
	for _, who := range []string{"one@example.org", "two@example.org"} {
		run(t, env, "gpg", "--batch", "--passphrase", "", "--quick-gen-key", who, "rsa2048", "sign", "never")
	}
	t.Cleanup(func() { _, _ = try(t, env, "gpgconf", "--kill", "all") })
	key := func(who string) ([]byte, *pgp.Keyring) {
		data := []byte(run(t, env, "gpg", "--export", "--armor", who))
		ring, err := pgp.ReadKeyring(data)
		if err != nil {
			t.Fatal(err)
		}
		return data, ring
	}
	var data []byte
	data, b.ring = key("one@example.org")
	_, b.other = key("two@example.org")
	keyFile := filepath.Join(home, "key.asc")
	if err := os.WriteFile(keyFile, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "rpmkeys", "--dbpath", b.db, "--import", keyFile)

	top := t.TempDir()
	for _, s := range specs {
		spec := filepath.Join(top, s.name+".spec")
		if err := os.WriteFile(spec, fmt.Appendf(nil, specHead, s.name, s.version, s.preamble, s.tail), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"rpmbuild", "--quiet", "--define", "_topdir " + top, "--define", "_build_id_links none"}, s.args...)
		run(t, nil, append(args, "-ba", spec)...)
	}
	sign := func(file string, args ...string) {
		run(t, env, append([]string{"rpmsign", "--define", "_gpg_name one@example.org", "--define", "_gpg_path " + home, "--define", "__gpg " + tool(t, "gpg"), "--addsign"}, append(args, file)...)...)
	}
	for _, pattern := range []string{"RPMS/*/*.rpm", "SRPMS/*.rpm"} {
		made, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range made {
			content, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(from)
			to := filepath.Join(b.dir, name)
			if err := os.WriteFile(to, content, 0o600); err != nil {
				t.Fatal(err)
			}
			switch {
			case strings.HasPrefix(name, "zstd-1.0"): // not signed
			case strings.HasPrefix(name, "plain"):
				sign(to, "--rpmv3")
			default:
				sign(to)
			}
			b.files = append(b.files, name)
		}
	}
	slices.Sort(b.files)
	if want := 2 * len(specs); len(b.files) != want {
		t.Fatalf("built %d packages, wanted %d: %v", len(b.files), want, b.files)
	}
	return b
}

func (b built) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
