package html

import (
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
)

// Bounds of what was fetched.
const (
	// maxRepositories bounds the repositories.
	maxRepositories = 500
	// maxFiles bounds the files of one repository that are listed.
	maxFiles = 200
)

// fetchedView is what was fetched of one repository.
type fetchedView struct {
	Target   string
	Root     link
	Took     string
	Packages string
	Hosts    []string
	Files    []fileView
	Left     string
	Problems int
}

// fileView is one file.
type fileView struct {
	URL     link
	Path    string
	Size    string
	From    string
	Problem string
}

func fetchedOf(r *reports.Report) []fetchedView {
	var out []fetchedView
	for i := range r.Repositories {
		if i == maxRepositories {
			break
		}
		out = append(out, fetchedFrom(&r.Repositories[i]))
	}
	return out
}

func fetchedFrom(x *repo.Repository) fetchedView {
	v := fetchedView{Target: name(x.Target.Name()), Root: linkTo(x.Target.URL), Took: seconds(x.Finished.Sub(x.Started).Seconds())}
	left := 0
	add := func(f *repo.File) {
		if f.Path == "" && f.URL == "" {
			return
		}
		if f.Problem != nil {
			v.Problems++
		}
		v.host(f)
		if len(v.Files) == maxFiles {
			left++
			return
		}
		v.Files = append(v.Files, fileOf(f))
	}
	if x.Mirrors != nil {
		add(&x.Mirrors.File)
	}
	if a := x.Apt; a != nil {
		add(&a.InRelease)
		add(&a.Release)
		add(&a.ReleaseGPG)
		for i := range a.Indexes {
			add(&a.Indexes[i].File)
		}
	}
	if m := x.RPM; m != nil {
		add(&m.RepomdFile)
		add(&m.SignatureFile)
		for i := range m.Indexes {
			add(&m.Indexes[i].File)
		}
	}
	for i := range x.Keys {
		add(&x.Keys[i].File)
	}
	v.packages(x, add)
	if left > 0 {
		v.Left = plural(left, "more file", "more files")
	}
	return v
}

// packages sums the package files up, and lists those that could not be had.
func (v *fetchedView) packages(x *repo.Repository, add func(*repo.File)) {
	n, cached, bytes := 0, 0, int64(0)
	for i := range x.Packages {
		a := x.Packages[i].Artifact
		if a == nil {
			continue
		}
		if !a.OK() {
			add(&a.File)
			continue
		}
		n++
		bytes += a.Size
		if a.Cached {
			cached++
		}
		v.host(&a.File)
	}
	v.Packages = plural(len(x.Packages), "package listed", "packages listed")
	if n > 0 {
		v.Packages += ", " + plural(n, "file read", "files read") + " (" + size(bytes) + ")"
	}
	if cached > 0 {
		v.Packages += ", of these " + thousands(cached) + " as verified by an earlier run"
	}
}

// host notes the host that served a file.
func (v *fetchedView) host(f *repo.File) {
	address := f.URL
	if to, ok := f.Redirected(); ok {
		address = to
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return
	}
	if h := name(u.Host); !slices.Contains(v.Hosts, h) && len(v.Hosts) < maxListed {
		v.Hosts = append(v.Hosts, h)
	}
}

func fileOf(f *repo.File) fileView {
	v := fileView{URL: linkTo(f.URL), Path: name(f.Path), Problem: value(f.Problem.String())}
	if f.OK() {
		v.Size = size(f.Size)
	}
	var from []string
	if to, ok := f.Redirected(); ok {
		if u, err := url.Parse(to); err == nil {
			from = append(from, "redirected to "+u.Host)
		}
	}
	if n := len(f.Hops); n > 0 && f.Hops[n-1].Address != "" {
		from = append(from, f.Hops[n-1].Address)
	}
	if f.Cached {
		from = append(from, "verified by an earlier run")
	}
	v.From = name(strings.Join(from, ", "))
	return v
}

// checksView is check by repository.
type checksView struct {
	Targets []string
	Rows    []checkRow
}

// checkRow is one check.
type checkRow struct {
	Check  string
	States []stateView
}

// maxChecks bounds the rows, and the columns, of the table of checks.
const maxChecks = 100

func checksOf(r *reports.Report, ids *anchors) checksView {
	v := checksView{}
	var targets, checks []string
	for _, t := range r.Plan.Targets {
		if len(targets) < maxChecks {
			targets = append(targets, t.Name())
		}
	}
	seen := map[string]bool{}
	for i := range r.Results {
		if c := r.Results[i].Check; !seen[c] && len(checks) < maxChecks {
			seen[c] = true
			checks = append(checks, c)
		}
	}
	for _, t := range targets {
		v.Targets = append(v.Targets, name(t))
	}
	for _, c := range checks {
		row := checkRow{Check: name(c)}
		asked0 := false
		for _, t := range targets {
			status, href := ids.state(asked{check: c, target: t})
			if status == verify.NotApplicable {
				status = ""
			}
			asked0 = asked0 || status != ""
			row.States = append(row.States, stateView{status, href})
		}
		if asked0 {
			v.Rows = append(v.Rows, row)
		}
	}
	return v
}
