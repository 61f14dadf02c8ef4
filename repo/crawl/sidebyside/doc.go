// Package sidebyside measures the crawl beside the tools that a user would take
// instead, in one run on one machine, and prints one table of ratios:
//
//	make bench
//	go test -run '^$' -bench . -benchtime 1x -timeout 2h ./repo/crawl/sidebyside
//	go test -run '^$' -bench SideBySide/parse -benchtime 5x ./repo/crawl/sidebyside
//
// The result is the ratio of the times on the clock; beside it is that of the
// processor's time, which says more on a machine that does other work, too.
// With -benchtime Nx each side runs N times, in turn, and the fastest of its
// runs counts. Nothing is asserted about time, but what a side did is checked:
// a measurement of a run that went wrong is an error.
//
// The data is made by the real tools on first use (testdata/tree.sh, and
// generated_test.go for what must be made in bulk) and kept in
// $PKGVERIFY_BENCH, by default the user's cache folder; it takes 5 GB and some
// ten minutes. $PKGVERIFY_PROFILE names a folder for the processor and memory
// profiles of our side.
//
// Our side runs in a process of its own, which is this test binary again, so
// that its memory is its own and its start is counted as theirs is. The files
// are served by one more process on loopback, which takes its share of the same
// processors.
package sidebyside
