// Package readers holds what package reports writes against the programs that
// read it: TestGrid's updater and the JUnit lens of Prow's Spyglass. It is a
// module of its own, for tests only: their dependencies are many and must not
// become ours. It reads the golden files of package reports.
package readers
