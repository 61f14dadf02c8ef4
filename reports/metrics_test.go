package reports

import (
	"bytes"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// families reads metrics by Prometheus' own parser.
func families(t *testing.T, data []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	out, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	// A series that is there twice is refused by the collector, not by the parser.
	for name, f := range out {
		seen := map[string]bool{}
		for _, m := range f.Metric {
			labels := ""
			for _, l := range m.Label {
				labels += l.GetName() + "=" + l.GetValue() + "\x00"
			}
			if seen[labels] {
				t.Errorf("%s %q is there twice", name, labels)
			}
			seen[labels] = true
			if m.TimestampMs != nil {
				t.Errorf("%s has a time", name)
			}
		}
	}
	return out
}

// value returns the value of the series whose labels have the values in
// order.
func value(t *testing.T, f *dto.MetricFamily, labels ...string) float64 {
	t.Helper()
	for _, m := range f.GetMetric() {
		same := len(m.Label) == len(labels)
		for i := 0; same && i < len(labels); i++ {
			same = m.Label[i].GetValue() == labels[i]
		}
		if same {
			return m.GetGauge().GetValue()
		}
	}
	t.Errorf("%s has no series %q", f.GetName(), labels)
	return 0
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := mixed()
	key := repo.Key{Fingerprint: "ABCD", Expires: r.Finished.Add(36 * time.Hour)}
	r.Repositories = []repo.Repository{{Target: target(repo.Deb), Keys: []repo.KeyFile{
		{File: repo.File{Path: "Release.key"}, Keys: []repo.Key{key, key, {Fingerprint: "EFGH"}}},
	}}}
	data := r.Metrics()
	golden(t, "metrics.prom", data)
	f := families(t, data)
	const deb = "deb/stable/1.26"
	for _, tt := range []struct {
		name   string
		want   float64
		labels []string
	}{
		{"pkgverify_verdict", 1, []string{"fail"}},
		{"pkgverify_verdict", 0, []string{"pass"}},
		{"pkgverify_interrupted", 0, nil},
		{"pkgverify_duration_seconds", 90, nil},
		{"pkgverify_results", 2, []string{"package-checksums", deb, "fail"}},
		{"pkgverify_results", 0, []string{"package-checksums", deb, "blocked"}},
		{"pkgverify_results", 0, []string{"apt-release-signed", deb, "fail"}},
		{"pkgverify_results", 1, []string{"apt-release-signed", deb, "pass"}},
		{"pkgverify_results", 1, []string{"install-setup", "rpm/stable/1.26", "blocked"}},
		{"pkgverify_check_duration_seconds", 2, []string{"package-checksums", deb}},
		{"pkgverify_key_days_left", 1.5, []string{deb, "Release.key", "ABCD"}},
	} {
		if got := value(t, f[tt.name], tt.labels...); got != tt.want {
			t.Errorf("%s%q is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	if n := len(f["pkgverify_key_days_left"].GetMetric()); n != 1 {
		t.Errorf("%d keys, want the one that expires, once", n)
	}
}

// TestMetricsHostile: what a repository says cannot make a series of its own.
func TestMetricsHostile(t *testing.T) {
	t.Parallel()
	x := finding(hostile+`\`, hostile+"\n"+`pkgverify_verdict{verdict="pass"} 1`, verify.Fail, hostile)
	r := reportOf(x, passed("c", "t", ""))
	r.Plan.Profile = hostile
	r.Repositories = []repo.Repository{{Keys: []repo.KeyFile{{Keys: []repo.Key{{Fingerprint: hostile, Expires: r.Finished.Add(-24 * time.Hour)}}}}}}
	f := families(t, r.Metrics())
	if got := value(t, f["pkgverify_verdict"], "pass"); got != 0 {
		t.Errorf("the verdict is pass by %v", got)
	}
	if got := f["pkgverify_key_days_left"].GetMetric()[0].GetGauge().GetValue(); got != -1 {
		t.Errorf("%v days left, want -1", got)
	}
	families(t, (&Report{}).Metrics())
}
