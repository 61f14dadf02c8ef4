package deb822

import (
	"errors"
	"fmt"
	"strings"
)

// CheckName takes what dpkg takes as a package's name or architecture
// (pkg_name_is_illegal, dpkg_arch_name_is_illegal): ASCII letters, digits and
// "-+._", beginning with a letter or digit; at most 255 bytes, so that it fits
// into a file name.
func CheckName(s string) error {
	const maxLen = 255
	if len(s) > maxLen {
		return fmt.Errorf("%d bytes, more than %d", len(s), maxLen)
	}
	if s == "" {
		return errors.New("no name")
	}
	for i, c := range s {
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("-+._", c)) {
			return fmt.Errorf("%q has %q, which dpkg refuses", s, c)
		}
	}
	return nil
}
