// A sample program of pkgverify in the place of the CNI plugin bridge.
package main

import "github.com/containernetworking/plugins/pkg/skel"

func main() { skel.Main("bridge", "0.1.0") }
