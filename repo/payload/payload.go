// Package payload looks at the files inside a package: their digests, and what
// the programs among them say of themselves (ELF header, Go build information,
// strings set while linking), without running or keeping any.
//
// Every file is read once, in order, through one buffer. What is in a program
// is taken from the bytes as they go by, so its cost is that of the hash and a
// little more, and a file of any size takes the same memory. The content is
// hostile and is never an error: a header that makes no sense yields fewer
// facts.
package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// chunk is how much is read at a time: it fits into the second cache of a
	// processor, so that the look at it after the hash costs no memory access.
	chunk = 128 << 10
	// overlap is how many bytes of the chunk before are seen again, so that
	// what lies across the border of two is seen whole: the longest link
	// string, an entry of an ELF table, the begin of Go build information.
	overlap = 512
	// MaxInterpreter bounds the line behind "#!", as Linux does
	// (BINPRM_BUF_SIZE), and the name of a dynamic loader, in bytes. Going past
	// it cuts it.
	MaxInterpreter = 255
)

// Inspector hashes the files of one package and says what its programs are.
// Use one for a package, or a pool; it is not safe for concurrent use.
type Inspector struct {
	hash hash.Hash
	buf  []byte // overlap, then chunk
	elf  elfScan
	// noScan leaves ELF files alone; only a benchmark sets it.
	noScan bool
}

// NewInspector returns an Inspector, which holds some 130 KB.
func NewInspector() *Inspector {
	return &Inspector{hash: sha256.New(), buf: make([]byte, overlap+chunk)}
}

// window is a run of a file's bytes that begins at the offset off of it.
type window struct {
	off  int64
	b    []byte
	last bool // the file ends where b does
}

func (w window) end() int64 { return w.off + int64(len(w.b)) }

// File reads r to its end and returns its SHA-256 in lower-case hexadecimal,
// its size in bytes, and what it says of itself if it is a program: an ELF file
// of any mode, or a script ("#!") that mode lets somebody execute. The only
// errors are those of r, as they are.
func (i *Inspector) File(r io.Reader, mode fs.FileMode) (digest string, size int64, p *repo.Program, err error) {
	i.hash.Reset()
	w := window{}
	var scan *elfScan
	start, kept := overlap, 0 // where the new bytes go, and how many old ones are before them
	for first := true; !w.last; first = false {
		n, err := readChunk(r, i.buf[start:start+chunk])
		if err != nil && !errors.Is(err, io.EOF) {
			return "", size, nil, err
		}
		fresh := i.buf[start : start+n]
		i.hash.Write(fresh)
		size += int64(n)
		w = window{off: size - int64(n+kept), b: i.buf[start-kept : start+n], last: err != nil}
		if first {
			switch {
			case bytes.HasPrefix(fresh, []byte("#!")) && mode.Perm()&0o111 != 0:
				p = &repo.Program{Interpreter: line(fresh[2:])}
			case !i.noScan && i.elf.begin(fresh):
				scan = &i.elf
			}
		}
		if scan != nil {
			scan.window(w)
		}
		// The end of this chunk goes before the next one.
		kept = min(overlap, len(w.b))
		copy(i.buf[start-kept:start], w.b[len(w.b)-kept:])
	}
	if scan != nil {
		p = scan.program()
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(i.hash.Sum(sum[:0])), size, p, nil
}

// readChunk fills b, and returns io.EOF with the last bytes of r.
func readChunk(r io.Reader, b []byte) (n int, err error) {
	// A reader that gives neither bytes nor an error is broken; do not ask it
	// for ever.
	const maxEmpty = 100
	for empty := 0; n < len(b) && err == nil; {
		var m int
		m, err = r.Read(b[n:])
		n += m
		if m > 0 {
			empty = 0
		} else if empty++; empty > maxEmpty && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// line returns the first line of b without white space around it.
func line(b []byte) string {
	b, _, _ = bytes.Cut(b[:min(len(b), MaxInterpreter)], []byte("\n"))
	return string(bytes.TrimSpace(b))
}
