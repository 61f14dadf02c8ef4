package pgp

import (
	"os"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// TestStateOfAKey passes with time, without the signature being there again.
func TestStateOfAKey(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/project-key-expired.asc")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := ReadKeyring(data)
	if err != nil {
		t.Fatal(err)
	}
	key := ring.Keys()[0]
	for _, tt := range []struct {
		at   time.Time
		want repo.KeyState
	}{
		{key.Created.Add(-time.Hour), repo.KeyNotYetValid},
		{key.Expires.Add(-time.Hour), repo.KeyValid},
		{key.Expires.Add(time.Hour), repo.KeyExpired},
	} {
		if got := ring.At(tt.at).State(key.Fingerprint); got != tt.want {
			t.Errorf("at %v: %q, want %q", tt.at, got, tt.want)
		}
	}
	if got := ring.State("0123456789ABCDEF0123456789ABCDEF01234567"); got != "" {
		t.Errorf("a key that is not there is %q", got)
	}
	if got := (*Keyring)(nil).State(key.Fingerprint); got != "" {
		t.Errorf("in no ring it is %q", got)
	}
}
