package checks

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/verify"
)

// programFolders are where systemd looks for a program that is named without
// its folder (systemd.service(5), "Command Lines"), which is at build time of
// systemd: these are the distributions'.
func programFolders() []string {
	return []string{"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/"}
}

// systemProgram reports whether a program is on any system: of the packages
// that Debian marks Essential, of those that hold up a system that systemd
// runs, or of those that the profile assumes and that are called like it.
func systemProgram(name string, assumed []verify.Capability) bool {
	base := path.Base(name)
	dir := path.Dir(merged(name)) + "/"
	switch {
	case !strings.Contains(name, "/"):
	case dir == "/usr/lib/systemd/":
		return true
	case dir != "/usr/bin/" && dir != "/usr/sbin/":
		return false
	}
	if slices.ContainsFunc(assumed, func(c verify.Capability) bool { return merged(c.Name) == merged(name) || holds(c.Name, base) }) {
		return true
	}
	return slices.Contains(strings.Fields(systemPrograms), base) || strings.HasPrefix(base, "systemd-")
}

// holds reports whether a program is of a package, by their names alone.
func holds(pkg, program string) bool {
	switch pkg {
	case "iproute", "iproute2":
		return slices.Contains([]string{"ip", "ss", "tc", "bridge"}, program)
	case "iptables", "iptables-nft", "iptables-legacy":
		return strings.HasPrefix(program, "iptables") || strings.HasPrefix(program, "ip6tables") || strings.HasPrefix(program, "xtables")
	}
	return pkg == program || pkg == program+"-tools"
}

// systemPrograms are of bash, coreutils, diffutils, findutils, grep, gzip,
// hostname, kmod, mount, procps, sed, systemd, tar and util-linux.
const systemPrograms = `
bash sh dash rbash
[ basename cat chgrp chmod chown chroot comm cp cut date dd df dirname du echo env expand expr false fmt fold head
hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc od paste printf pwd
readlink realpath rm rmdir seq sha256sum shred sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch
tr true truncate tsort tty uname uniq unlink users wc who whoami yes
cmp diff find xargs grep egrep fgrep gzip gunzip zcat hostname sed tar awk
depmod insmod kmod lsmod modinfo modprobe rmmod
mount umount swapon swapoff losetup findmnt mountpoint
kill pgrep pkill pidof ps pwdx sysctl top uptime vmstat watch w free
busctl hostnamectl journalctl localectl loginctl networkctl resolvectl systemctl timedatectl udevadm
agetty blkid blockdev chrt dmesg flock fsck fstrim getopt hwclock ionice ipcmk ipcrm ipcs logger lsblk mkfs mkswap nsenter
prlimit renice runuser setarch setpriv setsid su taskset unshare wall
getent ldconfig locale
`

// systemPath reports whether a path is outside of what packages bring: what the
// kernel and the machine's state make, the users' own, and the files of the
// machine's identity.
func systemPath(name string) bool {
	for _, dir := range []string{
		"/dev", "/proc", "/sys", "/run", "/tmp", "/home", "/root", "/mnt", "/media", "/srv", "/boot",
		"/var/run", "/var/lock", "/var/tmp", "/var/log", "/var/cache", "/var/spool",
		"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/pam.d",
		"/usr/share/zoneinfo", "/usr/share/ca-certificates", "/usr/lib/modules", "/usr/lib/locale",
	} {
		if m := merged(name); m == dir || strings.HasPrefix(m, dir+"/") {
			return true
		}
	}
	switch merged(name) {
	case "/", "/bin", "/etc", "/lib", "/opt", "/usr", "/usr/bin", "/usr/lib", "/usr/sbin", "/usr/libexec", "/usr/local", "/usr/share", "/var", "/var/lib",
		"/etc/default", "/etc/sysconfig", "/etc/environment", "/etc/fstab", "/etc/group", "/etc/hostname", "/etc/hosts", "/etc/locale.conf", "/etc/default/locale",
		"/etc/localtime", "/etc/machine-id", "/etc/nsswitch.conf", "/etc/os-release", "/usr/lib/os-release", "/etc/passwd", "/etc/profile",
		"/etc/resolv.conf", "/etc/shadow", "/etc/sysctl.conf", "/etc/timezone", "/etc/sysconfig/network", "/etc/sysconfig/i18n", "/etc/sysconfig/proxy":
		return true
	}
	return false
}

// systemUnit reports whether a unit is of systemd itself, or of what every
// system has beside it.
func systemUnit(name string) bool {
	switch path.Ext(name) {
	case ".target", ".slice", ".scope", ".mount", ".automount", ".swap", ".device":
		return true // made of fstab, of the hardware, or by the manager
	}
	for _, start := range []string{"systemd-", "getty@", "serial-getty@", "console-getty.", "container-getty@", "user@", "user-runtime-dir@",
		"dbus.", "dbus-broker.", "emergency.", "rescue.", "initrd-", "kmod-static-nodes.", "ldconfig.", "modprobe@", "debug-shell."} {
		if strings.HasPrefix(name, start) {
			return true
		}
	}
	return false
}
