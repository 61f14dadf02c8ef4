package repo

import "io/fs"

// PayloadFile is one file that a package installs.
type PayloadFile struct {
	// Path is absolute and clean.
	Path  string
	Mode  fs.FileMode
	Size  int64
	Owner string
	Group string
	// Link is the target of a symbolic or hard link.
	Link string
	// Device is the number of a device node, as stat(2)'s st_rdev has it.
	Device uint64
	// Config marks a conffile (deb) or %config (rpm), Ghost a %ghost file (rpm),
	// which the package owns and does not bring.
	Config, Ghost bool
	// SHA256 is the digest of a regular file's bytes as they are in the
	// package, in lower-case hexadecimal; a hard link has that of its target.
	// It is empty when the payload was not read.
	SHA256 string
	// Text is the content of a small text file of configuration: a systemd unit
	// or drop-in, and what is below /etc (see payload.Texts). It is empty for
	// other files, for those that go past its bounds, and when the payload was
	// not read.
	Text string `json:",omitempty"`
	// Program is what an executable says of itself; nil for other files and
	// when the payload was not read.
	Program *Program
}

// Program is what an executable file says of itself, read without running it.
type Program struct {
	// Interpreter is that of a script (the text behind "#!"), or the dynamic
	// loader that an ELF file asks for.
	Interpreter string `json:"interpreter,omitempty"`
	// ELF is nil for a script.
	ELF *ELF `json:"elf,omitempty"`
	// Go is nil for a file without Go build information.
	Go *GoBuild `json:"go,omitempty"`
	// LinkStrings are the strings of a Go program that have the form of values
	// set while linking (go tool link -X): versions, commits, dates. They stay
	// in a stripped binary, where -trimpath has taken -ldflags out of the build
	// information. Sorted, without doubles; other strings of these forms may be
	// among them.
	LinkStrings []string `json:"link_strings,omitempty"`
}

// ELF is what the header of an ELF file says (System V gABI, chapter 4).
type ELF struct {
	// Bits is 32 or 64.
	Bits int `json:"bits"`
	// BigEndian is the order of bytes in a word.
	BigEndian bool `json:"big_endian,omitempty"`
	// Machine is e_machine by its name: "EM_X86_64".
	Machine string `json:"machine"`
	// Arch is the architecture that runs it, by machine, class, order and flags;
	// empty when this module does not know it.
	Arch Arch `json:"arch,omitempty"`
	// Type is e_type by its name: "ET_EXEC", "ET_DYN", "ET_REL".
	Type string `json:"type"`
	// Static is set for a program that asks for no dynamic loader.
	Static bool `json:"static,omitempty"`
	// Stripped is set when there is no symbol table.
	Stripped bool `json:"stripped,omitempty"`
}

// GoBuild is the build information that the Go linker puts into a program
// (debug/buildinfo).
type GoBuild struct {
	// GoVersion is the toolchain's: "go1.19.3".
	GoVersion string `json:"go_version"`
	// Path is the main package's; Module and Version are the main module's,
	// "(devel)" when the build did not know.
	Path    string `json:"path,omitempty"`
	Module  string `json:"module,omitempty"`
	Version string `json:"version,omitempty"`
	// Settings are the "build" lines: "GOARCH", "vcs.revision", "-ldflags".
	Settings []Field `json:"settings,omitempty"`
	// Linked are the -X values of -ldflags, by the variable's name, where the
	// settings keep them.
	Linked []Field `json:"linked,omitempty"`
}
