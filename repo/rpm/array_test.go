package rpm

import (
	"strings"
	"testing"
)

// TestMaxArray holds tags of as many values as may be, and of one more. Binary
// data has no values to count, and so only the bound of its store.
func TestMaxArray(t *testing.T) {
	t.Parallel()
	store := make([]byte, 8*(maxArray+1))
	for kind := uint32(typeChar); kind <= typeI18NString; kind++ {
		if kind == typeString {
			continue // has one
		}
		if n, wrong := valueLength(entry{kind: kind, count: maxArray}, store); wrong != "" || n < maxArray {
			t.Errorf("type %d: %d bytes, %q", kind, n, wrong)
		}
		_, wrong := valueLength(entry{kind: kind, count: maxArray + 1}, store)
		if past := strings.Contains(wrong, "1048576 values, more than 1048575"); past == (kind == typeBinary) {
			t.Errorf("type %d: %q for one value more", kind, wrong)
		}
	}
}
