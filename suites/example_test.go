package suites_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/suites"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/profile"
)

// A program of one's own runs the suite as verify does: a profile says what a
// product is, a selection what of it to look at, and the label filter, in
// Ginkgo's language, which specs of the plan to run. Here the place is an empty
// folder, so that the specs fail.
func ExampleRun() {
	place, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(place) }()

	plan, err := examplePlan(place)
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome, err := suites.Run(context.Background(), suites.Options{
		Plan:        plan,
		LabelFilter: "format:deb && check: containsAny {apt-release-present, apt-release-signed}",
		Parallel:    2,
		Timeout:     time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range outcome.Results {
		fmt.Println(r.Target, r.Check, r.Status)
	}
	fmt.Println(reports.Summarise(outcome.Results).Verdict)
	// Output:
	// deb/stable/1.26 apt-release-present fail
	// deb/stable/1.26 apt-release-signed skipped
	// fail
}

func examplePlan(place string) (*verify.Plan, error) {
	kubernetes, err := profile.Load("kubernetes")
	if err != nil {
		return nil, err
	}
	distributions, err := images.Catalogue()
	if err != nil {
		return nil, err
	}
	return kubernetes.Plan(profile.Selection{
		BaseURL: place, Channels: []string{"stable"}, Minors: []string{"1.26"}, Versions: []string{"1.26.0"},
		Suites: []string{"metadata"}, Now: time.Now(),
	}, checks.Catalogue(), distributions)
}
