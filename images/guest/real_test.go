package guest_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/build"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/publish"
	"sigs.k8s.io/pkgverify/publish/demo"
	"sigs.k8s.io/pkgverify/publish/fault"
	"sigs.k8s.io/pkgverify/publish/sample"
	"sigs.k8s.io/pkgverify/publish/serve"
	"sigs.k8s.io/pkgverify/repo"
)

// The tests in this file tell real package managers, in a real engine, what the
// guests say, on the demonstration's repository.

// rpmClients are the images whose guests are tried here.
func rpmClients() []string { return []string{"rpm-dnf4", "rpm-dnf5", "rpm-zypper"} }

// cell is a container with its guest.
type cell struct {
	t     *testing.T
	box   engine.Container
	guest guest.Guest
	src   guest.Source
	log   bytes.Buffer
}

// newCell starts the image of a distribution; a machine that cannot is a failure.
func newCell(t *testing.T, distro string, src guest.Source) *cell {
	t.Helper()
	all, err := images.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := images.Find(all, distro)
	if !ok {
		t.Fatalf("no distribution %q", distro)
	}
	dir, err := build.DefaultDir()
	if err != nil {
		t.Fatal(err)
	}
	img, err := (&build.Builder{Dir: dir}).Image(t.Context(), d, repo.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := engine.Open(t.Context(), engine.OCIName)
	if err != nil {
		t.Fatalf("no OCI runtime (make deps): %v", err)
	}
	if c, ok := e.(engine.Closer); ok {
		t.Cleanup(func() { _ = c.Close() })
	}
	id, err := e.Load(t.Context(), img.Ref, img.Image)
	if err != nil {
		t.Fatal(err)
	}
	box, err := e.Start(t.Context(), engine.Spec{
		Image: id, Platform: repo.AMD64.Platform(), Run: fmt.Sprintf("guest-test-%d", time.Now().UnixNano()), Name: distro, Network: engine.HostNetwork,
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guest.For(d.Manager)
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{t: t, box: box, guest: g, src: src}
	t.Cleanup(func() {
		if err := box.Remove(t.Context()); err != nil {
			t.Errorf("remove the container: %v", err)
		}
		if t.Failed() {
			t.Logf("transcript:\n%s", c.log.String())
		}
	})
	return c
}

// run runs a command and returns its answer.
func (c *cell) run(cmd guest.Command) guest.Answer {
	c.t.Helper()
	var out, errs bytes.Buffer
	res, err := c.box.Exec(c.t.Context(), engine.Command{Argv: cmd.Argv, Env: cmd.Env, Stdout: &out, Stderr: &errs, Timeout: 5 * time.Minute})
	if err != nil {
		c.t.Fatalf("%s: %v", guest.Quote(cmd.Argv), err)
	}
	fmt.Fprintf(&c.log, "$ %s\n%s%s=> %d\n", guest.Quote(cmd.Argv), out.String(), errs.String(), res.Exit)
	return guest.Answer{Exit: res.Exit, Output: out.String(), Errors: errs.String()}
}

// set carries a set-up out, and returns the first answer that is no success.
func (c *cell) set(s guest.Setup, err error) guest.Answer {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range s.Files {
		if err := c.box.Put(c.t.Context(), engine.File{Path: f.Path, Data: f.Data, Mode: f.Mode}); err != nil {
			c.t.Fatal(err)
		}
	}
	for _, cmd := range s.Commands {
		if a := c.run(cmd); a.Exit != 0 {
			return a
		}
	}
	return guest.Answer{}
}

// install carries an installation out and returns its exit code and what is
// there afterwards, "name version".
func (c *cell) install(i guest.Installation) (int, []string) {
	c.t.Helper()
	exit := c.run(i.Command).Exit
	got, err := i.Read(c.run(i.Query).Output)
	if err != nil {
		c.t.Fatal(err)
	}
	return exit, words(got)
}

func words(packages []images.Installed) []string {
	var w []string
	for _, p := range packages {
		w = append(w, p.Package+" "+p.Version)
	}
	return w
}

// ask puts a question and returns what was read of the answers.
func ask[T any](c *cell, q guest.Question[T]) T {
	c.t.Helper()
	var answers []guest.Answer
	for _, cmd := range q.Commands {
		answers = append(answers, c.run(cmd))
	}
	got, err := q.Read(answers)
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c *cell) want(what string, want, got any) {
	c.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		c.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// publishDemo publishes the demonstration into a folder, whose key it keeps.
func publishDemo(t *testing.T, dir, name string) string {
	t.Helper()
	samples, err := sample.FindSources(".")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := publish.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	arch, err := publish.ParseArch("amd64")
	if err != nil {
		t.Fatal(err)
	}
	layout, err := publish.ParseLayout("kep-1731")
	if err != nil {
		t.Fatal(err)
	}
	o := demo.Options{Dir: dir, Layout: layout, Architectures: []publish.Arch{arch}, Cache: cache, Samples: samples, Now: time.Now, Log: func(string) {}}
	if name != "" {
		f, err := fault.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Fault = &f
	}
	r, err := demo.Publish(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Root
}

const rpmRepository = "/core:/stable:/v1.26:/build/rpm/"

// source serves a published root and returns its rpm repository.
func source(t *testing.T, root string) guest.Source {
	t.Helper()
	srv := httptest.NewServer(serve.Handler(root))
	t.Cleanup(srv.Close)
	return guest.Source{URL: srv.URL + rpmRepository, Packages: []string{"kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni"}}
}

// scriptPackage builds an rpm with a script that says that it ran.
func scriptPackage(t *testing.T) []byte {
	t.Helper()
	rpmbuild, err := exec.LookPath("rpmbuild")
	if err != nil {
		t.Fatalf("rpmbuild is missing: install rpm (make deps): %v", err)
	}
	dir := t.TempDir()
	const spec = "Name: script\nVersion: 1\nRelease: 1\nSummary: test\nLicense: Apache-2.0\nBuildArch: noarch\nAutoReqProv: no\n" +
		"%description\ntest\n%post\necho the script ran\n%files\n"
	if err := os.WriteFile(filepath.Join(dir, "script.spec"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), rpmbuild, "--quiet", "-bb", "--define", "_topdir "+dir, filepath.Join(dir, "script.spec"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rpmbuild: %v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "RPMS/noarch/script-1-1.noarch.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRealRPMClients(t *testing.T) {
	src := source(t, publishDemo(t, t.TempDir(), ""))
	const v0, v1, v2 = "1.26.0-150500.1.1", "1.26.1-150500.1.1", "1.26.2-150500.1.1"
	order := func(version string, downgrade bool) guest.Order {
		return guest.Order{Pins: []guest.Pin{{Package: "kubeadm", Version: version}, {Package: "kubelet", Version: version}, {Package: "kubectl", Version: version}}, Downgrade: downgrade}
	}
	script := scriptPackage(t)
	three := func(version string) []string {
		return []string{"kubeadm " + version, "kubelet " + version, "kubectl " + version}
	}
	for _, distro := range rpmClients() {
		t.Run(distro, func(t *testing.T) {
			c := newCell(t, distro, src)
			if a := c.set(c.guest.Setup(src)); a.Exit != 0 {
				t.Fatalf("set-up: %+v", a)
			}
			l := c.guest.List(src)
			var outputs []string
			for _, cmd := range l.Commands {
				outputs = append(outputs, c.run(cmd).Output)
			}
			offers, candidates, err := l.Read(outputs)
			if err != nil {
				t.Fatal(err)
			}
			if len(offers) != 11 {
				t.Errorf("want 11 offers, got %d: %v", len(offers), offers)
			}
			for _, o := range offers {
				if o.Origin != guest.Name {
					t.Errorf("origin of %+v", o)
				}
			}
			c.want("candidates", map[string]string{
				"kubeadm": v2, "kubelet": v2, "kubectl": v2, "cri-tools": "1.26.0-150500.1.1", "kubernetes-cni": "1.2.0-150500.1.1",
			}, candidates)

			for _, v := range []string{v0, v1, v2} {
				s := ask(c, c.guest.Solve(src, order(v, false)))
				names := map[string]string{}
				for _, p := range s.Would {
					names[p.Package] = p.Version
				}
				if !s.OK || names["kubeadm"] != v || names["kubelet"] != v || names["kubectl"] != v || names["cri-tools"] == "" || names["kubernetes-cni"] == "" {
					t.Errorf("solve %s: %+v", v, s)
				}
				if distribution := names["iptables"] + names["iptables-nft"]; distribution == "" {
					t.Errorf("solve %s: nothing of the distribution's in %v", v, names)
				}
			}
			s := ask(c, c.guest.Solve(src, order("1.26.9-150500.1.1", false)))
			if s.OK || !strings.Contains(s.Reason, "1.26.9-150500.1.1") {
				t.Errorf("solve what is not there: %+v", s)
			}

			exit, got := c.install(c.guest.Install(src, order(v1, false)))
			c.want("install", append([]string{"0"}, three(v1)...), append([]string{fmt.Sprint(exit)}, got...))
			c.want("nothing left to solve", guest.Solution{OK: true}, ask(c, c.guest.Solve(src, order(v1, false))))
			c.want("origins", map[string]string{"kubeadm": guest.Name, "kubelet": guest.Name, "cri-tools": guest.Name},
				ask(c, c.guest.Origins(src, []string{"kubeadm", "kubelet", "cri-tools", "pkgverify-stand-in"})))
			c.want("altered", []string(nil), ask(c, c.guest.Altered([]string{"kubeadm", "kubelet"})))
			owners := ask(c, c.guest.Owners([]string{"kubeadm", "kubelet"}))
			c.want("owner", "kubelet", owners["/usr/lib/systemd/system/kubelet.service"])
			c.want("owner", "kubeadm", owners["/usr/bin/kubeadm"])
			if a := c.run(guest.Command{Argv: []string{"/usr/bin/kubeadm", "version", "-o", "short"}}); !strings.Contains(a.Output, "v1.26.1") {
				t.Errorf("kubeadm version: %+v", a)
			}

			exit, got = c.install(c.guest.Install(src, order(v2, false)))
			c.want("upgrade", append([]string{"0"}, three(v2)...), append([]string{fmt.Sprint(exit)}, got...))
			back := ask(c, c.guest.Solve(src, order(v1, true)))
			if !back.OK || len(back.Would) != 3 {
				t.Errorf("solve the way back: %+v", back)
			}
			if s := ask(c, c.guest.Solve(src, order(v1, false))); distro == "rpm-zypper" && (s.OK || !strings.Contains(s.Reason, "lower version")) {
				t.Errorf("zypper went back without leave: %+v", s)
			}
			exit, got = c.install(c.guest.Install(src, order(v1, true)))
			c.want("downgrade", append([]string{"0"}, three(v1)...), append([]string{fmt.Sprint(exit)}, got...))

			if a := c.run(guest.Command{Argv: []string{"sh", "-c", "echo changed >> /usr/bin/kubelet && rm /usr/bin/kubeadm"}}); a.Exit != 0 {
				t.Fatal(a)
			}
			var altered []string
			for _, l := range ask(c, c.guest.Altered([]string{"kubeadm", "kubelet"})) {
				altered = append(altered, l[strings.IndexByte(l, '/'):])
			}
			slices.Sort(altered)
			c.want("altered", []string{"/usr/bin/kubeadm", "/usr/bin/kubelet"}, altered)

			// Packages' scripts run: rpm has plugins that a container refuses.
			if err := c.box.Put(t.Context(), engine.File{Path: "/root/script.rpm", Data: script, Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if a := c.run(guest.Command{Argv: []string{"rpm", "-i", "--nosignature", "/root/script.rpm"}}); a.Exit != 0 || !strings.Contains(a.Output+a.Errors, "the script ran") {
				t.Errorf("a package's script: %+v", a)
			}

			// kubectl was asked for by name, cri-tools and kubernetes-cni were not.
			if a := c.run(c.guest.Remove([]string{"kubeadm", "kubelet"})); a.Exit != 0 {
				t.Errorf("remove: %+v", a)
			}
			if a := c.run(c.guest.Autoremove()); a.Exit != 0 {
				t.Errorf("autoremove: %+v", a)
			}
			left := strings.Fields(c.run(guest.Command{Argv: []string{"rpm", "-qa", "--qf", "%{NAME}\\n"}}).Output)
			for _, gone := range []string{"kubeadm", "kubelet", "kubernetes-cni", "cri-tools", "iptables", "iptables-nft"} {
				if slices.Contains(left, gone) {
					t.Errorf("%s is left: %q", gone, left)
				}
			}
			if !slices.Contains(left, "kubectl") {
				t.Errorf("kubectl was asked for and is gone: %q", left)
			}
		})
	}
}

// TestRealRPMClientsRefuse holds what each client refuses, and at which step,
// on repositories that are broken in one way.
func TestRealRPMClientsRefuse(t *testing.T) {
	for _, name := range []string{"flip-rpm", "unsigned-rpm", "foreign-rpm", "foreign-key", "other-key", "edited-repomd", "repomd-asc-missing"} {
		t.Run(name, func(t *testing.T) {
			src := source(t, publishDemo(t, t.TempDir(), name))
			inPackage := strings.HasSuffix(name, "-rpm")
			for _, distro := range rpmClients() {
				t.Run(distro, func(t *testing.T) {
					c := newCell(t, distro, src)
					set := c.set(c.guest.Setup(src))
					if !inPackage {
						if set.Exit == 0 {
							t.Errorf("the metadata was accepted")
						}
						return
					}
					if set.Exit != 0 {
						t.Fatalf("set-up: %+v", set)
					}
					exit, got := c.install(c.guest.Install(src, guest.Order{Pins: []guest.Pin{{Package: "kubelet"}}}))
					if exit == 0 || len(got) != 0 {
						t.Errorf("kubelet was accepted: exit %d, %q", exit, got)
					}
				})
			}
		})
	}
}

// TestRealStaleKey has an expired copy of the key in the rpm database while the
// repository serves the current one, as after its expiry was moved.
func TestRealStaleKey(t *testing.T) {
	dir := t.TempDir()
	old, err := os.ReadFile(filepath.Join(publishDemo(t, dir, "expired-key"), rpmRepository, "repodata/repomd.xml.key"))
	if err != nil {
		t.Fatal(err)
	}
	root := publishDemo(t, dir, "") // the same key
	current, err := os.ReadFile(filepath.Join(root, rpmRepository, "repodata/repomd.xml.key"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(old, current) {
		t.Fatal("the expired copy of the key is the current one")
	}
	src := source(t, root)
	const plugin = "/etc/dnf/libdnf5-plugins/expired-pgp-keys.conf"
	for _, tc := range []struct {
		name, distro string
		before       []string
		refused      string
	}{
		{"dnf4", "rpm-dnf4", nil, ""},
		{"dnf5", "rpm-dnf5", nil, ""},
		{"dnf5 without its plugin", "rpm-dnf5", []string{"rm", plugin}, "OpenPGP check for package"},
		{"zypper", "rpm-zypper", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCell(t, tc.distro, src)
			if tc.before != nil {
				c.run(guest.Command{Argv: tc.before})
			}
			keeper, ok := c.guest.(guest.KeyKeeper)
			if !ok {
				t.Fatal("its guest keeps no keys")
			}
			if a := c.set(keeper.KeepKey(old), nil); a.Exit != 0 {
				t.Fatalf("import the expired copy: %+v", a)
			}
			if a := c.set(c.guest.Setup(src)); a.Exit != 0 {
				t.Fatalf("set-up: %+v", a)
			}
			inst := c.guest.Install(src, guest.Order{Pins: []guest.Pin{{Package: "kubectl"}}})
			a := c.run(inst.Command)
			got, err := inst.Read(c.run(inst.Query).Output)
			if err != nil {
				t.Fatal(err)
			}
			if tc.refused == "" && (a.Exit != 0 || len(got) != 1) {
				t.Errorf("want kubectl installed, got exit %d, %v", a.Exit, got)
			}
			if tc.refused != "" && (a.Exit == 0 || len(got) != 0 || !strings.Contains(a.Errors, tc.refused)) {
				t.Errorf("want %q, got exit %d, %v", tc.refused, a.Exit, got)
			}
		})
	}
}
