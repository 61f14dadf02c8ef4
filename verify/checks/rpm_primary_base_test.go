package checks_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// TestLocationBase: packages that clients fetch from elsewhere are one finding,
// and an address that is empty is none.
func TestLocationBase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		bases map[int]string
		want  []string
	}{
		{"none", nil, nil},
		{"empty", map[int]string{0: ""}, nil},
		{"one", map[int]string{3: "http://elsewhere.test/"}, []string{"the index sends clients to another address for a package"}},
		{"two", map[int]string{0: "http://elsewhere.test/", 5: "media://x"}, []string{"the index sends clients to another address for a package (2 files)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, facts := expectation(repo.RPM), sound(repo.RPM)
			for i, base := range tt.bases {
				p := &facts.Packages[i]
				p.Fields = repo.NewFields(repo.Field{Name: "Package", Value: p.Name}, repo.Field{Name: "Version", Value: p.Version},
					repo.Field{Name: "location-base", Value: base})
			}
			result := onRepository(t, e, facts)["rpm-primary-wellformed"]
			var got []string
			for _, f := range result.Findings {
				if f.Status != verify.Fail || f.Hint == "" || len(f.Evidence) == 0 {
					t.Errorf("status %s, hint %q, evidence %v", f.Status, f.Hint, f.Evidence)
				}
				got = append(got, f.Message)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
