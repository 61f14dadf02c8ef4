package probe

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

// TestBoundsOfTheRecord: what servers and name servers say is cut at each bound.
func TestBoundsOfTheRecord(t *testing.T) {
	t.Parallel()
	var x x509.Certificate
	var hops []repo.Hop
	var addresses []netip.Addr
	for n := range 2 * (MaxNames + MaxHosts + MaxAddresses) {
		x.DNSNames = append(x.DNSNames, strings.Repeat("a", MaxName+n))
		hops = append(hops, repo.Hop{URL: fmt.Sprintf("https://host%d.test/", n)})
		addresses = append(addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}))
	}
	c := certificate("host.test", &x)
	if len(c.Names) != MaxNames || len(c.Names[MaxNames-1]) != MaxName {
		t.Errorf("%d names, the last of %d bytes; wanted %d and %d", len(c.Names), len(c.Names[len(c.Names)-1]), MaxNames, MaxName)
	}
	if got := len(hostsOf(hops)); got != MaxHosts {
		t.Errorf("%d hosts, wanted %d", got, MaxHosts)
	}
	p := &prober{opts: Options{Lookup: func(context.Context, string) ([]netip.Addr, error) { return addresses, nil }}}
	h, err := p.lookup(t.Context(), "host.test")
	if err != nil || len(h.IPv4) != MaxAddresses {
		t.Errorf("%d addresses, wanted %d (%v)", len(h.IPv4), MaxAddresses, err)
	}
}
