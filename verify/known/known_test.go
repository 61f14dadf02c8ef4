package known_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/pkgverify/verify"
	"sigs.k8s.io/pkgverify/verify/known"
)

var now = time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)

func ids() []string { return []string{"packages-published", "key-current"} }

// entry is an entry of a file, with the members that a test gives.
func entry(check, subject, expires string) string {
	return fmt.Sprintf("- check: %s\n  subject: %q\n  reason: lost\n  link: https://example.org/1\n  expires: %s\n", check, subject, expires)
}

func read(t *testing.T, text string) *known.List {
	t.Helper()
	l, err := known.Read(strings.NewReader(text), "known.yaml", ids(), now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const target = "deb/stable/1.28"

// missing is a result of packages-published with one finding for each subject.
func missing(subjects ...verify.Subject) *verify.Result {
	r := &verify.Result{Check: "packages-published", Target: target, Severity: verify.Error}
	for _, s := range subjects {
		r.Findings = append(r.Findings, verify.Finding{Status: verify.Fail, Subject: s, Message: "missing", Evidence: []string{"line 1"}})
	}
	r.Decide()
	return r
}

var lost = verify.Subject{Package: "kubelet", Version: "1.28.5", Arch: "s390x"}

func TestMark(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want verify.Status
		// warns is in the message of the list's own result, "" for a pass.
		warns string
	}{
		"matched":                {entry("packages-published", "*/stable/1.28 kubelet 1.28.5 s390x", "2026-12-31"), verify.Known, ""},
		"on its last day":        {entry("packages-published", "*", "2026-03-01"), verify.Known, ""},
		"expired":                {entry("packages-published", "*", "2026-02-28"), verify.Fail, "has expired on 2026-02-28, and is still there"},
		"expired and mended":     {entry("packages-published", "*kubeadm*", "2026-02-28"), verify.Fail, "has expired on 2026-02-28 ("},
		"of another package":     {entry("packages-published", target+" kubeadm*", "2026-12-31"), verify.Fail, "was not met"},
		"not the whole subject":  {entry("packages-published", target+" kubelet", "2026-12-31"), verify.Fail, "was not met"},
		"of another target":      {entry("packages-published", "rpm/stable/1.28 *", "2026-12-31"), verify.Fail, ""},
		"of another check":       {entry("key-current", "*", "2026-12-31"), verify.Fail, ""},
		"expired, and one holds": {entry("packages-published", "*", "2026-02-28") + entry("packages-published", "*s390x", "2026-12-31"), verify.Known, "still there"},
		"empty file":             {"", verify.Fail, ""},
		"empty list":             {"[]\n", verify.Fail, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, r := read(t, tt.text), missing(lost)
			l.Mark(r)
			if r.Status != tt.want || r.Findings[0].Status != tt.want {
				t.Errorf("got %s, finding %s, want %s", r.Status, r.Findings[0].Status, tt.want)
			}
			if first := r.Findings[0].Evidence[0]; tt.want == verify.Known && first != "known issue: lost (https://example.org/1; until "+dateIn(tt.text)+")" {
				t.Errorf("the first line of evidence is %q", first)
			}
			own, ok := l.Result()
			switch {
			case !ok || own.Check != known.Check:
				t.Errorf("its own result is %+v", own)
			case tt.warns == "" && own.Status != verify.Pass:
				t.Errorf("warns: %+v", own.Findings)
			case tt.warns != "" && (own.Status != verify.Warn || !strings.Contains(own.Findings[0].Message, tt.warns) || own.Findings[0].Hint == ""):
				t.Errorf("got %+v, want a warning %q", own, tt.warns)
			}
		})
	}
}

// dateIn returns the date of the last entry.
func dateIn(text string) string {
	all := regexp.MustCompile(`\d{4}-\d\d-\d\d`).FindAllString(text, -1)
	return all[len(all)-1]
}

