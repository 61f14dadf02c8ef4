package guest

import (
	"fmt"
	"net/url"
	"strings"

	"sigs.k8s.io/pkgverify/images"
)

// Fault tells, from the exit code and output of a command that failed, whether
// the laboratory is to blame. It returns no fault when the command succeeded,
// and when nothing speaks against the packages and the repository.
//
// What a package prints can look like a fault of the laboratory. The result is
// then "blocked" and not "passed", so nothing bad goes through.
func Fault(exit int, output string, emulated bool, repoURL string) (images.Fault, string) {
	if exit == 0 {
		return "", ""
	}
	for l := range strings.Lines(output) {
		l = strings.TrimSpace(l)
		if containsAny(l, "No space left on device", "Disk quota exceeded", "You don't have enough free space", "needs more space on the") {
			return images.FaultDisk, l
		}
		if strings.Contains(l, "Cannot allocate memory") {
			return images.FaultMemory, l
		}
		if emulated && emulatorCrash(l) {
			return images.FaultEmulation, l
		}
		if f, ok := unreachable(l, repoURL); ok {
			return f, l
		}
	}
	switch {
	case exit == 137: // SIGKILL: nothing in here sends it but the kernel
		return images.FaultMemory, "the command was killed (exit 137), most likely for want of memory"
	case emulated && crashed(exit):
		return images.FaultEmulation, fmt.Sprintf("the command crashed under emulation (exit %d)", exit)
	}
	return "", ""
}

// crashed reports whether an exit code is that of SIGILL, SIGABRT, SIGBUS,
// SIGFPE or SIGSEGV, which is how qemu-user ends when it cannot go on.
func crashed(exit int) bool {
	switch exit {
	case 132, 134, 135, 136, 139:
		return true
	}
	return false
}

// emulatorCrash reports whether a line tells of a crash: qemu's own message,
// or dpkg's and rpm's word on a maintainer script that a signal ended.
func emulatorCrash(l string) bool {
	if strings.Contains(l, "qemu: uncaught target signal") || strings.Contains(l, "qemu: Unsupported syscall") {
		return true
	}
	if containsAny(l, "killed by signal (", "subprocess was killed by signal", "terminated by signal") {
		return containsAny(l, "Illegal instruction", "Aborted", "Bus error", "Floating point exception", "Segmentation fault")
	}
	return containsAny(l, "error exit status 132", "error exit status 134", "error exit status 139",
		"exit status 132", "exit status 134", "exit status 139")
}

// unreachable reports whether a line of apt's, dnf's or curl's says that a
// server could not be reached, and which fault that is.
func unreachable(l, repoURL string) (images.Fault, bool) {
	if !containsAny(l,
		"Temporary failure resolving", "Could not resolve", "Couldn't resolve host", "Something wicked happened resolving",
		"Could not connect to", "Failed to connect to", "Couldn't connect to server", "Connection refused",
		"connection timed out", "Connection timed out", "Timeout was reached", "Operation timed out",
		"Network is unreachable", "No route to host", "Unable to connect to") {
		return "", false
	}
	u, err := url.Parse(repoURL)
	if err != nil || u.Hostname() == "" || strings.Contains(l, u.Hostname()) || !strings.Contains(l, "://") && !strings.Contains(l, "'") {
		return images.FaultNetwork, true
	}
	return images.FaultMirror, true
}

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// Warnings returns the lines by which apt and dnf mark warnings and errors, in
// order, at most images.MaxWarnings.
func Warnings(output string) []string {
	var w []string
	for l := range strings.Lines(output) {
		l = strings.TrimSpace(l)
		for _, p := range []string{"W: ", "E: ", "Err:", "Warning:", "warning:", "Error:", "error:", "Error in "} {
			if strings.HasPrefix(l, p) {
				w = append(w, l)
				break
			}
		}
		if len(w) == images.MaxWarnings {
			break
		}
	}
	return w
}
