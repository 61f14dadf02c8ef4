package checks

import (
	"fmt"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

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
