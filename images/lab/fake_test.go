package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/engine"
	"sigs.k8s.io/pkgverify/repo"
)

// scripted is an engine of which a test says how each command ends. It stands
// in for faults that a real engine does not have on demand.
type scripted struct {
	arch     string
	startErr error
	// outside makes it run commands elsewhere than in the container.
	outside bool
	// answer gives a command's output and exit code, or an engine's error.
	answer func(argv []string) (string, int, error)

	mu      sync.Mutex
	running int
	most    int
	removed int
}

func (s *scripted) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: "scripted", Version: "1", OS: "linux", Arch: s.arch, CPUs: 2, Local: true}, nil
}

func (s *scripted) Load(context.Context, string, v1.Image) (string, error) { return "sha256:1", nil }

func (s *scripted) Start(context.Context, engine.Spec) (engine.Container, error) {
	if s.startErr != nil {
		return nil, s.startErr
	}
	return &scriptedBox{s: s}, nil
}

// at counts the commands that run at once.
func (s *scripted) at(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += change
	s.most = max(s.most, s.running)
}

type scriptedBox struct{ s *scripted }

func (b *scriptedBox) Put(context.Context, ...engine.File) error { return nil }

func (b *scriptedBox) Remove(context.Context) error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.removed++
	return nil
}

func (b *scriptedBox) Exec(_ context.Context, c engine.Command) (engine.Result, error) {
	b.s.at(1)
	defer b.s.at(-1)
	out, exit, err := b.s.answer(c.Argv)
	if isProbe(c.Argv) && b.s.outside && err == nil && exit == 0 {
		out = "outside\n"
	}
	if _, werr := io.WriteString(c.Stdout, out); werr != nil {
		return engine.Result{}, werr
	}
	return engine.Result{Exit: exit, Duration: time.Millisecond}, err
}

// oneImage is a source with one image for everything.
type oneImage struct{ err error }

func (o oneImage) Image(context.Context, images.Distribution, repo.Arch) (images.Image, error) {
	return images.Image{Ref: "x:y", Image: empty.Image}, o.err
}

// isProbe recognises the look around that is the first command in a container.
func isProbe(argv []string) bool {
	return len(argv) == 3 && argv[0] == "sh" && strings.Contains(argv[2], "/run/pkgverify-")
}

// healthy answers as a machine of that architecture on which all goes well.
func healthy(arch repo.Arch) func([]string) (string, int, error) {
	return func(argv []string) (string, int, error) {
		if isProbe(argv) {
			return arch.In(repo.RPM) + "\n" + arch.In(repo.Deb) + "\n", 0, nil
		}
		switch argv[0] {
		case "apt-cache":
			return "kubeadm:\n  Installed: (none)\n  Candidate: 1-1\n  Version table:\n     1-1 500\n        500 http://x Packages\n", 0, nil
		case "dpkg-query":
			return "kubeadm\t1-1\tamd64\tinstall ok installed\n", 0, nil
		}
		return "", 0, nil
	}
}

func scriptedJob(arch repo.Arch, n int) Job {
	target := repo.Target{Format: repo.Deb, Channel: "stable", Minor: fmt.Sprintf("1.%d", n)}
	return Job{
		Cell: images.NewCell(target, "debian-12", arch), Distro: images.Distribution{Name: "debian-12", Manager: images.APT},
		RepoURL: "http://127.0.0.1:1/", Key: []byte("k"), Packages: []string{"kubeadm"}, Binaries: []Binary{{Argv: []string{"/usr/bin/kubeadm"}}},
		Scenarios: []images.Scenario{images.Setup, images.List, images.Latest, images.Versions},
	}
}

// TestCommandsOutsideTheContainer: nothing but the look around is run when the
// engine does not keep commands inside.
func TestCommandsOutsideTheContainer(t *testing.T) {
	t.Parallel()
	eng := &scripted{arch: "amd64", answer: healthy(repo.AMD64), outside: true}
	facts, err := Run(t.Context(), eng, []Job{scriptedJob(repo.AMD64, 1)}, Options{Run: "r", Images: oneImage{}})
	if err != nil {
		t.Fatal(err)
	}
	f := facts[0]
	if f.Blocked == nil || f.BlockedFault != images.FaultEngine || len(f.Steps) != 1 || f.Setup.Ran {
		t.Errorf("got %+v after %d steps, want it blocked after the first", f.Blocked, len(f.Steps))
	}
}

