package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/pkgverify/publish/mutation"
	"sigs.k8s.io/pkgverify/publish/serve"
	"sigs.k8s.io/pkgverify/reports"
	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/checks"
)

// incident is one row, or rows of one kind, of what has gone wrong with the
// published packages of Kubernetes. k/r is kubernetes/release, k/k
// kubernetes/kubernetes.
type incident struct {
	// first and last are the numbers of the rows.
	first, last int
	source      string
	what        string
	// check is the one that catches it.
	check string
	// faults of publish/fault replay it: a verifier that is run on the broken
	// tree must say so by check, and by nothing that the fault does not allow.
	faults []string
	// replay does what no fault of a published tree can: it is about servers,
	// addresses, other runs.
	replay func(t *testing.T, p published)
	// container says why only a package manager can tell: the check is an
	// install check, and test replays it with the real one.
	container string
	// test replays it where the circumstances can be made: "folder TestName".
	test string
}

func incidents() []incident {
	return []incident{
		{1, 1, "k/r #3818, k/k #128609", "the key expired, and old repositories were never published again", "key-current",
			[]string{"expired-key", "expired-key-of-deb"}, nil, "", "cmd/verify TestExpiredCopyOfTheKey"},
		{2, 2, "k/r #3840, dnf5 #1192", "dnf keeps the old copy of a key that was extended", "install-setup",
			nil, nil, "only dnf knows what its database of keys makes of a second copy", "images/guest TestRealStaleKey"},
		{3, 4, "k/r #3869, k/k #133098", "signature packets of version 3, refused by clients since 2026-02-01", "signature-policy",
			[]string{"v3-release", "v3-repomd", "v3-rpm"}, nil, "", ""},
		{5, 5, "k/r #3218", "cri-tools is missing, and kubeadm needs it", "dependency-closure",
			[]string{"no-cri-tools-deb", "no-cri-tools-rpm"}, nil, "", ""},
		{6, 6, "k/r #3574", "kubeadm needs a cri-tools that is newer than the one that is there", "dependency-closure",
			[]string{"too-new-dependency-deb", "too-new-dependency-rpm"}, nil, "", ""},
		{7, 11, "k/r #3575, #4100, k/k #126660, #133735, #135803, #138534", "kubernetes-cni is missing when a minor begins", "packages-published",
			[]string{"no-kubernetes-cni", "no-kubernetes-cni-arch"}, nil, "", ""},
		{12, 12, "k/r #3632", "the build of one architecture failed and nobody saw it", "packages-published",
			[]string{"missing-arch"}, nil, "", ""},
		{13, 13, "the index of v1.28 on 2024-10-23", "kubelet 1.28.5 for s390x is absent", "packages-published",
			[]string{"one-missing-deb"}, nil, "", "cmd/verify TestRealIndex"},
		{14, 14, "k/r #3623", "1.28.9-1.1 is gone and 1.28.9-2.1 is there", "published-files-kept",
			[]string{"revision-replaced"}, revisionIsLoose, "", ""},
		{15, 15, "k/r #3276", "the drop-in of the deb names /etc/sysconfig", "config-references",
			[]string{"drop-in-environment-deb"}, nil, "", ""},
		{16, 16, "k/r #3219", "drop-in and unit lie where systemd does not look", "package-files",
			[]string{"drop-in-path-deb", "unit-path-rpm"}, nil, "", ""},
		{17, 17, "k/r #3625", "the environment file lies elsewhere", "package-files",
			[]string{"environment-path"}, nil, "", ""},
		{18, 20, "k/r #3689, #3711, #4054, k/k #126771", "conntrack cannot be resolved on SUSE", "install-solve",
			nil, nil, "what a distribution provides is known to its own package manager", "images/lab TestIncidents"},
		{21, 21, "k/r #3707, #3722", "dependencies on socat and ebtables that are not wanted", "dependencies-as-specified",
			[]string{"extra-dependency-deb", "extra-dependency-rpm"}, nil, "", ""},
		{22, 22, "k/r #4434", "EL10 has no iptables that the package requires", "install-solve",
			nil, nil, "what a distribution provides is known to its own package manager", "images/lab TestIncidents"},
		{23, 23, "k/r #2866, k/k #115392", "1.25.6 needs a cri-tools of the next minor", "dependencies-as-specified",
			[]string{"higher-bound-deb"}, nil, "", ""},
		{24, 24, "k/r 0ffd6e1f", "overlapping ranges give kubeadm a dependency that was dropped", "dependencies-as-specified",
			[]string{"extra-dependency-deb"}, nil, "", "verify/checks TestDependenciesAsSpecified"},
		{25, 25, "k/r #3295, #3480", "kubeadm in one version pulls a newer kubelet", "install-pinned",
			nil, nil, "what a package manager adds to an order is known to it alone", "images/lab TestIncidents"},
		{26, 26, "k/k #129558", "autoremove takes the kubelet away", "install-remove",
			nil, nil, "what counts as asked for is known to the package manager alone", "images/lab TestIncidents"},
		{27, 27, "k/r #3584", "403 below /1.30/, for the minor needs its v", "apt-release-present",
			nil, withoutTheV, "", ""},
		{28, 28, "k/r #3969", "filelists.xml.gz answers 403, by its encoded address too", "rpm-index-checksums",
			[]string{"filelists-missing"}, encodedColons, "", ""},
		{29, 29, "k/r #3883", "dnf got the 138 bytes of a redirect's body", "rpm-index-checksums",
			nil, bodyOfARedirect, "", ""},
		{30, 30, "k/k #138595", "the server's certificate has expired", "transport",
			nil, expiredCertificate, "", ""},
		{31, 31, "website #46282", "403 over IPv6 only", "transport",
			nil, nil, "", "repo/probe TestFamilies"},
		{32, 32, "k8s.io #5655", "403 from some networks only", "apt-release-present",
			nil, deniedHere, "", ""},
		{33, 33, "tuna/issues #2002", "Packages is not the one that Release lists", "apt-index-checksums",
			[]string{"older-packages", "gz-mismatch", "index-mismatch"}, nil, "", ""},
		{34, 34, "cri-o #5343, #5424, #5802, #7587", "built again in place under one version", "published-files-kept",
			[]string{"changed-deb", "changed-rpm"}, nil, "", "suites TestOrigins"},
		{35, 35, "cri-o #7247", "the build service is down", "apt-release-present",
			nil, serviceDown, "", ""},
		{36, 36, "k/k #117996", "there is no 32-bit arm from 1.27 on", "packages-published",
			nil, armByMinor, "", ""},
		{37, 37, "k/k #129689", "a deb with documentation and no changelog", "package-files",
			nil, nil, "", "verify/checks TestContents"},
		{38, 38, "k/r #1982, #2775, #2933", "the key is about to expire", "key-current",
			[]string{"expiring-key"}, nil, "", ""},
		{39, 39, "k/k #57855, #57873", "rpms without a signature", "rpm-package-signed",
			[]string{"unsigned-rpm"}, nil, "", ""},
		{40, 40, "k/k #95455", "rpms without a digest of the payload", "rpm-package-digests",
			[]string{"no-payload-digest"}, nil, "", ""},
	}
}

