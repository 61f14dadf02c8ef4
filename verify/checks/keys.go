package checks

import (
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// KEP-1731, user stories: "When they download the public key from the location
// stated in the official documentation [...] Then their package manager does
// not complain about untrusted packages, sources or repositories".
func keyPublished() verify.Check {
	return verify.Check{
		ID:           "key-published",
		Title:        "the key is at its documented place, is the pinned one, and all copies agree",
		Suite:        verify.Metadata,
		Severity:     verify.Error,
		Formats:      repo.Formats(),
		Needs:        []verify.Need{verify.NeedRoot},
		WithSiblings: true,
		Doc: `Asks that the signing key can be fetched where the documentation says (Release.key for deb, repodata/repomd.xml.key for rpm), that it holds the pinned key, and that the copies that the deb and the rpm repository of one project serve say the same of it.

Why: users set up apt and dnf with this very file. Each repository serves its own copy, and the copies have differed (k/r #3818).

When it fails: publish the project again, so that the file is written anew from the project's key. If the key is another one, see apt-release-signed and rpm-repomd-signed before you trust it.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, k := range r.Keys {
				f := verify.Finding{Subject: verify.Subject{File: k.Path}, URL: k.URL}
				if !k.OK() {
					found = append(found, fileProblem(f, k.Problem))
					continue
				}
				mine, ok := pinnedKey(k, e.Pinned)
				if !ok {
					f.Message = k.Path + " does not hold the pinned key"
					f.Want, f.Got = e.Pinned, fingerprints(k.Keys)
					f.Hint = signHint
					found = append(found, f)
					continue
				}
				found = append(found, disagreements(e, k, mine, r.Siblings)...)
			}
			return found
		},
	}
}

// disagreements compares one copy of the pinned key with those of the siblings.
// The pair is reported once, on the format that comes later.
func disagreements(e *verify.Expectation, k repo.KeyFile, mine repo.Key, siblings []*repo.Repository) []verify.Finding {
	var found []verify.Finding
	for _, s := range siblings {
		if s.Target.Format >= e.Target.Format {
			continue
		}
		for _, other := range s.Keys {
			theirs, ok := pinnedKey(other, e.Pinned)
			if !ok || (mine.Expires.Equal(theirs.Expires) && mine.Revoked == theirs.Revoked) {
				continue
			}
			found = append(found, verify.Finding{
				Subject: verify.Subject{File: k.Path},
				URL:     k.URL,
				Message: fmt.Sprintf("%s and %s of the %s repository are different copies of the key", k.Path, other.Path, s.Target.Format),
				Want:    state(theirs) + " (" + other.URL + ")",
				Got:     state(mine),
				Hint:    "publish the older of the two repositories again",
			})
		}
	}
	return found
}

// OBS signs with project keys that live 800 days; kubernetes/release #3818:
// the key had expired on 2024-11-02, was extended, and v1.24 to v1.27 went on
// serving the expired copy because they were never published again.
func keyCurrent() verify.Check {
	return verify.Check{
		ID:       "key-current",
		Title:    "this repository's own copy of the key is neither expired nor revoked",
		Suite:    verify.Metadata,
		Severity: verify.Error,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Doc: `Asks that the copy of the pinned key that this repository serves is not expired and not revoked; warns when it expires soon.

Why: users take the key from the repository. When the key was extended in 2024, repositories that were not published again kept serving the expired copy, and every new installation from them failed (k/r #3818).

When it fails: extend the project's key if need be, then publish every repository of the project again, the old minors too.
When it warns: do that before the day named.`,
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			var found []verify.Finding
			for _, k := range r.Keys {
				f := verify.Finding{Subject: verify.Subject{File: k.Path}, URL: k.URL}
				key, ok := pinnedKey(k, e.Pinned)
				if !ok {
					f.Status = verify.Skipped
					if k.Problem.Is(repo.Unreachable) {
						f.Status = verify.Blocked
					}
					f.Message = k.Path + " does not give the pinned key, see key-published"
					found = append(found, f)
					continue
				}
				f.Want, f.Got = "a key in force", state(key)
				f.Hint = "extend the key if it was not extended yet, then publish this repository again"
				switch left := key.Expires.Sub(e.Now); {
				case key.Revoked:
					f.Message = k.Path + " holds the pinned key as revoked"
					f.Hint = "sign with a new key and announce it"
				case key.Expires.IsZero() || left > e.KeyWarning:
					continue
				case left <= 0:
					f.Message = k.Path + " holds an expired copy of the pinned key"
				default:
					f.Status = verify.Warn
					f.Message = fmt.Sprintf("the key in %s expires in less than %d days", k.Path, int(e.KeyWarning/(24*time.Hour)))
				}
				found = append(found, f)
			}
			return found
		},
	}
}

// pinnedKey returns the primary key of the file that is the pinned one.
func pinnedKey(k repo.KeyFile, pinned string) (repo.Key, bool) {
	if !k.OK() {
		return repo.Key{}, false
	}
	for _, key := range k.Keys {
		if key.Fingerprint == pinned {
			return key, true
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
