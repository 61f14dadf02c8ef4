package guest

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lookScript prints, of the system, the seconds since it was started, and of
// each process two lines: what proc(5) calls stat, and the arguments. It needs
// no more than a shell and coreutils.
const lookScript = `cat /proc/uptime
for p in /proc/[0-9]*; do
  s=$(tr '\n' ' ' 2>/dev/null <"$p/stat") && a=$(tr '\0\n' '  ' 2>/dev/null <"$p/cmdline") && printf '%s\n%s\n' "$s" "$a"
done`

// Processes asks which processes there are in the guest.
func Processes() Question[[]Process] {
	return Question[[]Process]{
		Commands: []Command{{Argv: []string{"sh", "-c", lookScript}, Env: locale()}},
		Read: func(a []Answer) ([]Process, error) {
			if len(a) != 1 {
				return nil, fmt.Errorf("list of processes: want one answer, got %d", len(a))
			}
			return ParseProcesses(a[0].Output)
		},
	}
}

// Process is a process in the guest.
type Process struct {
	ID, Parent int
	// Age is how long it has been running.
	Age time.Duration
	// Args are its arguments, with blanks between them; empty for a thread of
	// the kernel and for what has ended and was not waited for.
	Args string
}

// userHertz is the unit of the start time in /proc/PID/stat: USER_HZ is 100 on
// all architectures that packages are published for.
const userHertz = 100

// maxProcesses bounds the processes of a guest that are read.
const maxProcesses = 8192

// ParseProcesses reads what [Processes] prints. A process whose lines cannot be
// read is passed over: a name can hold anything.
func ParseProcesses(text string) ([]Process, error) {
	all, err := lines(text)
	if err != nil {
		return nil, fmt.Errorf("list of processes: %w", err)
	}
	if len(all) > 2*maxProcesses+1 {
		return nil, fmt.Errorf("list of processes: %d lines: at most %d processes are read", len(all), maxProcesses)
	}
	since, _, _ := strings.Cut(all[0], " ")
	up, err := strconv.ParseFloat(since, 64)
	if err != nil {
		return nil, fmt.Errorf("list of processes: want the seconds since the start of the system, got %q", all[0])
	}
	var found []Process
	for i := 1; i+1 < len(all); i += 2 {
		// The name, in parentheses, may hold blanks and parentheses.
		id, rest, _ := strings.Cut(all[i], " (")
		end := strings.LastIndex(rest, ") ")
		if end < 0 {
			continue
		}
		// proc(5): state and parent are fields 3 and 4, the start is field 22.
		f := strings.Fields(rest[end+2:])
		if len(f) < 20 {
			continue
		}
		pid, err1 := strconv.Atoi(id)
		parent, err2 := strconv.Atoi(f[1])
		start, err3 := strconv.ParseFloat(f[19], 64)
		if err1 != nil || err2 != nil || err3 != nil {
			continue
		}
		age := time.Duration((up - start/userHertz) * float64(time.Second))
		found = append(found, Process{ID: pid, Parent: parent, Age: max(age, 0), Args: strings.TrimSpace(all[i+1])})
	}
	return found, nil
}

// Script is a maintainer script that is running.
type Script struct {
	// Package is whose it is; empty where that cannot be told.
	Package string
	// Path is its file.
	Path string
	Age  time.Duration
	// Doing is the youngest process that it has started, itself if there is none.
	Doing string
}

// dpkgScript matches a script that dpkg has kept (dpkg(1)); rpmScript one that
// rpm has written to run it (rpm/lib/rpmscript.c).
var (
	dpkgScript = regexp.MustCompile(`(?:^| )(/var/lib/dpkg/info/([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\.(?:pre|post)(?:inst|rm))(?: |$)`)
	dpkgNew    = regexp.MustCompile(`(?:^| )(/var/lib/dpkg/tmp\.ci/(?:pre|post)(?:inst|rm))(?: |$)`)
	rpmScript  = regexp.MustCompile(`(?:^| )(/var/tmp/rpm-tmp\.[A-Za-z0-9]+)(?: |$)`)
)

// RunningScript returns the maintainer script that has been running for the
// longest time, by the list of processes, and whose it is. Output is what the
// package manager has printed so far, and packages are those that it can be of.
func RunningScript(all []Process, output string, packages []string) (Script, bool) {
	var oldest Script
	var at Process
	for _, p := range all {
		s := Script{Age: p.Age}
		if m := dpkgScript.FindStringSubmatch(p.Args); m != nil {
			s.Path, s.Package = m[1], m[2]
		} else if m := dpkgNew.FindStringSubmatch(p.Args); m != nil {
			s.Path, s.Package = m[1], busyWith(output, packages)
		} else if m := rpmScript.FindStringSubmatch(p.Args); m != nil {
			s.Path, s.Package = m[1], busyWith(output, packages)
		} else {
			continue
		}
		if oldest.Path == "" || s.Age > oldest.Age {
			oldest, at = s, p
		}
	}
	if oldest.Path == "" {
		return Script{}, false
	}
	oldest.Doing = youngest(all, at).Args
	return oldest, true
}

// youngest returns the youngest process below p, or p.
func youngest(all []Process, p Process) Process {
	children := make(map[int][]Process, len(all))
	for _, q := range all {
		children[q.Parent] = append(children[q.Parent], q)
	}
	found := p
	for todo := []int{p.ID}; len(todo) > 0; {
		family := children[todo[0]]
		delete(children, todo[0]) // each once, also where the parents form a ring
		todo = todo[1:]
		for _, q := range family {
			todo = append(todo, q.ID)
			if q.Age <= found.Age && q.Args != "" {
				found = q
			}
		}
	}
	return found
}

// busyWith returns which of the packages a package manager names last:
//
//	dpkg:   Preparing to unpack .../kubeadm_1.26.2-1.1_amd64.deb ...
//	dnf 4:  Running scriptlet: kubeadm-1.26.2-150500.1.1.x86_64
//	dnf 5:  [1/3] Installing kubeadm-0:1.26.2-150500.1.1.x86_64
//	zypper: (1/1) Installing: kubeadm-1.26.2-150500.1.1.x86_64
//
// It is empty where the last such line names none of them.
func busyWith(output string, packages []string) string {
	named := busyLine.FindAllStringSubmatch(output, -1)
	if len(named) == 0 {
		return ""
	}
	file := path.Base(named[len(named)-1][1])
	// kubernetes-cni and kubernetes: the longest name is meant.
	best := ""
	for _, p := range packages {
		if rest, ok := strings.CutPrefix(file, p); ok && len(p) > len(best) && len(rest) > 1 && strings.ContainsRune("-_ ", rune(rest[0])) && isDigit(rest[1]) {
			best = p
		}
	}
	return best
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

var busyLine = regexp.MustCompile(`(?:Preparing to unpack|Unpacking|Running scriptlet:?|Preparing:?|Installing:?|Upgrading:?|Downgrading:?|Removing:?|Erasing:?|Running %\w+ scriptlet:?) +(\S+)`)
