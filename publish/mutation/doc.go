// Package mutation proves that a verifier tells the truth: it publishes a clean
// tree, on which the verifier must be silent, and breaks a copy of it in each
// way of package fault, which the verifier must find, by the checks that are
// meant for it and by no others.
//
// The verifier is a program. All that is known of it is its command line and
// its report.json, so that nothing that is wrong in it can hide itself here.
// It is run without containers: checks of the suite install are not asked.
package mutation
