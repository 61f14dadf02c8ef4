// Kubectl is a sample program of pkgverify: it answers the version command as
// the real kubectl does.
package main

import (
	"encoding/json"

	"k8s.io/component-base/version"
	"k8s.io/kubernetes/internal/cli"
)

// kustomizeVersion is the one that kubectl v1.26 is built with.
const kustomizeVersion = "v4.5.7"

func main() {
	cli.Program{
		Name: "kubectl",
		Answers: map[string]func() string{
			"version --client --output=json":      asJSON,
			"version --output=json --client":      asJSON,
			"version --client=true --output=json": asJSON,
			"version --output=json --client=true": asJSON,
			"version --client --short":            short,
		},
	}.Main()
}

func short() string {
	return "Client Version: " + version.Get().GitVersion + "\nKustomize Version: " + kustomizeVersion + "\n"
}

func asJSON() string {
	// A struct of strings always encodes.
	text, _ := json.MarshalIndent(struct {
		ClientVersion    version.Info `json:"clientVersion"`
		KustomizeVersion string       `json:"kustomizeVersion"`
	}{version.Get(), kustomizeVersion}, "", "  ")
	return string(text) + "\n"
}
