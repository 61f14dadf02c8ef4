package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
	"sigs.k8s.io/pkgverify/verify/known"
)

// known reads the file of --known-issues, nil when there is none.
func (r *runFlags) known(now time.Time) (*known.List, error) {
	if r.knownIssues == "" {
		return nil, nil
	}
	var ids []string
	for _, c := range checks.Catalogue() {
		ids = append(ids, c.ID)
	}
	l, err := known.Load(r.knownIssues, ids, now)
	if err != nil {
		return nil, prefixed("--known-issues: ", err)
	}
	return l, nil
}

// prefixed puts a prefix before each line of an error that joins several.
func prefixed(prefix string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s%w", prefix, err)
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, fmt.Errorf("%s%w", prefix, e))
	}
	return errors.Join(all...)
}

// compare gives each target of the plan what the report of --baseline says of
// it.
func (r *runFlags) compare(plan *verify.Plan) error {
	if r.baseline == "" {
		return nil
	}
	targets := make(map[string]*verify.Expectation)
	for _, t := range plan.Targets {
		targets[t.Target.Name()] = t
	}
	f, err := os.Open(r.baseline)
	if err != nil {
		return fmt.Errorf("--baseline: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	b, err := reports.ReadBaseline(f, r.baseline, func(name string) bool { return targets[name] != nil })
	switch {
	case err != nil:
		return fmt.Errorf("--baseline %s: %w", r.baseline, err)
	case b.Profile != plan.Profile:
		return fmt.Errorf("--baseline %s is of the profile %q, this run of %q: name a report of the same profile", r.baseline, b.Profile, plan.Profile)
	case len(b.Targets) == 0:
		return fmt.Errorf("--baseline %s holds none of the repositories of this run; it holds %s", r.baseline, orNothing(b.Others))
	}
	for name, t := range targets {
		t.Baseline = b.Targets[name]
		if t.Baseline == nil {
			t.Baseline = &verify.Baseline{Source: r.baseline, Finished: b.Finished, Unknown: "that run did not look at it"}
		}
	}
	return nil
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
