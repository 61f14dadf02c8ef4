package html

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
)

// Bounds of what is shown of keys, certificates and signatures.
const (
	// maxKeys bounds the rows of keys and those of certificates.
	maxKeys = 200
	// warnDays is how many days before its end a key or certificate is marked;
	// the checks have rules of their own.
	warnDays = 60
)

// trustView is what users have to trust.
type trustView struct {
	AsOf         string
	Keys         []keyView
	Certificates []certificateView
	Signatures   []signatureTable
	Left         string
}

// keyView is one state of one key, and where it is found in that state.
type keyView struct {
	Fingerprint, Owner, Kind string
	Pinned                   bool
	Subkey                   bool
	Where                    placesView
	Created, Expires         string
	Left                     leftView
}

// certificateView is what a host shows.
type certificateView struct {
	Host, Issuer, Refusal string
	Expires               string
	Left                  leftView
}

// leftView is how long something lasts.
type leftView struct {
	Text  string
	Class string // "", soon, over
	// Width is the length of a bar that is full at two years.
	Width string
}

// placesView is a few places, and all of them.
type placesView struct {
	Short string
	All   []string
}

func placesOf(all []string) placesView {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = name(s)
	}
	if len(out) == 1 {
		return placesView{Short: out[0]}
	}
	return placesView{plural(len(out), "place", "places"), out}
}

// fullBar is the number of days of a full bar.
const fullBar = 730

// daysLeft says how many days are left at a time; none for what does not end.
func daysLeft(end, now time.Time) leftView {
	if end.IsZero() {
		return leftView{Text: "does not expire", Width: "100"}
	}
	days := int(math.Trunc(end.Sub(now).Hours() / 24))
	v := leftView{Text: plural(days, "day", "days"), Width: strconv.Itoa(min(max(days, 0), fullBar) * 100 / fullBar)}
	switch {
	case !end.After(now):
		v.Class, v.Text = "over", plural(-days, "day ago", "days ago")
	case days < warnDays:
		v.Class = "soon"
	}
	return v
}

// keyState is what makes two copies of a key the same for users.
type keyState struct {
	fingerprint      string
	subkey, revoked  bool
	created, expires int64
}

func trustOf(r *reports.Report) trustView {
	v := trustView{AsOf: day(r.Started), Signatures: signaturesOf(r)}
	seen := map[keyState]int{}
	where := [][]string{}
	add := func(k repo.Key, subkey, pinned bool, at string) {
		state := keyState{k.Fingerprint, subkey, k.Revoked, k.Created.Unix(), k.Expires.Unix()}
		i, ok := seen[state]
		if !ok {
			i = len(v.Keys)
			seen[state] = i
			v.Keys = append(v.Keys, keyOf(k, subkey, r.Started))
			where = append(where, nil)
		}
		v.Keys[i].Pinned = v.Keys[i].Pinned || pinned
		if at != "" && !slices.Contains(where[i], at) {
			where[i] = append(where[i], at)
		}
	}
	each := func(keys []repo.Key, pinned bool, at string) {
		for _, k := range keys {
			add(k, false, pinned, at)
			for _, s := range k.Subkeys {
				add(s, true, pinned, at)
			}
		}
	}
	for i := range r.Repositories {
		x := &r.Repositories[i]
		each(x.PinnedKeys, true, "")
		for _, f := range x.Keys {
			each(f.Keys, false, x.Target.Name()+" "+f.Path)
		}
		v.certificates(x.Transport, r.Started)
	}
	for i := range v.Keys {
		v.Keys[i].Where = placesOf(where[i])
	}
	if n := len(v.Keys) - maxKeys; n > 0 {
		v.Left = plural(n, "more key", "more keys")
		v.Keys = v.Keys[:maxKeys]
	}
	return v
}

func keyOf(k repo.Key, subkey bool, now time.Time) keyView {
	v := keyView{
		Fingerprint: name(grouped(k.Fingerprint)), Owner: strings.Join(some(k.UserIDs), ", "), Kind: name(keyKind(k.Algorithm, k.Bits, k.Curve)),
		Subkey: subkey, Created: day(k.Created), Expires: day(k.Expires), Left: daysLeft(k.Expires, now),
	}
	if k.Revoked {
		v.Left = leftView{Text: "revoked", Class: "over", Width: "0"}
	}
	return v
}

// keyKind returns "RSA 2048" or "EdDSA Ed25519".
func keyKind(algorithm string, bits int, curve string) string {
	switch {
	case curve != "":
		return algorithm + " " + curve
	case bits > 0:
		return fmt.Sprintf("%s %d", algorithm, bits)
	}
	return algorithm
}

// grouped returns a fingerprint in groups of four digits, as gpg prints it.
func grouped(fingerprint string) string {
	var b strings.Builder
	for i, c := range reports.Cut(fingerprint, maxName) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// certificates adds what the servers of one repository showed.
func (v *trustView) certificates(t *repo.Transport, now time.Time) {
	if t == nil {
		return
	}
	for _, p := range []*repo.Probe{&t.Plain, t.Colons, t.IPv4, t.IPv6} {
		if p == nil {
			continue
		}
		for _, c := range p.Certificates {
			x := certificateView{Host: name(c.Host), Issuer: name(c.Issuer), Refusal: value(c.Refusal.String()), Expires: day(c.Ends), Left: daysLeft(c.Ends, now)}
			if !slices.Contains(v.Certificates, x) && len(v.Certificates) < maxKeys {
				v.Certificates = append(v.Certificates, x)
			}
		}
	}
}
