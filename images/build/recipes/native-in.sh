#!/bin/sh
# Hook of mmdebstrap, for a foreign architecture: puts this machine's own
# programs in front of the emulated ones while the image is made.
#
# What the maintainer scripts of Debian's packages do (unpack, copy, link, hash)
# gives the same files whichever processor does it, and unpacking under
# emulation takes most of the time. native-out.sh removes all of it again.
set -eu
root=$1
mkdir -p "$root/usr/local/sbin" "$root/usr/local/bin" "$root/usr/lib64"
[ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
list=$root/pkgverify-native.list
: > "$list"
for tool in dpkg-deb dpkg-split tar gzip xz sed grep find xargs cmp diff \
	rm cp mv ln mkdir rmdir chmod chown cat sort uniq basename dirname mktemp readlink \
	install touch cut tr id expr ls md5sum sha256sum env head tail wc stat; do
	path=$(command -v "$tool") || continue
	path=$(readlink -f "$path")
	case $(basename "$path") in busybox*) continue ;; esac
	cp "$path" "$root/usr/local/sbin/$tool"
	echo "/usr/local/sbin/$tool" >> "$list"
	ldd "$path" 2>/dev/null | sed -n 's/^.*=> \(\/[^ ]*\).*$/\1/p; s/^[[:space:]]*\(\/lib[^ ]*\).*$/\1/p'
done | sort -u | while read -r lib; do
	# What the image has under that name is its own.
	[ ! -e "$root$lib" ] || continue
	mkdir -p "$root$(dirname "$lib")"
	cp -L "$lib" "$root$lib"
	echo "$lib" >> "$list"
	# usr-is-merged may remove the link /lib64, which the image does not need.
	case $lib in /lib64/*) echo "/usr$lib" >> "$list" ;; esac
done
# It looks through every certificate with openssl; native-out.sh makes the
# bundle, which is what apt, dnf and curl read.
printf '#!/bin/sh\nexit 0\n' > "$root/usr/local/sbin/update-ca-certificates"
chmod 755 "$root/usr/local/sbin/update-ca-certificates"
echo /usr/local/sbin/update-ca-certificates >> "$list"
