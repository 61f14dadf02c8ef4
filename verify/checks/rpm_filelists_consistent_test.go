package checks_test

import (
	"slices"
	"testing"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

func TestRPMFilelistsConsistent(t *testing.T) {
	t.Parallel()
	on := func(change func(*repo.RPMMD)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) { change(r.RPM) }
	}
	withOther := func(change func(*repo.RPMMD)) func(*verify.Expectation, *verify.Facts) {
		return func(_ *verify.Expectation, r *verify.Facts) {
			other := r.RPM.Indexes[1]
			other.Type, other.Path = "other", "repodata/other.xml.gz"
			r.RPM.Indexes = append(r.RPM.Indexes, other)
			r.RPM.Others = listed(r.Packages)
			change(r.RPM)
		}
	}
	runCases(t, "rpm-filelists-consistent", []oneCase{
		{"the same", repo.RPM, on(func(*repo.RPMMD) {}), verify.Pass, "", ""},
		{"another order", repo.RPM, on(func(m *repo.RPMMD) { slices.Reverse(m.Filelists) }), verify.Pass, "", ""},
		{"one file in two folders", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.Packages = append(r.Packages, r.Packages[0])
			r.RPM.Filelists = append([]repo.FilelistEntry{r.RPM.Filelists[0]}, r.RPM.Filelists...)
		}, verify.Pass, "", ""},
		{"packed for zchunk only", repo.RPM, on(func(m *repo.RPMMD) { m.Indexes[1].Type = "filelists_zck" }), verify.Pass, "", ""},
		{"other is there", repo.RPM, withOther(func(*repo.RPMMD) {}), verify.Pass, "", ""},
		{"no filelists", repo.RPM, on(func(m *repo.RPMMD) { m.Indexes = m.Indexes[:1] }),
			verify.Fail, "lists no filelists", "[primary]"},
		{"no filelists, because its element does not parse", repo.RPM, on(func(m *repo.RPMMD) {
			m.Indexes, m.RepomdFile.Problem = m.Indexes[:1], malformed
		}), verify.Skipped, "see rpm-repomd-present", ""},
		{"a package missing", repo.RPM, on(func(m *repo.RPMMD) { m.Filelists = m.Filelists[1:] }),
			verify.Fail, "list different packages: 1 missing", "cri-tools 1.26.0-150500.1.1 x86_64 (pkgid "},
		{"a package too many", repo.RPM, on(func(m *repo.RPMMD) {
			m.Filelists = append(m.Filelists, repo.FilelistEntry{PkgID: "aa", Name: "x", Version: "1-1", Arch: "noarch"})
		}), verify.Fail, "1 that primary does not have", "x 1-1 noarch (pkgid aa)"},
		{"a package twice", repo.RPM, on(func(m *repo.RPMMD) { m.Filelists = append(m.Filelists, m.Filelists[3]) }),
			verify.Fail, "1 that primary does not have", "once too often"},
		{"another pkgid", repo.RPM, on(func(m *repo.RPMMD) { m.Filelists[2].PkgID = "bb" }),
			verify.Fail, "1 missing, 1 that primary does not have", "pkgid bb"},
		{"another version", repo.RPM, on(func(m *repo.RPMMD) { m.Filelists[2].Version = "9-9" }),
			verify.Fail, "1 under another name, version or architecture", "9-9"},
		{"another architecture", repo.RPM, on(func(m *repo.RPMMD) { m.Filelists[0].Arch = "noarch" }),
			verify.Fail, "1 under another name", "noarch here"},
		{"filelists of another repository", repo.RPM, on(func(m *repo.RPMMD) {
			for i := range m.Filelists {
				m.Filelists[i].PkgID = "cc"
			}
		}), verify.Fail, "12 missing, 12 that primary does not have", "0 of them right"},
		{"other lacks one", repo.RPM, withOther(func(m *repo.RPMMD) { m.Others = m.Others[1:] }),
			verify.Fail, "repodata/other.xml.gz and repodata/primary.xml.gz list different packages", ""},
		{"entries that do not parse", repo.RPM, on(func(m *repo.RPMMD) {
			m.Filelists = m.Filelists[2:]
			m.Indexes[1].AddFault(*malformed)
			m.Indexes[1].AddFault(*malformed)
		}), verify.Fail, "has 2 bad entries", "line 3: no colon"},
		{"does not parse at all", repo.RPM, on(func(m *repo.RPMMD) {
			m.Indexes[1].Problem, m.Indexes[1].Parsed, m.Filelists = malformed, false, nil
		}), verify.Fail, "does not parse", "no colon"},
		{"not there", repo.RPM, on(func(m *repo.RPMMD) {
			m.Indexes[1].Problem, m.Indexes[1].Parsed, m.Filelists = absent, false, nil
		}), verify.Skipped, "see rpm-index-checksums", ""},
		{"unreachable", repo.RPM, on(func(m *repo.RPMMD) {
			m.Indexes[1].Problem, m.Indexes[1].Parsed, m.Filelists = unreachable, false, nil
		}), verify.Blocked, "was not compared", ""},
		{"other bytes than repomd.xml says", repo.RPM, on(func(m *repo.RPMMD) {
			m.Indexes[1].Content, m.Filelists = content("other"), nil
		}), verify.Skipped, "see rpm-index-checksums", ""},
		{"a package that primary has in a bad entry", repo.RPM, func(_ *verify.Expectation, r *verify.Facts) {
			r.RPM.Indexes[0].AddFault(*malformed)
			r.Packages = r.Packages[1:]
		}, verify.Skipped, "see rpm-primary-wellformed", ""},
	})
}
