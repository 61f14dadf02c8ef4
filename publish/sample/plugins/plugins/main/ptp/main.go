// A sample program of pkgverify in the place of the CNI plugin ptp.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("ptp", "0.1.0") }
