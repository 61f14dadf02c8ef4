package lab

import (
	"slices"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/vercmp"
)

// maxOrders bounds the versions whose installation is simulated in one cell,
// the newest first.
const maxOrders = 400

// choice is what a package manager has on offer.
type choice struct {
	format     repo.Format
	offers     []images.Offer
	candidates map[string]string
	released   []string
}

func upstream(version string) string { return repo.Package{Version: version}.Upstream() }

// versions returns the versions of a package on offer, newest first.
func (c choice) versions(name string) []string {
	var all []string
	for _, o := range c.offers {
		if o.Package == name && !slices.Contains(all, o.Version) {
			all = append(all, o.Version)
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return vercmp.Compare(c.format, b, a) })
	return all
}

// orders returns what is simulated so that every version on offer has its turn:
// the packages of a release together in each version that one of them has, each
// other package by itself.
func (c choice) orders(packages []string) []guest.Order {
	var orders []guest.Order
	var versions []string
	for _, name := range c.released {
		for _, v := range c.versions(name) {
			if !slices.Contains(versions, v) {
				versions = append(versions, v)
			}
		}
	}
	slices.SortStableFunc(versions, func(a, b string) int { return vercmp.Compare(c.format, b, a) })
	for _, v := range versions {
		var o guest.Order
		for _, name := range c.released {
			if slices.Contains(c.versions(name), v) {
				o.Pins = append(o.Pins, guest.Pin{Package: name, Version: v})
			}
		}
		orders = append(orders, o)
	}
	for _, name := range packages {
		if slices.Contains(c.released, name) {
			continue
		}
		for _, v := range c.versions(name) {
			orders = append(orders, guest.Order{Pins: []guest.Pin{{Package: name, Version: v}}})
		}
	}
	return orders
}

// before returns the packages of the release in the newest version that is
// older than the candidates and that all of them have; nil when there is none.
func (c choice) before() []guest.Pin {
	if len(c.released) == 0 {
		return nil
	}
	first := c.released[0]
	for _, v := range c.versions(first) {
		if upstream(v) == upstream(c.candidates[first]) || vercmp.Compare(c.format, v, c.candidates[first]) > 0 {
			continue // the latest in another revision is no older version
		}
		var pins []guest.Pin
		for _, name := range c.released {
			i := slices.IndexFunc(c.versions(name), func(w string) bool { return upstream(w) == upstream(v) })
			if i < 0 {
				break
			}
			pins = append(pins, guest.Pin{Package: name, Version: c.versions(name)[i]})
		}
		if len(pins) == len(c.released) {
			return pins
		}
	}
	return nil
}

// latest returns the packages of the release in the versions that the manager
// prefers.
func (c choice) latest() []guest.Pin {
	var pins []guest.Pin
	for _, name := range c.released {
		if v := c.candidates[name]; v != "" {
			pins = append(pins, guest.Pin{Package: name, Version: v})
		}
	}
	return pins
}

// facts returns pins as the report has them.
func facts(pins []guest.Pin) []images.Pin {
	out := make([]images.Pin, len(pins))
	for i, p := range pins {
		out[i] = images.Pin(p)
	}
	return out
}
