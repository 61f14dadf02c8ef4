package lab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
)

// benchCells is the number of cells of the matrix that is measured, and
// benchBytes the size of the program in each of its three packages, about that
// of a real one.
const (
	benchCells = 6
	benchBytes = 30 << 20
)

// commands is what the harness does in a cell, as a script.
func commands(tb testing.TB, m images.Manager, src guest.Source) string {
	tb.Helper()
	g, err := guest.For(m)
	if err != nil {
		tb.Fatal(err)
	}
	set, err := g.Setup(src)
	if err != nil {
		tb.Fatal(err)
	}
	script := "set -e\n"
	for _, f := range set.Files {
		script += fmt.Sprintf("mkdir -p %s\ncat >%s <<'EOF'\n%s\nEOF\n", path.Dir(f.Path), f.Path, f.Data)
	}
	inst := g.InstallLatest(src)
	for _, c := range append(set.Commands, inst.Command, inst.Query) {
		script += guest.Quote(envArgv(c)) + "\n"
	}
	for _, name := range src.Packages {
		script += "/usr/bin/" + name + "\n"
	}
	return script
}

// BenchmarkMatrix measures a matrix of installations: with the harness, one cell
// and two cells at a time, against a shell loop of "docker run" that does the
// same in the container. It reports how many times as long the loop takes. They
// take turns, so that a busy machine is busy for all of them.
func BenchmarkMatrix(b *testing.B) {
	for _, name := range []string{engine.DockerName, engine.OCIName} {
		b.Run(name, func(b *testing.B) { benchMatrix(b, name) })
	}
}

func benchMatrix(b *testing.B, name string) {
	eng, _, err := engine.Open(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	docker, _, err := engine.Open(b.Context(), engine.DockerName)
	if err != nil {
		b.Fatal(err)
	}
	all, err := images.Catalogue()
	if err != nil {
		b.Fatal(err)
	}
	d, ok := images.Find(all, "debian-12")
	if !ok {
		b.Fatal("debian-12 is not in the catalogue")
	}
	s := newSigner(b, "repo")
	random := rand.NewChaCha8([32]byte{})
	var packages []pkg
	var names []string
	for _, name := range []string{"kubeadm", "kubectl", "kubelet"} {
		filler := make([]byte, benchBytes)
		// Half of it can be compressed, as in a program.
		_, _ = random.Read(filler[:benchBytes/2])
		packages = append(packages, pkg{name: name, version: "1.26.2", files: map[string]string{"/usr/share/" + name + "/filler": string(filler)}})
		names = append(names, name)
	}
	url, key := serve(b, debTree(b, s, repo.AMD64, packages...)), s.public()
	source := builder(b)
	image, err := source.Image(b.Context(), d, repo.AMD64)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := docker.Load(b.Context(), image.Ref, image.Image); err != nil {
		b.Fatal(err)
	}
	var jobs []Job
	for i := range benchCells {
		job := Job{Distro: d, RepoURL: url, Key: key, Packages: names, Released: names, Scenarios: []images.Scenario{images.Setup, images.Versions}}
		job.Cell = images.NewCell(repo.Target{Format: repo.Deb, Channel: "stable", Minor: fmt.Sprintf("1.%d", i), URL: url}, d.Name, repo.AMD64)
		for _, name := range names {
			job.Binaries = append(job.Binaries, Binary{Package: name, Argv: []string{"/usr/bin/" + name}})
		}
		jobs = append(jobs, job)
	}
	harness := func(parallel int) time.Duration {
		began := time.Now()
		facts, err := Run(b.Context(), eng, jobs, Options{
			Run: fmt.Sprintf("bench-%d", time.Now().UnixNano()), Images: source, Parallel: parallel,
		})
		took := time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range facts {
			if f.Blocked != nil || !f.Versions.OK || len(f.Versions.Runs) != len(names) {
				b.Fatalf("%s: %v, %+v", f.Cell.ID, f.Blocked, f.Versions)
			}
		}
		return took
	}
	harness(1) // what is made once (the image in the engine) is not measured
	script := commands(b, d.Manager, guest.Source{URL: url, Key: key, Packages: names})
	loop := func() time.Duration {
		began := time.Now()
		for range benchCells {
			cmd := exec.CommandContext(b.Context(), tool(b, "docker"), "run", "--rm", "-i", "--network", "host", image.Ref, "sh")
			cmd.Stdin = strings.NewReader(script)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "kubelet v1.26.2") {
				b.Fatalf("docker run: %v\n%s", err, out.String())
			}
		}
		return time.Since(began)
	}
	var one, two, shell time.Duration
	for b.Loop() {
		shell += loop()
		one += harness(1)
		two += harness(2)
	}
	b.ReportMetric(shell.Seconds()/one.Seconds(), "loop/one")
	b.ReportMetric(shell.Seconds()/two.Seconds(), "loop/two")
	b.ReportMetric(one.Seconds()/float64(b.N*benchCells), "s/cell")
}
