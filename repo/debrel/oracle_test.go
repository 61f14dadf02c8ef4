package debrel

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// cases are fields of all forms, over which this package and its oracles must
// agree. Each oracle leaves out what it does not look at.
func cases() []string {
	return []string{
		"", "a", "a, b", "a|b", "a | b, c", "a (>= 1)", "a(>=1)", "a ( >= 1 )", "a (>=1.0-1~)", "a (<< 1), a (>> 2)", "a (= 1:2-3)", "a (<= 1)",
		"a:any", "a:any (>= 1)", "a:amd64", "a:linux-any", "a\n , b", " a ", "a,b,c", "g++", "libc6.1", "0ad", "A",
		"a [amd64]", "a [!amd64 !i386]", "a [linux-any]", "a <!nocheck>", "a <!nocheck> <cross>", "a <!a b>", "a (>= 1) [amd64] <!x>", "a[amd64]<!x>",
		",", ", a", "a,, b", "a b", "a (1)", "a ()", "a (", "a (>= 1", "a (>= )", "a (>= 1 2)", "a)", "(>= 1)", "a:", "a: any", "${misc:Depends}", "a, ${x}",
		"+a", "-a", "a [", "a [amd64", "a ]", "a <", "a <x", "a >", "a (>= 1)) ", "a (<> 1)", "a (>< 1)", "a ; b", "a & b", "a || b", "a | | b", "a@b", "a/b",
		"a (>= 1) (<< 2)", "a <x> [amd64]", "a [amd64] [i386]", "é",
	}
}

// ask runs a script over the cases, which it gets as JSON, and returns which of
// them it takes.
func ask(t *testing.T, list []string, missing, name string, args ...string) map[string]bool {
	t.Helper()
	in, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(missing)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdin = bytes.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", missing, err, errs.String())
	}
	var taken []bool
	if err := json.Unmarshal(out, &taken); err != nil || len(taken) != len(list) {
		t.Fatalf("%v: %s", err, out)
	}
	all := make(map[string]bool)
	for i, c := range list {
		all[c] = taken[i]
	}
	return all
}

const dpkgDeps = `
use strict; use JSON::PP; use Dpkg::Deps; use Dpkg::ErrorHandling; use Dpkg::Version;
report_options(quiet_warnings => 1);
my ($build, $virtual) = @ARGV;
my @taken;
for my $c (@{decode_json(do { local $/; <STDIN> })}) {
	my $d = eval { deps_parse($c, build_dep => $build, virtual => $virtual, use_arch => 1) };
	my $ok = defined $d;
	if ($ok) { deps_iterate($d, sub { my $v = $_[0]->{version}; $ok = 0 if defined $v and not version_check("$v"); 1 }); }
	push @taken, $ok ? JSON::PP::true : JSON::PP::false;
}
print encode_json(\@taken);
`

// TestAgreesWithDpkgDeps holds what is taken of build dependencies and
// provided packages against Dpkg::Deps.
func TestAgreesWithDpkgDeps(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind           Kind
		build, virtual string
	}{{BuildDepends, "1", "0"}, {Provides, "0", "1"}} {
		list := append(cases(), "a,", "a:native", "a (< 1)")
		for c, taken := range ask(t, list, "install libdpkg-perl (make deps)", "perl", "-e", dpkgDeps, tc.build, tc.virtual) {
			if c == "," || c == ", a" || c == "a,, b" {
				continue // Dpkg::Deps skips empty entries, apt and dpkg refuse them
			}
			if tc.kind == Provides {
				// Alternatives and restrictions are left to dpkg itself, and so
				// is the comma at the end.
				if strings.ContainsAny(c, "|[<") || strings.HasSuffix(c, ",") {
					continue
				}
			}
			if err := Check(tc.kind, c); (err == nil) != taken {
				t.Errorf("kind %d, %q: %v; Dpkg::Deps takes it: %v", tc.kind, c, err, taken)
			}
		}
	}
}

const aptDepends = `
import apt_pkg, json, sys
apt_pkg.init_config()
apt_pkg.config.set("APT::Architecture", "amd64")
taken = []
for c in json.load(sys.stdin):
    try:
        apt_pkg.parse_depends(c, False) if sys.argv[1] == "bin" else apt_pkg.parse_src_depends(c, False)
        taken.append(True)
    except ValueError:
        taken.append(False)
print(json.dumps(taken))
`

// TestAptTakesWhatIsTaken holds that apt takes all that is taken: it is the
// less strict of the two.
func TestAptTakesWhatIsTaken(t *testing.T) {
	t.Parallel()
	for arg, kind := range map[string]Kind{"bin": Depends, "src": BuildDepends} {
		refused := 0
		for c, taken := range ask(t, cases(), "install python3-apt (make deps)", "/usr/bin/python3", "-c", aptDepends, arg) {
			if !taken {
				refused++
			}
			if err := Check(kind, c); err == nil && !taken {
				t.Errorf("%s: apt does not take %q", arg, c)
			}
		}
		if refused == 0 {
			t.Errorf("%s: apt takes everything", arg)
		}
	}
}

// TestAgreesWithDpkg holds binary packages against dpkg itself.
func TestAgreesWithDpkg(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Fatal("install dpkg (make deps)")
	}
	fields := map[string]Kind{"Depends": Depends, "Conflicts": Conflicts}
	for field, kind := range fields {
		for _, c := range append(cases(), "a,", "a (>= 1-)", "a (>= x)") {
			if c == "" || c == "a (1)" {
				continue // dpkg warns of an implicit "=", which apt and Dpkg::Deps do not have
			}
			dir := t.TempDir()
			control := "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: d\n" + field + ": " + c + "\n"
			if err := os.Mkdir(dir+"/DEBIAN", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+"/DEBIAN/control", []byte(control), 0o644); err != nil {
				t.Fatal(err)
			}
			out, dpkgErr := exec.CommandContext(t.Context(), bin, "--root-owner-group", "-Znone", "-b", dir, dir+"/x.deb").CombinedOutput()
			if err := Check(kind, c); (err == nil) != (dpkgErr == nil) {
				t.Errorf("%s: %q: %v; dpkg-deb: %v %s", field, c, err, dpkgErr, out)
			}
		}
	}
}
