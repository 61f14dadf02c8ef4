package checks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range checks.Catalogue() {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		if (c.Repository == nil) == (c.Cell == nil) {
			t.Errorf("%s: exactly one of Repository and Cell must be set", c.ID)
		}
		if (c.Suite == verify.Install) != (c.Cell != nil) {
			t.Errorf("%s: cell checks, and only they, are of the install suite", c.ID)
		}
		if c.Title == "" || len(c.Formats) == 0 || c.Severity == "" {
			t.Errorf("%s: title, formats or severity is missing", c.ID)
		}
		for _, word := range []string{"Asks ", "Why: ", "When it fails: "} {
			if !strings.Contains(c.Doc, word) {
				t.Errorf("%s: its text does not say %q", c.ID, word)
			}
		}
	}
}

func TestSoundRepositoryPasses(t *testing.T) {
	t.Parallel()
	for _, f := range repo.Formats() {
		if diff := cmp.Diff([]string{}, statuses(onRepository(t, expectation(f), sound(f)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f, diff)
		}
	}
}

var (
	absent      = &repo.Problem{Kind: repo.Absent, Text: "HTTP status 403"}
	unreachable = &repo.Problem{Kind: repo.Unreachable, Text: "no route to host"}
	malformed   = &repo.Problem{Kind: repo.Malformed, Where: "line 3", Text: "no colon"}
)

// drop removes the packages that match.
func drop(match func(repo.Package) bool) func(*verify.Facts) {
	return func(r *verify.Facts) { r.Packages = slices.DeleteFunc(r.Packages, match) }
}

// onKubelet changes the first kubelet of an architecture.
func onKubelet(arch string, change func(*repo.Package)) func(*verify.Facts) {
	return func(r *verify.Facts) {
		for i := range r.Packages {
			if p := &r.Packages[i]; p.Name == "kubelet" && p.Arch == arch {
				change(p)
				return
			}
		}
	}
}

// TestOneThingWrong breaks one thing in a sound repository. Exactly the checks
// named must speak, and the message must be one to act on.
func TestOneThingWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		format repo.Format
		change func(*verify.Facts)
		want   []string
		says   string // of the first finding of the first check
	}{
		{"InRelease missing", repo.Deb, func(r *verify.Facts) { r.Apt.InRelease.Problem, r.Apt.Inline = absent, nil },
			[]string{"apt-release-consistent=skipped", "apt-release-present=fail", "apt-release-signed=skipped", "signature-policy=skipped"}, "InRelease is not there"},
		{"Release.gpg unreachable", repo.Deb, func(r *verify.Facts) { r.Apt.ReleaseGPG.Problem = unreachable },
			[]string{"apt-release-present=blocked", "apt-release-signed=blocked", "signature-policy=blocked"}, "Release.gpg could not be reached"},
		{"Release field broken", repo.Deb, func(r *verify.Facts) { r.Apt.Inline.Faults = []repo.Problem{*malformed} },
			[]string{"apt-release-present=fail"}, "InRelease does not parse"},
		{"nothing there", repo.Deb, func(r *verify.Facts) {
			r.Apt.InRelease.Problem, r.Apt.Release.Problem, r.Apt.ReleaseGPG.Problem = absent, absent, absent
			r.Apt.Inline, r.Apt.Detached = nil, nil
			r.Packages = nil
		}, needing(repo.Deb, verify.Skipped, "apt-release-present=fail"), ""},
		{"nothing reachable", repo.RPM, func(r *verify.Facts) {
			r.RPM.RepomdFile.Problem, r.RPM.Repomd = unreachable, nil
			r.Packages = nil
		}, needing(repo.RPM, verify.Blocked, "rpm-repomd-present=blocked"), ""},
		{"repomd.xml as the metalink has it", repo.RPM, func(r *verify.Facts) {
			r.Mirrors = &repo.MirrorList{Root: []repo.Claim{claimOf("metalink", content("repodata/repomd.xml")), claimOf("metalink", content("older"))}}
		}, []string{}, ""},
		{"repomd.xml of an older state that the metalink allows", repo.RPM, func(r *verify.Facts) {
			r.Mirrors = &repo.MirrorList{Root: []repo.Claim{claimOf("metalink", content("newer")), claimOf("metalink", content("repodata/repomd.xml"))}}
		}, []string{"rpm-repomd-present=warn"}, "older state"},
		{"repomd.xml that the metalink does not know", repo.RPM, func(r *verify.Facts) {
			r.Mirrors = &repo.MirrorList{Root: []repo.Claim{claimOf("metalink", content("newer")), claimOf("metalink", content("older"))}}
		}, []string{"rpm-repomd-present=fail"}, "is not what the metalink says"},
		{"index of other bytes", repo.Deb, func(r *verify.Facts) { r.Apt.Indexes[0].Content = content("other") },
			[]string{"apt-index-checksums=fail"}, "Packages.gz is not what InRelease says"},
		{"index with a wrong MD5 only", repo.Deb, func(r *verify.Facts) {
			r.Apt.Indexes[0].Digests = repo.Digests{SHA256: "Packages.gz", MD5: "x"}
		},
			[]string{"apt-index-checksums=fail"}, "Packages.gz is not what InRelease says"},
		{"index of other content inside", repo.RPM, func(r *verify.Facts) { *r.RPM.Indexes[0].Open = content("other") },
			[]string{"rpm-filelists-consistent=skipped", "rpm-index-checksums=fail"}, "repodata/primary.xml.gz, decompressed, is not what repodata/repomd.xml says"},
		{"index missing", repo.RPM, func(r *verify.Facts) {
			r.RPM.Indexes[0].Problem, r.RPM.Indexes[0].Parsed, r.Packages = absent, false, nil
			r.RPM.Indexes[0].Content = repo.Content{}
		}, needing(repo.RPM, verify.Skipped, "rpm-index-checksums=fail", verify.NeedIndex), ""},
		{"no index listed", repo.Deb, func(r *verify.Facts) { r.Apt.Indexes, r.Packages = nil, nil },
			needing(repo.Deb, verify.Skipped, "apt-index-checksums=fail", verify.NeedIndex), "lists no Packages"},
		{"bad stanza", repo.Deb, func(r *verify.Facts) { r.Apt.Indexes[0].AddFault(*malformed) },
			[]string{"apt-packages-wellformed=fail"}, "1 bad stanza"},
		{"armor that an old client refuses", repo.RPM, func(r *verify.Facts) {
			r.RPM.SignatureFile.Refusals = []repo.Problem{*malformed}
		}, []string{"rpm-repomd-signed=warn"}, "some clients refuse"},
		{"odd stanza", repo.Deb, func(r *verify.Facts) {
			odd := *malformed
			odd.Tolerated = true
			r.Apt.Indexes[0].AddFault(odd)
		}, []string{"apt-packages-wellformed=warn"}, "1 odd stanza"},
		{"signed index that does not parse", repo.RPM, func(r *verify.Facts) { r.RPM.Indexes[0].Problem = malformed },
			[]string{"rpm-primary-wellformed=fail"}, "does not parse"},
		{"two packages under one name", repo.RPM, func(r *verify.Facts) {
			p := r.Packages[0]
			p.Path = "elsewhere/" + p.Path
			p.Claim = claimOf("primary", content("other"))
			p.Artifact = nil
			r.Packages = append(r.Packages, p)
		}, []string{"rpm-primary-wellformed=fail"}, "two different packages"},
		{"path out of the root", repo.Deb, onKubelet("amd64", func(p *repo.Package) { p.Path, p.Artifact = "../../etc/passwd", nil }),
			[]string{"apt-packages-wellformed=fail"}, "outside the repository"},
		{"InRelease by another key", repo.Deb, func(r *verify.Facts) {
			r.Apt.InlineSignatures[0].Signer = foreign
		}, []string{"apt-release-signed=fail", "signature-policy=skipped"}, "InRelease is signed, but not by the pinned key"},
		{"Release.gpg by an unknown key", repo.Deb, func(r *verify.Facts) {
			r.Apt.DetachedSignatures[0].Verdict, r.Apt.DetachedSignatures[0].Signer = repo.UnknownKey, ""
		}, []string{"apt-release-signed=fail", "signature-policy=skipped"}, "Release.gpg is signed, but not by the pinned key"},
		{"changed after signing", repo.RPM, func(r *verify.Facts) { r.RPM.Signatures[0].Verdict = repo.Bad },
			[]string{"rpm-repomd-signed=fail", "signature-policy=skipped"}, "was changed after it was signed"},
		{"not signed", repo.RPM, func(r *verify.Facts) { r.RPM.SignatureFile.Problem = absent },
			[]string{"rpm-repomd-signed=fail", "signature-policy=skipped"}, "repomd.xml.asc is not there"},
		{"signature expired", repo.RPM, func(r *verify.Facts) { r.RPM.Signatures[0].Expires = now.Add(-1) },
			[]string{"rpm-repomd-signed=fail"}, "not in force"},
		{"signature of the future", repo.Deb, func(r *verify.Facts) { r.Apt.InlineSignatures[0].Created = now.AddDate(0, 0, 2) },
			[]string{"apt-release-signed=fail"}, "not in force"},
		{"a foreign signature beside a good one does no harm", repo.Deb, func(r *verify.Facts) {
			r.Apt.InlineSignatures = append([]repo.Signature{{Verdict: repo.UnknownKey}}, r.Apt.InlineSignatures...)
		}, []string{}, ""},
		{"key missing", repo.Deb, func(r *verify.Facts) { r.Keys[0].Problem = absent },
			[]string{"key-current=skipped", "key-published=fail", "key-strength=skipped"}, "Release.key is not there"},
		{"another key", repo.RPM, func(r *verify.Facts) { r.Keys[0].Keys[0].Fingerprint = foreign },
			[]string{"key-current=skipped", "key-published=fail", "key-strength=skipped"}, "does not hold the pinned key"},
		{"key expired", repo.Deb, func(r *verify.Facts) { r.Keys[0].Keys[0].Expires = now.Add(-1) },
			[]string{"key-current=fail"}, "expired copy"},
		{"key revoked", repo.Deb, func(r *verify.Facts) { r.Keys[0].Keys[0].Revoked = true },
			[]string{"key-current=fail"}, "revoked"},
		{"key about to expire", repo.RPM, func(r *verify.Facts) { r.Keys[0].Keys[0].Expires = now.AddDate(0, 0, 59) },
			[]string{"key-current=warn"}, "expires in less than 60 days"},
		{"architecture missing", repo.RPM, drop(func(p repo.Package) bool { return p.Arch == "s390x" }),
			[]string{"packages-published=fail"}, "the architecture s390x is missing: cri-tools, kubeadm, kubelet"},
		{"version missing", repo.Deb, drop(func(p repo.Package) bool { return p.Name != "cri-tools" && p.Upstream() == "1.26.1" }),
			[]string{"packages-published=fail"}, "the version 1.26.1 is missing: kubeadm, kubelet"},
		{"package missing", repo.Deb, drop(func(p repo.Package) bool { return p.Name == "kubeadm" }),
			[]string{"packages-published=fail"}, "the package kubeadm is missing"},
		{"package with its own versions missing", repo.Deb, drop(func(p repo.Package) bool { return p.Name == "cri-tools" }),
			[]string{"packages-published=fail"}, "the package cri-tools is missing"},
		{"its newest missing for one architecture", repo.Deb, drop(func(p repo.Package) bool {
			return p.Name == "cri-tools" && p.Arch == "s390x" && p.Upstream() == "1.26.1"
		}), []string{"packages-published=fail"}, "cri-tools 1.26.1 is missing for s390x"},
		{"its newest too old", repo.RPM, func(r *verify.Facts) {
			for i := range r.Packages {
				if r.Packages[i].Name == "cri-tools" {
					r.Packages[i].Version = "1.24" + strings.TrimPrefix(r.Packages[i].Version, "1.26")
					r.Packages[i].Artifact = nil
				}
			}
		}, []string{"packages-published=fail"}, "too old"},
		{"one hole", repo.Deb, drop(func(p repo.Package) bool {
			return p.Name == "kubelet" && p.Arch == "s390x" && p.Upstream() == "1.26.0"
		}), []string{"packages-published=fail"}, "kubelet 1.26.0 is missing for s390x"},
		{"another revision is as good", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			p.Version = "1.26.0-2.1"
			p.Fields = repo.NewFields(repo.Field{Name: "Package", Value: "kubelet"}, repo.Field{Name: "Version", Value: "1.26.0-2.1"})
			p.Artifact.Fields = p.Fields
		}), []string{}, ""},
		{"release candidate in stable", repo.RPM, func(r *verify.Facts) {
			r.Packages = append(r.Packages, pkg(repo.RPM, "kubelet", "1.26.2~rc.0-150500.1.1", "x86_64"))
		}, []string{"channel-policy=fail", "latest-preferred=fail"}, "1.26.2-rc.0 does not belong into the channel stable"},
		{"another minor", repo.Deb, func(r *verify.Facts) {
			r.Packages = append(r.Packages, pkg(repo.Deb, "kubelet", "1.27.0-1.1", "amd64"))
		}, []string{"latest-preferred=fail", "minor-policy=fail"}, "1.27.0"},
		{"package gone", repo.Deb, onKubelet("amd64", func(p *repo.Package) { p.Artifact.Problem = absent }),
			[]string{"package-checksums=fail"}, "not there"},
		{"package unreachable", repo.Deb, onKubelet("amd64", func(p *repo.Package) { p.Artifact.Problem = unreachable }),
			[]string{"package-checksums=blocked"}, "could not be fetched"},
		{"package of other bytes", repo.Deb, onKubelet("amd64", func(p *repo.Package) { p.Artifact.Content = content("other") }),
			[]string{"package-checksums=fail"}, "is not what the index says"},
		{"package of another size only", repo.RPM, onKubelet("x86_64", func(p *repo.Package) { p.Artifact.Size++ }),
			[]string{"package-checksums=fail"}, "is not what the index says"},
		{"control says another version", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			p.Artifact.Fields = repo.NewFields(repo.Field{Name: "Package", Value: "kubelet"}, repo.Field{Name: "Version", Value: "9"})
		}), []string{"package-matches-index=fail"}, "differ in Version"},
		{"control adds a dependency", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			p.Artifact.Fields = repo.EncodedFields(string(repo.AppendField([]byte(p.Fields.Encoded()), "Depends", "x")))
		}), []string{"package-matches-index=fail"}, "differ in Depends"},
		{"package that cannot be read", repo.Deb, onKubelet("amd64", func(p *repo.Package) { p.Artifact.Inside = malformed }),
			[]string{"package-matches-index=fail"}, "cannot be read"},
		{"program of another architecture", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			p.Artifact.Files = append(p.Artifact.Files, program("/usr/bin/other", repo.ARM64))
		}), []string{"binary-architecture=fail"}, "another architecture"},
		{"program of a machine that nobody knows", repo.RPM, onKubelet("x86_64", func(p *repo.Package) {
			p.Artifact.Files = append(p.Artifact.Files, program("/usr/bin/other", ""))
		}), []string{"binary-architecture=fail"}, "another architecture"},
		{"object file of another architecture", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			object := program("/usr/lib/x.o", repo.ARM64)
			object.Program.ELF.Type = "ET_REL"
			p.Artifact.Files = append(p.Artifact.Files, object)
		}), []string{}, ""},
		{"package for all architectures", repo.Deb, onKubelet("amd64", func(p *repo.Package) {
			extra := pkg(repo.Deb, "kubelet", "1.26.0-1.1", "all")
			extra.Artifact.Files = []repo.PayloadFile{program("/usr/bin/kubelet", repo.AMD64), program("/usr/share/rom", repo.ARM64)}
			*p = extra
		}), []string{}, ""},
		{"advisories that do not parse", repo.RPM, func(r *verify.Facts) {
			x := r.RPM.Indexes[0]
			x.Type, x.File, x.Claims = "updateinfo", file("repodata/updateinfo.xml.gz"), nil
			x.Problem = &repo.Problem{Kind: repo.Malformed, Text: "line 3"}
			r.RPM.Indexes = append(r.RPM.Indexes, x)
		}, []string{"rpm-primary-wellformed=warn"}, "updateinfo.xml.gz does not parse"},
		{"bad advisories", repo.RPM, func(r *verify.Facts) {
			x := r.RPM.Indexes[0]
			x.Type, x.File, x.Claims = "updateinfo", file("repodata/updateinfo.xml.gz"), nil
			x.AddFault(repo.Problem{Kind: repo.Malformed, Text: "line 3"})
			r.RPM.Indexes = append(r.RPM.Indexes, x)
		}, []string{"rpm-primary-wellformed=warn"}, "has 1 bad entries"},
		{"rpm not signed", repo.RPM, onKubelet("x86_64", func(p *repo.Package) { p.Artifact.Signatures = nil }),
			[]string{"rpm-package-signed=fail"}, "an rpm is not signed"},
		{"a pinned subkey", repo.RPM, func(r *verify.Facts) {
			// The pin names what signs; the primary key is another.
			r.RPM.Signatures[0].Signer, r.RPM.Signatures[0].SignerKey = foreign, pinned
			for i := range r.Packages {
				if a := r.Packages[i].Artifact; a != nil {
					a.Signatures[0].Signer, a.Signatures[0].SignerKey = foreign, pinned
				}
			}
			for i := range r.Keys {
				r.Keys[i].Keys[0].Subkeys = []repo.Key{{Fingerprint: pinned}}
				r.Keys[i].Keys[0].Fingerprint = foreign
			}
		}, []string{}, ""},
		{"rpm signed by another key", repo.RPM, onKubelet("x86_64", func(p *repo.Package) { p.Artifact.Signatures[0].Signer = foreign }),
			[]string{"rpm-package-signed=fail"}, "not by the pinned key"},
		{"payload swapped under a signed header", repo.RPM, onKubelet("x86_64", func(p *repo.Package) { p.Artifact.SelfDigests[0].Got = "y" }),
			[]string{"rpm-package-digests=fail", "rpm-package-signed=fail"}, "digest of itself that is wrong"},
		{"header signed, no payload digest", repo.RPM, onKubelet("x86_64", func(p *repo.Package) { p.Artifact.SelfDigests = nil }),
			[]string{"rpm-package-digests=fail", "rpm-package-signed=fail"}, "no strong digest of its header and its payload"},
		{"a bad signature beside a good one", repo.RPM, onKubelet("x86_64", func(p *repo.Package) {
			p.Artifact.Signatures = append(p.Artifact.Signatures, repo.Signature{Verdict: repo.Bad, Over: "rpm header and payload"})
		}), []string{"rpm-package-signed=fail"}, "bad signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, r := expectation(tt.format), sound(tt.format)
			tt.change(r)
			results := onRepository(t, e, r)
			if diff := cmp.Diff(tt.want, statuses(results)); diff != "" {
				t.Fatalf("checks (-want +got):\n%s", diff)
			}
			if tt.says == "" {
				return
			}
			first := results[firstSpeaking(tt.want)]
			if len(first.Findings) != 1 {
				t.Fatalf("%d findings, want one cause: %+v", len(first.Findings), first.Findings)
			}
			if f := first.Findings[0]; !strings.Contains(f.Message, tt.says) {
				t.Errorf("says %q, want %q in it", f.Message, tt.says)
			} else if f.Hint == "" {
				t.Errorf("%q does not say what to do", f.Message)
			}
		})
	}
}

