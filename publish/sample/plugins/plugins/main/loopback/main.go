// A sample program of pkgverify in the place of the CNI plugin loopback.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("loopback", "0.1.0") }
