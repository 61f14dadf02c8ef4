// Package lzma decodes LZMA, LZMA2 and the .lzma format (LZMA_alone), fast and
// with memory that grows with output and not with what a header says.
//
// Sources: the LZMA specification of the LZMA SDK (lzma-specification.txt) and
// the .lzma and LZMA2 formats as liblzma reads them, whose verdict counts.
//
// # Why a decoder of our own
//
// Decoding is what reading packages costs, and liblzma is what dpkg and rpm
// decode with. User seconds for a tar of 100 MB of Go programs, xz -6, CRC64
// verified, one thread of an AMD EPYC (Zen 3):
//
//	this package, amd64 assembly    0.90    0.75 of liblzma 5.4.1
//	this package, pure Go           1.28    1.07
//	liblzma 5.4.1 (Debian 12)       1.19    1
//	liblzma 5.8.1                   0.79    0.66
//	mikelolasagasti/xz 1.0.1        2.20    1.69 (1.30 for liblzma in that run)
//	ulikunitz/xz 0.5.17             2.87    2.21 (likewise)
//
// What bounds the speed are branches that no processor can foresee: one for
// about every second bit of a literal. So the bits of literals, lengths and
// distances are decoded without branches, with real ones only for the kind of
// a symbol, which is foreseeable. Output goes straight into one linear window
// that slides when it is full. Pure Go does that with masks; the assembly has
// conditional moves and enough registers, and loads both successors of a bit
// before the bit is known. runGeneric is the reference: it is what runs
// elsewhere and with the tag purego, and FuzzRun holds the two against each
// other, state for state.
package lzma
