package checks_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// TestIndexKeepsSilent: an index that leaves a list out is held against the
// package as one that has another list.
func TestIndexKeepsSilent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"provides", "requires", "conflicts", "obsoletes"} {
		e, r := expectation(repo.RPM), sound(repo.RPM)
		onKubelet("x86_64", func(p *repo.Package) {
			p.Artifact.Fields = repo.EncodedFields(string(repo.AppendField([]byte(p.Fields.Encoded()), name, "something")))
		})(r)
		got := onRepository(t, e, r)["package-matches-index"]
		if got.Status != verify.Fail || len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Message, "differ in "+name) ||
			!strings.Contains(got.Findings[0].Want, "nothing") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
