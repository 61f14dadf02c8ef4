// Package rpmmdtest makes large indexes for tests and benchmarks, shaped as
// createrepo_c writes them. The same arguments give the same bytes.
package rpmmdtest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// seed makes the output the same on every run.
const seed = 20230826

// WritePrimary writes a primary.xml of that many packages: some 2.3 KB each,
// with the dependencies, files, lengths and order that distributions have. One
// package in ten has files of several types, whose lists are out of order.
func WritePrimary(w io.Writer, packages int) error {
	b := bufio.NewWriterSize(w, 64<<10)
	g := &generator{w: b, r: rand.New(rand.NewPCG(seed, seed))}
	g.f("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"%d\">\n", packages)
	for i := range packages {
		g.primaryPackage(i)
	}
	g.f("</metadata>\n")
	return b.Flush()
}

type generator struct {
	w *bufio.Writer
	r *rand.Rand
}

// f writes; a bufio.Writer keeps its error up to Flush.
func (g *generator) f(format string, args ...any) { _, _ = fmt.Fprintf(g.w, format, args...) }

func (g *generator) hex(digits int) string {
	const hex = "0123456789abcdef"
	b := make([]byte, digits)
	for i := range b {
		b[i] = hex[g.r.IntN(16)]
	}
	return string(b)
}

// name returns the name of package i.
func name(i int) string {
	stems := [...]string{"python3-lib", "perl-Text-Tool", "golang-github-x-net", "lib", "texlive-collection", "kernel-module", "rubygem-active", "nodejs-pkg"}
	return fmt.Sprintf("%s%05d", stems[i%len(stems)], i)
}

func (g *generator) primaryPackage(i int) {
	n := name(i)
	arch := [...]string{"x86_64", "noarch", "aarch64", "i686"}[i%4]
	ver, rel := fmt.Sprintf("%d.%d.%d", i%7, i%31, i%101), fmt.Sprintf("%d.fc41", 1+i%12)
	epoch := i % 20 / 19 // of one package in twenty
	size := 20000 + g.r.IntN(4<<20)
	g.f("<package type=\"rpm\">\n  <name>%s</name>\n  <arch>%s</arch>\n  <version epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>\n", n, arch, epoch, ver, rel)
	g.f("  <checksum type=\"sha256\" pkgid=\"YES\">%s</checksum>\n", g.hex(64))
	g.f("  <summary>Tools &amp; libraries for the %s framework</summary>\n", n)
	g.f("  <description>%s is a library of routines that are used by many programs. It reads,\nwrites and converts files of the formats that are in use on today's systems, and\noffers an interface for C, C++ and Python.\n\nThis package has what is needed to run programs that were built with it%s.</description>\n", n, [...]string{"", " \u2014 na\u00efve users included", " &lt;see /usr/share/doc&gt;"}[i%3])
	g.f("  <packager>Fedora Project</packager>\n  <url>https://www.example.org/projects/%s/</url>\n", n)
	g.f("  <time file=\"%d\" build=\"%d\"/>\n  <size package=\"%d\" installed=\"%d\" archive=\"%d\"/>\n", 1729000000+i, 1728000000+i, size, 3*size, 3*size+4096)
	g.f("<location href=\"Packages/%c/%s-%s-%s.%s.rpm\"/>\n  <format>\n", n[0], n, ver, rel, arch)
	g.f("    <rpm:license>GPL-2.0-or-later AND MIT</rpm:license>\n    <rpm:vendor>Fedora Project</rpm:vendor>\n    <rpm:group>Unspecified</rpm:group>\n    <rpm:buildhost>buildvm-x86-%02d.example.org</rpm:buildhost>\n    <rpm:sourcerpm>%s-%s-%s.src.rpm</rpm:sourcerpm>\n    <rpm:header-range start=\"4504\" end=\"%d\"/>\n", i%40, n, ver, rel, 9000+i%9000)
	g.f("    <rpm:provides>\n")
	for j := range i % 4 {
		g.f("      <rpm:entry name=\"lib%s-%d.so.%d()(64bit)\"/>\n", n, j, i%9)
	}
	g.f("      <rpm:entry name=\"%s\" flags=\"EQ\" epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>\n      <rpm:entry name=\"%s(x86-64)\" flags=\"EQ\" epoch=\"%d\" ver=\"%s\" rel=\"%s\"/>\n    </rpm:provides>\n    <rpm:requires>\n", n, epoch, ver, rel, n, epoch, ver, rel)
	for j := range 3 + i%6 {
		g.f("      <rpm:entry name=\"%s\" flags=\"GE\" epoch=\"0\" ver=\"%d.%d\"/>\n", name(i/(j+2)), j, i%5)
	}
	g.f("      <rpm:entry name=\"/usr/bin/sh\" pre=\"1\"/>\n      <rpm:entry name=\"libc.so.6(GLIBC_2.38)(64bit)\"/>\n      <rpm:entry name=\"rtld(GNU_HASH)\"/>\n")
	if i%5 == 0 {
		g.f("      <rpm:entry name=\"(%s-langpack if langpacks)\"/>\n", n)
	}
	g.f("    </rpm:requires>\n")
	if i%8 == 0 {
		g.f("    <rpm:obsoletes>\n      <rpm:entry name=\"%s-old\" flags=\"LT\" epoch=\"0\" ver=\"%s\"/>\n    </rpm:obsoletes>\n", n, ver)
	}
	for j := range i % 4 {
		g.f("    <file>/usr/bin/%s-%d</file>\n", n, j)
	}
	if i%10 == 0 {
		g.f("    <file type=\"dir\">/etc/%s</file>\n    <file>/etc/%s/main.conf</file>\n    <file type=\"ghost\">/etc/%s/state</file>\n    <file>/etc/%s/a.conf</file>\n", n, n, n, n)
	}
	g.f("  </format>\n</package>\n")
}
