package build

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// memoryRoot is how much memory has to be free for roots to be unpacked there:
// a root takes up to half a gigabyte, and two are made at once.
const memoryRoot = 3 << 30

// DefaultTemp returns the folder in which roots are unpacked: in memory where
// there is plenty, since making a root is mostly the writing of small files,
// and otherwise disk.
func DefaultTemp(disk string) string {
	const shm = "/dev/shm"
	var st unix.Statfs_t
	if err := unix.Statfs(shm, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		return disk
	}
	const noUse = unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_NOSUID | unix.ST_RDONLY
	var mem unix.Sysinfo_t
	if err := unix.Sysinfo(&mem); err != nil {
		return disk
	}
	free := mem.Freeram * uint64(mem.Unit)
	if st.Flags&noUse != 0 || st.Bavail*uint64(st.Bsize) < memoryRoot || free < memoryRoot {
		return disk
	}
	return shm
}

// lastBytes is how much of a build's log goes into its error.
const lastBytes = 4 << 10

// buildLog passes a build's log on, line by line with a prefix, and keeps the
// end of it.
type buildLog struct {
	prefix string
	w      io.Writer
	mu     sync.Mutex
	part   []byte
	tail   []byte
}

// Write takes in what the build says; it never fails.
func (l *buildLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if len(l.tail) > 2*lastBytes {
		l.tail = append(l.tail[:0], l.tail[len(l.tail)-lastBytes:]...)
	}
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 {
			break
		}
		l.line(l.part[:i])
		l.part = l.part[i+1:]
	}
	if len(l.part) > lastBytes {
		l.part = l.part[:0]
	}
	return len(p), nil
}

func (l *buildLog) line(text []byte) {
	if l.w != nil {
		fmt.Fprintf(l.w, "%s: %s\n", l.prefix, text)
	}
}

// say adds a line of our own.
func (l *buildLog) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(fmt.Appendf(nil, format, args...))
}

// last returns the end of the log.
func (l *buildLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.tail[max(0, len(l.tail)-lastBytes):]))
}
