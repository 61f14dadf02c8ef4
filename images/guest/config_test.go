package guest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfigs reads what dpkg-query 1.21 and rpm 4.18 printed.
func TestConfigs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		q    Question[[]string]
		text string
		want []string
	}{
		{"dpkg", apt{}.Configs([]string{"kubelet", "kubeadm"}),
			"\n /etc/default/kubelet 0a1e2b4ea0a6ebd2bd36e2e9d3a3c4c7\n /etc/old d41d8cd98f00b204e9800998ecf8427e obsolete\n /etc/a b d41d8cd98f00b204e9800998ecf8427e\n\n /etc/new newconffile\n",
			[]string{"/etc/default/kubelet", "/etc/a b"}},
		{"dpkg, none", apt{}.Configs([]string{"kubectl"}), "\n", nil},
		{"rpm", rpmBase{}.Configs([]string{"kubelet", "kubeadm", "kubectl"}),
			"/etc/sysconfig/kubelet\n/etc/sysconfig/kubelet\n(contains no files)\n", []string{"/etc/sysconfig/kubelet"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.q.Read([]Answer{{Output: tc.text}})
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if _, err := tc.q.Read([]Answer{{Exit: 1, Output: tc.text}}); err == nil {
				t.Error("exit 1: want an error")
			}
		})
	}
}
