package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// maxLabel bounds the value of a label of the metrics, in bytes before
// escaping.
const maxLabel = 200

// Metrics returns r in Prometheus' text format, for the text file collector of
// node_exporter or a push gateway. Samples have no time, which the collector
// refuses. Equal reports give equal bytes. The series of a plan are the same
// from run to run: of each check of each target, fail and blocked are there
// when they are 0.
func (r *Report) Metrics() []byte {
	m := &metrics{}
	m.head("pkgverify_run_info", "What ran; always 1.")
	m.sample("pkgverify_run_info", 1, "profile", r.Plan.Profile, "version", r.Tool.Version, "commit", r.Tool.Commit)
	m.head("pkgverify_verdict", "1 for the verdict of the last run, 0 for the others.")
	for _, v := range []Verdict{Pass, Fail, Blocked} {
		m.sample("pkgverify_verdict", truth(r.Summary.Verdict == v), "verdict", string(v))
	}
	m.head("pkgverify_interrupted", "1 if the last run was interrupted.")
	m.sample("pkgverify_interrupted", truth(r.Interrupted))
	m.head("pkgverify_finished_timestamp_seconds", "When the last run ended, in seconds since 1970.")
	m.sample("pkgverify_finished_timestamp_seconds", unix(r.Finished))
	m.head("pkgverify_duration_seconds", "How long the last run took.")
	m.sample("pkgverify_duration_seconds", max(0, r.Finished.Sub(r.Started).Seconds()))
	m.checks(r)
	m.keys(r)
	return []byte(m.b.String())
}

// metrics is the file under way.
type metrics struct{ b strings.Builder }

// head begins a family; all are gauges: of a run, not since a start.
func (m *metrics) head(name, help string) {
	fmt.Fprintf(&m.b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// sample writes a value; labels are names and values in turn.
func (m *metrics) sample(name string, value float64, labels ...string) {
	m.b.WriteString(name)
	// Of the characters that visible leaves, the format escapes these two.
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i := 0; i < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		m.b.WriteString(sep + labels[i] + `="` + escape.Replace(cut(visible(labels[i+1]), maxLabel)) + `"`)
	}
	if len(labels) > 0 {
		m.b.WriteByte('}')
	}
	m.b.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// checks writes what the checks of each target came to, and their time.
func (m *metrics) checks(r *Report) {
	type key struct{ check, target string }
	type sum struct {
		findings map[verify.Status]int
		seconds  float64
	}
	var order []key
	sums := map[key]*sum{}
	for _, o := range r.outcomes() {
		// Labels are compared as they are written: a series must be there once.
		k := key{cut(visible(o.check), maxLabel), cut(visible(o.target), maxLabel)}
		s := sums[k]
		if s == nil {
			s = &sum{findings: map[verify.Status]int{verify.Fail: 0, verify.Blocked: 0}}
			sums[k] = s
			order = append(order, k)
		}
		for _, x := range o.results {
			s.findings[x.Status]++
		}
		s.seconds += o.duration
	}
	m.head("pkgverify_results", "Results by check, repository and status; a check without findings has one.")
	for _, k := range order {
		for _, c := range append(countColumns(), column{status: verify.NotApplicable}) {
			if n, ok := sums[k].findings[c.status]; ok {
				m.sample("pkgverify_results", float64(n), "check", k.check, "target", k.target, "status", string(c.status))
			}
		}
	}
	m.head("pkgverify_check_duration_seconds", "Time of a check with the facts that it waited for, summed over containers.")
	for _, k := range order {
		m.sample("pkgverify_check_duration_seconds", sums[k].seconds, "check", k.check, "target", k.target)
	}
}

// keys writes how long the keys that repositories serve are valid. Keys that
// do not expire have no sample.
func (m *metrics) keys(r *Report) {
	type served struct {
		target, file, fingerprint string
		expires                   time.Time
	}
	var all []served
	seen := map[[3]string]bool{}
	add := func(target, file string, k repo.Key) {
		s := served{cut(visible(target), maxLabel), cut(visible(file), maxLabel), cut(visible(k.Fingerprint), maxLabel), k.Expires}
		id := [3]string{s.target, s.file, s.fingerprint}
		if k.Expires.IsZero() || seen[id] {
			return
		}
		seen[id] = true
		all = append(all, s)
	}
	for i := range r.Repositories {
		x := &r.Repositories[i]
		for _, f := range x.Keys {
			for _, k := range f.Keys {
				add(x.Target.Name(), f.Path, k)
			}
		}
	}
	m.head("pkgverify_key_days_left", "Days from the end of the last run until a served key expires; negative if it has.")
	for _, s := range all {
		m.sample("pkgverify_key_days_left", s.expires.Sub(r.Finished).Hours()/24, "target", s.target, "file", s.file, "fingerprint", s.fingerprint)
	}
	m.head("pkgverify_key_expiry_timestamp_seconds", "When a served key expires, in seconds since 1970.")
	for _, s := range all {
		m.sample("pkgverify_key_expiry_timestamp_seconds", unix(s.expires), "target", s.target, "file", s.file, "fingerprint", s.fingerprint)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}
