package reports

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"sigs.k8s.io/pkgverify/verify"
)

// validate holds JUnit XML against the schema, by libxml2.
func validate(t *testing.T, data []byte) (problems string, ok bool) {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		t.Fatal("install libxml2-utils (make deps): it holds JUnit files against their schema")
	}
	cmd := exec.CommandContext(t.Context(), tool, "--noout", "--nonet", "--huge", "--schema", "testdata/junit.xsd", "-")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func TestJUnitSchema(t *testing.T) {
	t.Parallel()
	x := finding(hostile, hostile, verify.Fail, hostile)
	x.Subject.Cell, x.Evidence, x.Hint = hostile, []string{hostile, "]]>"}, hostile
	var statuses []Result
	for _, s := range []verify.Status{verify.Pass, verify.Warn, verify.Fail, verify.Blocked, verify.Known, verify.Skipped, verify.NotApplicable, "unheard-of"} {
		statuses = append(statuses, Result{Check: "c-" + string(s), Target: "t", Status: s})
	}
	for name, r := range map[string]*Report{
		"mixed": mixed(), "no results": reportOf(), "no report": {}, "hostile": reportOf(x), "no reasons": reportOf(statuses...),
		"day 1": day(1), "day 2": day(2), "day 3": day(3),
	} {
		data, _ := junitOf(t, r)
		if problems, ok := validate(t, data); !ok {
			t.Errorf("%s:\n%s", name, problems)
		}
	}
}

// TestSchemaRefuses: the schema does say what readers ask for.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	data, err := mixed().JUnit()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"skipped without a message": {`<skipped message="`, `<skipped other="`},
		"a time with a comma":       {`time="90.000"`, `time="1,090.000"`},
		"no count":                  {` skipped="2"`, ``},
		"a row twice":               {"apt-release-signed\" class", "package-checksums\" class"},
		"cut short":                 {"</testsuites>", ""},
	} {
		broken := strings.Replace(string(data), change[0], change[1], 1)
		if broken == string(data) {
			t.Errorf("%s: nothing to change", name)
		}
		if _, ok := validate(t, []byte(broken)); ok {
			t.Errorf("%s is valid by the schema", name)
		}
	}
}