// replayIncidents replays what has gone wrong before, and asks that the check
// which exists for it says so. The score is that of all faults.
func replayIncidents(t *testing.T, score *mutation.Score) {
	outcomes := make(map[string]mutation.Outcome)
	for _, o := range score.Outcomes {
		outcomes[o.Fault.Name] = o
	}
	next := 1
	for _, row := range incidents() {
		if row.first != next || row.last < row.first {
			t.Errorf("row %d comes after row %d", row.first, next-1)
		}
		next = row.last + 1
	}
	if next != 41 {
		t.Errorf("there are rows to %d, want 40", next-1)
	}
	p := publishTree(t, "kep-1731", "")
	p.channels = "stable"
	p.versions = strings.Join(slices.DeleteFunc(strings.Split(p.versions, ","), func(v string) bool { return strings.Contains(v, "-") }), ",")
	for _, row := range incidents() {
		t.Run(row.source, func(t *testing.T) {
			t.Parallel()
			known := slices.IndexFunc(checks.Catalogue(), func(c verify.Check) bool { return c.ID == row.check })
			if known < 0 {
				t.Fatalf("no check is called %s", row.check)
			}
			if row.container != "" {
				if checks.Catalogue()[known].Suite != verify.Install {
					t.Errorf("%s is left to the containers, and is not an install check", row.check)
				}
			}
			if len(row.faults) == 0 && row.replay == nil && row.test == "" {
				t.Error("nothing replays it")
			}
			for _, name := range row.faults {
				o := outcomes[name]
				if !o.OK() || !slices.Contains(append(o.Fault.Want, o.Fault.Warn...), row.check) {
					t.Errorf("%s: %s: missed by %v, false: %+v, %v; want a finding of %s", name, o.Verdict(), o.Missed, o.False, o.Err, row.check)
				}
			}
			if row.replay != nil {
				row.replay(t, p)
			}
			if row.test != "" {
				hasTest(t, row.test)
			}
		})
	}
}

// hasTest checks that a test is there: "folder TestName".
func hasTest(t *testing.T, at string) {
	t.Helper()
	dir, name, _ := strings.Cut(at, " ")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err != nil {
			t.Error(err)
		} else if strings.Contains(string(data), "\nfunc "+name+"(t *testing.T) {") {
			return
		}
	}
	t.Errorf("%s has no %s", dir, name)
}

// only returns the results of one status, and reports if there are others than
// those of the named checks.
func (o *outcome) only(t *testing.T, status verify.Status, ids ...string) []reports.Result {
	t.Helper()
	if o.report == nil {
		t.Fatalf("exit %d, no report\n%s%s", o.exit, o.stdout, o.stderr)
	}
	if got := o.with(status); !slices.Equal(got, ids) {
		t.Errorf("%s: %v, want %v\n%s%s", status, got, ids, o.stdout, o.stderr)
	}
	return slices.DeleteFunc(slices.Clone(o.report.Results), func(r reports.Result) bool { return r.Status != status })
}

