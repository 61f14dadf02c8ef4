// Package guest is what a package manager inside a container is told, and how
// its answers are read. It runs nothing: commands are argv, files are contents,
// parsers take text.
//
// The set-up is the one that the Kubernetes documentation gives ("Installing
// kubeadm") and KEP-1731 ("How are packages used?"): verification of metadata
// and packages is on, and no option that would weaken it is ever given.
package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// Name is what the repository is called in the guest: the file names of the
// set-up, and dnf's repository ID.
const Name = "kubernetes"

// Source is the repository as the guest is to use it.
type Source struct {
	// URL is the root of the repository as the guest reaches it, with a
	// trailing slash.
	URL string
	// Key is the repository's own signing key as it serves it (Release.key),
	// armoured or binary.
	Key []byte
	// Packages are the packages that are wanted from it.
	Packages []string
}

// CalledBy returns what a package manager calls the repository: apt shows its
// URL, the others the ID that the set-up gave it.
func (s Source) CalledBy(m images.Manager) string {
	if m == images.APT {
		return strings.TrimSuffix(s.URL, "/")
	}
	return Name
}

// File is a file that a set-up writes.
type File struct {
	Path string
	Data []byte
	Mode fs.FileMode
	// Shell is the command by which a user would write it, and Note what the
	// transcript should say about how it really came there.
	Shell, Note string
}

// Command is a command to be run in the guest.
type Command struct {
	Argv []string
	Env  []string
}

// Setup is how a repository is made known to a package manager: files first,
// then commands, all of which must succeed.
type Setup struct {
	Files    []File
	Commands []Command
}

// Listing asks for the versions on offer. Read gets the output of each
// command, in order.
type Listing struct {
	Commands []Command
	Read     func(outputs []string) ([]images.Offer, map[string]string, error)
}

// Installation installs packages and then asks the package database what is
// there. Query exits other than 0 when one of the packages is missing, and
// prints the rest.
type Installation struct {
	Command Command
	Query   Command
	Read    func(output string) ([]images.Installed, error)
}

// Guest knows one package manager.
type Guest interface {
	Beginner
	Installer
	Auditor
	Remover
}

// Beginner makes a repository known and takes the first steps with it.
type Beginner interface {
	Setup(Source) (Setup, error)
	List(Source) Listing
	InstallLatest(Source) Installation
}

// For returns the guest of a package manager.
func For(m images.Manager) (Guest, error) {
	switch m {
	case images.APT:
		return apt{}, nil
	case images.DNF:
		return dnf{}, nil
	case images.Yum:
		return dnf{command: "yum"}, nil
	case images.DNF5:
		return dnf5{}, nil
	case images.Zypper:
		return zypper{}, nil
	case images.MicroDNF:
		// It has no record of where a package came from, no autoremove, and
		// cannot lift exclude=, so half of the questions have no answer.
		return nil, errors.New("microdnf is not driven, for it does not answer what is asked: take an image of the distribution that has dnf")
	}
	return nil, fmt.Errorf("package manager %q is not known: there are apt, dnf, dnf5, yum and zypper", m)
}

// locale is the environment in which the managers' output can be read.
func locale(more ...string) []string {
	return append([]string{"LC_ALL=C.UTF-8", "LANG=C.UTF-8", "LANGUAGE=C"}, more...)
}

// check refuses what would not stay within its line of a configuration file.
func (s Source) check() error {
	if strings.ContainsFunc(s.URL, func(r rune) bool { return r <= ' ' || r == 0x7f }) || s.URL == "" {
		return fmt.Errorf("repository URL %q: want one without blanks and control characters", s.URL)
	}
	for _, p := range s.Packages {
		if !ValidPackage(p) {
			return fmt.Errorf("package name %q: want letters, digits, '.', '+', '_' and '-'", p)
		}
	}
	return nil
}

// ValidPackage reports whether a name can be given to a package manager as the
// name of a package: it is no option, pattern, file or version.
func ValidPackage(name string) bool {
	if name == "" || len(name) > 128 || strings.ContainsRune("-+._", rune(name[0])) || strings.HasSuffix(name, "-") || strings.HasSuffix(name, "+") {
		return false
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+_-"
	return strings.Trim(name, letters) == ""
}

// Quote returns argv as it can be pasted into a shell.
func Quote(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_^"
		if a != "" && strings.Trim(a, plain) == "" {
			words[i] = a
			continue
		}
		words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// lines splits text into lines of at most maxLine bytes, at most maxLines of
// them; what goes past the bounds is an error.
func lines(text string) ([]string, error) {
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(all) > maxLines {
		return nil, fmt.Errorf("output of %d lines: at most %d are read", len(all), maxLines)
	}
	for i, l := range all {
		if len(l) > maxLine {
			return nil, fmt.Errorf("line %d of the output has %d bytes: at most %d are read", i+1, len(l), maxLine)
		}
	}
	return all, nil
}

const (
	// maxLines bounds the lines of one answer, and maxLine the bytes of a line.
	maxLines = 200_000
	maxLine  = 8192
)
