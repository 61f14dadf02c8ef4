package lab

import "fmt"

const (
	// headBytes and tailBytes are how much of the start and the end of a
	// command's output is kept.
	headBytes = 64 << 10
	tailBytes = 64 << 10
	// answerBytes bounds the standard output of a command whose answer is
	// read, such as a listing; versionBytes that of an installed program.
	answerBytes  = 16 << 20
	versionBytes = 64 << 10
)

// headTail keeps the start and the end of what is written to it.
type headTail struct {
	head, tail []byte
	total      int64
}

// Write keeps p as far as there is room; it never fails.
func (b *headTail) Write(p []byte) (int, error) {
	n := len(p)
	b.total += int64(n)
	if room := headBytes - len(b.head); room > 0 {
		k := min(room, len(p))
		b.head = append(b.head, p[:k]...)
		p = p[k:]
	}
	b.tail = append(b.tail, p...)
	if len(b.tail) > 2*tailBytes {
		b.tail = append(b.tail[:0], b.tail[len(b.tail)-tailBytes:]...)
	}
	return n, nil
}

// result returns what was kept and how many bytes were left out.
func (b *headTail) result() (string, int64) {
	tail := b.tail
	if len(tail) > tailBytes {
		tail = tail[len(tail)-tailBytes:]
	}
	left := b.total - int64(len(b.head)) - int64(len(tail))
	if left == 0 {
		return string(b.head) + string(tail), 0
	}
	return fmt.Sprintf("%s\n[... %d bytes left out ...]\n%s", b.head, left, tail), left
}

// capped keeps the first bytes that are written to it and counts the rest.
type capped struct {
	limit int
	data  []byte
	over  bool
}

// Write keeps p as far as there is room; it never fails, so that a command
// that prints too much is not mistaken for one that broke.
func (c *capped) Write(p []byte) (int, error) {
	k := min(c.limit-len(c.data), len(p))
	c.data = append(c.data, p[:k]...)
	c.over = c.over || k < len(p)
	return len(p), nil
}

// heard is what a command printed, in its two streams.
type heard struct {
	capped
	errs capped
}
