package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/images"
	"sigs.k8s.io/pkgverify/images/guest"
	"sigs.k8s.io/pkgverify/repo"
)

// offering makes a choice of "package version" lines; the first of a package is
// the candidate.
func offering(format repo.Format, released []string, offers ...[2]string) choice {
	c := choice{format: format, candidates: map[string]string{}, released: released}
	for _, o := range offers {
		c.offers = append(c.offers, images.Offer{Package: o[0], Version: o[1]})
		if c.candidates[o[0]] == "" {
			c.candidates[o[0]] = o[1]
		}
	}
	return c
}

func TestOrders(t *testing.T) {
	t.Parallel()
	c := offering(repo.Deb, []string{"kubeadm", "kubelet"},
		[2]string{"kubeadm", "1.26.10-1.1"}, [2]string{"kubeadm", "1.26.9-1.1"},
		[2]string{"kubelet", "1.26.10-1.1"}, [2]string{"kubelet", "1.26.9-2.1"}, [2]string{"kubelet", "1.26.9-1.1"},
		[2]string{"cri-tools", "1.26.0-1.1"})
	pin := func(pins ...guest.Pin) guest.Order { return guest.Order{Pins: pins} }
	want := []guest.Order{
		pin(guest.Pin{Package: "kubeadm", Version: "1.26.10-1.1"}, guest.Pin{Package: "kubelet", Version: "1.26.10-1.1"}),
		pin(guest.Pin{Package: "kubelet", Version: "1.26.9-2.1"}),
		pin(guest.Pin{Package: "kubeadm", Version: "1.26.9-1.1"}, guest.Pin{Package: "kubelet", Version: "1.26.9-1.1"}),
		pin(guest.Pin{Package: "cri-tools", Version: "1.26.0-1.1"}),
	}
	if diff := cmp.Diff(want, c.orders([]string{"kubeadm", "kubelet", "cri-tools"})); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
}

func TestBefore(t *testing.T) {
	t.Parallel()
	two := []string{"kubeadm", "kubelet"}
	for _, tt := range []struct {
		name string
		c    choice
		want []guest.Pin
	}{
		{"the one before, in its newest revision", offering(repo.Deb, two,
			[2]string{"kubeadm", "1.26.10-1.1"}, [2]string{"kubeadm", "1.26.9-1.1"}, [2]string{"kubeadm", "1.26.8-1.1"},
			[2]string{"kubelet", "1.26.10-1.1"}, [2]string{"kubelet", "1.26.9-1.1"}, [2]string{"kubelet", "1.26.9-2.1"}),
			[]guest.Pin{{Package: "kubeadm", Version: "1.26.9-1.1"}, {Package: "kubelet", Version: "1.26.9-2.1"}}},
		{"the first that all have", offering(repo.RPM, two,
			[2]string{"kubeadm", "1.26.2-1"}, [2]string{"kubeadm", "1.26.1-1"}, [2]string{"kubeadm", "1.26.0-1"},
			[2]string{"kubelet", "1.26.2-1"}, [2]string{"kubelet", "1.26.0-1"}),
			[]guest.Pin{{Package: "kubeadm", Version: "1.26.0-1"}, {Package: "kubelet", Version: "1.26.0-1"}}},
		{"a release candidate is older", offering(repo.Deb, two[:1], [2]string{"kubeadm", "1.26.0-1.1"}, [2]string{"kubeadm", "1.26.0~rc.1-1.1"}),
			[]guest.Pin{{Package: "kubeadm", Version: "1.26.0~rc.1-1.1"}}},
		{"another revision of the latest is no older version", offering(repo.Deb, two[:1], [2]string{"kubeadm", "1.26.0-2.1"}, [2]string{"kubeadm", "1.26.0-1.1"}), nil},
		{"the first of a minor", offering(repo.Deb, two[:1], [2]string{"kubeadm", "1.26.0-1.1"}), nil},
		{"no release", offering(repo.Deb, nil, [2]string{"widget", "2-1"}, [2]string{"widget", "1-1"}), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.c.before()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	before := files{"/": "d 755 root:root ", "/etc": "d 755 root:root ", "/etc/hosts": "f 644 root:root "}
	after := files{
		"/": "d 755 root:root ", "/etc": "d 755 root:root ", "/etc/hosts": "f 600 root:root ",
		"/etc/kubernetes": "d 755 root:root ", "/etc/kubernetes/a": "f 644 root:root ", "/etc/kubernetes-b": "f 644 root:root ",
		"/etc/conntrack.conf": "f 644 root:root ", "/etc/cni": "d 755 root:root ", "/etc/sysconfig": "d 755 root:root ", "/etc/sysconfig/made": "f 644 root:root ",
	}
	after.forgetParents(map[string]string{"/etc/cni/net.d": "kubernetes-cni", "/etc/sysconfig/kubelet": "kubelet"})
	want := []string{"/etc/hosts", "/etc/kubernetes", "/etc/kubernetes-b", "/etc/sysconfig/made"}
	if diff := cmp.Diff(want, left(before, after, map[string]string{"/etc/conntrack.conf": "conntrack"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
