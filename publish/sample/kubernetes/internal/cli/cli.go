// Package cli holds what the sample programs have in common: the arguments
// they know, the help text, the usage error.
package cli

import (
	"fmt"
	"os"
	"strings"

	client "k8s.io/client-go/pkg/version"
	component "k8s.io/component-base/version"
)

// Program is one sample program.
type Program struct {
	// Name is the program's name, such as kubelet.
	Name string
	// Answers maps the arguments, joined by single spaces and with every
	// "-o json" and "--output json" written as "--output=json", to the text
	// that is printed.
	Answers map[string]func() string
}

// Main answers the arguments and ends the process: 0 when they were known, 1
// otherwise.
func (p Program) Main() {
	// The real build links the version into both packages. A program with
	// two versions was linked wrongly and must not pass for a good one.
	if a, b := client.Get().GitVersion, component.Get().GitVersion; a != b {
		fmt.Fprintf(os.Stderr, "%s: client-go says %s, component-base says %s\n", p.Name, a, b)
		os.Exit(1)
	}
	arguments := normal(os.Args[1:])
	if arguments == "--help" || arguments == "-h" || arguments == "help" {
		fmt.Printf("%s %s is a sample program of pkgverify: it only answers the version commands of the real %s.\n",
			p.Name, component.Get(), p.Name)
		return
	}
	answer, ok := p.Answers[arguments]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: a sample program of pkgverify, it does not know %q; see %s --help\n",
			p.Name, arguments, p.Name)
		os.Exit(1)
	}
	fmt.Print(answer())
}

// normal writes an output flag in one way and joins the arguments.
func normal(arguments []string) string {
	var out []string
	for i := 0; i < len(arguments); i++ {
		argument := arguments[i]
		switch {
		case (argument == "-o" || argument == "--output") && i+1 < len(arguments):
			i++
			argument = "--output=" + arguments[i]
		case strings.HasPrefix(argument, "-o="):
			argument = "--output=" + strings.TrimPrefix(argument, "-o=")
		case len(argument) > 2 && strings.HasPrefix(argument, "-o"):
			argument = "--output=" + strings.TrimPrefix(argument, "-o")
		}
		out = append(out, argument)
	}
	return strings.Join(out, " ")
}
