// Crictl is a sample program of pkgverify: it answers --version as the real
// crictl does.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/cri-tools/pkg/version"
)

func main() {
	argument := ""
	if len(os.Args) == 2 {
		argument = os.Args[1]
	}
	switch argument {
	case "--version", "-v":
		fmt.Printf("crictl version %s\n", version.Version)
	case "--help", "-h", "help":
		fmt.Printf("crictl %s is a sample program of pkgverify: it only answers the version command of the real crictl.\n", version.Version)
	default:
		fmt.Fprintf(os.Stderr, "crictl: a sample program of pkgverify, it does not know %q; see crictl --help\n", os.Args[1:])
		os.Exit(1)
	}
}
