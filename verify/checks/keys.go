package checks

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/pgp"
)

// pinnedKey returns the primary key of the file that is the pinned one, or that
// has the pinned subkey.
func pinnedKey(k repo.KeyFile, pin pgp.Pin) (repo.Key, bool) {
	if !k.OK() {
		return repo.Key{}, false
	}
	for _, key := range k.Keys {
		for _, x := range append([]repo.Key{key}, key.Subkeys...) {
			if x.Fingerprint == pin.Fingerprint() {
				return key, true
			}
		}
	}
	return repo.Key{}, false
}

func fingerprints(keys []repo.Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, k.Fingerprint)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return "no key"
	}
	return fmt.Sprint(all)
}

// state says how long a key is in force.
func state(k repo.Key) string {
	switch {
	case k.Revoked:
		return "revoked"
	case k.Expires.IsZero():
		return "no expiry"
	}
	return "expiry " + k.Expires.UTC().Format(time.DateOnly)
}
