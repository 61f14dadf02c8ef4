// Package verify decides: it holds the facts of a repository or of a container
// cell against an expectation and says what is wrong.
//
// A [Check] is a pure function of expectation and facts. The framework here,
// not the check, decides whether it applies, whether the facts that it needs
// are there, and what a panic means (blocked, never passed). Selection happens
// once, in the [Plan]. "The repository is wrong" ([Fail]) and "we could not
// tell" ([Blocked]) are different verdicts everywhere.
package verify
