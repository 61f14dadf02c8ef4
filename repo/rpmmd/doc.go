// Package rpmmd reads the metadata of an rpm-md repository, which createrepo_c
// writes: repomd.xml, primary.xml and filelists.xml.
//
// Reading is strict and bounded. There is no schema to go by: the rules are
// createrepo_c's own writer and reader (src/xml_dump*.c, src/xml_parser*.c) and
// the files that it writes. The indexes are streamed, one package at a time.
//
// [Metadata] is what primary.xml says of one package, in the form that package
// rpm fills in from an rpm's own header, so that the two can be compared.
package rpmmd
