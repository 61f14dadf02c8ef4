#!/bin/sh
# Hook of mmdebstrap: removes what native-in.sh put into the image.
set -eu
root=$1
[ "$(readlink "$root/usr/bin/sh")" != /usr/local/sbin/dash ] || ln -sf dash "$root/usr/bin/sh"
if [ -e "$root/pkgverify-native.perl" ]; then
	mv "$root/usr/bin/perl.pkgverify" "$root/usr/bin/perl"
	rm -rf "${root:?}$(cat "$root/pkgverify-native.perl")" "$root/pkgverify-native.perl"
fi
while read -r path; do rm -f "$root$path"; done < "$root/pkgverify-native.list"
rm "$root/pkgverify-native.list"
machine=$(uname -m)
rmdir "$root/usr/lib/$machine-linux-gnu" 2>/dev/null || true
# What is empty now was made for the loader of this machine's programs.
rmdir "$root/usr/lib64" 2>/dev/null || true
if [ -L "$root/lib64" ]; then
	[ -e "$root/lib64" ] || rm "$root/lib64"
else
	rmdir "$root/lib64" 2>/dev/null || true
fi
if [ -d "$root/usr/share/ca-certificates/mozilla" ]; then
	mkdir -p "$root/etc/ssl/certs"
	cat "$root"/usr/share/ca-certificates/mozilla/*.crt > "$root/etc/ssl/certs/ca-certificates.crt"
	chmod 644 "$root/etc/ssl/certs/ca-certificates.crt"
fi
