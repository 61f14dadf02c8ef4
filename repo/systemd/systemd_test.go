package systemd_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/repo/systemd"
)

func TestParseUnit(t *testing.T) {
	t.Parallel()
	const text = "# comment\n; another\n\nloose = 1\n[Service]\r\nExecStart = /bin/a \\\n# between\n  -b \\\n  -c\n\nnonsense\n  Restart=always  \n[Install\nX=\\"
	want := []systemd.Setting{
		{Name: "loose", Value: "1", Line: 4},
		{Section: "Service", Name: "ExecStart", Value: "/bin/a    -b    -c", Line: 6},
		{Section: "Service", Name: "Restart", Value: "always", Line: 12},
		{Section: "Install", Name: "X", Line: 14},
	}
	if diff := cmp.Diff(want, systemd.ParseUnit(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(systemd.ParseUnit(strings.Repeat("a=b\n", 2*systemd.MaxSettings))); got != systemd.MaxSettings {
		t.Errorf("%d settings, want %d", got, systemd.MaxSettings)
	}
}

func TestParseEnvironment(t *testing.T) {
	t.Parallel()
	const text = "# c\nA=\nB=\"x y\"  z\n C = 'q'\\\n r\nexport D\n"
	want := []systemd.Setting{
		{Name: "A", Line: 2}, {Name: "B", Value: "x y z", Line: 3}, {Name: "C", Value: "q r", Line: 4},
	}
	if diff := cmp.Diff(want, systemd.ParseEnvironment(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(systemd.ParseEnvironment(strings.Repeat("a=b\n", 2*systemd.MaxSettings))); got != systemd.MaxSettings {
		t.Errorf("%d settings, want %d", got, systemd.MaxSettings)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"":                  nil,
		"  a\tb ":           {"a", "b"},
		`"A=x y" 'B=z' C=1`: {"A=x y", "B=z", "C=1"},
		`a\ b \"c`:          {"a b", `"c`},
		`"" x`:              {"", "x"},
		`"open x`:           {"open x"},
		`a"b c"d`:           {"ab cd"},
		`tail\`:             {`tail\`},
	} {
		if diff := cmp.Diff(want, systemd.Words(value)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]systemd.Place{
		"/usr/lib/systemd/system/kubelet.service":                    {Unit: "kubelet.service"},
		"/lib/systemd/system/a@.service":                             {Unit: "a@.service"},
		"/etc/systemd/user/a.timer":                                  {Unit: "a.timer", User: true},
		"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf":  {Unit: "kubelet.service", DropIn: true},
		"/usr/local/lib/systemd/system/service.d/x.conf":             {Unit: "service", DropIn: true},
		"/usr/lib/systemd/user/a.service.d/x.conf":                   {Unit: "a.service", DropIn: true, User: true},
		"/usr/lib/systemd/system/a.service.wants/b.service":          {},
		"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm":       {},
		"/usr/lib/systemd/system/kubelet.service.d/x/y.conf":         {},
		"/usr/lib/systemd/system/README":                             {},
		"/usr/lib/systemd/kubelet.service":                           {},
		"/usr/lib/systemd/system.conf.d/x.conf":                      {},
		"/opt/usr/lib/systemd/system/kubelet.service":                {},
		"/usr/lib/systemd/system/a.service.d.d/x.conf":               {Unit: "a.service.d", DropIn: true},
		"/usr/lib/systemd/system-generators/x.service":               {},
		"/usr/lib/systemd/system/multi-user.target.wants/a.service":  {},
		"/usr/lib/systemd/system/sub/kubelet.service":                {},
		"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf/": {},
	} {
		got, ok := systemd.PlaceOf(path)
		if got != want || ok != (want != systemd.Place{}) {
			t.Errorf("%s: got %+v, %t; want %+v", path, got, ok, want)
		}
	}
}

func TestPlaceOfUnits(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string][]string{
		"kubelet.service": {"kubelet.service"},
		"a@b.service":     {"a@b.service", "a@.service"},
		"a@.service":      {"a@.service"},
		"service":         nil,
		"foo-.service":    nil,
	} {
		if diff := cmp.Diff(want, systemd.Place{Unit: unit, DropIn: true}.Of()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", unit, diff)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	const (
		program = systemd.Program
		env     = systemd.EnvironmentFile
		dir     = systemd.WorkingDirectory
		arg     = systemd.Argument
	)
	type ref = systemd.Reference
	for _, tt := range []struct {
		text string
		want []ref
	}{
		{"ExecStart=/usr/bin/kubelet $ARGS --config=/etc/x /y", []ref{{Kind: program, Path: "/usr/bin/kubelet"}, {Kind: arg, Path: "/etc/x"}, {Kind: arg, Path: "/y"}}},
		{"ExecStartPre=-/sbin/modprobe overlay", []ref{{Kind: program, Path: "/sbin/modprobe", Optional: true}}},
		{"ExecStart=@/usr/bin/a /not/a/path /c", []ref{{Kind: program, Path: "/usr/bin/a"}, {Kind: arg, Path: "/c"}}},
		{"ExecStart=!!+/a//b", []ref{{Kind: program, Path: "/a/b"}}},
		{"ExecStart=a b ; /c --d", []ref{{Kind: program, Path: "a"}, {Kind: program, Path: "/c"}}},
		{"ExecStart=; ; ;", nil},
		{"ExecStart=|/bin/a; rm /x", []ref{{Kind: program, Path: "/bin/a;"}}},
		{"ExecStart=/bin/sh -c 'test -e /etc/never || exit'", []ref{{Kind: program, Path: "/bin/sh"}}},
		{"ExecStart=${PROGRAM} /x", []ref{{Kind: arg, Path: "/x"}}},
		{"ExecStart=/usr/bin/%p --state=%S/a --pid=%t/x --user=/home/%u", []ref{{Kind: arg, Path: "/var/lib/a"}, {Kind: arg, Path: "/run/x"}}},
		{"ExecStart=/a%%b", []ref{{Kind: program, Path: "/a%b"}}},
		{"ExecStart=/a x=/b unix:///run/c.sock --list=/d,/e --glob=/f/* --range=/g:/h", []ref{{Kind: program, Path: "/a"}}},
		{"EnvironmentFile=-/etc/default/kubelet", []ref{{Kind: env, Path: "/etc/default/kubelet", Optional: true}}},
		{"EnvironmentFile=/etc/a/../b", []ref{{Kind: env, Path: "/etc/b"}}},
		{"EnvironmentFile=/etc/env.d/*.conf", nil},
		{"EnvironmentFile=relative", nil},
		{"WorkingDirectory=-~", nil},
		{"WorkingDirectory=/var/lib/x", []ref{{Kind: dir, Path: "/var/lib/x"}}},
		{`Environment="A=--x=/etc/a --y=/etc/b" B=/etc/c D`, []ref{{Kind: arg, Path: "/etc/a"}, {Kind: arg, Path: "/etc/b"}, {Kind: arg, Path: "/etc/c"}}},
		{"Environment=PATH=/usr/bin:/bin", nil},
		{"Description=/etc/x", nil},
		{"EnvironmentFile=/etc/a\nEnvironmentFile=\nEnvironmentFile=/etc/b", []ref{{Kind: env, Path: "/etc/b"}}},
	} {
		got := systemd.References(systemd.ParseUnit("[Service]\n" + tt.text))
		for i := range got {
			if got[i].By == "" || got[i].Line < 2 {
				t.Errorf("%s: no place: %+v", tt.text, got[i])
			}
			got[i].By, got[i].Line = "", 0
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestEnvironmentReferences(t *testing.T) {
	t.Parallel()
	got := systemd.EnvironmentReferences(systemd.ParseEnvironment("A=1\nKUBELET_EXTRA_ARGS=\"--config=/etc/x/ --v=2\"\n"))
	want := []systemd.Reference{{Kind: systemd.Argument, Path: "/etc/x", By: "KUBELET_EXTRA_ARGS", Line: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMadeAndConditions(t *testing.T) {
	t.Parallel()
	settings := systemd.ParseUnit("[Unit]\nConditionPathExists=|/etc/a\nConditionPathExists=!/etc/b\nConditionFileIsExecutable=/usr/bin/c/\n" +
		"[Service]\nStateDirectory=x y/z:link\nRuntimeDirectory=r\nConfigurationDirectory=../../etc\nLogsDirectory=%i\n")
	if diff := cmp.Diff([]string{"/var/lib/x", "/var/lib/y/z", "/run/r"}, systemd.Made(settings)); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/etc/a", "/usr/bin/c"}, systemd.Conditions(settings)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func FuzzUnit(f *testing.F) {
	for _, seed := range []string{
		"[Unit]\nDescription=x\n[Service]\nEnvironment=\"A=--config=/var/lib/kubelet/config.yaml\"\nEnvironmentFile=-/etc/default/kubelet\nExecStart=\nExecStart=/usr/bin/kubelet $A\n",
		"[Service\\\nExecStart=@-/bin/sh -c 'x' ; !!+/bin/y \\\n#c\n z",
		"StateDirectory=a:b %% %i\nWorkingDirectory=~\n", "=\n[]\n\\", "ExecStart=\"", "A='\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		settings := systemd.ParseUnit(text)
		lines := strings.Count(text, "\n") + 1
		for _, s := range settings {
			if s.Line < 1 || s.Line > lines {
				t.Fatalf("line %d of %d", s.Line, lines)
			}
		}
		refs := append(systemd.References(settings), systemd.EnvironmentReferences(systemd.ParseEnvironment(text))...)
		for _, r := range refs {
			if !strings.HasPrefix(r.Path, "/") && (r.Kind != systemd.Program || strings.Contains(r.Path, "/")) {
				t.Fatalf("%+v is no absolute path", r)
			}
			if strings.Contains(r.Path+"/", "/../") {
				t.Fatalf("%+v is not clean", r)
			}
		}
		for _, made := range systemd.Made(settings) {
			if !strings.HasPrefix(made, "/") || strings.Contains(made+"/", "/../") {
				t.Fatalf("%q is not clean", made)
			}
		}
		systemd.Conditions(settings)
	})
}
