package rpmmd

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"

	"go.yaml.in/yaml/v3"

	"sigs.k8s.io/pkgverify/repo"
)

// The bounds of modules.yaml. Going past one is a [repo.FormatError] of the
// document.
const (
	// MaxModuleBytes bounds the bytes of one YAML document of modules.yaml. The largest of
	// the distributions' are below 200 KiB.
	MaxModuleBytes = 1 << 20
	// MaxModules bounds the documents of modules.yaml. Going past it ends the
	// reading.
	MaxModules = 1 << 16
	// maxModuleFlow bounds how deep a line may nest in "[" and "{".
	maxModuleFlow = 64
)

// Module is one YAML document of modules.yaml.
type Module struct {
	// Kind is the document's own: "modulemd", "modulemd-defaults",
	// "modulemd-obsoletes", "modulemd-translations", "modulemd-packager".
	Kind string
	// Version is that of the form, not of the module.
	Version int
	// Name and Stream are of the data, where it has them.
	Name, Stream string
}

// Modules reads modules.yaml, which has one YAML document for each module
// stream, one at a time. A document that is wrong yields a [repo.FormatError],
// and reading goes on with the next. Aliases are never expanded.
func Modules(r io.Reader) iter.Seq2[Module, error] {
	return func(yield func(Module, error) bool) {
		if err := modules(bufio.NewReaderSize(r, 64<<10), yield); err != nil && !errors.Is(err, errStopped) {
			yield(Module{}, err)
		}
	}
}

// modules splits the stream at its document markers. "---" at the beginning of
// a line is always one (YAML 1.2 production 203), so each document can be
// parsed by itself, and one that is wrong does not end the reading.
func modules(r *bufio.Reader, yield func(Module, error) bool) error {
	var document []byte
	line, begin, count := 0, 1, 0
	long := false
	flush := func() error {
		text := document
		document = document[:0]
		if !long && blank(text) {
			return nil
		}
		if count++; count > MaxModules {
			return &repo.FormatError{Where: "line " + strconv.Itoa(begin), Text: fmt.Sprintf("more than %d documents", MaxModules)}
		}
		var m Module
		var err error
		if long {
			err = fmt.Errorf("document of more than %d bytes", MaxModuleBytes)
		} else {
			m, err = module(text)
		}
		long = false
		if err != nil {
			m, err = Module{}, &repo.FormatError{Where: "line " + strconv.Itoa(begin), Text: "YAML: " + err.Error()}
		}
		if !yield(m, err) {
			return errStopped
		}
		return nil
	}
	for {
		part, err := r.ReadSlice('\n')
		whole := !errors.Is(err, bufio.ErrBufferFull)
		if marker(part) {
			if err := flush(); err != nil {
				return err
			}
			begin = line + 1
		}
		if long = long || len(document)+len(part) > MaxModuleBytes; !long {
			document = append(document, part...)
		}
		// The rest of a line that is too long for the buffer is no marker.
		for !whole {
			part, err = r.ReadSlice('\n')
			if long = long || len(document)+len(part) > MaxModuleBytes; !long {
				document = append(document, part...)
			}
			whole = !errors.Is(err, bufio.ErrBufferFull)
		}
		line++
		switch {
		case errors.Is(err, io.EOF):
			return flush()
		case err != nil:
			return fmt.Errorf("line %d: reading YAML: %w", line, err)
		}
	}
}

// marker reports whether a line begins a document.
func marker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// blank reports whether a text has comments, directives and markers only.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0, line[0] == '#', line[0] == '%', string(line) == "---", string(line) == "...":
		default:
			return false
		}
	}
	return true
}

// module reads one document.
func module(text []byte) (Module, error) {
	for line := range bytes.Lines(text) {
		if n := bytes.Count(line, []byte{'['}) + bytes.Count(line, []byte{'{'}); n > maxModuleFlow {
			return Module{}, fmt.Errorf("a line with %d opening brackets, more than %d", n, maxModuleFlow)
		}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return Module{}, err
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return Module{}, errors.New("the document is no mapping")
	}
	var m Module
	var data *yaml.Node
	seen := make(map[string]bool)
	for key, value := range pairs(document.Content[0]) {
		if seen[key] {
			return m, fmt.Errorf("%q is there twice", cut(key))
		}
		seen[key] = true
		switch key {
		case "document":
			m.Kind = value.Value
		case "version":
			n, err := strconv.Atoi(value.Value)
			if err != nil || n < 1 {
				return m, fmt.Errorf("version %q is not a number", cut(value.Value))
			}
			m.Version = n
		case "data":
			data = value
		}
	}
	switch {
	case m.Kind == "":
		return m, errors.New("no document, which says what it is")
	case m.Version == 0:
		return m, errors.New("no version")
	case data == nil || data.Kind != yaml.MappingNode:
		return m, errors.New("no data, or it is no mapping")
	}
	for key, value := range pairs(data) {
		switch key {
		case "name", "module":
			m.Name = value.Value
		case "stream":
			m.Stream = value.Value
		}
	}
	return m, nil
}

func pairs(mapping *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i].Value, mapping.Content[i+1]) {
				return
			}
		}
	}
}
