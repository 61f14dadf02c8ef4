// A sample program of pkgverify in the place of the CNI plugin host-local.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("host-local", "0.1.0") }