func TestFaultsOfTheLaboratory(t *testing.T) {
	t.Parallel()
	fails := func(on string, out string, exit int, err error) func([]string) (string, int, error) {
		ok := healthy(repo.ARM64)
		return func(argv []string) (string, int, error) {
			if strings.HasPrefix(strings.Join(argv, " "), on) {
				return out, exit, err
			}
			return ok(argv)
		}
	}
	for _, tc := range []struct {
		name    string
		eng     *scripted
		images  error
		binfmt  error
		blocked images.Fault
		scene   images.Scenario // where else the fault is expected
		fault   images.Fault
	}{
		{name: "all well", eng: &scripted{answer: healthy(repo.ARM64)}},
		{name: "no image", eng: &scripted{answer: healthy(repo.ARM64)}, images: errors.New("no such image"), blocked: images.FaultEngine},
		{name: "no emulation", eng: &scripted{answer: healthy(repo.ARM64)}, binfmt: &EmulationError{Arch: repo.ARM64}, blocked: images.FaultEmulation},
		{name: "cannot start", eng: &scripted{startErr: errors.New("exec format error")}, blocked: images.FaultEmulation},
		{name: "disk full at start", eng: &scripted{startErr: errors.New("mkdir: no space left on device")}, blocked: images.FaultDisk},
		{name: "image of another architecture", eng: &scripted{answer: healthy(repo.S390X)}, blocked: images.FaultEngine},
		{name: "qemu crash in the probe", eng: &scripted{answer: fails("sh -c test -d", "", 139, nil)}, blocked: images.FaultEmulation},
		{name: "engine gone", eng: &scripted{answer: fails("apt-get install", "", -1, errors.New("connection reset"))}, blocked: images.FaultEngine, scene: images.Latest, fault: images.FaultEngine},
		{name: "qemu crash", eng: &scripted{answer: fails("apt-get install", "qemu: uncaught target signal 11 (Segmentation fault)", 100, nil)}, scene: images.Latest, fault: images.FaultEmulation},
		{name: "disk full", eng: &scripted{answer: fails("apt-get update", "No space left on device", 100, nil)}, scene: images.Setup, fault: images.FaultDisk},
		{name: "time-out", eng: &scripted{answer: fails("apt-get install", "", -1, engine.ErrTimeout)}, scene: images.Latest, fault: images.FaultTimeout},
		{name: "program crashes under qemu", eng: &scripted{answer: fails("/usr/bin/kubeadm", "", 139, nil)}, scene: images.Versions, fault: images.FaultEmulation},
		{name: "package fails", eng: &scripted{answer: fails("apt-get install", "exit status 1", 100, nil)}, scene: images.Latest},
		{name: "a panic", eng: &scripted{answer: func([]string) (string, int, error) { panic("bug") }}, blocked: images.FaultEngine},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.eng.arch = "amd64"
			facts, err := Run(t.Context(), tc.eng, []Job{scriptedJob(repo.ARM64, 26)}, Options{
				Run: "r", Images: oneImage{tc.images}, Emulation: func(repo.Arch) error { return tc.binfmt },
			})
			if err != nil {
				t.Fatal(err)
			}
			f := facts[0]
			if f.BlockedFault != tc.blocked || (f.Blocked != nil) != (tc.blocked != "") {
				t.Errorf("blocked: want %q, got %q: %v", tc.blocked, f.BlockedFault, f.Blocked)
			}
			for scene, o := range map[images.Scenario]images.Outcome{
				images.Setup: f.Setup.Outcome, images.List: f.List.Outcome, images.Latest: f.Latest.Outcome, images.Versions: f.Versions.Outcome,
			} {
				switch {
				case scene == tc.scene && (o.OK || o.Fault != tc.fault || o.Detail == ""):
					t.Errorf("%s: want not ok with fault %q and a detail, got %+v", scene, tc.fault, o)
				case scene != tc.scene && o.Ran && !o.OK:
					t.Errorf("%s: want ok or not run, got %+v", scene, o)
				}
			}
			if tc.eng.running != 0 {
				t.Errorf("%d containers are left", tc.eng.running)
			}
		})
	}
}

