package engine

import (
	"os"
	"os/exec"
	"testing"
)

func TestOwner(t *testing.T) {
	t.Parallel()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	back, ok := ParseOwner(self.String())
	if !ok || back != self {
		t.Fatalf("want %+v back, got %+v, %t", self, back, ok)
	}
	child := exec.CommandContext(t.Context(), "true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Owner)) Owner { o := self; change(&o); return o }
	for _, tc := range []struct {
		name string
		o    Owner
		dead bool
	}{
		{"this process", self, false},
		{"its number with another start", with(func(o *Owner) { o.Start++ }), true},
		{"an earlier boot", with(func(o *Owner) { o.Boot = "other" }), true},
		{"another machine", with(func(o *Owner) { o.Host, o.Boot, o.PID = "other", "other", 1 }), false},
		{"a process that ended", with(func(o *Owner) { o.PID = child.Process.Pid }), true},
		{"parent with our start", with(func(o *Owner) { o.PID = os.Getppid() }), true},
	} {
		if got := tc.o.Dead(self); got != tc.dead {
			t.Errorf("%s: dead: want %t, got %t", tc.name, tc.dead, got)
		}
	}
	for _, bad := range []string{"", "a/b/c/d", "a/b/1", "a/b/0/1", "a/b/-1/1", "a/b/1/1/1"} {
		if o, ok := ParseOwner(bad); ok {
			t.Errorf("%q: want refused, got %+v", bad, o)
		}
	}
}
