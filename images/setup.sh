#!/bin/sh
# Makes a Debian machine ready for pkgverify: the packages that building,
# publishing and testing need, a container engine, and the emulation of foreign
# architectures. It does only what is lacking and says what it does. It needs
# root, and may be run as often as wanted.
#
#   images/setup.sh            everything that running and testing need
#   images/setup.sh use        what running needs: make demo, make images
#   images/setup.sh packages   Debian packages only
#   images/setup.sh docker     a Docker daemon, unless an engine answers already
#   images/setup.sh binfmt     qemu-user for foreign programs, also in containers
#   images/setup.sh stop       ends the daemon that "docker" started
#   images/setup.sh bench      Debian packages that only measuring needs
#   images/setup.sh list       prints the packages and changes nothing
#
# The daemon's log is in $XDG_CACHE_HOME/pkgverify (or ~/.cache/pkgverify).
set -eu

# The packages that running needs, one line for each use.
use_packages() {
	# the container engine, and what it needs to make networks
	echo docker.io iptables
	# building images; foreign architectures
	echo mmdebstrap arch-test qemu-user-static binfmt-support ca-certificates
	# writing deb and rpm repositories, whole and broken
	echo dpkg-dev apt-utils binutils xz-utils zstd bzip2 gzip rpm createrepo-c cpio
	# keys and signatures
	echo gnupg gpg gpgconf gpgv
}

# What tests need besides.
test_packages() {
	# the other engines, and what Podman needs without root
	echo podman crun runc uidmap slirp4netns fuse-overlayfs
	# deb and rpm: the tools that results are held against
	echo libdpkg-perl python3-apt dnf python3-rpm libxml2-utils libsolv-tools python3-librepo sqv
	# solvers, which the closure of dependencies is held against
	echo dose-distcheck python3-solv dnf-plugins-core
	# programs, to be looked at
	echo gcc libc6-dev file
	# manual pages and units, to be checked
	echo mandoc systemd
	# the report as a page, looked at in a browser
	echo chromium
}

packages() {
	use_packages
	test_packages
}

# What make bench measures against.
bench_packages() {
	echo aptly debmirror rpm2cpio
}

say() { echo "setup: $*"; }

die() {
	echo "setup: $*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" -eq 0 ] || die "$1 needs root: run 'sudo images/setup.sh $2'"
}

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pkgverify

# install_packages installs those of its arguments that are lacking.
install_packages() {
	command -v dpkg-query >/dev/null || die "this is no Debian machine: install the like of: $*"
	lacking=
	for p; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || status=
		[ "$status" = installed ] || lacking="$lacking $p"
	done
	if [ -z "$lacking" ]; then
		say "packages: all are there"
		return
	fi
	need_root "installing packages" all
	say "packages: installing$lacking"
	# Services are started below, where it can be seen whether they come up.
	policy=/usr/sbin/policy-rc.d
	made_policy=
	if [ ! -e "$policy" ] && [ ! -d /run/systemd/system ]; then
		printf '#!/bin/sh\nexit 101\n' > "$policy"
		chmod 755 "$policy"
		made_policy=yes
	fi
	code=0
	# Old lists may name files that the mirror no longer has.
	# shellcheck disable=SC2086
	{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $lacking; } || code=$?
	[ -z "$made_policy" ] || rm -f "$policy"
	[ "$code" -eq 0 ] || die "packages: apt-get failed with $code"
}

