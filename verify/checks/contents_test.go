package checks_test

import (
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

const (
	unitPath   = "/usr/lib/systemd/system/kubelet.service"
	dropInPath = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
	unitText   = "[Service]\nExecStart=/usr/bin/kubelet\nRestart=always\n"
	dropInText = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-ENV
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_EXTRA_ARGS
`
)

func environmentPath(f repo.Format) string {
	if f == repo.Deb {
		return "/etc/default/kubelet"
	}
	return "/etc/sysconfig/kubelet"
}

func text(path, text string) repo.PayloadFile {
	return repo.PayloadFile{Path: path, Mode: 0o644, Owner: "root", Group: "root", Size: int64(len(text)), SHA256: "x", Text: text}
}

func folder(path string) repo.PayloadFile {
	return repo.PayloadFile{Path: path, Mode: fs.ModeDir | 0o755, Owner: "root", Group: "root"}
}

// goProgram is a Go program that was linked with a version.
func goProgram(path string, machine repo.Arch, strings ...string) repo.PayloadFile {
	f := program(path, machine)
	f.Owner, f.Group, f.SHA256, f.Size = "root", "root", "sha of "+path+" "+strings[0]+" "+string(machine), 100
	f.Program.Go = &repo.GoBuild{GoVersion: "go1.19", Module: "k8s.io/kubernetes", Version: "(devel)"}
	f.Program.LinkStrings = strings
	return f
}

// contents are expectation and facts with files in kubeadm and kubelet, and
// nothing wrong.
func contents(f repo.Format) (*verify.Expectation, *verify.Facts) {
	e, r := expectation(f), sound(f)
	root := func(path string, mode fs.FileMode) verify.FileExpectation {
		return verify.FileExpectation{Path: path, Mode: mode}
	}
	embedded := []verify.EmbeddedVersion{
		{Variable: "k8s.io/component-base/version.gitVersion", Form: "v{version}"}, {Form: "v{version}"},
	}
	adm, let := e.Package("kubeadm"), e.Package("kubelet")
	adm.Files = []verify.FileExpectation{root("/usr/bin/kubeadm", 0o755), root(dropInPath, 0)}
	adm.Binaries = []verify.BinaryExpectation{{Path: "/usr/bin/kubeadm", Embedded: embedded, Official: "v{version}/bin/linux/{arch}/kubeadm.sha256"}}
	env := root(environmentPath(f), 0o644)
	env.Config = true
	let.Files = []verify.FileExpectation{root("/usr/bin/kubelet", 0o755), root(unitPath, 0), env,
		{Path: "/var/lib/kubelet", Type: fs.ModeDir}, {Path: "/opt/x/*"}}
	let.Binaries[0].Embedded = embedded
	let.Binaries[0].Official = "v{version}/bin/linux/{arch}/kubelet.sha256"
	e.Created = []string{"/etc/kubernetes/kubelet.conf", "/var/lib/kubelet/kubeadm-flags.env"}
	e.Official = "http://official.test/"
	e.Assumed = []verify.Capability{{Name: "iptables"}}
	r.Official = make(map[verify.OfficialFile]verify.Official)
	for i := range r.Packages {
		p := &r.Packages[i]
		machine, _ := repo.ParseArch(p.Arch)
		bin := goProgram("/usr/bin/"+p.Name, machine, "v"+p.Upstream())
		switch p.Name {
		case "kubeadm":
			p.Artifact.Files = []repo.PayloadFile{bin, text(dropInPath, strings.Replace(dropInText, "ENV", environmentPath(f), 1))}
			p.Fields = withNeed(f, p.Fields, "kubelet", "1.19.0")
		case "kubelet":
			config := text(environmentPath(f), "KUBELET_EXTRA_ARGS=\n")
			config.Config = true
			p.Artifact.Files = []repo.PayloadFile{bin, text(unitPath, unitText), config, folder("/var/lib/kubelet"), text("/opt/x/a", "a")}
		}
		p.Artifact.Fields = p.Fields
		for _, x := range e.Packages {
			for _, b := range x.Binaries {
				if file, ok := b.OfficialFile(*p); ok && x.Name == p.Name {
					r.Official[file] = verify.Official{URL: e.Official + file.Path, Digests: repo.Digests{SHA256: bin.SHA256}}
				}
			}
		}
	}
	return e, r
}

func withNeed(f repo.Format, fields repo.Fields, name, version string) repo.Fields {
	field, value := "Depends", name+" (>= "+version+")"
	if f == repo.RPM {
		field, value = "requires", name+" GE "+version
	}
	return repo.EncodedFields(string(repo.AppendField([]byte(fields.Encoded()), field, value)))
}

// on returns a change of the first file at a path of every package of a name.
func on(name, path string, change func(*repo.PayloadFile)) func(*verify.Expectation, *verify.Facts) {
	return func(_ *verify.Expectation, r *verify.Facts) {
		for _, p := range r.Packages {
			if p.Name != name {
				continue
			}
			for i := range p.Artifact.Files {
				if p.Artifact.Files[i].Path == path {
					change(&p.Artifact.Files[i])
				}
			}
		}
	}
}

// without removes a file of every package of a name.
func without(name, path string) func(*verify.Expectation, *verify.Facts) {
	return func(_ *verify.Expectation, r *verify.Facts) {
		for i := range r.Packages {
			if a := r.Packages[i].Artifact; r.Packages[i].Name == name {
				a.Files = slices.DeleteFunc(a.Files, func(f repo.PayloadFile) bool { return f.Path == path })
			}
		}
	}
}

// with adds files to every kubelet.
func with(files ...repo.PayloadFile) func(*verify.Expectation, *verify.Facts) {
	return func(_ *verify.Expectation, r *verify.Facts) {
		for i := range r.Packages {
			if r.Packages[i].Name == "kubelet" {
				r.Packages[i].Artifact.Files = append(r.Packages[i].Artifact.Files, files...)
			}
		}
	}
}

func rename(to string) func(*repo.PayloadFile) { return func(f *repo.PayloadFile) { f.Path = to } }

// TestContents breaks one thing inside of the packages, in both formats unless
// one is named. Exactly the checks named must speak, each with one finding.
func TestContents(t *testing.T) {
	t.Parallel()
	type facts = *verify.Facts
	type expected = *verify.Expectation
	setuid := program("/usr/bin/extra", repo.AMD64)
	setuid.Mode |= fs.ModeSetuid
	for _, tt := range []struct {
		name   string
		format repo.Format // "" is both
		change func(expected, facts)
		want   []string
		says   string // of the first finding of the first check
		got    string
	}{
		{"nothing", "", func(expected, facts) {}, []string{}, "", ""},

		// package-files
		{"program missing", "", without("kubeadm", "/usr/bin/kubeadm"),
			[]string{"binary-official=skipped", "binary-version=skipped", "package-files=fail"}, "", ""},
		{"folder missing", "", without("kubelet", "/var/lib/kubelet"), []string{"package-files=fail"}, "does not bring /var/lib/kubelet (4 files)", ""},
		{"folder empty", "", without("kubelet", "/opt/x/a"), []string{"package-files=fail"}, "brings no file in /opt/x", ""},
		{"elsewhere", "", on("kubelet", "/usr/bin/kubelet", rename("/usr/local/bin/kubelet")),
			[]string{"binary-official=skipped", "binary-version=skipped", "config-references=fail", "package-files=fail"}, "", ""},
		{"outside of /usr", "", on("kubelet", unitPath, rename("/lib/systemd/system/kubelet.service")), []string{"package-files=warn"}, "outside of /usr", ""},
		{"owned only", repo.RPM, on("kubelet", "/var/lib/kubelet", func(f *repo.PayloadFile) { f.Ghost = true }),
			[]string{"package-files=fail"}, "does not bring /var/lib/kubelet", ""},
		{"file in place of a folder", "", on("kubelet", "/var/lib/kubelet", func(f *repo.PayloadFile) { f.Mode = 0o755 }),
			[]string{"package-files=fail"}, "another type", ""},
		{"mode", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Mode = 0o644 }), []string{"package-files=fail"}, "another mode", ""},
		{"owner", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Owner = "nobody" }), []string{"package-files=fail"}, "another user", ""},
		{"group", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Group = "1000" }), []string{"package-files=fail"}, "another group", ""},
		{"root by number", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Owner, f.Group = "0", "0" }), []string{}, "", ""},
		{"no conffile", repo.Deb, on("kubelet", "/etc/default/kubelet", func(f *repo.PayloadFile) { f.Config = false }),
			[]string{"package-files=fail"}, "not marked as configuration", ""},
		{"no conffile", repo.RPM, on("kubelet", "/etc/sysconfig/kubelet", func(f *repo.PayloadFile) { f.Config = false }),
			[]string{"package-files=fail"}, "not marked as configuration", ""},
		{"set-uid", repo.Deb, onKubeletFacts("amd64", setuid), []string{"package-files=fail"}, "/usr/bin/extra is set-uid", ""},
		{"writable file", "", with(repo.PayloadFile{Path: "/etc/x", Mode: 0o666}), []string{"package-files=fail"}, "can be written by everybody", ""},
		{"writable folder", "", with(repo.PayloadFile{Path: "/var/x", Mode: fs.ModeDir | 0o777}), []string{"package-files=fail"}, "can be written by everybody", ""},
		{"sticky folder and link", "", with(repo.PayloadFile{Path: "/var/x", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
			repo.PayloadFile{Path: "/usr/l", Mode: fs.ModeSymlink | 0o777, Link: "../etc/x"}), []string{}, "", ""},
		{"set-gid folder", "", with(repo.PayloadFile{Path: "/var/x", Mode: fs.ModeDir | fs.ModeSetgid | 0o775}), []string{}, "", ""},
		{"device", "", with(repo.PayloadFile{Path: "/dev/x", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666}), []string{"package-files=fail"}, "is a device", ""},
		{"link above the root", "", with(repo.PayloadFile{Path: "/usr/l", Mode: fs.ModeSymlink | 0o777, Link: "../../etc/passwd"}),
			[]string{"package-files=fail"}, "links to a place above the root", ""},
		{"absolute link", "", with(repo.PayloadFile{Path: "/usr/l", Mode: fs.ModeSymlink | 0o777, Link: "/etc/passwd"}), []string{}, "", ""},
		{"member out of the root", "", func(_ expected, r facts) {
			r.Packages[len(r.Packages)-1].Artifact.Faults = []repo.Problem{{Kind: repo.Misplaced, Text: `member "../x" leaves the root`}}
		}, []string{"package-files=fail"}, "at a place that it must not touch", `member "../x" leaves the root`},
		{"one file twice where /usr is merged", "", with(text("/lib/a", "a"), text("/usr/lib/a", "a")), []string{"package-files=warn"}, "are one file where /usr is merged", ""},
		{"foreign package with a set-uid program", repo.Deb, func(_ expected, r facts) {
			x := pkg(repo.Deb, "sudo", "1.26.0-1.1", "amd64")
			x.Artifact.Files = []repo.PayloadFile{setuid}
			r.Packages = append(r.Packages, x)
		}, []string{"channel-policy=fail", "package-files=warn"}, "a file is set-uid", "/usr/bin/extra urwxr-xr-x :"},
		{"documentation without a changelog", repo.Deb, with(text("/usr/share/doc/kubelet/README", "a")), []string{"package-files=warn"}, "no changelog", ""},
		{"documentation with a changelog", repo.Deb, with(text("/usr/share/doc/kubelet/README", "a"), text("/usr/share/doc/kubelet/changelog.Debian.gz", "a")), []string{}, "", ""},
		{"documentation of an rpm", repo.RPM, with(text("/usr/share/doc/kubelet/README", "a")), []string{}, "", ""},

		// config-references
		{"the other family's environment file", repo.Deb, on("kubeadm", dropInPath, func(f *repo.PayloadFile) {
			f.Text = strings.Replace(f.Text, "/etc/default/", "/etc/sysconfig/", 1)
		}), []string{"config-references=fail"}, "names the environment file /etc/sysconfig/kubelet, which no package installs", ""},
		{"the other family's environment file", repo.RPM, on("kubeadm", dropInPath, func(f *repo.PayloadFile) {
			f.Text = strings.Replace(f.Text, "/etc/sysconfig/", "/etc/default/", 1)
		}), []string{"config-references=fail"}, "names the environment file /etc/default/kubelet, which no package installs", ""},
		{"both families' environment files", "", on("kubeadm", dropInPath, func(f *repo.PayloadFile) {
			f.Text += "EnvironmentFile=-/etc/default/kubelet\nEnvironmentFile=-/etc/sysconfig/kubelet\n"
		}), []string{}, "", ""},
		{"unit without its program", "", on("kubelet", unitPath, func(f *repo.PayloadFile) { f.Text = "[Service]\nExecStart=/usr/bin/kublet\n" }),
			[]string{"config-references=fail"}, "names the program /usr/bin/kublet, which no package installs", ""},
		{"program of the system", "", on("kubelet", unitPath, func(f *repo.PayloadFile) {
			f.Text += "ExecStartPre=-/sbin/modprobe br_netfilter\nExecStartPre=/usr/sbin/iptables -L\nExecStop=/bin/sh -c '/no/such'\n"
		}), []string{}, "", ""},
		{"program of a package that the repository lacks", "", func(_ expected, r facts) {
			for i, p := range r.Packages {
				if p.Name == "kubelet" {
					r.Packages[i].Fields = withNeed(r.Target.Format, p.Fields, "conntrack-elsewhere", "1")
					r.Packages[i].Artifact.Fields = r.Packages[i].Fields
					p.Artifact.Files[1].Text += "ExecStartPre=/usr/sbin/conntracker\n"
				}
			}
		}, []string{"config-references=warn", "dependency-closure=fail"}, "/usr/sbin/conntracker", ""},
		{"argument that nothing makes", "", on("kubeadm", dropInPath, func(f *repo.PayloadFile) {
			f.Text = strings.Replace(f.Text, "kubelet.conf", "kublet.conf", 1)
		}), []string{"config-references=fail"}, "names the argument /etc/kubernetes/kublet.conf", ""},
		{"argument, and nothing is known of what is made", "", func(e expected, r facts) {
			e.Created = nil
			for _, p := range r.Packages {
				if p.Name == "kubelet" {
					p.Artifact.Files[1].Text = "[Service]\nExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/c --x=/etc/x\n"
				}
				if p.Name == "kubeadm" {
					p.Artifact.Files = p.Artifact.Files[:1]
				}
			}
			e.Package("kubeadm").Files = e.Package("kubeadm").Files[:1]
		}, []string{"config-references=warn"}, "names the argument /etc/x", ""},
		{"folder that systemd makes", "", on("kubelet", unitPath, func(f *repo.PayloadFile) {
			f.Text += "StateDirectory=x\nWorkingDirectory=/var/lib/x\nExecStartPost=/bin/touch /var/lib/x/y\n"
		}), []string{}, "", ""},
		{"working directory that is not there", "", on("kubelet", unitPath, func(f *repo.PayloadFile) { f.Text += "WorkingDirectory=/opt/none\n" }),
			[]string{"config-references=fail"}, "names the working directory /opt/none", ""},
		{"only if it is there", "", on("kubelet", unitPath, func(f *repo.PayloadFile) {
			f.Text += "ConditionPathExists=/etc/x\nEnvironmentFile=/etc/x\n"
		}), []string{}, "", ""},
		{"drop-in without its unit", "", without("kubelet", unitPath), []string{"config-references=fail", "package-files=fail"},
			"adds to the unit kubelet.service, which no package brings", ""},
		{"unit where systemd does not look", "", on("kubelet", unitPath, rename("/usr/lib/systemd/kubelet.service")), []string{"config-references=fail", "package-files=fail"},
			"adds to the unit kubelet.service, which no package brings", ""},
		{"drop-in of systemd's own unit", "", with(text("/usr/lib/systemd/system/systemd-resolved.service.d/x.conf", "[Service]\n")), []string{}, "", ""},
		{"drop-in of all services", "", with(text("/usr/lib/systemd/system/service.d/x.conf", "[Service]\n")), []string{}, "", ""},
		{"drop-in without a dependency", "", func(_ expected, r facts) {
			for i, p := range r.Packages {
				if p.Name == "kubeadm" { // as from 1.30 on
					r.Packages[i].Fields = pkg(r.Target.Format, p.Name, p.Version, p.Arch).Fields
					p.Artifact.Fields = r.Packages[i].Fields
				}
			}
		}, []string{}, "", ""},
		{"environment file that names another", "", on("kubelet", "/etc/default/kubelet", func(f *repo.PayloadFile) {
			f.Text = "KUBELET_EXTRA_ARGS=--config=/etc/none\n"
		}), nil, "", ""}, // nil: see below
		{"unit that is no text", "", on("kubelet", unitPath, func(f *repo.PayloadFile) { f.Text = "" }), []string{"config-references=warn"}, "could not be looked at", ""},
		{"kubelet was not asked for", "", func(e expected, r facts) {
			e.Only = []string{"kubeadm"}
			for i, p := range r.Packages {
				if p.Name == "kubelet" {
					r.Packages[i].Artifact = nil
				}
			}
		}, []string{"config-references=skipped"}, "adds to the unit kubelet.service", ""},
		{"kubelet is out of reach", "", func(_ expected, r facts) {
			for _, p := range r.Packages {
				if p.Name == "kubelet" {
					p.Artifact.Problem, p.Artifact.Files = unreachable, nil
				}
			}
		}, []string{"config-references=blocked", "package-checksums=blocked"}, "adds to the unit kubelet.service", ""},
		{"foreign package with a unit of its own", "", func(_ expected, r facts) {
			x := pkg(r.Target.Format, "other", "1.26.0-1.1", r.Packages[0].Arch)
			x.Artifact.Files = []repo.PayloadFile{text("/lib/systemd/system/other.service", "[Service]\nEnvironmentFile=-/etc/default/other\nExecStart=/usr/bin/other --x=/etc/y\n")}
			r.Packages = append(r.Packages, x)
		}, []string{"channel-policy=fail", "config-references=warn"}, "a unit names a program that no package installs", ""},

		// binary-version
		{"another version", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Program.LinkStrings = []string{"2023", "v1.25.9", "v1.26.99"} }),
			[]string{"binary-version=fail"}, "/usr/bin/kubelet is of another version than its package", ""},
		{"the linked variable counts first", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) {
			f.Program.Go.Linked = []repo.Field{{Name: "k8s.io/component-base/version.gitVersion", Value: "v1.24.0"}}
		}), []string{"binary-version=fail"}, "of another version", ""},
		{"tells nothing", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Program.LinkStrings = nil }),
			[]string{"binary-version=warn"}, "/usr/bin/kubelet tells no version", ""},
		{"a script", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Program = &repo.Program{Interpreter: "/bin/sh"} }),
			[]string{"binary-version=warn"}, "is a script", ""},
		{"no program", "", on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Program = nil }),
			[]string{"binary-version=fail"}, "is no program", ""},
		{"another one beside it of another version", repo.Deb, onKubeletFacts("amd64", goProgram("/usr/bin/kubelet2", repo.AMD64, "v1.25.0")),
			[]string{"binary-version=fail"}, "/usr/bin/kubelet2 is of another version", "v1.25.0"},
		{"another one beside it that tells nothing", repo.Deb, onKubeletFacts("amd64", goProgram("/usr/bin/kubelet2", repo.AMD64, "none")), []string{}, "", ""},
		{"module version", "", func(e expected, r facts) {
			e.Package("kubelet").Binaries[0].Embedded = []verify.EmbeddedVersion{{Module: "k8s.io/kubernetes", Form: "v{version}"}}
			on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.Program.Go.Version = "v1.26.0" })(e, r)
		}, []string{"binary-version=fail"}, "of another version", ""}, // for 1.26.1

		// binary-official
		{"not the official binary", "", func(_ expected, r facts) {
			for file, x := range r.Official {
				if file.Name == "kubelet" {
					x.Digests.SHA256 = "other"
					r.Official[file] = x
				}
			}
		}, []string{"binary-official=fail"}, "/usr/bin/kubelet is not the official binary (4 files)", ""},
		{"not released", "", officially(verify.Official{Problem: absent}), []string{"binary-official=warn"}, "the official release has no checksum of a program", ""},
		{"not reached", "", officially(verify.Official{Problem: unreachable}), []string{"binary-official=blocked"}, "could not be had", ""},
		{"no checksum", "", officially(verify.Official{Problem: malformed}), []string{"binary-official=blocked"}, "an official checksum cannot be read", ""},
		{"never gathered", "", func(_ expected, r facts) { r.Official = nil }, []string{"binary-official=blocked"}, "could not be had", ""},
		{"SHA-512 only", "", officially(verify.Official{Digests: repo.Digests{SHA512: "x"}}), []string{"binary-official=blocked"}, "could not be had", ""},
		{"switched off", "", func(e expected, r facts) { e.Official, r.Official = "", nil }, []string{}, "", ""},
		{"nothing is released by itself", "", func(e expected, r facts) {
			r.Official = nil
			for i := range e.Packages {
				for j := range e.Packages[i].Binaries {
					e.Packages[i].Binaries[j].Official = ""
				}
			}
		}, []string{}, "", ""},
	} {
		for _, f := range repo.Formats() {
			if tt.format != "" && tt.format != f {
				continue
			}
			t.Run(string(f)+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				e, r := contents(f)
				tt.change(e, r)
				results := onRepository(t, e, r)
				want := tt.want
				if want == nil { // the environment file is the deb's
					if want = []string{}; f == repo.Deb {
						want = []string{"config-references=fail"}
					}
				}
				if diff := cmp.Diff(want, statuses(results)); diff != "" {
					t.Errorf("checks (-want +got):\n%s", diff)
					for _, id := range []string{"package-files", "config-references", "binary-version", "binary-official"} {
						for _, x := range results[id].Findings {
							t.Logf("%s: %s: %s, wanted %s, got %s", id, x.Status, x.Message, x.Want, x.Got)
						}
					}
					return
				}
				if len(want) == 0 || tt.says == "" {
					return
				}
				var found []verify.Finding
				for _, w := range want {
					id, _, _ := strings.Cut(w, "=")
					found = slices.AppendSeq(found, matching(results[id].Findings, tt.says, tt.got))
				}
				if len(found) != 1 {
					t.Errorf("%d findings say %q, got %q; want one: %+v", len(found), tt.says, tt.got, results)
				}
				for _, x := range found {
					if x.Hint == "" || x.URL == "" {
						t.Errorf("no hint or URL: %+v", x)
					}
				}
			})
		}
	}
}

// onKubeletFacts adds a file to the first kubelet of an architecture.
func onKubeletFacts(arch string, f repo.PayloadFile) func(*verify.Expectation, *verify.Facts) {
	return func(_ *verify.Expectation, r *verify.Facts) {
		onKubelet(arch, func(p *repo.Package) { p.Artifact.Files = append(p.Artifact.Files, f) })(r)
	}
}

// officially sets what is published of kubelet.
func officially(x verify.Official) func(*verify.Expectation, *verify.Facts) {
	return func(_ *verify.Expectation, r *verify.Facts) {
		for file, before := range r.Official {
			if file.Name == "kubelet" {
				x.URL = before.URL
				r.Official[file] = x
			}
		}
	}
}

// TestBuildsBetweenReleasesHaveNoChecksum: a nightly is no release.
func TestBuildsBetweenReleasesHaveNoChecksum(t *testing.T) {
	t.Parallel()
	e, r := contents(repo.Deb)
	p := &r.Packages[len(r.Packages)-1]
	p.Version = "1.26.0~alpha.1.23+0123456789abcd-1.1"
	file, ok := e.Package("kubelet").Binaries[0].OfficialFile(*p)
	if !ok || file.Path != "v1.26.0-alpha.1.23+0123456789abcd/bin/linux/s390x/kubelet.sha256" {
		t.Fatalf("got %+v", file)
	}
	r.Official[file] = verify.Official{URL: "http://official.test/x", Problem: absent}
	if got := onRepository(t, e, r)["binary-official"]; got.Status != verify.Pass {
		t.Errorf("got %+v", got)
	}
}

// TestParity compares the programs of the two formats.
func TestParity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(deb, rpm *verify.Facts)
		says   []string
	}{
		{"the same", func(_, _ *verify.Facts) {}, nil},
		{"another program", func(deb, _ *verify.Facts) {
			on("kubelet", "/usr/bin/kubelet", func(f *repo.PayloadFile) { f.SHA256 = "other" })(nil, deb)
		}, []string{"/usr/bin/kubelet is another program than in the deb (4 files)"}},
		{"only in the deb", func(deb, _ *verify.Facts) { with(program("/usr/bin/x", repo.AMD64))(nil, deb) },
			[]string{"/usr/bin/x is a program in the deb only (4 files)"}},
		{"only in the rpm", func(_, rpm *verify.Facts) { with(program("/usr/bin/x", repo.AMD64))(nil, rpm) },
			[]string{"/usr/bin/x is no program in the deb (4 files)"}},
		{"other files may differ", func(deb, _ *verify.Facts) { with(text("/etc/x", "x"))(nil, deb) }, nil},
		{"where /usr is not merged", func(deb, rpm *verify.Facts) {
			with(program("/bin/x", repo.AMD64))(nil, deb)
			with(program("/usr/bin/x", repo.AMD64))(nil, rpm)
		}, nil},
		{"one version is missing", func(deb, _ *verify.Facts) { drop(func(p repo.Package) bool { return p.Upstream() == "1.26.0" })(deb) }, nil},
		{"an older revision may differ", func(deb, _ *verify.Facts) {
			old := deb.Packages[len(deb.Packages)-1]
			old.Version, old.Path = strings.Replace(old.Version, "-1.1", "-0.1", 1), "old.deb"
			a := *old.Artifact
			a.Files, old.Artifact = nil, &a
			deb.Packages = append(deb.Packages, old)
		}, nil},
		{"a package that cannot be read", func(deb, _ *verify.Facts) { deb.Packages[len(deb.Packages)-1].Artifact.Inside = malformed }, nil},
		{"a package that was not asked for", func(deb, _ *verify.Facts) { deb.Packages[len(deb.Packages)-1].Artifact = nil }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			debExpected, deb := contents(repo.Deb)
			rpmExpected, rpm := contents(repo.RPM)
			tt.change(deb, rpm)
			deb.Siblings, rpm.Siblings = []*repo.Repository{rpm.Repository}, []*repo.Repository{deb.Repository}
			if got := check(t, "binary-parity").OnRepository(debExpected, deb); got.Status != verify.Pass {
				t.Errorf("deb: got %+v, want the pair reported on the rpm", got)
			}
			var says []string
			for _, f := range check(t, "binary-parity").OnRepository(rpmExpected, rpm).Findings {
				says = append(says, f.Message)
				if f.Status != verify.Fail || f.URL == "" || f.Hint == "" {
					t.Errorf("got %+v", f)
				}
			}
			if diff := cmp.Diff(tt.says, says); diff != "" {
				t.Errorf("rpm (-want +got):\n%s", diff)
			}
		})
	}
}

// check returns the check of that ID.
func check(t *testing.T, id string) *verify.Check {
	t.Helper()
	all := checks.Catalogue()
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	t.Fatalf("there is no check %s", id)
	return nil
}

// matching yields the findings that say what is looked for.
func matching(findings []verify.Finding, says, got string) iter.Seq[verify.Finding] {
	return func(yield func(verify.Finding) bool) {
		for _, x := range findings {
			if strings.Contains(x.Message, says) && strings.Contains(x.Got, got) && !yield(x) {
				return
			}
		}
	}
}
