// Package images is the catalogue of distributions on which packages are
// installed, and the vocabulary of what is learnt there: cells and their facts.
//
// Everything here is a plain value. The laboratory fills in [CellFacts]; the
// checks, which are elsewhere, judge them. A fault of the laboratory itself
// (engine, image, emulation, disk, time) is kept in CellFacts.Blocked or in
// [Step.Fault], apart from what the packages or the repository caused.
package images
