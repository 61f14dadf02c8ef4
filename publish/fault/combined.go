package fault

import "slices"

// combinedFaults are several faults at once: what one breaks must not hide what
// the other does.
func combinedFaults() []Fault {
	single := slices.Concat(packageFaults(), releaseFaults(), aptTrustFaults(), rpmTrustFaults(), keyFaults(),
		aptIndexFaults(), rpmIndexFaults())
	of := func(names ...string) []Fault {
		var parts []Fault
		for _, name := range names {
			for _, f := range single {
				if f.Name == name {
					parts = append(parts, f)
				}
			}
		}
		return parts
	}
	return []Fault{
		combined("unsigned-rpm-and-flip-deb", of("unsigned-rpm", "flip-deb")...),
		combined("rc-and-expired-key-and-wrong-origin", of("rc-in-stable", "expired-key", "wrong-origin")...),
		combined("weak-hash-and-future-and-size", of("size-off-by-one", "md5-only-release", "future-date")...),
		combined("no-payload-digest-and-older-repomd", of("no-payload-digest", "older-repomd", "repomd-key-missing")...),
		combined("foreign-rpm-and-short-filelists", of("foreign-rpm", "short-filelists", "older-deb")...),
		combined("foreign-release-gpg-and-sha1-repomd", of("foreign-release-gpg", "sha1-repomd", "sha1-key")...),
		combined("gz-missing-and-inrelease-missing", of("gz-missing", "inrelease-missing", "other-repomd-asc")...),
	}
}
