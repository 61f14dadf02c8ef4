package rpmmd

import (
	"errors"
	"fmt"
	"io"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/xmlstream"
)

// errStopped says that the caller's loop ended.
var errStopped = errors.New("stopped")

// entries walks an index that is a root element with a count and elements of
// one name. read returns what an element holds, what is wrong with it, and an
// error that ends the reading.
func entries[T any](r io.Reader, space, root, element string, yield func(T, error) bool, read func(*scanner) (T, error, error)) {
	var none T
	s := newScanner(r, xmlstream.Limits{})
	err := walk(s, space, root, element, func() error {
		begin := s.Offset()
		x, fault, err := read(s)
		if err != nil {
			return err
		}
		if size := s.Offset() - begin; size > MaxPackageBytes {
			fault = s.Errorf("<%s> of %d bytes, more than %d", element, size, MaxPackageBytes)
		}
		if fault != nil {
			x = none
		}
		if !yield(x, fault) {
			return errStopped
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStopped) {
		yield(none, err)
	}
}

// walk calls read at each element of that name inside of the root, and holds
// their number against the root's packages attribute, if there is one.
func walk(s *scanner, space, root, element string, read func() error) error {
	if err := s.root(space, root); err != nil {
		return err
	}
	want, counted := s.lookup("packages")
	count := 0
	for {
		more, err := s.child()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if inside, name := s.Name(); inside != space || string(name) != element {
			if err := s.skip(); err != nil {
				return err
			}
			continue
		}
		if count++; count > MaxPackages {
			return s.Errorf("more than %d packages", MaxPackages)
		}
		if err := read(); err != nil {
			return err
		}
	}
	if err := s.end(); err != nil {
		return err
	}
	if counted && want != fmt.Sprint(count) {
		return &repo.FormatError{Text: fmt.Sprintf("<%s packages=%q>, and %d packages follow", root, cut(want), count)}
	}
	return nil
}
