// A sample program of pkgverify in the place of the CNI plugin portmap.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("portmap", "0.1.0") }
