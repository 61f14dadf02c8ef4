#!/bin/sh
# Hook of mmdebstrap: makes an rpm client of a Debian root with dnf and rpm.
#
#   rpm-dnf.sh ROOT RPM_ARCH DEBIAN_SUITE
#
# The rpm database is empty, so one rpm without files is installed that
# provides what the packages of a real distribution would. It says of itself
# that it is a stand-in.
set -eu
root=$1
arch=$2
suite=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

mkdir -p "$root/etc/yum.repos.d" "$root/var/lib/rpm"
# As Red Hat's own dnf.conf has it: a repository that cannot be read is an
# error, and what is asked for is the best or nothing.
cat > "$root/etc/dnf/dnf.conf" <<'CONF'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
CONF

# What the C library and its companions give, by rpm's own generator.
for lib in "$root"/lib/*/libc.so.6 "$root"/lib/*/libpthread.so.0 "$root"/lib/*/libdl.so.2 "$root"/lib/*/libm.so.6 \
	"$root"/lib/*/librt.so.1 "$root"/lib/*/libresolv.so.2 "$root"/lib/*/libgcc_s.so.1 "$root"/lib/*/ld-linux*.so.* "$root"/lib/*/ld64.so.*; do
	[ -e "$lib" ] || continue
	echo "$lib" | /usr/lib/rpm/elfdeps --provides
done | sort -u > "$work/provides"
{
	cat <<SPEC
Name: pkgverify-stand-in
Version: 1
Release: 1
Summary: Stand-in for the packages of an rpm distribution
License: Apache-2.0
Vendor: pkgverify (stand-in, not a distribution)
AutoReqProv: no
Provides: system-release = 12
Provides: system-release(releasever) = 12
Provides: /bin/sh
Provides: /bin/bash
Provides: /usr/bin/sh
Provides: /usr/bin/bash
Provides: /usr/bin/env
Provides: rtld(GNU_HASH)
SPEC
	# Capabilities with the version of the Debian package that is really there.
	while read -r cap deb; do
		version=$(chroot "$root" dpkg-query -W -f '${Version}' "$deb" 2>/dev/null) || continue
		version=${version#*:}
		version=${version%%-*}
		echo "Provides: $cap = $(printf %s "$version" | tr -c 'A-Za-z0-9._+~' .)"
	done <<'CAPS'
bash bash
ca-certificates ca-certificates
conntrack conntrack
conntrack-tools conntrack
coreutils coreutils
ebtables ebtables
ethtool ethtool
findutils findutils
glibc libc6
grep grep
iproute iproute2
iproute2 iproute2
iptables iptables
mount mount
sed sed
shadow-utils passwd
socat socat
util-linux util-linux
CAPS
	echo "Provides: systemd = 252"
	echo "Provides: iptables-nft = 1.8.9"
	sed 's/^/Provides: /' "$work/provides"
	cat <<SPEC
%description
A stand-in. This root is Debian $suite with dnf and rpm, whose rpm database is
empty. This package has no files: it says to rpm what the Debian packages
beneath already give, so that packages made for rpm distributions can be
installed. It is not a package of any distribution.
%files
SPEC
} > "$work/stand-in.spec"
rpmbuild --quiet -bb --target "$arch-linux" --define "_topdir $work/build" --define "_rpmdir $work/rpms" \
	--define "_build_id_links none" --define "use_source_date_epoch_as_buildtime 1" --define "_buildhost stand-in" "$work/stand-in.spec"
cp "$work/rpms/$arch"/*.rpm "$root/tmp/stand-in.rpm"
# Debian's rpm warns before it installs anything on a Debian system.
chroot "$root" rpm -i --force-debian /tmp/stand-in.rpm
rm "$root/tmp/stand-in.rpm"

# Python's byte code is the same for every processor: this machine makes it, if
# it has the very Python of the image. Otherwise dnf makes it when it starts.
python=$(cd "$root/usr/bin" && ls -d python3.[0-9]* 2>/dev/null | grep -v config | head -n 1) || python=
if [ -n "$python" ] && [ -x "/usr/bin/$python" ]; then
	"/usr/bin/$python" -m compileall -q -j 0 -s "$root" --invalidation-mode unchecked-hash "$root/usr/lib/python3" "$root/usr/lib/$python" || true
fi
