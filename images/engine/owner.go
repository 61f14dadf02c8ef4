package engine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The labels of a container.
const (
	// LabelRun is the run that owns it.
	LabelRun = "pkgverify.run"
	// LabelOwner is the process that started it: see [Owner.String].
	LabelOwner = "pkgverify.owner"
	// LabelName is what it is for.
	LabelName = "pkgverify.name"
)

// Owner identifies a process so that its number, used again by another
// process, is not taken for it.
type Owner struct {
	// Host is the machine's name, Boot the kernel's random ID of this boot.
	Host, Boot string
	PID        int
	// Start is when the process started, in clock ticks since boot (proc(5),
	// field 22 of stat).
	Start uint64
}

// Self returns this process.
func Self() (Owner, error) {
	host, err := os.Hostname()
	if err != nil {
		return Owner{}, fmt.Errorf("owner of containers: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Owner{}, fmt.Errorf("owner of containers: %w", err)
	}
	start, err := startTime(os.Getpid())
	if err != nil {
		return Owner{}, fmt.Errorf("owner of containers: %w", err)
	}
	return Owner{Host: host, Boot: strings.TrimSpace(string(boot)), PID: os.Getpid(), Start: start}, nil
}

// String returns "host/boot/pid/start", which ParseOwner reads.
func (o Owner) String() string {
	return fmt.Sprintf("%s/%s/%d/%d", o.Host, o.Boot, o.PID, o.Start)
}

// ParseOwner reads what String wrote.
func ParseOwner(s string) (Owner, bool) {
	f := strings.Split(s, "/")
	if len(f) != 4 {
		return Owner{}, false
	}
	pid, err1 := strconv.Atoi(f[2])
	start, err2 := strconv.ParseUint(f[3], 10, 64)
	if err1 != nil || err2 != nil || pid <= 0 {
		return Owner{}, false
	}
	return Owner{Host: f[0], Boot: f[1], PID: pid, Start: start}, true
}

// Dead reports whether o has surely ended, as self can tell: it ran on this
// machine, and in an earlier boot, or its process is gone.
func (o Owner) Dead(self Owner) bool {
	if o.Host != self.Host {
		return false
	}
	if o.Boot != self.Boot {
		return true
	}
	start, err := startTime(o.PID)
	if err != nil {
		return os.IsNotExist(err)
	}
	return start != o.Start
}

// startTime returns when a process started. The name in field 2 can hold
// anything, so fields are counted from its closing parenthesis. A zombie has
// ended, although its entry is still there.
func startTime(pid int) (uint64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const state, start = 0, 19 // counted from field 3
	i := bytes.LastIndexByte(stat, ')')
	f := bytes.Fields(stat[i+1:])
	if i < 0 || len(f) <= start {
		return 0, fmt.Errorf("/proc/%d/stat: want at least 22 fields", pid)
	}
	if s := f[state][0]; s == 'Z' || s == 'X' {
		return 0, os.ErrNotExist
	}
	return strconv.ParseUint(string(f[start]), 10, 64)
}
