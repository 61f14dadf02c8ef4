package guest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// processes is what lookScript printed in a container in which the postinst of
// kubeadm slept, with a process of an unlikely name beside it.
const processes = `83522.00 140210.55
1 (sh) S 0 1 1 0 -1 4194560 800 0 0 0 1 1 0 0 20 0 1 0 8344000 2625536 400 18446744073709551615 0
/bin/sh -c while :; do sleep 1000000 & wait $!; done
17 (apt-get) S 0 17 17 0 -1 4194560 9000 0 0 0 50 20 0 0 20 0 1 0 8345000 92000000 2400 18446744073709551615 0
apt-get install -y kubeadm
40 (dpkg) S 17 40 17 0 -1 4194560 9000 0 0 0 5 2 0 0 20 0 1 0 8345100 12000000 2400 18446744073709551615 0
/usr/bin/dpkg --status-fd 10 --configure --pending
44 (a (b) R 1 ) S 40 40 17 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 8345200 2625536 400 18446744073709551615 0
/bin/sh /var/lib/dpkg/info/kubeadm.postinst configure
45 (sleep) S 44 40 17 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 8345207 2625536 400 18446744073709551615 0
sleep 1000000
46 (broken

`

func TestRunningScript(t *testing.T) {
	t.Parallel()
	wanted := []string{"kubernetes", "kubernetes-cni", "kubeadm"}
	script := func(args string) []Process {
		return []Process{{ID: 7, Parent: 1, Age: time.Minute, Args: args}, {ID: 6, Parent: 1, Age: time.Hour, Args: "sleep 5"}}
	}
	all, err := ParseProcesses(processes)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		all    []Process
		output string
		want   Script
	}{
		{"dpkg, as it was", all, "", Script{"kubeadm", "/var/lib/dpkg/info/kubeadm.postinst", 70 * time.Second, "sleep 1000000"}},
		{"dpkg, of two architectures", script("/bin/sh -e /var/lib/dpkg/info/libc6:amd64.postinst configure 1"), "",
			Script{"libc6", "/var/lib/dpkg/info/libc6:amd64.postinst", time.Minute, ""}},
		{"dpkg, before unpacking", script("/bin/sh /var/lib/dpkg/tmp.ci/preinst install"), "Preparing to unpack .../kubeadm_1.26.2-1.1_amd64.deb ...\n",
			Script{"kubeadm", "/var/lib/dpkg/tmp.ci/preinst", time.Minute, ""}},
		{"dnf 4, the longer name", script("/bin/sh /var/tmp/rpm-tmp.KAXL6v 1"),
			"  Installing       : kubeadm-1.26.2-150500.1.1.x86_64 1/2 \n  Running scriptlet: kubernetes-cni-1.2.0-150500.1.1.x86_64 2/2 \n",
			Script{"kubernetes-cni", "/var/tmp/rpm-tmp.KAXL6v", time.Minute, ""}},
		{"dnf 4, of the distribution", script("/bin/sh /var/tmp/rpm-tmp.KAXL6v 1"), "  Running scriptlet: kubeadm-tools-1.0-1.x86_64 2/2 \n",
			Script{"", "/var/tmp/rpm-tmp.KAXL6v", time.Minute, ""}},
		{"zypper", script("/bin/bash /var/tmp/rpm-tmp.a1 1"), "(1/1) Installing: kubeadm-1.26.2-150500.1.1.x86_64 [.",
			Script{"kubeadm", "/var/tmp/rpm-tmp.a1", time.Minute, ""}},
		{"dnf 5 says nothing yet", script("/bin/sh /var/tmp/rpm-tmp.a1 1"), "[2/3] Prepare transaction               100% |\n",
			Script{"", "/var/tmp/rpm-tmp.a1", time.Minute, ""}},
		{"no script", script("apt-get install kubeadm"), "", Script{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := RunningScript(tc.all, tc.output, wanted)
			if tc.want.Doing == "" && ok {
				tc.want.Doing = tc.all[0].Args
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || ok != (tc.want.Path != "") {
				t.Errorf("found %t (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestParseProcesses(t *testing.T) {
	t.Parallel()
	got, err := ParseProcesses(processes)
	if err != nil || len(got) != 5 || got[3].Parent != 40 || got[4].Age.Round(time.Millisecond) != 69930*time.Millisecond {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "no time\n1 (a) S 0\n", strings.Repeat("1\n", 2*maxProcesses+2)} {
		if got, err := ParseProcesses(bad); err == nil {
			t.Errorf("%q: want an error, got %+v", bad, got)
		}
	}
}

func FuzzParseProcesses(f *testing.F) {
	f.Add(processes, "Running scriptlet: kubeadm-1.26.2")
	f.Add("1 2\n) (\n(\n", "Unpacking")
	f.Add("9 9\n1 (a) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 999999999999999 1\n/bin/sh /var/lib/dpkg/info/a.postinst\n", "")
	f.Fuzz(func(t *testing.T, text, output string) {
		all, err := ParseProcesses(text)
		if err != nil {
			return
		}
		for _, p := range all {
			if p.Age < 0 {
				t.Errorf("a process is %s old", p.Age)
			}
		}
		if s, ok := RunningScript(all, output, []string{"kubeadm"}); ok && (s.Path == "" || s.Doing == "") {
			t.Errorf("a script without a path or a process: %+v", s)
		}
	})
}
