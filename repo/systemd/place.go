package systemd

import (
	"path"
	"slices"
	"strings"
)

// Place is what a file in a unit folder is.
type Place struct {
	// Unit is the unit's name, "kubelet.service"; of a drop-in, that of its
	// folder without ".d": a unit, the begin of units' names ("foo-.service"),
	// or a type ("service").
	Unit string
	// DropIn says that the file adds to a unit that is elsewhere.
	DropIn bool
	// User says that it is for the users' service managers.
	User bool
}

// Folders returns the folders for units that a package may use
// (systemd.unit(5), "Unit File Load Path").
func Folders() []string {
	return []string{
		"/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/",
		"/etc/systemd/user/", "/usr/local/lib/systemd/user/", "/usr/lib/systemd/user/", "/lib/systemd/user/",
	}
}

// PlaceOf returns what the file at path is to systemd, and false for a file
// that it does not read as a unit or drop-in.
func PlaceOf(file string) (Place, bool) {
	for _, folder := range Folders() {
		rest, ok := strings.CutPrefix(file, folder)
		if !ok {
			continue
		}
		p := Place{User: strings.HasSuffix(folder, "/user/")}
		dir, name := path.Split(rest)
		switch {
		case dir == "" && isUnit(name):
			p.Unit = name
			return p, true
		case strings.Count(dir, "/") == 1 && strings.HasSuffix(dir, ".d/") && strings.HasSuffix(name, ".conf"):
			p.Unit, p.DropIn = strings.TrimSuffix(dir, ".d/"), true
			return p, true
		}
		return Place{}, false
	}
	return Place{}, false
}

// types returns the suffixes of units (systemd.unit(5)).
func types() []string {
	return []string{"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}
}

func isUnit(name string) bool {
	return slices.Contains(types(), strings.TrimPrefix(path.Ext(name), "."))
}

// Of returns the names of units of which one must be there for the drop-in to
// apply: the unit itself and the template that it is an instance of. It returns
// none for a drop-in for all units of a type or of a beginning.
func (p Place) Of() []string {
	base := strings.TrimSuffix(p.Unit, path.Ext(p.Unit))
	if slices.Contains(types(), p.Unit) || strings.HasSuffix(base, "-") {
		return nil
	}
	names := []string{p.Unit}
	if i := strings.IndexByte(base, '@'); i >= 0 && i < len(base)-1 {
		names = append(names, base[:i+1]+path.Ext(p.Unit))
	}
	return names
}