# answers asks Docker's API for a sign of life, without any client.
answers() {
	case ${DOCKER_HOST:-} in
	'' | unix://*)
		socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
		socket=${socket#unix://}
		[ -S "$socket" ] || return 1
		perl -MIO::Socket::UNIX -e '
			alarm 5;
			my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
			print $s "GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"; $s->flush;
			exit((<$s> // "") =~ m{^HTTP/1\.\d 200} ? 0 : 1);' "$socket"
		;;
	*) return 0 ;; # a remote engine is the caller's business
	esac
}

# forget removes the pid file $1 unless a program $2 lives under its number.
# One that has ended and that nobody has waited for still has its name.
forget() {
	[ -e "$1" ] || return 0
	pid=$(cat "$1")
	if grep -q "^$2" "/proc/$pid/comm" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"; then
		return 0
	fi
	say "docker: removing $1, whose process has ended"
	rm -f "$1"
}

start_docker() {
	if answers; then
		say "docker: an engine answers"
		return
	fi
	need_root "starting a container engine" docker
	[ -z "${DOCKER_HOST:-}" ] || die "docker: no engine answers at DOCKER_HOST=$DOCKER_HOST"
	daemon=$(command -v dockerd) || die "docker: dockerd is not installed: run 'images/setup.sh packages'"
	mkdir -p "$cache"
	log=$cache/dockerd.log
	pidfile=$cache/dockerd.pid
	if [ -d /run/systemd/system ] && systemctl start docker 2>/dev/null; then
		say "docker: started by systemd"
		pid=
	else
		# Daemons that were killed leave their pid files behind, which stop a
		# new one while a process of that number is there.
		forget /var/run/docker.pid dockerd
		forget /var/run/docker/containerd/containerd.pid containerd
		say "docker: starting $daemon, log in $log"
		setsid "$daemon" > "$log" 2>&1 < /dev/null &
		pid=$!
		echo "$pid" > "$pidfile"
	fi
	tries=0
	until answers; do
		tries=$((tries + 1))
		if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
			tail -n 20 "$log" >&2
			die "docker: the daemon ended; its last words are above (whole log: $log)"
		fi
		if [ "$tries" -ge 120 ]; then
			[ ! -e "$log" ] || tail -n 20 "$log" >&2
			die "docker: no answer after 60 seconds (whole log: $log)"
		fi
		sleep 0.5
	done
	say "docker: it answers"
}

stop_docker() {
	pidfile=$cache/dockerd.pid
	pid=$(cat "$pidfile" 2>/dev/null) || pid=
	if [ -z "$pid" ] || ! grep -q dockerd "/proc/$pid/comm" 2>/dev/null; then
		say "docker: none was started from here"
		return
	fi
	need_root "stopping the daemon" stop
	kill "$pid"
	rm -f "$pidfile"
	say "docker: asked process $pid to end"
}

# handlers prints the qemu handlers for the architectures that packages are
# published for, without this machine's own.
handlers() {
	for h in x86_64 aarch64 arm ppc64le s390x; do
		case $(uname -m)/$h in
		x86_64/x86_64 | aarch64/aarch64 | armv7l/arm | ppc64le/ppc64le | s390x/s390x) ;;
		*) echo "qemu-$h" ;;
		esac
	done
}

# works tells whether a handler is enabled and usable in containers (flag F).
works() {
	entry=/proc/sys/fs/binfmt_misc/$1
	[ -e "$entry" ] && grep -q '^enabled' "$entry" && grep -q '^flags:.*F' "$entry"
}

enable_binfmt() {
	lacking=
	for h in $(handlers); do works "$h" || lacking="$lacking $h"; done
	if [ -z "$lacking" ]; then
		say "binfmt: all handlers are there"
		return
	fi
	need_root "registering handlers" binfmt
	if [ ! -e /proc/sys/fs/binfmt_misc/register ]; then
		say "binfmt: mounting binfmt_misc"
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
			die "binfmt: the kernel has no binfmt_misc (modprobe binfmt_misc)"
	fi
	command -v update-binfmts >/dev/null || die "binfmt: update-binfmts is not installed: run 'images/setup.sh packages'"
	for h in $lacking; do
		say "binfmt: registering $h"
		# An entry that is there and does not work would stand in the way.
		[ ! -e "/proc/sys/fs/binfmt_misc/$h" ] || update-binfmts --disable "$h" || true
		update-binfmts --enable "$h" || die "binfmt: $h could not be registered"
		works "$h" || die "binfmt: $h is registered without the flag F: qemu-user-static is needed, not qemu-user"
	done
}

case ${1:-all} in
all)
	# shellcheck disable=SC2046
	install_packages $(packages)
	start_docker
	enable_binfmt
	;;
use)
	# shellcheck disable=SC2046
	install_packages $(use_packages)
	start_docker
	enable_binfmt
	;;
# shellcheck disable=SC2046
packages) install_packages $(packages) ;;
# shellcheck disable=SC2046
bench) install_packages $(packages) $(bench_packages) ;;
docker) start_docker ;;
binfmt) enable_binfmt ;;
stop) stop_docker ;;
list) packages | tr ' ' '\n' ;;
*) die "usage: images/setup.sh [all|use|packages|docker|binfmt|bench|stop|list]" ;;
esac