// needing returns what becomes of the checks that need facts, or only of those
// that need these facts, and the one check that says why.
func needing(f repo.Format, status verify.Status, why string, needs ...verify.Need) []string {
	reporter, _, _ := strings.Cut(why, "=")
	all := []string{why}
	for _, c := range checks.Catalogue() {
		if c.Repository == nil || !c.Applies(f) || len(c.Needs) == 0 || c.ID == reporter {
			continue
		}
		if c.Moot != nil && c.Moot(expectation(f)) != "" {
			continue
		}
		if len(needs) == 0 || slices.ContainsFunc(c.Needs, func(n verify.Need) bool { return slices.Contains(needs, n) }) {
			all = append(all, c.ID+"="+string(status))
		}
	}
	slices.Sort(all)
	return all
}

// firstSpeaking returns the first check that fails, warns or is blocked.
func firstSpeaking(want []string) string {
	for _, w := range want {
		id, status, _ := strings.Cut(w, "=")
		if status != string(verify.Skipped) {
			return id
		}
	}
	return ""
}

// TestOneCauseIsOneFinding: five hundred packages of one fault are one finding
// that names them.
func TestOneCauseIsOneFinding(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.RPM), sound(repo.RPM)
	for i := range r.Packages {
		r.Packages[i].Artifact.Signatures = nil
	}
	res := onRepository(t, e, r)["rpm-package-signed"]
	if len(res.Findings) != 1 || len(res.Findings[0].Evidence) != len(r.Packages) {
		t.Errorf("got %d findings: %+v", len(res.Findings), res.Findings)
	}
}

