// Kubelet is a sample program of pkgverify: it answers --version as the real
// kubelet does.
package main

import (
	"k8s.io/component-base/version"
	"k8s.io/kubernetes/internal/cli"
)

func main() {
	cli.Program{
		Name: "kubelet",
		Answers: map[string]func() string{
			"--version":      plain,
			"--version=true": plain,
		},
	}.Main()
}

func plain() string { return "Kubernetes " + version.Get().String() + "\n" }
