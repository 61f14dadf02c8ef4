package pgp

import (
	"strconv"
	"testing"
)

// TestMaxCandidates makes a ring by hand: keys that share a key ID cannot be
// had in a test's time.
func TestMaxCandidates(t *testing.T) {
	t.Parallel()
	ring := func(n int) *Keyring {
		k := &Keyring{}
		for i := range n {
			k.certs = append(k.certs, &cert{primary: component{key: &pubKey{id: "SHARED", fingerprint: strconv.Itoa(i)}}})
		}
		return k
	}
	for n, want := range map[int]int{MaxCandidates: MaxCandidates, MaxCandidates + 1: MaxCandidates} {
		found := ring(n).signers(&sigPacket{keyID: "SHARED"})
		if len(found) != want {
			t.Errorf("%d candidates of %d keys, want %d", len(found), n, want)
		}
		for i, s := range found {
			if s.key().fingerprint != strconv.Itoa(i) {
				t.Errorf("candidate %d is key %s: not the first ones", i, s.key().fingerprint)
			}
		}
	}
}