func TestCopiesOfTheKeyDisagree(t *testing.T) {
	t.Parallel()
	deb, rpm := sound(repo.Deb), sound(repo.RPM)
	rpm.Keys[0].Keys[0].Expires = now.AddDate(2, 0, 0)
	deb.Siblings, rpm.Siblings = []*repo.Repository{rpm.Repository}, []*repo.Repository{deb.Repository}
	if got := onRepository(t, expectation(repo.RPM), rpm)["key-published"]; got.Status != verify.Fail || len(got.Findings) != 1 {
		t.Errorf("rpm: got %+v, want the difference reported once", got)
	}
	if got := onRepository(t, expectation(repo.Deb), deb)["key-published"]; got.Status != verify.Pass {
		t.Errorf("deb: got %+v, want it reported on the other side", got)
	}
}

// TestPlainIndexMayBeServedPackedOnly: apt's archives list the plain file and
// need not serve it.
func TestPlainIndexMayBeServedPackedOnly(t *testing.T) {
	t.Parallel()
	e, r := expectation(repo.Deb), sound(repo.Deb)
	plain := repo.Index{File: repo.File{Path: "Packages", Problem: absent}, Type: "Packages"}
	r.Apt.Indexes = append(r.Apt.Indexes, plain)
	if got := onRepository(t, e, r)["apt-index-checksums"]; got.Status != verify.Pass {
		t.Errorf("got %+v", got)
	}
	*r.Apt.Indexes[0].Open = content("other")
	if got := onRepository(t, e, r)["apt-index-checksums"]; got.Status != verify.Fail || len(got.Findings) != 2 {
		t.Errorf("packed one is wrong: got %+v", got)
	}
}

func TestUnknownVersionsAreBlocked(t *testing.T) {
	t.Parallel()
	e := expectation(repo.Deb)
	e.Unknown = unreachable
	if got := onRepository(t, e, sound(repo.Deb))["packages-published"]; got.Status != verify.Blocked {
		t.Errorf("got %+v", got)
	}
}

// TestPanicIsBlocked: a harness that breaks must not say that all is well.
func TestPanicIsBlocked(t *testing.T) {
	t.Parallel()
	c := verify.Check{ID: "x", Severity: verify.Error, Formats: repo.Formats(),
		Repository: func(*verify.Expectation, *verify.Facts) []verify.Finding { panic("oops") }}
	got := c.OnRepository(expectation(repo.Deb), sound(repo.Deb))
	if got.Status != verify.Blocked || !strings.Contains(got.Findings[0].Message, "oops") {
		t.Errorf("got %+v", got)
	}
}
