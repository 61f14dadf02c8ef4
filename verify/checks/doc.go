// Package checks is the catalogue: one rule a file, each a pure function of
// expectation and facts, with the source of the rule quoted above it.
package checks