// served puts a server in front of the tree; answer reports whether it has
// answered itself.
func (p published) served(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	tree := serve.Handler(p.root)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			tree.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// revisionIsLoose: without an earlier report the new revision is as good as
// the old one.
func revisionIsLoose(t *testing.T, _ published) {
	q := publishTree(t, "kep-1731", "revision-bumped")
	if o := program(t, q.arguments(noContainers)...); o.exit != exitPass {
		t.Errorf("exit %d\n%s%s", o.exit, o.stdout, o.stderr)
	}
}

// withoutTheV: the address of a user who left out the v of the minor.
func withoutTheV(t *testing.T, p published) {
	o := program(t, p.arguments("--suite=metadata", "--format=deb", "--deb-url", p.url+"/core:/stable:/1.26/deb/")...)
	found := o.only(t, verify.Fail, "apt-release-present")
	if o.exit != exitFail || len(found) != 1 || !strings.Contains(found[0].URL, "/1.26/") || !strings.Contains(found[0].Hint, "/core:/stable:/v1.26/deb/") {
		t.Errorf("exit %d, %+v", o.exit, found)
	}
}

// encodedColons: a server that knows only one way to write a colon.
func encodedColons(t *testing.T, p published) {
	url := p.served(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(strings.ToUpper(r.RequestURI), "%3A") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	o := program(t, p.arguments(noContainers, "--base-url", url)...)
	for _, r := range o.only(t, verify.Warn, "transport") {
		if !strings.Contains(r.Message+r.Got+r.Want, "%3A") {
			t.Errorf("exit %d, %+v", o.exit, r)
		}
	}
	o.only(t, verify.Fail)
}

// bodyOfARedirect: a mirror serves the page of a redirect in place of the file.
func bodyOfARedirect(t *testing.T, p published) {
	page := "<html><head><title>302 Found</title></head><body>" + strings.Repeat("-", 138-49-14) + "</body></html>"
	if len(page) != 138 {
		t.Fatalf("the page has %d bytes", len(page))
	}
	url := p.served(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "-filelists.xml.gz") {
			_, _ = io.WriteString(w, page)
			return true
		}
		return false
	})
	o := program(t, p.arguments(noContainers, "--format=rpm", "--base-url", url)...)
	for _, r := range o.only(t, verify.Fail, "rpm-index-checksums") {
		if !strings.Contains(r.Got, "138") {
			t.Errorf("%+v does not tell the size", r)
		}
	}
}

// expiredCertificate: no client reads the repository, and nobody can tell what
// is in it.
func expiredCertificate(t *testing.T, p published) {
	own := selfSigned(t, time.Now().Add(-time.Hour))
	server := httptest.NewUnstartedServer(serve.Handler(p.root))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, o := command(t.Context(), t, p.arguments(noContainers, "--base-url", server.URL)...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+trusted)
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitBlocked {
		t.Errorf("ended with %v, want exit %d", err, exitBlocked)
	}
	o.read(t)
	for _, r := range o.only(t, verify.Warn, "transport") {
		if !strings.Contains(r.Message, "certificate") {
			t.Errorf("%+v", r)
		}
	}
	o.only(t, verify.Fail)
}

// deniedHere: the report says from where it was looked.
func deniedHere(t *testing.T, p published) {
	url := p.served(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	o := program(t, p.arguments(noContainers, "--format=deb", "--base-url", url)...)
	o.only(t, verify.Fail, "apt-release-present")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if o.exit != exitFail || o.report.Vantage != host {
		t.Errorf("exit %d, vantage %q, want %q:\n%s", o.exit, o.report.Vantage, host, o.stdout)
	}
}

// serviceDown: what cannot be asked is not wrong.
func serviceDown(t *testing.T, p published) {
	url := p.served(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	o := program(t, p.arguments(noContainers, "--base-url", url)...)
	o.only(t, verify.Fail)
	o.only(t, verify.Pass)
	if o.exit != exitBlocked || !strings.Contains(o.stdout, "503") {
		t.Errorf("exit %d\n%s", o.exit, o.stdout)
	}
}

// armByMinor: what is expected depends on the minor.
func armByMinor(t *testing.T, _ published) {
	for minor, want := range map[string]bool{"1.26": true, "1.27": false} {
		o := program(t, "list", "--profile", "kep-1731", "--channel", "stable", "--minor", minor)
		if got := regexp.MustCompile(`\b(arm|armhf)\b`).MatchString(o.stdout); o.exit != exitPass || got != want {
			t.Errorf("%s: exit %d, 32-bit arm is %t in the plan, want %t:\n%s", minor, o.exit, got, want, o.stdout)
		}
	}
}

// selfSigned makes a certificate for loopback that is its own authority.
func selfSigned(t *testing.T, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
