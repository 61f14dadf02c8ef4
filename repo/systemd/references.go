package systemd

import (
	"path"
	"slices"
	"strings"
)

// Kind is how a file is named.
type Kind int

// The kinds of references.
const (
	// Program is what a service runs.
	Program Kind = iota
	// EnvironmentFile is a file of variables.
	EnvironmentFile
	// WorkingDirectory is a folder that must be there before the program runs.
	WorkingDirectory
	// Argument is a path among the arguments of a program or the values of
	// variables: whether it must be there is for the program to say.
	Argument
)

// String returns how messages name the kind.
func (k Kind) String() string {
	return [...]string{"program", "environment file", "working directory", "argument"}[k]
}

// Reference is a file that a unit, drop-in or environment file names.
type Reference struct {
	Kind Kind
	// Path is absolute and clean, or for a program a bare name, which is looked
	// for in the folders of programs.
	Path string
	// Optional is set by the "-" in front: it is no error for systemd when the
	// file is missing.
	Optional bool
	// By is the assignment's name, Line its place.
	By   string
	Line int
}

// References returns the files that a unit or drop-in names, in order. An empty
// assignment takes back what was assigned before. Paths with a specifier that
// depends on the unit or user, with a wildcard or with a variable are left out:
// they name no one file.
func References(settings []Setting) []Reference {
	var all []Reference
	for _, s := range settings {
		if s.Value == "" {
			all = slices.DeleteFunc(all, func(r Reference) bool { return r.By == s.Name })
			continue
		}
		found := referencesOf(s)
		for _, r := range found {
			r.By, r.Line = s.Name, s.Line
			if r.Kind == Program && !strings.Contains(r.Path, "/") {
				all = append(all, r)
			} else if r.Path = path.Clean(r.Path); strings.HasPrefix(r.Path, "/") {
				all = append(all, r)
			}
		}
	}
	return all
}

// EnvironmentReferences returns the paths among the values of an environment
// file.
func EnvironmentReferences(settings []Setting) []Reference {
	var all []Reference
	for _, s := range settings {
		for _, r := range arguments(strings.Fields(s.Value)) {
			r.By, r.Line = s.Name, s.Line
			r.Path = path.Clean(r.Path)
			all = append(all, r)
		}
	}
	return all
}

func referencesOf(s Setting) []Reference {
	switch s.Name {
	case "ExecStart", "ExecStartPre", "ExecStartPost", "ExecCondition", "ExecReload", "ExecStop", "ExecStopPost",
		"ExecStopPre": // the last one of sockets
		return commands(s.Value)
	case "EnvironmentFile", "WorkingDirectory":
		kind := EnvironmentFile
		if s.Name == "WorkingDirectory" {
			kind = WorkingDirectory
		}
		name, optional := strings.CutPrefix(s.Value, "-")
		name, ok := resolve(name)
		if !ok || !strings.HasPrefix(name, "/") || strings.ContainsAny(name, "*?[") {
			return nil
		}
		return []Reference{{Kind: kind, Path: name, Optional: optional}}
	case "Environment":
		var all []Reference
		for _, word := range Words(s.Value) {
			if _, value, ok := strings.Cut(word, "="); ok {
				all = append(all, arguments(strings.Fields(value))...)
			}
		}
		return all
	}
	return nil
}

// commands reads the command lines of Exec (systemd.service(5), "Command
// Lines"): several may follow one another with a ";" by itself between them.
func commands(value string) []Reference {
	var all []Reference
	words := Words(value)
	for len(words) > 0 {
		end := slices.Index(words, ";")
		command := words
		if words = nil; end >= 0 {
			command, words = command[:end], command[end+1:]
		}
		if len(command) == 0 {
			continue
		}
		name := strings.TrimLeft(command[0], "@-:+!|")
		prefix := command[0][:len(command[0])-len(name)]
		if name, ok := resolve(name); ok && name != "" && (strings.HasPrefix(name, "/") || !strings.Contains(name, "/")) {
			all = append(all, Reference{Kind: Program, Path: name, Optional: strings.Contains(prefix, "-")})
		}
		command = command[1:]
		if strings.Contains(prefix, "@") && len(command) > 0 {
			command = command[1:] // what the program is told that it is called
		}
		if strings.Contains(prefix, "|") || shell(name) {
			continue // its arguments are a script
		}
		all = append(all, arguments(command)...)
	}
	return all
}

// shell reports whether the arguments of a program are a script.
func shell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "env"}, path.Base(name))
}

// arguments returns the paths that arguments name: "/x", "--flag=/x".
func arguments(words []string) []Reference {
	var all []Reference
	for _, word := range words {
		if strings.HasPrefix(word, "-") {
			_, word, _ = strings.Cut(word, "=")
		}
		if word, ok := resolve(word); ok && strings.HasPrefix(word, "/") && !strings.ContainsAny(word, "*?[]{}:,;=|&<>()'\"` ") {
			all = append(all, Reference{Kind: Argument, Path: word})
		}
	}
	return all
}

// resolve undoes the specifiers that are the same on every system
// (systemd.unit(5), "Specifiers"), and reports false where another one, or a
// variable, stands.
func resolve(s string) (string, bool) {
	if strings.Contains(s, "$") {
		return "", false
	}
	if !strings.Contains(s, "%") {
		return s, true
	}
	const lone = "\x00"
	s = strings.ReplaceAll(s, "%%", lone)
	s = strings.NewReplacer("%C", "/var/cache", "%E", "/etc", "%L", "/var/log", "%S", "/var/lib", "%t", "/run", "%T", "/tmp", "%V", "/var/tmp").Replace(s)
	if strings.Contains(s, "%") {
		return "", false
	}
	return strings.ReplaceAll(s, lone, "%"), true
}

// Conditions returns the paths without which the unit is passed over in silence
// (systemd.unit(5), "Conditions and Asserts").
func Conditions(settings []Setting) []string {
	var all []string
	for _, s := range settings {
		switch s.Name {
		case "ConditionPathExists", "ConditionPathIsDirectory", "ConditionFileNotEmpty", "ConditionFileIsExecutable", "ConditionDirectoryNotEmpty":
			if name, ok := resolve(strings.TrimPrefix(s.Value, "|")); ok && strings.HasPrefix(name, "/") {
				all = append(all, path.Clean(name))
			}
		}
	}
	return all
}

// Made returns the folders that systemd makes before it starts the service
// (systemd.exec(5), "RuntimeDirectory=" and its like).
func Made(settings []Setting) []string {
	roots := map[string]string{
		"RuntimeDirectory": "/run/", "StateDirectory": "/var/lib/", "CacheDirectory": "/var/cache/",
		"LogsDirectory": "/var/log/", "ConfigurationDirectory": "/etc/",
	}
	var all []string
	for _, s := range settings {
		root, ok := roots[s.Name]
		if !ok {
			continue
		}
		for _, word := range Words(s.Value) {
			name, _, _ := strings.Cut(word, ":") // a symbolic link may follow
			if name, ok := resolve(name); ok && name != "" && !slices.Contains(strings.Split(name, "/"), "..") {
				all = append(all, path.Clean(root+name))
			}
		}
	}
	return all
}
