// Package rpmmd reads the metadata of an rpm-md repository, which createrepo_c
// and modifyrepo_c write: repomd.xml, primary.xml, filelists.xml, other.xml,
// updateinfo.xml, comps.xml, modules.yaml and what else [Verify] knows.
//
// Reading is strict and bounded. There is no schema to go by: the rules are
// createrepo_c's own writer and reader (src/xml_dump*.c, src/xml_parser*.c) and
// the files that it and the distributions write. The indexes are streamed, one
// entry at a time, by package xmlstream.
//
// Fields are held for 100,000 packages, so [Primary] makes one string of each
// package, of which its name, version, path, digest and fields are parts. Lists
// come in the canonical order in nearly every index, which is seen while they
// are read; only those that do not are sorted.
//
// [Metadata] is what primary.xml says of one package, in the form that package
// rpm fills in from an rpm's own header, so that the two can be compared.
package rpmmd