// TestMarkOnlyWhatIsListed: a finding beside a known one still fails.
func TestMarkOnlyWhatIsListed(t *testing.T) {
	t.Parallel()
	l := read(t, entry("packages-published", "*s390x", "2026-12-31"))
	r := missing(lost, verify.Subject{Package: "kubelet", Version: "1.28.6", Arch: "amd64"})
	l.Mark(r)
	got := []verify.Status{r.Status, r.Findings[0].Status, r.Findings[1].Status}
	if diff := cmp.Diff([]verify.Status{verify.Fail, verify.Known, verify.Fail}, got); diff != "" {
		t.Errorf("result and findings (-want +got):\n%s", diff)
	}
}

// TestCouldNotTell: what nobody could tell is not known, and does not make an
// entry superfluous.
func TestCouldNotTell(t *testing.T) {
	t.Parallel()
	for _, status := range []verify.Status{verify.Blocked, verify.Skipped, verify.NotApplicable} {
		l := read(t, entry("packages-published", "*", "2026-12-31"))
		r := &verify.Result{Check: "packages-published", Target: "deb/stable/1.28", Status: status}
		if status == verify.Blocked {
			r.Findings = []verify.Finding{{Status: status, Subject: lost}}
		}
		l.Mark(r)
		if own, _ := l.Result(); r.Status != status || own.Status != verify.Pass {
			t.Errorf("%s became %s, the list's own result is %+v", status, r.Status, own)
		}
	}
}

func TestNilList(t *testing.T) {
	t.Parallel()
	var l *known.List
	r := missing(lost)
	l.Mark(r)
	if _, ok := l.Result(); ok || r.Status != verify.Fail {
		t.Errorf("a list that is not there has a result, or marks: %+v", r)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	good := entry("packages-published", "*", "2026-12-31")
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"no YAML":          {"- check: [\n", []string{"yaml"}},
		"no list":          {"check: x\n", []string{"cannot unmarshal"}},
		"an entry is text": {"- kubelet\n", []string{"cannot unmarshal"}},
		"unknown member":   {strings.Replace(good, "reason", "why", 1), []string{`line 3: there is no member "why"`}},
		"all missing":      {"- {}\n", []string{"check is missing", "subject is missing", "reason is missing", "link is missing", "expires is missing"}},
		"no such check":    {strings.Replace(good, "packages-published", "packages-publsihed", 1), []string{"line 1", "verify checks"}},
		"no date":          {strings.Replace(good, "2026-12-31", "31.12.2026", 1), []string{"2026-12-31"}},
		"no such day":      {strings.Replace(good, "2026-12-31", "2026-02-30", 1), []string{"is not a date"}},
		"no address":       {strings.Replace(good, "https://example.org/1", "k/r 1", 1), []string{"http address"}},
		"twice":            {good + good, []string{"line 6: the same check and subject as on line 1"}},
		"two documents":    {good + "---\n" + good, []string{"more than one YAML document"}},
		"long glob":        {strings.Replace(good, `"*"`, strings.Repeat("x", known.MaxSubject+1), 1), []string{"1001 bytes"}},
		"many entries":     {strings.Repeat("- {}\n", known.MaxEntries+1), []string{"1001 entries"}},
		"large":            {good + strings.Repeat("#", known.MaxSize), []string{"larger than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := known.Read(strings.NewReader(tt.text), "known.yaml", ids(), now)
			if err == nil {
				t.Fatal("is taken")
			}
			for _, w := range append(tt.want, "known.yaml") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v\ndoes not say %q", err, w)
				}
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	s := verify.Subject{Package: "p", Version: "1-2", Arch: "all", File: "a/p.deb", Distro: "debian-12", Cell: "deb-stable-1.28-debian-12-amd64"}
	if got, want := known.Text("deb/stable/1.28", s), "deb/stable/1.28 p 1-2 all a/p.deb debian-12"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		entry("packages-published", "*", "2026-12-31"), "", "[]", "- {}", "- null", "- !!binary x", "&a [*a]", "- check: &a [1]\n  subject: *a\n", "- <<: {check: x}\n", "-\t", "--- 1\n--- 2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := known.Read(strings.NewReader(text), "known.yaml", ids(), now)
		if err != nil {
			return
		}
		r := missing(lost)
		l.Mark(r)
		if _, ok := l.Result(); !ok {
			t.Error("a list that was read has no result")
		}
	})
}
