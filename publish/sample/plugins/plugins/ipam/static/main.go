// A sample program of pkgverify in the place of the CNI plugin static.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("static", "0.1.0") }
