// A sample program of pkgverify in the place of the CNI plugin firewall.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("firewall", "0.4.0") }
