package engine_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sigs.k8s.io/pkgverify/images/engine"
)

// certificates writes ca.pem, cert.pem and key.pem, as Docker names them, into a
// folder and returns what a server with them accepts.
func certificates(t *testing.T) (dir string, config *tls.Config) {
	t.Helper()
	dir = t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// One certificate is the authority, the server and the client.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	for name, data := range map[string][]byte{"ca.pem": cert, "cert.pem": cert, "key.pem": private} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(cert, private)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return dir, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
}

// remote serves the machine's Docker engine by TLS and returns its address.
func remote(t *testing.T, config *tls.Config) string {
	t.Helper()
	socket, ok := strings.CutPrefix(docker(t).Address(), "unix://")
	if !ok {
		t.Fatalf("the engine is at %s: this test needs its socket", docker(t).Address())
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				d, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
				if err != nil {
					return
				}
				defer d.Close()
				var g errgroup.Group
				g.Go(func() error { _, err := io.Copy(d, c); _ = d.(*net.UnixConn).CloseWrite(); return err })
				g.Go(func() error { _, err := io.Copy(c, d); _ = c.(*tls.Conn).CloseWrite(); return err })
				_ = g.Wait() // the client sees what became of it
			}()
		}
	}()
	return "tcp://" + l.Addr().String()
}

// TestRemoteDocker reaches an engine in the ways in which the docker command does,
// which writes the contexts.
func TestRemoteDocker(t *testing.T) {
	certs, config := certificates(t)
	host := remote(t, config)
	for _, v := range []string{"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT"} {
		t.Setenv(v, "")
	}
	contexts := t.TempDir()
	t.Setenv("DOCKER_CONFIG", contexts)
	cli := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput(); err != nil {
			t.Fatalf("docker %q: %v\n%s", args, err, out)
		}
	}
	cli("context", "create", "far", "--docker", "host="+host+",ca="+certs+"/ca.pem,cert="+certs+"/cert.pem,key="+certs+"/key.pem")
	cli("context", "create", "bare", "--docker", "host="+host)
	cli("context", "create", "by-ssh", "--docker", "host=ssh://nobody@127.0.0.1:1")

	for _, tc := range []struct {
		name, use string
		env       map[string]string
		// fails is what the error says; empty where it must work.
		fails string
	}{
		{name: "host", env: map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs}},
		{name: "host before context", env: map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": certs, "DOCKER_CONTEXT": "none"}},
		{name: "host, no certificate", env: map[string]string{"DOCKER_HOST": host}, fails: host},
		{name: "context by the environment", env: map[string]string{"DOCKER_CONTEXT": "far"}},
		{name: "context in use", use: "far"},
		{name: "context without certificates", use: "bare", fails: host},
		{name: "no such context", env: map[string]string{"DOCKER_CONTEXT": "near"}, fails: "docker context near"},
		{name: "ssh that nobody answers", use: "by-ssh", fails: "not available"},
		{name: "host by ssh that nobody answers", env: map[string]string{"DOCKER_HOST": "ssh://nobody@127.0.0.1:1"}, fails: "not available"},
		{name: "host that is none", env: map[string]string{"DOCKER_HOST": "ssh://"}, fails: "ssh://"},
		{name: "default context", use: "default"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.use != "" {
				cli("context", "use", tc.use)
				defer cli("context", "use", "default")
			}
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			for _, name := range []string{engine.DockerName, engine.Auto} {
				e, info, err := engine.Open(t.Context(), name)
				if tc.fails != "" {
					// Nor does auto pass over what was chosen.
					var missing *engine.UnavailableError
					if !errors.As(err, &missing) || !strings.Contains(err.Error(), tc.fails) {
						t.Errorf("%s: want an UnavailableError with %q, got %v", name, tc.fails, err)
					}
					continue
				}
				if err != nil || info.Name != engine.DockerName {
					t.Fatalf("%s: %+v, %v", name, info, err)
				}
				if tc.use != "default" && info.Address != host {
					t.Errorf("%s: want %s asked, got %s", name, host, info.Address)
				}
				if err := e.(engine.Closer).Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}

	t.Run("a container", func(t *testing.T) {
		img, arch := image(t)
		t.Setenv("DOCKER_CONTEXT", "far")
		e, _, err := engine.Open(t.Context(), engine.Auto)
		if err != nil {
			t.Fatal(err)
		}
		id, err := e.Load(t.Context(), img.Ref, img.Image)
		if err != nil {
			t.Fatal(err)
		}
		c, err := e.Start(t.Context(), engine.Spec{Image: id, Platform: arch.Platform(), Run: "remote", Name: "remote", Network: engine.NoNetwork})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		var out strings.Builder
		if res, err := c.Exec(t.Context(), engine.Command{Argv: []string{"echo", "from afar"}, Stdout: &out}); err != nil || res.Exit != 0 || out.String() != "from afar\n" {
			t.Errorf("%q, exit %d, %v", out.String(), res.Exit, err)
		}
	})
}
