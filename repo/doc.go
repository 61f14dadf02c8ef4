// Package repo is the vocabulary of a package repository: targets,
// architectures, digests, and the facts that a crawl learns.
//
// Everything here is a plain value. Nothing here does I/O, and nothing judges:
// parsers and the crawl fill these types in, checks read them. A fact that
// could not be had is recorded as a [Problem], whose kind keeps "the
// repository is wrong" apart from "we could not tell".
//
// The package is a leaf: it imports nothing of this module.
package repo
