package lab

import "testing"

// TestIncidents replays what went wrong with the packages of Kubernetes and
// only a package manager can tell (k/r is kubernetes/release, k/k
// kubernetes/kubernetes). Each has its counterpart, in which nothing is wrong.
func TestIncidents(t *testing.T) {
	t.Parallel()
	s := newSigner(t, "repo")
	afterLatest := []string{"install-versions", "install-origin", "install-remove", "install-pinned", "install-upgrade", "install-downgrade"}
	files := soundFiles()
	kubelet := func(requires string) []pkg {
		return []pkg{{name: "kubelet", version: "1.26.2", requires: requires, files: files}}
	}
	for _, tc := range []struct {
		distro string
		m      misbehaviour
	}{
		{"rpm-zypper", misbehaviour{name: "k-r 4054 conntrack is called conntrack-tools", packages: kubelet("conntrack"),
			want: map[string]string{"install-latest": "conntrack", "install-solve": "conntrack"}, rest: afterLatest}},
		{"rpm-zypper", misbehaviour{name: "k-r 4054 mended", packages: kubelet("conntrack-tools")}},
		{"rpm-dnf4", misbehaviour{name: "k-r 4434 an iptables that there is not", packages: kubelet("iptables >= 99"),
			want: map[string]string{"install-latest": "iptables >= 99", "install-solve": "iptables >= 99"}, rest: afterLatest}},
		{"rpm-dnf4", misbehaviour{name: "k-r 4434 mended", packages: kubelet("iptables")}},
		{"debian-12", misbehaviour{name: "k-r 3295 kubeadm wants a newer kubelet", packages: []pkg{
			{name: "kubeadm", version: "1.26.2", required: "kubelet (>= 1.26.2)"}, {name: "kubelet", version: "1.26.2", files: files}},
			want: map[string]string{"install-pinned": "kubelet (>= 1.26.2)", "install-solve": "kubelet (>= 1.26.2)"}, rest: []string{"install-upgrade", "install-downgrade"}}},
		{"rpm-dnf4", misbehaviour{name: "k-r 3295 kubeadm wants a newer kubelet", packages: []pkg{
			{name: "kubeadm", version: "1.26.2", required: "kubelet >= 1.26.2"}, {name: "kubelet", version: "1.26.2", files: files}},
			want: map[string]string{"install-pinned": "kubelet >= 1.26.2", "install-solve": "kubelet >= 1.26.2"}, rest: []string{"install-upgrade", "install-downgrade"}}},
		{"debian-12", misbehaviour{name: "k-r 3295 mended", packages: []pkg{
			{name: "kubeadm", version: "1.26.2", required: "kubelet (>= 1.26.0)"}, {name: "kubelet", version: "1.26.2", files: files}}}},
		// Whatever makes it count as nobody's wish: here what apt notes of it.
		{"debian-12", misbehaviour{name: "k-k 129558 autoremove takes the kubelet", packages: []pkg{
			{name: "kubelet", version: "1.26.2", files: files, postinst: `
printf 'Package: kubelet\nArchitecture: amd64\nAuto-Installed: 1\n' >/var/cache/kubelet.states
echo 'Dir::State::extended_states "/var/cache/kubelet.states";' >/etc/apt/apt.conf.d/99kubelet`}},
			want: map[string]string{"install-remove": "autoremove takes away"}}},
	} {
		t.Run(tc.distro+" "+tc.m.name, func(t *testing.T) {
			t.Parallel()
			tc.m.run(t, s, tc.distro)
		})
	}
}
