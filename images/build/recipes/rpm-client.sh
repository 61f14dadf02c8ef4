#!/bin/sh
# Hook of mmdebstrap: makes an rpm client of a Debian root with rpm and dnf,
# dnf5 or zypper.
#
#   rpm-client.sh MANAGER ROOT RPM_ARCH DEBIAN_SUITE
#
# The rpm database of such a root is empty. One rpm that says of itself that it
# is a stand-in provides what every installation of a real distribution has. The
# rest of what packages ask for comes from a repository within the image, as it
# would from the distribution's, so that the solver has something to solve.
# None of these rpms brings a program: the root has Debian's own.
set -eu
manager=$1
root=$2
arch=$3
suite=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# Debian's rpm of some versions keeps its database in the user's home folder,
# and libzypp always here.
mkdir -p "$root/etc/rpm" "$root/var/lib/rpm"
echo '%_dbpath /var/lib/rpm' > "$root/etc/rpm/macros.dbpath"
# rpm 6 gives each script namespaces of its own by a plugin, which a container
# without further rights refuses: no script would ever run. The container
# images of distributions do without the plugin, too.
echo '%__transaction_unshare %{nil}' > "$root/etc/rpm/macros.plugins"

# deb_version prints the upstream version of a Debian package in the root, as
# an rpm may have it; it fails where the package is not there.
deb_version() {
	version=$(chroot "$root" dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || return 1
	version=${version#*:}
	printf %s "${version%%-*}" | tr -c 'A-Za-z0-9._+~' .
}

# What the C library and its companions give, by rpm's own generator.
for lib in "$root"/lib/*/libc.so.6 "$root"/lib/*/libpthread.so.0 "$root"/lib/*/libdl.so.2 "$root"/lib/*/libm.so.6 \
	"$root"/lib/*/librt.so.1 "$root"/lib/*/libresolv.so.2 "$root"/lib/*/libgcc_s.so.1 "$root"/lib/*/ld-linux*.so.* "$root"/lib/*/ld64.so.*; do
	[ -e "$lib" ] || continue
	echo "$lib" | /usr/lib/rpm/elfdeps --provides
done | sort -u > "$work/provides"

# base: capability and the Debian package that gives its version.
base() {
	cat <<'CAPS'
bash bash
ca-certificates ca-certificates
coreutils coreutils
findutils findutils
glibc libc6
grep grep
mount mount
sed sed
shadow-utils passwd
util-linux util-linux
CAPS
}

# distribution: the rpms of the local repository: name, the Debian package that
# gives the version, and what the rpm provides (+) and requires (-) besides.
distribution() {
	case $manager in
	zypper)
		# openSUSE's conntrack-tools does not provide "conntrack".
		cat <<'RPMS'
conntrack-tools conntrack -libnetfilter_conntrack3
ebtables ebtables
ethtool ethtool
iproute2 iproute2 +iproute
iptables iptables -libxtables12
libnetfilter_conntrack3 libnetfilter-conntrack3
libxtables12 libxtables12
socat socat
RPMS
		;;
	*)
		# Fedora's conntrack-tools provides "conntrack", and its iptables-nft
		# "iptables" and "ebtables".
		cat <<'RPMS'
conntrack-tools conntrack +conntrack -libnetfilter_conntrack
ethtool ethtool
iproute iproute2
iptables-libs libxtables12
iptables-nft iptables +iptables +ebtables -iptables-libs
libnetfilter_conntrack libnetfilter-conntrack3
socat socat
RPMS
		;;
	esac
}

# text is the description that all of them have, after the sentence $1.
text() {
	cat <<TEXT
A stand-in. $1 This root is Debian $suite with rpm and $manager. This package
has no files: it says to rpm what the Debian packages beneath already give, so
that packages made for rpm distributions can be installed. It is not a package
of any distribution.
TEXT
}

{
	cat <<SPEC
Name: pkgverify-stand-in
Version: 1
Release: 1
Summary: Stand-in for the base of an rpm distribution
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
Provides: systemd = 252
SPEC
	# Capabilities with the version of the Debian package that is really there.
	base | while read -r cap deb; do
		if v=$(deb_version "$deb"); then echo "Provides: $cap = $v"; fi
	done
	sed 's/^/Provides: /' "$work/provides"
	echo %description
	text "It stands for what every installation has."
	echo %files
	distribution | while read -r name deb more; do
		v=$(deb_version "$deb") || {
			echo "rpm-client.sh: the root has no $deb" >&2
			exit 1
		}
		printf '%%package -n %s\nVersion: %s\nRelease: 1.standin\nSummary: Stand-in for %s of an rpm distribution\nAutoReqProv: no\n' "$name" "$v" "$name"
		for relation in $more; do
			case $relation in
			+*) echo "Provides: ${relation#+} = $v" ;;
			-*) echo "Requires: ${relation#-}" ;;
			esac
		done
		echo "%description -n $name"
		text "It stands for $name."
		echo "%files -n $name"
	done
} > "$work/stand-in.spec"
rpmbuild --quiet -bb --target "$arch-linux" --define "_topdir $work/build" --define "_rpmdir $work/rpms" \
	--define "_build_id_links none" --define "use_source_date_epoch_as_buildtime 1" --define "_buildhost stand-in" "$work/stand-in.spec"
mv "$work/rpms/$arch"/pkgverify-stand-in-*.rpm "$root/tmp/stand-in.rpm"
# Debian's rpm before version 6 will not install anything on a Debian system
# unless it is told that this is meant.
meant=--force-debian
chroot "$root" rpm $meant --version > /dev/null 2>&1 || meant=
chroot "$root" rpm -i $meant /tmp/stand-in.rpm
rm "$root/tmp/stand-in.rpm"

repository=/usr/share/pkgverify/distribution
mkdir -p "$root$repository"
cp "$work/rpms/$arch"/*.rpm "$root$repository/"
find "$root$repository" -name '*.rpm' -exec touch -d "@${SOURCE_DATE_EPOCH:-0}" {} +
createrepo_c --quiet --checksum=sha256 --revision=1 --set-timestamp-to-revision "$root$repository"

case $manager in
zypper) repos=/etc/zypp/repos.d ;;
*)
	repos=/etc/yum.repos.d
	# As Red Hat's own dnf.conf has it: a repository that cannot be read is an
	# error, and what is asked for is the best or nothing.
	mkdir -p "$root/etc/dnf"
	cat > "$root/etc/dnf/dnf.conf" <<'CONF'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
CONF
	;;
esac
mkdir -p "$root$repos"
# Debian enables a plugin of dnf5's that keeps what was downloaded in one more
# repository. It needs createrepo_c, and without that the installation fails.
rm -f "$root/etc/dnf/libdnf5-plugins/local.conf"
# Its rpms were made with the image and are not signed, so nothing is checked
# for this repository; what other repositories say for themselves is not touched.
cat > "$root$repos/distribution.repo" <<CONF
[distribution]
name=Stand-in for the repository of an rpm distribution
baseurl=file://$repository
enabled=1
gpgcheck=0
repo_gpgcheck=0
CONF

# Python's byte code is the same for every processor: this machine makes it, if
# it has the very Python of the image. Otherwise dnf makes it when it starts.
python=$(cd "$root/usr/bin" && ls -d python3.[0-9]* 2>/dev/null | grep -v config | head -n 1) || python=
if [ -n "$python" ] && [ -x "/usr/bin/$python" ]; then
	"/usr/bin/$python" -m compileall -q -j 0 -s "$root" --invalidation-mode unchecked-hash "$root/usr/lib/python3" "$root/usr/lib/$python" || true
fi
