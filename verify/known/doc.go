// Package known reads the file of known issues and marks the findings that it
// lists, so that they no longer fail a run.
//
// The file is YAML, decoded strictly; every member is required:
//
//   - check: packages-published
//     subject: "*/stable/1.28 kubelet 1.28.5 s390x*"
//     reason: the s390x build of 1.28.5 was lost; it will not be built again
//     link: https://github.com/kubernetes/release/issues/3400
//     expires: 2026-12-31
//
// subject is a glob over the text that [Text] makes of a finding: target,
// package, version, architecture, file and distribution, those that the finding
// has, with one space between them:
//
//	deb/stable/1.28 kubelet 1.28.5 s390x
//	rpm/stable/1.26 Release.key
//	deb/stable/1.26 kubelet 1.26.1-1.1 amd64 debian-12
//
// "*" stands for any text, spaces and slashes included, "?" for one character,
// and a backslash takes the next one as it is; everything else is itself. The
// glob must fit the whole text.
//
// An entry holds until the end of its day, in UTC. After that it marks nothing,
// so that what it hides comes back, and the run warns of it. It also warns of
// an entry that marked nothing although what it is about was asked.
//
// Only findings that fail or warn are marked. "Nobody could tell" stays what it
// is: a known issue is about the repository.
package known
