package checks

import (
	"strings"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Debian Policy 6.8: after a purge nothing of a package may be left; piuparts(1)
// compares the file system in the same way. apt-get(8), autoremove: packages
// that were installed automatically.
func installRemove() verify.Check {
	return verify.Check{
		ID:       "install-remove",
		Title:    "removal and purge leave nothing behind, and autoremove keeps what was asked for",
		Suite:    verify.Install,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Doc: `Asks that autoremove, right after the installation, keeps every package that was asked for by name; then that removal (and purge, for deb) takes the packages and all their files away. The file system is compared with what it was before the installation, without caches, logs and the package manager's own records.

Why: autoremove has taken kubelet away from running nodes (k/k #129558). What is left behind meets the next installation.

When it fails: the paths say which script or which package made them; remove them in postrm with "purge", or list them in the package.`,
		Cell: func(e *verify.CellExpectation, f *images.CellFacts) []verify.Finding {
			if bad := outcome(f, f.Remove.Outcome, "the packages cannot be removed"); bad != nil {
				return bad
			}
			var found []verify.Finding
			add := func(message, want string, got []string, hint string) {
				if len(got) > 0 {
					x := verify.Finding{Message: message, Want: want, Got: list(got), Hint: hint, URL: e.Target.URL}
					if len(got) > 1 {
						x.Evidence = got
					}
					found = append(found, x)
				}
			}
			add("autoremove takes away what was asked for by name", "packages that were named stay", f.Remove.Dropped,
				"a dependency marks them as automatic: see cells/"+f.Cell.ID+".log")
			add("packages are still there after their removal", "none of them in the package database", f.Remove.Kept, "read the transcript of this cell")
			add("files are left behind after removal and purge", "the file system as it was before the installation", f.Remove.Left,
				"remove them in the package's own script, or let the package own them")
			if !f.Remove.Compared {
				found = append(found, verify.Finding{Status: verify.Blocked, Message: "what is left behind could not be listed", Want: "find(1) in the image",
					Hint: "use an image that has findutils"})
			}
			return found
		},
	}
}

// audited judges what the package manager and systemd say of the installed files.
func audited(f *images.CellFacts) []verify.Finding {
	a := f.Audit
	if a.Ran && !a.OK {
		return outcome(f, a.Outcome, "the installed files could not be looked at")
	}
	var found []verify.Finding
	add := func(message, want string, got []string, hint string) {
		if len(got) > 0 {
			found = append(found, verify.Finding{Message: message, Want: want, Got: strings.Join(got[:1], ""), Evidence: got, Hint: hint})
		}
	}
	add("installed files are not as their package brought them", "nothing from dpkg --verify or rpm -V", a.Altered, "a maintainer script changes them, or the package contradicts itself")
	add("installed programs are owned by no package", "an owner for every program", a.Unowned, "a maintainer script makes them: put them into the package")
	add("a unit names a file that is not there", "the files that units and drop-ins name", a.Missing, "correct the path in the unit or drop-in, or bring the file")
	add("systemd complains of a unit", "nothing from systemd-analyze verify", a.Units, "correct the unit, or bring what it names")
	return found
}
