// Package rpm reads rpm package files from a stream: metadata, list of files,
// digests and signatures.
//
// A file is a lead, a signature header, a main header and a compressed payload
// (rpm's docs/manual/format.md). This package frames lead and headers with
// strict code of its own, after the checks of rpm's lib/header.c
// (hdrblobVerifyRegion, hdrblobVerifyInfo), and only then hands the bytes to
// github.com/cavaliergopher/rpm, which takes the tags apart but panics or
// answers wrongly where a header is not sane. The payload is hashed as it
// streams by, and not unpacked.
package rpm
