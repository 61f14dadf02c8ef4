#!/bin/sh
# Hook of mmdebstrap, for a foreign architecture, after the essential packages:
# has maintainer scripts and debconf run by this machine's own sh and perl. They
# are called by their full names, so being first on the path is not enough.
# native-out.sh puts the image's own back.
set -eu
root=$1
list=$root/pkgverify-native.list
libs() {
	ldd "$1" 2>/dev/null | sed -n 's/^.*=> \(\/[^ ]*\).*$/\1/p; s/^[[:space:]]*\(\/lib[^ ]*\).*$/\1/p' | while read -r lib; do
		[ ! -e "$root$lib" ] || continue
		mkdir -p "$root$(dirname "$lib")"
		cp -L "$lib" "$root$lib"
		echo "$lib" >> "$list"
	done
}

dash=$(command -v dash) || exit 0
libs "$dash"
cp "$dash" "$root/usr/local/sbin/dash"
echo /usr/local/sbin/dash >> "$list"
# Where a script of its own is started by name, the image's dash still is.
[ "$(readlink "$root/usr/bin/sh")" = dash ] && ln -sf /usr/local/sbin/dash "$root/usr/bin/sh"

perl=/usr/bin/perl
base=$("$perl" -e 'print grep { m{/perl-base$} } @INC') || base=
if [ -n "$base" ] && [ -d "$base" ] && [ ! -e "$root$base" ]; then
	libs "$perl"
	mkdir -p "$root$base"
	cp -R "$base/." "$root$base/"
	echo "$base" > "$root/pkgverify-native.perl"
	mv "$root$perl" "$root$perl.pkgverify"
	cp "$perl" "$root$perl"
fi
