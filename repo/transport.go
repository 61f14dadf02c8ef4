package repo

import "time"

// Transport is how the servers of a target answer, asked for its signed root
// (InRelease, Release or repomd.xml) in several ways.
type Transport struct {
	// Path is the file that was asked for.
	Path string `json:"path"`
	// Plain is the address as it is written.
	Plain Probe `json:"plain"`
	// Colons is the address with its colons spelled the other way (%3A, or ":"),
	// nil when there are none.
	Colons *Probe `json:"colons,omitempty"`
	// Hosts are those on the way of Plain, in that order.
	Hosts []Host `json:"hosts,omitempty"`
	// IPv4 and IPv6 are by one family only; both are nil unless the name
	// servers give every host addresses of both.
	IPv4 *Probe `json:"ipv4,omitempty"`
	IPv6 *Probe `json:"ipv6,omitempty"`
	// Undecided says why the families could not be asked, where nobody can tell
	// whether they should be; nil if it was known.
	Undecided *Problem `json:"undecided,omitempty"`
}

// Probe is one way of asking for a file, and what came of it.
type Probe struct {
	URL  string `json:"url"`
	Hops []Hop  `json:"hops,omitempty"`
	// Content is what was served, whole.
	Content
	// Certificates are what the servers on the way showed, one for each host.
	Certificates []Certificate `json:"certificates,omitempty"`
	// Refused says that a server on the way answered that it does not listen:
	// that is an answer, and no failure of this side.
	Refused bool `json:"refused,omitempty"`
	// Problem is nil when the file was read whole.
	Problem *Problem `json:"problem,omitempty"`
}

// Host is a host name on the way to a file.
type Host struct {
	Name string `json:"name"`
	// IPv4 and IPv6 are its addresses, by its name servers.
	IPv4 []string `json:"ipv4,omitempty"`
	IPv6 []string `json:"ipv6,omitempty"`
}

// Certificate is what a host showed in a TLS handshake.
type Certificate struct {
	Host string `json:"host"`
	// Subject and Issuer are of the host's own certificate, Names what it is
	// for.
	Subject string   `json:"subject"`
	Issuer  string   `json:"issuer"`
	Names   []string `json:"names,omitempty"`
	// Begins and Ends are those of the chain: from the last certificate of it
	// to begin until the first of it to end, the authority's own left aside.
	// When there are several chains, the one that lasts longest counts. Of a
	// certificate that was refused they are its own.
	Begins time.Time `json:"begins"`
	Ends   time.Time `json:"ends"`
	// Refusal says why it was refused, nil if it was not.
	Refusal *Problem `json:"refusal,omitempty"`
}
