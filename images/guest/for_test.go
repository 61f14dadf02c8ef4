package guest

import (
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/images"
)

func TestFor(t *testing.T) {
	t.Parallel()
	src := Source{URL: "http://127.0.0.1/", Key: []byte("key"), Packages: []string{"kubeadm"}}
	for _, m := range images.Managers() {
		g, err := For(m)
		if m == images.MicroDNF {
			if err == nil || !strings.Contains(err.Error(), "that has dnf") {
				t.Errorf("%s: want an error that says what to take, got %v", m, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if m.Format() != "rpm" {
			continue
		}
		set, err := g.Setup(src)
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if argv := set.Commands[0].Argv; argv[0] != string(m) {
			t.Errorf("%s: it is set up by %q", m, argv)
		}
		for _, want := range []string{"\ngpgcheck=1\n", "\nrepo_gpgcheck=1\n", "\ngpgkey=http://127.0.0.1/repodata/repomd.xml.key\n"} {
			if !strings.Contains(string(set.Files[0].Data), want) {
				t.Errorf("%s: want %q in\n%s", m, want, set.Files[0].Data)
			}
		}
		if argv := g.InstallLatest(src).Command.Argv; argv[0] != string(m) {
			t.Errorf("%s: it installs by %q", m, argv)
		}
		if _, ok := g.(KeyKeeper); !ok {
			t.Errorf("%s: it keeps no keys", m)
		}
	}
	if _, err := For("pacman"); err == nil || !strings.Contains(err.Error(), "pacman") {
		t.Errorf("want an error that names the manager, got %v", err)
	}
}
