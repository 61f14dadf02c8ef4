package pgp

import (
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// statement is what one verified self-signature says of its key.
type statement struct {
	created, expires time.Time // of the signature; expires is zero for never
	// about says what it is over, among the statements on one key: overKey for
	// the key itself or the subkey's binding, else the number of the user ID.
	about       int
	revokes     bool // it withdraws the user ID
	hash        byte
	keyLifetime time.Duration // 0: no end
	flags       byte
	hasFlags    bool
	backSigned  bool // of a subkey's binding: the subkey signed back
}

// overKey is a direct-key signature or the binding of a subkey.
const overKey = -1

func newStatement(s *sigPacket, about int) statement {
	return statement{
		created: s.created, expires: s.expires(), about: about, revokes: s.kind == sigCertRevocation, hash: s.hash,
		keyLifetime: s.keyLifetime, flags: s.flags, hasFlags: s.hasFlags,
	}
}

// standing is what all self-signatures together say at one time.
type standing struct {
	hash        byte
	keyLifetime time.Duration
	flags       byte
	hasFlags    bool
	backSigned  bool
}

// revocation is a verified revocation of a key.
type revocation struct {
	created time.Time
	reason  byte
	given   bool // the reason
}

// Reasons for revocation (RFC 9580 section 5.2.3.31).
const (
	reasonNone        = 0
	reasonSuperseded  = 1
	reasonCompromised = 2
	reasonRetired     = 3
)

// hard reports whether the revocation makes every signature of the key void,
// and not only those made afterwards (RFC 9580 section 5.2.3.31).
func (r revocation) hard() bool {
	return !r.given || r.reason != reasonSuperseded && r.reason != reasonRetired
}

func (r revocation) name() string {
	switch {
	case !r.given || r.reason == reasonNone:
		return "none"
	case r.reason == reasonSuperseded:
		return "superseded"
	case r.reason == reasonCompromised:
		return "compromised"
	case r.reason == reasonRetired:
		return "retired"
	}
	return "reason " + strconv.Itoa(int(r.reason))
}

// component is a primary key or a subkey with what the primary key said of it.
type component struct {
	key *pubKey
	// statements are in the order of the file. A key has one at least; a subkey
	// without any was revoked.
	statements  []statement
	revocations []revocation
}

// newest returns the statements that hold at t, one for each thing that they
// are about: the newest that was made by then and has not ended, as GnuPG
// chooses. User IDs that are withdrawn by then are left out, unless all are.
func (c *component) newest(t time.Time) []*statement {
	pick := func(withdrawn bool) []*statement {
		var best []*statement
		for i := range c.statements {
			s := &c.statements[i]
			if s.created.After(t) || !s.expires.IsZero() && !s.expires.After(t) || withdrawn && s.revokes {
				continue
			}
			at := slices.IndexFunc(best, func(b *statement) bool { return b.about == s.about })
			switch {
			case at < 0:
				best = append(best, s)
			case !s.created.Before(best[at].created):
				best[at] = s
			}
		}
		return slices.DeleteFunc(best, func(s *statement) bool { return s.revokes })
	}
	if best := pick(false); len(best) > 0 {
		return best
	}
	return pick(true)
}

// holds reports whether the owner's word on a user ID is that it is theirs.
func (c *component) holds(number int, t time.Time) bool {
	var newest *statement
	for i := range c.statements {
		s := &c.statements[i]
		if s.about == number && !s.created.After(t) && (newest == nil || !s.created.Before(newest.created)) {
			newest = s
		}
	}
	return newest != nil && !newest.revokes
}

// at returns what holds at t, nil when no self-signature does. Like GnuPG it
// takes use and expiry each from the direct-key signature, else from the
// newest user ID that says something of it.
func (c *component) at(t time.Time) *standing {
	said := c.newest(t)
	direct := slices.IndexFunc(said, func(s *statement) bool { return s.about == overKey })
	if c.key.version == 6 && direct >= 0 {
		// There the direct-key signature alone speaks for the key (RFC 9580
		// section 10.1.1); those over user IDs are only about the user ID.
		said = said[direct : direct+1]
	}
	choose := func(says func(*statement) bool) *statement {
		var best *statement
		for _, s := range said {
			switch {
			case !says(s):
			case s.about == overKey:
				return s
			case best == nil, s.created.After(best.created):
				best = s
			}
		}
		return best
	}
	var st standing
	uses := choose(func(s *statement) bool { return s.hasFlags })
	ends := choose(func(s *statement) bool { return s.keyLifetime > 0 })
	about := choose(func(s *statement) bool { return s.about != overKey })
	switch {
	case len(said) == 0:
		return nil
	case uses != nil:
		st.hash = uses.hash
	case about != nil:
		st.hash = about.hash
	default:
		st.hash = said[0].hash
	}
	if uses != nil {
		st.flags, st.hasFlags = uses.flags, true
	}
	if ends != nil {
		st.keyLifetime = ends.keyLifetime
	}
	st.backSigned = said[0].backSigned
	return &st
}

// latest returns what to describe the key by: what is in force, or where
// nothing is, what was or will be. It is nil for a subkey that was never bound.
func (c *component) latest(now time.Time) *standing {
	if st := c.at(now); st != nil {
		return st
	}
	var best *standing
	var of time.Time
	for i := range c.statements {
		if s := &c.statements[i]; !s.revokes && (best == nil || s.created.After(of)) {
			if st := c.at(s.created); st != nil {
				best, of = st, s.created
			}
		}
	}
	return best
}

// revoked returns the revocation that tells most: a hard one goes before a
// soft one, then the first in time.
func (c *component) revoked() (revocation, bool) {
	if len(c.revocations) == 0 {
		return revocation{}, false
	}
	return slices.MinFunc(c.revocations, func(a, b revocation) int {
		if a.hard() != b.hard() {
			if a.hard() {
				return -1
			}
			return 1
		}
		return a.created.Compare(b.created)
	}), true
}

// revokedAt reports whether a signature made at t is void by a revocation.
func (c *component) revokedAt(t time.Time) bool {
	return slices.ContainsFunc(c.revocations, func(r revocation) bool { return r.hard() || !r.created.After(t) })
}

// canSign reports whether st gives the key the right to sign data. A subkey
// must have signed back: anybody could adopt a foreign key otherwise and claim
// its signatures (RFC 9580 section 10.1.5).
func (c *component) canSign(st *standing, sub bool) bool {
	if st == nil || !signs(c.key.algorithm) || sub && !st.backSigned {
		return false
	}
	// Without flags a key may do what its algorithm can.
	return !st.hasFlags || st.flags&flagSign != 0
}

// hash returns the name of the hash of the self-signature in force, "" for
// none.
func (c *component) hash(now time.Time) string {
	if st := c.latest(now); st != nil {
		return hashName(st.hash)
	}
	return ""
}

// fact returns what is known of the key at the time now.
func (c *component) fact(now time.Time, sub bool) repo.Key {
	f := c.key.fact()
	st := c.latest(now)
	f.Expires = c.ends(st)
	f.SelfSignatureHash = c.hash(now)
	f.WeakSelfSignature = c.restsOnWeak(now)
	f.CanSign = c.canSign(st, sub)
	if r, ok := c.revoked(); ok {
		f.Revoked, f.RevokedAt, f.RevocationReason = true, r.created, r.name()
	}
	return f
}

// ends returns when the key expires by st, zero for never.
func (c *component) ends(st *standing) time.Time {
	if st == nil || st.keyLifetime == 0 {
		return time.Time{}
	}
	return c.key.created.Add(st.keyLifetime)
}

// state returns whether the key may be used at t, apart from what it may be
// used for, and what it may be used for then.
func (c *component) state(t time.Time) (repo.KeyState, *standing) {
	switch {
	case c.revokedAt(t):
		return repo.KeyRevoked, nil
	case t.Before(c.key.created):
		return repo.KeyNotYetValid, nil
	}
	st := c.at(t)
	if st == nil {
		if slices.ContainsFunc(c.statements, func(s statement) bool { return !s.created.After(t) }) {
			return repo.KeyCannotSign, nil // all that were made by then have ended
		}
		return repo.KeyNotYetValid, nil
	}
	if end := c.ends(st); !end.IsZero() && !end.After(t) {
		return repo.KeyExpired, st
	}
	return repo.KeyValid, st
}
