// Package configtest holds the configurations beside it against the programs
// that read them: Prow's and TestGrid's own loaders, the Kubernetes API types,
// actionlint and systemd-analyze. It is a module of its own, for its tests
// only, so that their dependencies stay out of pkgverify's.
package configtest
