package checks

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// The spec files of kubernetes/release, cmd/krel/templates/latest, list what
// each package installs; the profile holds the list. What no package may bring
// is Debian Policy 10.6 (device files), 10.9 (permissions) and 12.7
// (changelogs), and lintian's tag symlink-has-too-many-up-segments.
func packageFiles() verify.Check {
	return verify.Check{
		ID:       "package-files",
		Title:    "the packages bring the expected files, and none that is dangerous",
		Suite:    verify.Packages,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedIndex},
		Payload:  true,
		Doc: `Asks that each package brings the files that the profile expects, and its programs, with their types, modes, owners and conffile marks. A file that an rpm only owns (%ghost) is not brought. A file in /bin, /sbin or /lib that is expected below /usr is there, with a warning: the two are one place on today's distributions.

And that no other file is set-uid or set-gid, writable for everybody (links and sticky folders aside) or a device; that none leaves the package's root: a path with "..", a link that climbs above "/", a file below a link of the same package, through which it would be written elsewhere; and that no path is there twice. In packages whose files the profile does not list, modes and devices are a warning.

A deb with documentation and without a changelog is a warning.

Why: a file at the wrong place is not found by systemd (kubernetes/release #3219, #3625) and shows on nobody's checksum; a set-uid program is root for every user; a deb without a changelog leaves users without a word on what changed (kubernetes/kubernetes #129689).

When it fails: correct the package's specification (spec file), build and publish it again.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			return each(r, func(p repo.Package) []verify.Finding {
				if !intact(p) {
					return nil // package-checksums or package-matches-index reports it
				}
				expected := e.Package(p.Name)
				found := misplaced(p)
				if expected != nil {
					found = append(found, expectedFiles(p, expected)...)
				}
				found = append(found, dangers(p, expected)...)
				if expected != nil && r.Target.Format == repo.Deb {
					found = append(found, changelog(p)...)
				}
				return found
			})
		},
	}
}

const specHint = "correct the package's specification, build it again under a new revision, and publish"

// misplaced reports the files that leave the root, or are there twice.
func misplaced(p repo.Package) []verify.Finding {
	var found []verify.Finding
	for _, fault := range p.Artifact.Faults {
		if fault.Is(repo.Misplaced) {
			found = append(found, verify.Finding{
				Message: "a package has a file at a place that it must not touch",
				Want:    "each path once, inside the package's own root",
				Got:     fault.String(),
				Hint:    "do not install it; find out how the file came into the package",
			})
		}
	}
	return found
}

// expectedFiles holds the package against the profile's list.
func expectedFiles(p repo.Package, x *verify.PackageExpectation) []verify.Finding {
	var found []verify.Finding
	files := p.Artifact.Files
	for _, want := range x.Files {
		if folder, ok := strings.CutSuffix(want.Path, "/*"); ok {
			found = append(found, inFolder(files, folder, want)...)
			continue
		}
		f, ok := fileAt(files, want.Path)
		if !ok {
			found = append(found, missingFile(files, want.Path))
			continue
		}
		found = append(found, attributes(f, want)...)
	}
	for _, b := range x.Binaries {
		listed := slices.ContainsFunc(x.Files, func(f verify.FileExpectation) bool { return f.Path == b.Path }) ||
			slices.ContainsFunc(found, func(f verify.Finding) bool { return f.Want == b.Path })
		if listed {
			continue
		}
		f, ok := fileAt(files, b.Path)
		if !ok {
			found = append(found, missingFile(files, b.Path))
		} else if x := (verify.Finding{Hint: specHint}); f.Mode.IsRegular() && f.Mode.Perm()&0o111 == 0 {
			x.Message, x.Want, x.Got = b.Path+" cannot be executed", "an executable mode", f.Mode.String()
			found = append(found, x)
		}
	}
	return found
}

// fileAt returns the file at a path, be it in /usr or, where the two are one,
// outside of it. A file that is only owned is not there.
func fileAt(files []repo.PayloadFile, name string) (repo.PayloadFile, bool) {
	want, other := merged(name), -1
	for i, f := range files {
		switch {
		case f.Ghost:
		case f.Path == name:
			return f, true
		case merged(f.Path) == want && other < 0:
			other = i
		}
	}
	if other < 0 {
		return repo.PayloadFile{}, false
	}
	return files[other], true
}

func missingFile(files []repo.PayloadFile, name string) verify.Finding {
	f := verify.Finding{Message: "a package does not bring " + name, Want: name, Got: "no such file", Hint: specHint}
	for _, other := range files {
		switch {
		case other.Path == name: // fileAt passed it over
			f.Got = "it is only owned by the package (%ghost)"
			return f
		case path.Base(other.Path) == path.Base(name) && !other.Mode.IsDir() && f.Got == "no such file":
			f.Got = "one of that name at " + other.Path
		}
	}
	return f
}

// inFolder asks for at least one regular file in a folder.
func inFolder(files []repo.PayloadFile, folder string, want verify.FileExpectation) []verify.Finding {
	var found []verify.Finding
	some := false
	for _, f := range files {
		if path.Dir(merged(f.Path)) == merged(folder) && f.Mode.IsRegular() && !f.Ghost {
			some = true
			one := want
			one.Path = f.Path
			found = append(found, attributes(f, one)...)
		}
	}
	if !some {
		return []verify.Finding{{Message: "a package brings no file in " + folder, Want: want.Path, Got: "nothing", Hint: specHint}}
	}
	return found
}

// attributes holds a file that is there against what is asked of it.
func attributes(f repo.PayloadFile, want verify.FileExpectation) []verify.Finding {
	var found []verify.Finding
	add := func(status verify.Status, message, wanted, got string) {
		found = append(found, verify.Finding{Status: status, Message: want.Path + " " + message, Want: wanted, Got: got, Hint: specHint})
	}
	if f.Path != want.Path && f.Path != merged(f.Path) {
		add(verify.Warn, "is brought outside of /usr", want.Path, f.Path)
	}
	if f.Mode.Type() != want.Type {
		add("", "is of another type", kindOfFile(want.Type), kindOfFile(f.Mode))
		return found
	}
	if want.Mode != 0 && f.Mode.Perm() != want.Mode.Perm() {
		add("", "has another mode", fmt.Sprintf("%04o", want.Mode.Perm()), fmt.Sprintf("%04o", f.Mode.Perm()))
	}
	if !owns(f.Owner, want.Owner) {
		add("", "belongs to another user", orRoot(want.Owner), f.Owner)
	}
	if !owns(f.Group, want.Group) {
		add("", "belongs to another group", orRoot(want.Group), f.Group)
	}
	if want.Config && !f.Config {
		add("", "is not marked as configuration: an upgrade overwrites what the administrator wrote", "a conffile (deb) or %config (rpm)", "an ordinary file")
	}
	return found
}

// owns reports whether a name or number is the owner that is wanted.
func owns(got, want string) bool {
	return got == orRoot(want) || got == "0" && orRoot(want) == "root"
}

func orRoot(name string) string {
	if name == "" {
		return "root"
	}
	return name
}

func kindOfFile(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a pipe"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device"
}

// dangers reports what no package may bring, unless the profile expects it.
func dangers(p repo.Package, x *verify.PackageExpectation) []verify.Finding {
	// Whoever lists the files of a package means that there is no set-uid
	// program among them; of others (sudo) nothing is known.
	status := verify.Warn
	if x != nil && len(x.Files) > 0 {
		status = verify.Fail
	}
	var found []verify.Finding
	add := func(f repo.PayloadFile, what, want string) {
		finding := verify.Finding{Status: status, Message: f.Path + " " + what, Want: want, Got: f.Mode.String() + " " + f.Owner + ":" + f.Group, Hint: specHint}
		if status == verify.Warn { // one finding for all of them
			finding.Message, finding.Got = "a file "+what, f.Path+" "+finding.Got
		}
		found = append(found, finding)
	}
	at := make(map[string]string, len(p.Artifact.Files))
	for _, f := range p.Artifact.Files {
		special := f.Mode & (fs.ModeSetuid | fs.ModeSetgid)
		switch {
		case f.Ghost: // rpm sets nothing on what it does not bring
			continue
		case f.Mode.Type()&fs.ModeDevice != 0:
			add(f, "is a device", "no device")
		case f.Mode.IsRegular() && special != 0:
			add(f, "is "+specialNames(special), "no set-uid or set-gid program")
		}
		sticky := f.Mode.IsDir() && f.Mode&fs.ModeSticky != 0
		if f.Mode.Type() != fs.ModeSymlink && f.Mode.Perm()&0o002 != 0 && !sticky && f.Mode.Type()&fs.ModeDevice == 0 {
			add(f, "can be written by everybody", "a mode without o+w")
		}
		if f.Mode.Type() == fs.ModeSymlink && climbs(f) {
			found = append(found, verify.Finding{Status: status, Message: f.Path + " links to a place above the root", Want: "a target below /",
				Got: quote(f.Link), Hint: "unpacked into another root the link leads out of it: " + specHint})
		}
		if twin, ok := at[merged(f.Path)]; ok && twin != f.Path && !f.Mode.IsDir() {
			found = append(found, verify.Finding{Status: verify.Warn, Message: f.Path + " and " + twin + " are one file where /usr is merged",
				Want: "one of them", Got: "both", Hint: specHint})
		}
		at[merged(f.Path)] = f.Path
	}
	return found
}

func specialNames(m fs.FileMode) string {
	switch {
	case m == fs.ModeSetuid|fs.ModeSetgid:
		return "set-uid and set-gid"
	case m&fs.ModeSetuid != 0:
		return "set-uid"
	}
	return "set-gid"
}

// climbs reports whether a relative link has more ".." than there are folders
// above it. The kernel stops at "/", but an image or a chroot that is looked at
// from outside has something above.
func climbs(f repo.PayloadFile) bool {
	if path.IsAbs(f.Link) {
		return false
	}
	depth := strings.Count(path.Dir(f.Path), "/")
	if path.Dir(f.Path) == "/" {
		depth = 0
	}
	for part := range strings.SplitSeq(f.Link, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// changelog reports a deb that has documentation, but no changelog in it.
func changelog(p repo.Package) []verify.Finding {
	folder := "/usr/share/doc/" + p.Name
	documented := false
	for _, f := range p.Artifact.Files {
		if f.Path == folder && f.Mode.Type() == fs.ModeSymlink {
			return nil // it is in another package's folder (Debian Policy 12.5)
		}
		if path.Dir(f.Path) != folder {
			continue
		}
		documented = true
		if strings.HasPrefix(strings.ToLower(path.Base(f.Path)), "changelog") {
			return nil
		}
	}
	if !documented {
		return nil
	}
	return []verify.Finding{{
		Status: verify.Warn, Message: "a deb has documentation and no changelog", Want: folder + "/changelog.Debian.gz", Got: "no such file",
		Hint: "add it when the package is built: apt and its users look there for what changed",
	}}
}
