package checks

import (
	"fmt"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// cri-o #5424, #7587: a mirror went on serving what had been built again at the
// origin; tuna/issues #2002: Packages did not match Release on a mirror. The
// Kubernetes packages have two origins, pkgs.k8s.io and download.opensuse.org.
func originsAgree() verify.Check {
	return verify.Check{
		ID:       "origins-agree",
		Title:    "all origins serve the same metadata",
		Suite:    verify.Metadata,
		Severity: verify.Warning,
		Formats:  repo.Formats(),
		Needs:    []verify.Need{verify.NeedRoot},
		Beside:   []verify.Beside{verify.BesideOrigins},
		Doc: `Asks that every origin that the profile names serves the same signed root, with the same date, and the lists that belong to it. The target's own address is read again beside the others, so that a publication in between is no difference. With one origin there is nothing to ask.

Why: users are led to either, and mirrors follow one of them. An origin that lags behind hides a security release from those who use it (cri-o #5424, #7587), one with a list of another date breaks their updates (tuna/issues #2002).

When it fails: the message says which one is older. Start its synchronisation, and purge the CDN in front of it.`,
		Moot: func(e *verify.Expectation) string {
			if len(e.Origins) == 0 {
				return "the repository has one address only"
			}
			return ""
		},
		Repository: func(e *verify.Expectation, r *verify.Facts) []verify.Finding {
			if len(r.Origins) == 0 {
				return []verify.Finding{{Status: verify.Blocked, URL: e.Target.URL, Message: "the origins were not read", Hint: "run again"}}
			}
			var found []verify.Finding
			own := r.Origins[0]
			if f := originRoot(own); f != nil {
				return []verify.Finding{*f}
			}
			for _, o := range r.Origins[1:] {
				found = append(found, compareOrigins(own, o)...)
			}
			return found
		},
	}
}

// originRoot returns why an origin has no signed root.
func originRoot(o *repo.Repository) *verify.Finding {
	f := verify.Finding{URL: o.Target.URL}
	var p *repo.Problem
	switch {
	case o.Apt != nil && o.Apt.Root() != nil, o.RPM != nil && o.RPM.Repomd != nil:
		return nil
	case o.Apt != nil:
		file := o.Apt.InRelease
		if file.Problem.Is(repo.Absent) {
			file = o.Apt.Release
		}
		p, f.Subject.File, f.Evidence = file.Problem, file.Path, hops(file.Hops)
	case o.RPM != nil:
		p, f.Subject.File, f.Evidence = o.RPM.RepomdFile.Problem, o.RPM.RepomdFile.Path, hops(o.RPM.RepomdFile.Hops)
	}
	if p == nil {
		p = &repo.Problem{Kind: repo.Malformed, Text: "its signed root does not parse"}
	}
	switch {
	case p.Is(repo.Unreachable):
		f.Hint = "run again; if it stays so, tell those who run that origin"
		f = verify.Problemf(p, f, "the origin %s could not be reached", o.Target.URL)
	default:
		f.Want = "the repository"
		f.Hint = "publish the repository there as well, or take the origin out of the profile"
		f = verify.Problemf(p, f, "the origin %s does not serve this repository", o.Target.URL)
	}
	return &f
}

// compareOrigins says in one finding how an origin differs from the target's
// own address.
func compareOrigins(own, o *repo.Repository) []verify.Finding {
	if f := originRoot(o); f != nil {
		return []verify.Finding{*f}
	}
	a, b := rootsOf(own), rootsOf(o)
	f := verify.Finding{
		Subject: verify.Subject{File: b[0].Path},
		URL:     o.Target.URL,
		Want:    "what " + own.Target.URL + " serves: " + stateOf(own),
		Got:     stateOf(o),
		Hint:    "start the synchronisation of the one that lags behind, and purge what is cached in front of it",
	}
	var blocked *repo.Problem
	differ := 0
	for i := range a {
		switch x, y := a[i], b[i]; {
		case y.Problem.Is(repo.Unreachable) || x.Problem.Is(repo.Unreachable):
			if blocked = y.Problem; blocked == nil {
				blocked = x.Problem
			}
		case x.OK() != y.OK():
			differ++
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s is %s there, %s here", x.Path, presence(y), presence(x)))
		case x.OK() && !sameDigests(x.Digests, y.Digests):
			differ++
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s is %s there, %s here", x.Path, describe(y.Size, repo.SHA256, y.Digests), describe(x.Size, repo.SHA256, x.Digests)))
		}
	}
	f.Evidence = append(f.Evidence, hops(b[0].Hops)...)
	switch {
	case differ > 0:
		f.Message = older(own, o)
		return []verify.Finding{f}
	case blocked != nil:
		f.Hint = "run again"
		return []verify.Finding{verify.Problemf(blocked, f, "the metadata of the origin %s could not be read whole", o.Target.URL)}
	}
	return compareLists(own, o)
}

// compareLists looks at the lists of an origin whose signed root is the same.
// What is wrong with the target's own is for other checks.
func compareLists(own, o *repo.Repository) []verify.Finding {
	here := make(map[string]repo.Index)
	for _, x := range indexesOf(own) {
		here[x.Path] = x
	}
	var wrong, away causes
	for _, y := range indexesOf(o) {
		x, ok := here[y.Path]
		if !ok || !x.OK() || sameContent(x.Content, y.Content) && y.OK() {
			continue
		}
		f := verify.Finding{
			Subject:  verify.Subject{File: y.Path},
			URL:      y.URL,
			Want:     describe(x.Size, repo.SHA256, x.Digests),
			Evidence: hops(y.Hops),
			Hint:     "synchronise that origin again, the lists before the signed root",
		}
		if y.Problem.Is(repo.Unreachable) {
			f.Hint = "run again"
			away.add(verify.Problemf(y.Problem, f, "the origin %s has the same signed root, but a list of it could not be reached", o.Target.URL))
			continue
		}
		f.Message = fmt.Sprintf("the origin %s has the same signed root, but not the list that belongs to it", o.Target.URL)
		f.Got = describe(y.Size, repo.SHA256, y.Digests)
		if y.Problem != nil {
			f.Got = y.Problem.String()
		}
		wrong.add(f)
	}
	return append(wrong.findings(), away.findings()...)
}

func sameContent(a, b repo.Content) bool {
	return a.Size == b.Size && sameDigests(a.Digests, b.Digests)
}

func presence(f repo.File) string {
	if f.OK() {
		return "there"
	}
	return "not there"
}

// rootsOf returns the signed root and its signatures, the one that clients read
// first at the head.
func rootsOf(r *repo.Repository) []repo.File {
	if r.Apt != nil {
		return []repo.File{r.Apt.InRelease, r.Apt.Release, r.Apt.ReleaseGPG}
	}
	return []repo.File{r.RPM.RepomdFile, r.RPM.SignatureFile}
}

func indexesOf(r *repo.Repository) []repo.Index {
	if r.Apt != nil {
		return r.Apt.Indexes
	}
	return r.RPM.Indexes
}

// dateOf returns when a repository was published, by its own word: Release's
// Date, or the newest timestamp in repomd.xml.
func dateOf(r *repo.Repository) time.Time {
	if r.Apt != nil {
		return r.Apt.Root().Date
	}
	var newest time.Time
	for _, d := range r.RPM.Repomd.Data {
		if d.Time.After(newest) {
			newest = d.Time
		}
	}
	return newest
}

// stateOf says which publication a repository is.
func stateOf(r *repo.Repository) string {
	text := "no date"
	if d := dateOf(r); !d.IsZero() {
		text = "dated " + d.UTC().Format(time.RFC3339)
	}
	if r.RPM != nil && r.RPM.Repomd.Revision != "" {
		text += ", revision " + r.RPM.Repomd.Revision
	}
	return text
}

// older says which of two origins lags behind, naming both dates.
func older(own, o *repo.Repository) string {
	a, b := dateOf(own), dateOf(o)
	switch {
	case a.IsZero() || b.IsZero() || a.Equal(b):
		return fmt.Sprintf("the origin %s serves other metadata than %s", o.Target.URL, own.Target.URL)
	case b.Before(a):
		return fmt.Sprintf("the origin %s is stale: its metadata is of %s, that of %s of %s", o.Target.URL, b.UTC().Format(time.RFC3339), own.Target.URL, a.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("the address %s is stale: its metadata is of %s, that of the origin %s of %s", own.Target.URL, a.UTC().Format(time.RFC3339), o.Target.URL, b.UTC().Format(time.RFC3339))
}
