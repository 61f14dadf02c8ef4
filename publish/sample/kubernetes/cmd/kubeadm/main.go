// Kubeadm is a sample program of pkgverify: it answers the version command as
// the real kubeadm does.
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/component-base/version"
	"k8s.io/kubernetes/internal/cli"
)

func main() {
	cli.Program{
		Name: "kubeadm",
		Answers: map[string]func() string{
			"version": func() string {
				v := version.Get()
				return fmt.Sprintf("kubeadm version: &version.Info{Major:%q, Minor:%q, GitVersion:%q, GitCommit:%q, GitTreeState:%q, BuildDate:%q, GoVersion:%q, Compiler:%q, Platform:%q}\n",
					v.Major, v.Minor, v.GitVersion, v.GitCommit, v.GitTreeState, v.BuildDate, v.GoVersion, v.Compiler, v.Platform)
			},
			"version --output=short": func() string { return version.Get().GitVersion + "\n" },
			"version --output=json":  asJSON,
		},
	}.Main()
}

func asJSON() string {
	// A struct of strings always encodes.
	text, _ := json.MarshalIndent(struct {
		ClientVersion version.Info `json:"clientVersion"`
	}{version.Get()}, "", "  ")
	return string(text) + "\n"
}
