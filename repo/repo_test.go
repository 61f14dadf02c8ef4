package repo_test

import (
	"testing"

	"sigs.k8s.io/pkgverify/repo"
)

func TestParseArch(t *testing.T) {
	t.Parallel()
	for spelling, want := range map[string]repo.Arch{
		"amd64": repo.AMD64, "x86_64": repo.AMD64, "arm64": repo.ARM64, "aarch64": repo.ARM64,
		"armhf": repo.ARM, "armv7l": repo.ARM, "armv7hl": repo.ARM, "ppc64el": repo.PPC64LE, "ppc64le": repo.PPC64LE, "s390x": repo.S390X,
	} {
		if got, ok := repo.ParseArch(spelling); !ok || got != want {
			t.Errorf("%s: got %q, %t; want %s", spelling, got, ok, want)
		}
	}
	for _, none := range []string{"", "all", "noarch", "AMD64", "pdp11"} {
		if got, ok := repo.ParseArch(none); ok {
			t.Errorf("%q is taken for %s", none, got)
		}
	}
	for _, a := range repo.Arches() {
		for _, f := range repo.Formats() {
			if got, ok := repo.ParseArch(a.In(f)); !ok || got != a {
				t.Errorf("%s is %s in %s, which is read as %q", a, a.In(f), f, got)
			}
		}
	}
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.28.5-1.1":                        "1.28.5",
		"1.30.0~rc.1-1.1":                   "1.30.0-rc.1",
		"1.29.2-150500.1.1":                 "1.29.2",
		"1:2.0.0-1":                         "2.0.0",
		"2.0":                               "2.0",
		"1.26.0~alpha.3.45+0123456789ab-.1": "1.26.0-alpha.3.45+0123456789ab",
	} {
		if got := (repo.Package{Version: version}).Upstream(); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	got := repo.Content{Size: 3, Digests: repo.Digests{SHA256: "s", MD5: "m"}}
	for _, tt := range []struct {
		name  string
		claim repo.Claim
		fits  bool
	}{
		{"everything", repo.Claim{Size: 3, Digests: repo.Digests{SHA256: "s", MD5: "m"}}, true},
		{"no size", repo.Claim{Size: -1, Digests: repo.Digests{SHA256: "s"}}, true},
		{"another size", repo.Claim{Size: 4, Digests: repo.Digests{SHA256: "s"}}, false},
		{"a wrong digest", repo.Claim{Size: 3, Digests: repo.Digests{SHA256: "x"}}, false},
		{"a wrong weak digest beside a right strong one", repo.Claim{Size: 3, Digests: repo.Digests{SHA256: "s", MD5: "x"}}, false},
		{"a digest that was not computed", repo.Claim{Size: 3, Digests: repo.Digests{SHA512: "x"}}, true},
	} {
		if tt.claim.Fits(got) != tt.fits {
			t.Errorf("%s: fits is %t", tt.name, !tt.fits)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	t.Parallel()
	var x repo.Index
	for range 3 * repo.MaxFaults {
		x.AddFault(repo.Problem{Kind: repo.Malformed})
	}
	if len(x.Faults) != repo.MaxFaults || x.FaultCount != 3*repo.MaxFaults {
		t.Errorf("kept %d of %d", len(x.Faults), x.FaultCount)
	}
}
