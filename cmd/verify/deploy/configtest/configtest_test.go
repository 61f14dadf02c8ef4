package configtest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tgconfig "github.com/GoogleCloudPlatform/testgrid/config"
	"github.com/GoogleCloudPlatform/testgrid/config/yamlcfg"
	tgpb "github.com/GoogleCloudPlatform/testgrid/pb/config"
	"github.com/rhysd/actionlint"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	prow "sigs.k8s.io/prow/pkg/config"
)

// prowConfig is the least that a Prow needs to be told beside its jobs.
const prowConfig = `prowjob_namespace: default
pod_namespace: test-pods
plank:
  default_decoration_config_entries:
  - config:
      gcs_configuration:
        bucket: gs://example
        path_strategy: explicit
      gcs_credentials_secret: service-account
      utility_images:
        clonerefs: clonerefs:v1
        entrypoint: entrypoint:v1
        initupload: initupload:v1
        sidecar: sidecar:v1
`

// loadProw loads the jobs of a file as Prow does, unknown fields forbidden.
func loadProw(t *testing.T, jobs string) (*prow.Config, error) {
	t.Helper()
	dir := t.TempDir()
	// Prow compiles what it loads into globals: two loads must not run at once,
	// which is why the tests that call this are not parallel.
	own := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(own, []byte(prowConfig), 0o644); err != nil {
		t.Fatal(err)
	}
	return prow.LoadStrict(own, jobs, nil, "")
}

// loadTestGrid loads a dashboard file as TestGrid does.
func loadTestGrid(t *testing.T, path string) (*tgpb.Configuration, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &tgpb.Configuration{}
	defaults := &yamlcfg.DefaultConfiguration{DefaultTestGroup: &tgpb.TestGroup{}, DefaultDashboardTab: &tgpb.DashboardTab{}}
	return c, yamlcfg.Update(c, data, defaults, true)
}

func TestProwAndTestGrid(t *testing.T) {
	c, err := loadProw(t, "../prow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	grid, err := loadTestGrid(t, "../testgrid.yaml")
	if err != nil {
		t.Fatal(err)
	}
	jobs := c.AllPeriodics()
	if len(jobs) != 2 {
		t.Fatalf("want two jobs, got %d", len(jobs))
	}
	for _, j := range jobs {
		dashboard := tgconfig.FindDashboard(j.Annotations["testgrid-dashboards"], grid)
		if dashboard == nil {
			t.Errorf("%s: there is no dashboard %q", j.Name, j.Annotations["testgrid-dashboards"])
			continue
		}
		// What TestGrid's configurator makes of the annotations.
		grid.TestGroups = append(grid.TestGroups, &tgpb.TestGroup{Name: j.Name, GcsPrefix: "example/logs/" + j.Name, DaysOfResults: 14, NumColumnsRecent: 10})
		dashboard.DashboardTab = append(dashboard.DashboardTab, &tgpb.DashboardTab{Name: j.Annotations["testgrid-tab-name"], TestGroupName: j.Name})
		if timeout := j.DecorationConfig.Timeout.Duration; timeout <= 0 {
			t.Errorf("%s: no timeout", j.Name)
		}
		pod := j.Spec.Containers[0]
		if !pod.Resources.Requests.Cpu().Equal(*pod.Resources.Limits.Cpu()) || !pod.Resources.Requests.Memory().Equal(*pod.Resources.Limits.Memory()) {
			t.Errorf("%s: requests and limits differ", j.Name)
		}
	}
	if err := tgconfig.Validate(grid); err != nil {
		t.Error(err)
	}
}

// TestProwRefuses shows that the loader has teeth.
func TestProwRefuses(t *testing.T) {
	good, err := os.ReadFile("../prow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"an unknown field":  {"interval: 2h", "interval: 2h\n  intervall: 2h"},
		"a bad interval":    {"interval: 2h", "interval: 2 hours"},
		"two of one name":   {"periodic-packages-install-stable-1-30", "periodic-packages-stable-1-30"},
		"no container":      {"    containers:\n    # make", "    containerz:\n    # make"},
		"a label too long":  {"name: periodic-packages-stable-1-30", "name: periodic/" + strings.Repeat("x", 80)},
		"an odd annotation": {"testgrid-tab-name: stable-1.30", "testgrid-tab-name: [stable]"},
	} {
		broken := strings.Replace(string(good), edit[0], edit[1], 1)
		if broken == string(good) {
			t.Errorf("%s: the file has changed: nothing was broken", name)
		}
		path := filepath.Join(t.TempDir(), "jobs.yaml")
		if err := os.WriteFile(path, []byte(broken), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := loadProw(t, path); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestCronJob decodes each object strictly into its API type.
func TestCronJob(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../cronjob.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Namespace", "PersistentVolumeClaim", "CronJob"}; !slices.Equal(kinds, want) {
		t.Errorf("want %v, got %v", want, kinds)
	}
	if _, err := decode(bytes.Replace(data, []byte("backoffLimit"), []byte("backOffLimit"), 1)); err == nil {
		t.Error("a field that is not there was accepted")
	}
}

func decode(data []byte) (kinds []string, err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), batchv1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	for r := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(data))); ; {
		doc := make([]byte, 1<<20)
		n, err := r.Read(doc)
		if errors.Is(err, io.EOF) {
			return kinds, nil
		} else if err != nil {
			return nil, err
		}
		_, kind, err := strict.Decode(doc[:n], nil, nil)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind.Kind)
	}
}

func TestGitHubWorkflow(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../github.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lint, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		data  []byte
		sound bool
	}{
		{data, true},
		{bytes.Replace(data, []byte("matrix.minor"), []byte("matrix.major"), 1), false},
	} {
		problems, err := lint.Lint("github.yaml", tc.data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if (len(problems) == 0) != tc.sound {
			t.Errorf("want sound %t, got %v", tc.sound, problems)
		}
	}
}

// TestSystemdUnits puts verify where the units expect it, in a root of its own.
func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("install systemd (make deps)")
	}
	root := t.TempDir()
	for path, mode := range map[string]os.FileMode{"/usr/local/bin/verify": 0o755, "/bin/sh": 0o755} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := analyzeUnits(t, analyze, root, func(data []byte) []byte { return data }); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
	for _, broken := range [][2]string{{"OnCalendar=*-*-*", "OnCalendar=sometimes"}, {"ProtectHome=yes", "ProtectHouse=yes"}} {
		out, err := analyzeUnits(t, analyze, root, func(data []byte) []byte {
			return bytes.Replace(data, []byte(broken[0]), []byte(broken[1]), 1)
		})
		if err == nil && len(out) == 0 {
			t.Errorf("%s was accepted", broken[1])
		}
	}
}

// analyzeUnits has systemd-analyze verify the units in a root, each edited.
func analyzeUnits(t *testing.T, analyze, root string, edit func([]byte) []byte) ([]byte, error) {
	t.Helper()
	units, err := filepath.Glob("../systemd/*")
	if err != nil || len(units) != 2 {
		t.Fatalf("units: %v (%v)", units, err)
	}
	var paths []string
	for _, u := range units {
		data, err := os.ReadFile(u)
		if err != nil {
			t.Fatal(err)
		}
		// Only instances of a template can be verified.
		name := strings.Replace(filepath.Base(u), "@", "@stable-1.30", 1)
		path := filepath.Join(root, "etc/systemd/system", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, edit(data), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, "/etc/systemd/system/"+name)
	}
	args := append([]string{"verify", "--man=no", "--recursive-errors=no", "--root=" + root}, paths...)
	return exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
}
