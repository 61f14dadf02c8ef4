// Package suites runs a plan as Ginkgo specs.
//
// It is the only importer of Ginkgo and Gomega outside tests. Specs are thin:
// each awaits the facts of its target or cell, runs one check on them, and
// reports the findings. The work itself happens beside Ginkgo, on bounded
// pools, because Ginkgo runs the specs of a process one after another.
package suites
