// Package rpm reads rpm package files from a stream: metadata, files, digests
// and signatures, and on request the payload.
//
// A file is a lead, a signature header, a main header and a packed payload
// (rpm's docs/manual/format_v4.md and format_v6.md). Headers are taken and
// refused as rpm 4.18 and 6.1 do it (hdrblobRead and hdrblobImport in
// lib/header.c, headerMergeLegacySigs in lib/package.c), and digests and
// signatures are verified over the same bytes as by rpmkeys (lib/rpmvs.c). The
// payload is held against the header file by file, as rpm does when it installs
// (lib/rpmfi.c); rpmkeys does not look inside of it.
//
// What rpm takes and a repository should not have is a fault, and the reading
// goes on: see [Package.Faults].
//
// github.com/cavaliergopher/rpm, whose work this was at first, is held against
// this package in its tests only. It takes a short read for a whole one, keeps
// every value as an interface, cannot read headers above 32 MiB nor rpm's own
// test package with IMA signatures, panics on lists of different lengths and on
// the files of rpm 6, and reads Supplements from the wrong tag.
package rpm
