package reports

import (
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/pkgverify/repo/debver"
)

// maxMetadata bounds a value of metadata.json, in bytes.
const maxMetadata = 500

// Metadata returns metadata.json, which Prow merges into the metadata of
// finished.json. All values are strings. TestGrid heads the column with
// "job-version" instead of the job's own commit: here the versions that were
// looked at. Without any, the key is left out.
func (r *Report) Metadata() ([]byte, error) {
	s := r.Summary
	m := map[string]string{
		"verdict":     string(s.Verdict),
		"interrupted": strconv.FormatBool(r.Interrupted),
		"tool":        r.Tool.Version,
		"profile":     r.Plan.Profile,
		"channels":    strings.Join(r.Plan.Channels, ","),
		"minors":      strings.Join(r.Plan.Minors, ","),
		"pass":        strconv.Itoa(s.Pass),
		"warn":        strconv.Itoa(s.Warn),
		"fail":        strconv.Itoa(s.Fail),
		"blocked":     strconv.Itoa(s.Blocked),
		"known":       strconv.Itoa(s.Known),
		"skipped":     strconv.Itoa(s.Skipped),
	}
	if v := r.jobVersion(); v != "" {
		m["job-version"] = v
	}
	for k, v := range m {
		m[k] = cut(visible(v), maxMetadata)
	}
	data, err := marshal(m, "")
	if err != nil {
		return nil, fmt.Errorf("write the metadata: %w", err)
	}
	return data, nil
}

// jobVersion returns the versions that the user named, else the newest that
// was found of each minor: "v1.26.15,v1.27.3".
func (r *Report) jobVersion() string {
	var versions []string
	for _, v := range r.Plan.Versions {
		versions = append(versions, "v"+strings.TrimPrefix(v, "v"))
	}
	if len(versions) == 0 {
		for _, minor := range r.Plan.Minors {
			if v := r.newest(minor); v != "" {
				versions = append(versions, "v"+v)
			}
		}
	}
	return strings.Join(versions, ",")
}

// newest returns the newest upstream version of a minor among all packages, ""
// if there is none.
func (r *Report) newest(minor string) string {
	var newest, order string
	for i := range r.Repositories {
		for _, p := range r.Repositories[i].Packages {
			v := p.Upstream()
			if !strings.HasPrefix(v, minor+".") {
				continue
			}
			// In Debian's order "~rc.1" comes before the release; a hyphen
			// would begin a revision.
			o := strings.ReplaceAll(v, "-", "~")
			// A version that does not parse is the checks' to report.
			if c, err := debver.Compare(o, order); newest == "" || err == nil && c > 0 {
				if _, err := debver.Parse(o); err == nil {
					newest, order = v, o
				}
			}
		}
	}
	return newest
}
