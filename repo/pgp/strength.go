package pgp

import (
	"slices"
	"time"
)

// restsOnWeak reports whether the key is another, or none, to a client that
// does not count self-signatures by broken hashes, as Sequoia's StandardPolicy
// does. A weak self-signature beside a strong one that says the same does not
// matter, and neither does one that a newer one replaced.
func (c *component) restsOnWeak(now time.Time) bool {
	strong := *c
	strong.statements = slices.DeleteFunc(slices.Clone(c.statements), func(s statement) bool { return weakHash(s.hash) })
	if len(strong.statements) == len(c.statements) {
		return false
	}
	all, st := c.latest(now), strong.latest(now)
	if all == nil || st == nil {
		return (all == nil) != (st == nil)
	}
	allState, _ := c.state(now)
	strongState, _ := strong.state(now)
	return allState != strongState || !c.ends(all).Equal(c.ends(st)) || all.use() != st.use()
}

// use is what a key may be used for.
type use struct{ may, said byte }

// use returns the flags that bear on signatures over data.
func (st *standing) use() use {
	u := use{may: st.flags & flagSign}
	if st.hasFlags {
		u.said = 1
	}
	return u
}

// weakHash reports whether no client of today that has a policy takes a
// self-signature by this hash: MD5, SHA-1, RIPEMD-160.
func weakHash(id byte) bool { return id >= 1 && id <= 3 }
