// Package rpmdep is the dependencies of rpm packages: names with versions and
// flags, which of them meet, and rich (boolean) dependencies.
//
// The rules are those of rpm's lib/rpmds.c and rpmio/rpmver.c (4.18, unchanged
// in 6.1).
package rpmdep

import (
	"strings"

	"sigs.k8s.io/pkgverify/repo/rpmver"
)

// Flags are the flags of a dependency (rpm's include/rpm/rpmds.h,
// rpmsenseFlags_e).
type Flags uint32

// The flags. The first three compare versions and stand together; the others
// say what a dependency is for and where it comes from.
const (
	Less          Flags = 1 << 1
	Greater       Flags = 1 << 2
	Equal         Flags = 1 << 3
	PostTrans     Flags = 1 << 5
	PreReq        Flags = 1 << 6
	PreTrans      Flags = 1 << 7
	Interpreter   Flags = 1 << 8
	ScriptPre     Flags = 1 << 9
	ScriptPost    Flags = 1 << 10
	ScriptPreUn   Flags = 1 << 11
	ScriptPostUn  Flags = 1 << 12
	ScriptVerify  Flags = 1 << 13
	FindRequires  Flags = 1 << 14
	FindProvides  Flags = 1 << 15
	TriggerIn     Flags = 1 << 16
	TriggerUn     Flags = 1 << 17
	TriggerPostUn Flags = 1 << 18
	MissingOK     Flags = 1 << 19
	// PreUnTrans and PostUnTrans came with rpm 4.19.
	PreUnTrans   Flags = 1 << 20
	PostUnTrans  Flags = 1 << 21
	RPMLib       Flags = 1 << 24
	TriggerPreIn Flags = 1 << 25
	Keyring      Flags = 1 << 26
	// Strong made a suggestion a recommendation before rpm 4.12 had tags for
	// both (SUSE's and Mandriva's RPMSENSE_STRONG).
	Strong Flags = 1 << 27
	Config Flags = 1 << 28
	Meta   Flags = 1 << 29

	// compareMask is RPMSENSE_SENSEMASK; its lowest bit was "serial".
	compareMask Flags = 0xf
)

// Comparison returns only those flags that compare versions.
func (f Flags) Comparison() Flags { return f & (Less | Greater | Equal) }

// Operator returns how the comparison is written: "<", "<=", "=", ">=", ">",
// and "" for any version or for a set of flags that is none of these.
func (f Flags) Operator() string {
	switch f & compareMask {
	case Less:
		return "<"
	case Less | Equal:
		return "<="
	case Equal:
		return "="
	case Greater | Equal:
		return ">="
	case Greater:
		return ">"
	}
	return ""
}

// String returns the names of the flags as rpm's query format ":deptype" and
// ":depflags" have them, joined by commas.
func (f Flags) String() string {
	var names []string
	if op := f.Operator(); op != "" {
		names = append(names, op)
	}
	for _, x := range [...]struct {
		flag Flags
		name string
	}{
		{PostTrans, "posttrans"}, {PreReq, "prereq"}, {PreTrans, "pretrans"}, {Interpreter, "interp"},
		{ScriptPre, "pre"}, {ScriptPost, "post"}, {ScriptPreUn, "preun"}, {ScriptPostUn, "postun"}, {ScriptVerify, "verify"},
		{FindRequires | FindProvides, "auto"},
		{TriggerIn, "triggerin"}, {TriggerUn, "triggerun"}, {TriggerPostUn, "triggerpostun"},
		{MissingOK, "missingok"}, {PreUnTrans, "preuntrans"}, {PostUnTrans, "postuntrans"}, {RPMLib, "rpmlib"},
		{TriggerPreIn, "triggerprein"}, {Keyring, "keyring"}, {Strong, "strong"}, {Config, "config"}, {Meta, "meta"},
	} {
		if f&x.flag != 0 {
			names = append(names, x.name)
		}
	}
	return strings.Join(names, ",")
}

// Dep is one dependency: a capability, or a demand for one.
type Dep struct {
	// Name is a package, a file, a capability, or a whole rich dependency.
	Name  string
	Flags Flags
	// EVR is [epoch:]version[-release]; empty for any.
	EVR string
}

// String returns d as a spec file has it: "name >= 1:2.0-3".
func (d Dep) String() string {
	if op := d.Flags.Operator(); op != "" {
		return d.Name + " " + op + " " + d.EVR
	}
	return d.Name
}

// Rich reports whether d is a rich dependency, for [ParseRich].
func (d Dep) Rich() bool { return strings.HasPrefix(d.Name, "(") }

// Overlap reports whether a and b meet: whether what one provides is what the
// other asks for. It does not matter which is which.
//
// It is rpmdsCompare: the names must be the same; a side that compares nothing
// or has no version meets every version; a missing epoch is 0; and a side
// without a release meets every release of its version when it has "=" in its
// comparison. A rich dependency meets only itself.
func Overlap(a, b Dep) bool {
	if a.Name != b.Name {
		return false
	}
	if a.Flags&compareMask == 0 || b.Flags&compareMask == 0 || a.EVR == "" || b.EVR == "" {
		return true
	}
	epochA, versionA, releaseA := rpmver.Split(a.EVR)
	epochB, versionB, releaseB := rpmver.Split(b.EVR)
	sense := rpmver.CompareSegments(epochA, epochB)
	if sense == 0 {
		sense = rpmver.CompareSegments(versionA, versionB)
		if sense == 0 {
			switch {
			case releaseA != "" && releaseB != "":
				sense = rpmver.CompareSegments(releaseA, releaseB)
			case releaseA != "" && b.Flags&Equal != 0, releaseB != "" && a.Flags&Equal != 0:
				return true
			}
		}
	}
	switch {
	case sense < 0:
		return a.Flags&Greater != 0 || b.Flags&Less != 0
	case sense > 0:
		return a.Flags&Less != 0 || b.Flags&Greater != 0
	}
	return a.Flags&b.Flags&(Less|Greater|Equal) != 0
}

// ParseOperator reads a comparison as rpm does (rpmParseDSFlags), with its
// twisted forms: "=<", "=>", "==".
func ParseOperator(s string) (Flags, bool) {
	switch s {
	case "<":
		return Less, true
	case "<=", "=<":
		return Less | Equal, true
	case "=", "==":
		return Equal, true
	case ">=", "=>":
		return Greater | Equal, true
	case ">":
		return Greater, true
	}
	return 0, false
}
