package repo_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
)

func TestFields(t *testing.T) {
	t.Parallel()
	list := []repo.Field{{Name: "Package", Value: "a"}, {Name: "Depends", Value: "b,\n c"}, {Name: "Empty"}, {Name: "package", Value: "second"}}
	f := repo.NewFields(list...)
	var got []repo.Field
	for name, value := range f.All() {
		got = append(got, repo.Field{Name: name, Value: value})
	}
	if diff := cmp.Diff(list, got); diff != "" {
		t.Errorf("fields read back (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"PACKAGE": "a", "depends": "b,\n c", "empty": "", "other": "", "Packag": ""} {
		if got := f.Value(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if _, ok := f.Get("Empty"); !ok || f.Len() != 4 {
		t.Errorf("an empty field is lost: %d fields", f.Len())
	}
	if !f.Equal(repo.EncodedFields(f.Encoded())) || f.Equal(repo.NewFields(list[:3]...)) || f.Equal(repo.Fields{}) {
		t.Error("fields are not equal to themselves, or to others")
	}
	if f := (repo.Fields{}); f.Len() != 0 || f.Value("x") != "" {
		t.Errorf("no fields are %v", f)
	}
}

// TestFieldsOfBadText: what is no whole field is left out, and no NUL in a
// value makes two fields of one.
func TestFieldsOfBadText(t *testing.T) {
	t.Parallel()
	whole := repo.NewFields(repo.Field{Name: "a", Value: "b"})
	for _, text := range []string{"a\x00b\x00", "a\x00b\x00c", "a\x00b\x00c\x00", "a\x00b\x00c\x00d"} {
		if got := repo.EncodedFields(text); got != whole {
			t.Errorf("%q: got %q", text, got.Encoded())
		}
	}
	for _, text := range []string{"", "a", "a\x00", "a\x00b"} {
		if got := repo.EncodedFields(text); got.Len() != 0 || got.Encoded() != "" {
			t.Errorf("%q: got %q", text, got.Encoded())
		}
	}
	if got := repo.NewFields(repo.Field{Name: "a\x00x", Value: "b\x00Depends\x00c"}); got.Len() != 1 || got.Value("ax") != "bDependsc" {
		t.Errorf("a NUL in a value: %q", got.Encoded())
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	var d repo.Digests
	if !d.IsZero() || d.Set(repo.SHA3256, "x") || !d.IsZero() {
		t.Errorf("a digest that no index uses was taken: %+v", d)
	}
	for _, a := range []repo.Algorithm{repo.MD5, repo.SHA1, repo.SHA224, repo.SHA256, repo.SHA384, repo.SHA512} {
		if !d.Set(a, string(a)) || d.Get(a) != string(a) {
			t.Errorf("%s is not kept", a)
		}
	}
	var order []repo.Algorithm
	for a := range d.All() {
		order = append(order, a)
	}
	want := []repo.Algorithm{repo.SHA512, repo.SHA384, repo.SHA256, repo.SHA224, repo.SHA1, repo.MD5}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	other := d
	other.SHA1, other.SHA256 = "x", "y"
	if a, differ := d.Disagreement(other); !differ || a != repo.SHA256 {
		t.Errorf("differ by %s, %t; want the strongest, sha256", a, differ)
	}
	if _, differ := d.Disagreement(repo.Digests{SHA512: "sha512"}); differ {
		t.Error("a digest that one lacks is no disagreement")
	}
}