// TestOnlyWhatIsSelected: a cell does the work that the selected scenarios need
// and no other.
func TestOnlyWhatIsSelected(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scenarios []images.Scenario
		want      []string
	}{
		{[]images.Scenario{}, []string{"apt-get update"}}, // every cell is set up
		{[]images.Scenario{images.Setup}, []string{"apt-get update"}},
		{[]images.Scenario{images.List}, []string{"apt-get update", "apt-cache policy"}},
		{[]images.Scenario{images.Solve}, []string{"apt-get update", "apt-cache policy", "apt-get install --simulate"}},
		{[]images.Scenario{images.Latest}, []string{"apt-get update", "apt-cache policy", "apt-get install", "dpkg --verify"}},
		{[]images.Scenario{images.Versions}, []string{"apt-get update", "apt-get install", "/usr/bin/kubeadm"}},
		{[]images.Scenario{images.Origin}, []string{"apt-get update", "apt-get install", "apt-cache policy"}},
	} {
		var did []string
		ok := healthy(repo.AMD64)
		eng := &scripted{arch: "amd64", answer: func(argv []string) (string, int, error) {
			name := argv[0]
			for _, word := range []string{"update", "policy", "install", "--simulate", "--verify"} {
				if slices.Contains(argv, word) {
					name += " " + word
				}
			}
			if name == "apt-get" || name == "/usr/bin/kubeadm" || strings.Contains(name, " ") && !slices.Contains(did, name) {
				did = append(did, name)
			}
			return ok(argv)
		}}
		job := scriptedJob(repo.AMD64, 26)
		job.Scenarios = tc.scenarios
		facts, err := Run(t.Context(), eng, []Job{job}, Options{Run: "r", Images: oneImage{}})
		if err != nil {
			t.Fatal(err)
		}
		if facts[0].Blocked != nil {
			t.Errorf("%q: blocked: %s", tc.scenarios, facts[0].Blocked)
		}
		if diff := cmp.Diff(tc.want, did); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.scenarios, diff)
		}
	}
}

func TestPoolBoundsAndOrder(t *testing.T) {
	t.Parallel()
	eng := &scripted{arch: "amd64", answer: healthy(repo.AMD64)}
	var jobs []Job
	for i := range 20 {
		jobs = append(jobs, scriptedJob(repo.AMD64, i))
	}
	facts, err := Run(t.Context(), eng, jobs, Options{Run: "r", Images: oneImage{}, Parallel: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range facts {
		if f.Cell.ID != jobs[i].Cell.ID || f.Blocked != nil || !f.Versions.OK {
			t.Errorf("cell %d: got %s, blocked %v", i, f.Cell.ID, f.Blocked)
		}
	}
	if eng.most > 3 || eng.removed != len(jobs) {
		t.Errorf("want at most 3 at once and %d removed, got %d and %d", len(jobs), eng.most, eng.removed)
	}
	if _, err := Start(t.Context(), eng, []Job{jobs[0], jobs[0]}, Options{Run: "r", Images: oneImage{}}); err == nil {
		t.Error("one ID twice: want an error")
	}
	if _, err := Start(t.Context(), eng, jobs, Options{}); err == nil {
		t.Error("no run ID: want an error")
	}
}

func TestBinfmt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"qemu-aarch64": "enabled\ninterpreter /x\nflags: POCF\n", "qemu-arm": "disabled\nflags: F\n", "qemu-s390x": "enabled\nflags: P\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for arch, want := range map[repo.Arch]string{
		repo.ARM64: "", repo.ARM: "disabled", repo.S390X: "flag F", repo.PPC64LE: "no handler qemu-ppc64le",
	} {
		err := binfmt(dir, arch)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", arch, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "images/setup.sh binfmt") {
			t.Errorf("%s: want %q and the command that mends it, got %v", arch, want, err)
		}
	}
}

func TestNetworkFor(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]engine.Network{
		"http://127.0.0.1:80/x/": engine.HostNetwork, "http://127.9.9.9/": engine.HostNetwork, "http://[::1]:8/": engine.HostNetwork,
		"http://localhost/": engine.HostNetwork, "http://LOCALHOST:1/": engine.HostNetwork, "http://[::ffff:127.0.0.1]/": engine.HostNetwork,
		"https://pkgs.k8s.io/core:/": engine.DefaultNetwork, "http://10.0.0.1/": engine.DefaultNetwork, "http://localhost.example.org/": engine.DefaultNetwork,
	} {
		if got := NetworkFor(url); got != want {
			t.Errorf("%s: want %s, got %s", url, want, got)
		}
	}
}

func TestHeadTail(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, headBytes, headBytes + tailBytes, headBytes + tailBytes + 1, 10 * tailBytes} {
		var whole strings.Builder
		var b headTail
		for i := 0; whole.Len() < n; i++ {
			part := fmt.Sprintf("%d\n", i)
			part = part[:min(len(part), n-whole.Len())]
			whole.WriteString(part)
			if _, err := b.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		got, left := b.result()
		all := whole.String()
		if want := max(0, n-headBytes-tailBytes); int(left) != want {
			t.Errorf("%d bytes: want %d left out, got %d", n, want, left)
		}
		if left == 0 && got != all {
			t.Errorf("%d bytes: the output was changed", n)
		}
		if left > 0 && (!strings.HasPrefix(got, all[:headBytes]) || !strings.HasSuffix(got, all[n-tailBytes:])) {
			t.Errorf("%d bytes: head or tail is not kept", n)
		}
	}
}
