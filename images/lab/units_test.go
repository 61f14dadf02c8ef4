package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDemanded: what a unit must find, and what may be missing.
func TestDemanded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		created    []string
		want       []string
	}{
		{"the drop-in of kubeadm", "[Service]\nEnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\nEnvironmentFile=-/etc/default/kubelet\n" +
			"ExecStart=\nExecStart=/usr/bin/kubelet --kubeconfig=/etc/kubernetes/kubelet.conf\n", nil, []string{"/etc/default/kubelet", "/usr/bin/kubelet"}},
		{"both families", "[Service]\nEnvironmentFile=-/etc/default/x\nEnvironmentFile=-/etc/sysconfig/x\n", nil, nil},
		{"not optional", "[Service]\nEnvironmentFile=/etc/x.env\nExecStart=x\nExecStartPre=-/usr/bin/y\n", nil, []string{"/etc/x.env"}},
		{"made later", "[Service]\nEnvironmentFile=/etc/x.env\n", []string{"/etc/x.env"}, nil},
		{"passed over without it", "[Unit]\nConditionPathExists=/opt/x\n[Service]\nExecStart=/opt/x\n", nil, nil},
		{"no unit", "\x00\xff[[", nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, r := range demanded("/usr/lib/systemd/system/x.service", tc.text, tc.created) {
				got = append(got, r.Path)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
