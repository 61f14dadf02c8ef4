// Package skel answers the version requests of a CNI plugin as plugins
// v1.2.0 do, which are built with the CNI library v1.1.2.
package skel

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

// errInvalidEnvironment is the CNI specification's code for an environment
// variable that is missing or wrong.
const errInvalidEnvironment = 4

// Main answers as the plugin of that name and ends the process. since is the
// first protocol version that the plugin supports.
func Main(name, since string) {
	versions := []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"}
	versions = versions[max(0, slices.Index(versions, since)):]
	about := fmt.Sprintf("CNI %s plugin %s", name, buildversion.BuildVersion)
	switch command := os.Getenv("CNI_COMMAND"); command {
	case "":
		if len(os.Args) == 2 && (os.Args[1] == "--help" || os.Args[1] == "-h") {
			fmt.Printf("%s is a sample program of pkgverify: it only answers the version requests of the real plugin.\n", about)
			return
		}
		// The real library prints this to standard error and ends with 0.
		fmt.Fprintf(os.Stderr, "%s\nCNI protocol versions supported: %s\n", about, strings.Join(versions, ", "))
	case "VERSION":
		// A struct of strings always encodes.
		text, _ := json.Marshal(struct {
			CNIVersion string   `json:"cniVersion"`
			Supported  []string `json:"supportedVersions"`
		}{versions[len(versions)-1], versions})
		fmt.Println(string(text))
	default:
		text, _ := json.MarshalIndent(struct {
			Code    int    `json:"code"`
			Message string `json:"msg"`
		}{errInvalidEnvironment, fmt.Sprintf("a sample program of pkgverify does not answer CNI_COMMAND %q", command)}, "", "    ")
		fmt.Println(string(text))
		os.Exit(1)
	}
}
