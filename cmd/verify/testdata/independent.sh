#!/usr/bin/env bash
# Publishes a repository of a product that has nothing to do with Kubernetes,
# with the distributions' own tools only: dpkg-deb, apt-ftparchive, rpmbuild,
# rpmsign, createrepo_c, gpg. Usage: independent.sh FOLDER
set -euo pipefail
out=$1
work=$(mktemp -d)
trap 'gpgconf --kill all; rm -rf "$work"' EXIT
export GNUPGHOME=$work/gnupg LC_ALL=C.UTF-8 TZ=UTC
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Widgets <widgets@example.com>' rsa3072 sign never
gpg --batch --quiet --armor --export >"$work/key.asc"

deb=$out/main/2.0/deb rpm=$out/main/2.0/rpm
mkdir -p "$deb/pool" "$rpm/repodata"
for version in 2.0.0 2.0.1; do
	for compression in xz zstd; do
		name=widget$([ $compression = zstd ] && echo -z || true)
		root=$work/$name-$version
		mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/etc"
		printf '#!/bin/sh\necho widget %s\n' "$version" >"$root/usr/bin/$name"
		chmod 755 "$root/usr/bin/$name"
		echo option=1 >"$root/etc/$name.conf"
		echo "/etc/$name.conf" >"$root/DEBIAN/conffiles"
		cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: 1:$version-1
Architecture: amd64
Maintainer: Widgets <widgets@example.com>
Section: utils
Priority: optional
Description: a widget
 With a longer text
 .
 of two paragraphs.
CONTROL
		dpkg-deb --root-owner-group -Z$compression --build "$root" "$deb/pool" >/dev/null
		cat >"$work/widget.spec" <<SPEC
Name: $name
Epoch: 1
Version: $version
Release: 1
Summary: A widget
License: Apache-2.0
Requires: /bin/sh
%description
A widget,  with   white space.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc
cp $root/usr/bin/$name %{buildroot}/usr/bin/
cp $root/etc/$name.conf %{buildroot}/etc/
%files
/usr/bin/$name
%config(noreplace) /etc/$name.conf
SPEC
		rpmbuild --quiet -bb --target x86_64 -D "_topdir $work/rpm" -D "_rpmdir $rpm" \
			-D "_binary_payload w3.$([ $compression = xz ] && echo xzdio || echo zstdio)" "$work/widget.spec" >/dev/null 2>&1
	done
done

(
	cd "$deb"
	apt-ftparchive packages pool >Packages
	gzip -9kn Packages
	xz -k Packages
	apt-ftparchive -o APT::FTPArchive::Release::Origin=Widgets -o APT::FTPArchive::Release::Codename=main \
		-o APT::FTPArchive::Release::Architectures=amd64 release . >"$work/Release"
	mv "$work/Release" .
	gpg --batch --quiet --clearsign -o InRelease Release
	gpg --batch --quiet --armor --detach-sign -o Release.gpg Release
	cp "$work/key.asc" Release.key
)
(
	cd "$rpm"
	rpmsign --addsign -D "_gpg_name Widgets" -D "_gpg_path $GNUPGHOME" -D "__gpg $(command -v gpg)" x86_64/*.rpm >/dev/null 2>&1
	createrepo_c --quiet .
	gpg --batch --quiet --armor --detach-sign repodata/repomd.xml
	cp "$work/key.asc" repodata/repomd.xml.key
)
# The same debs once more, laid out as Debian's own archive: below dists/, by
# hash, and with a plain Packages that Release lists and nobody serves.
archive=$out/archive list=main/binary-amd64
mkdir -p "$archive/dists/stable/$list" "$archive/dists/stable/main/binary-s390x"
cp -r "$deb/pool" "$archive/pool"
(
	cd "$archive"
	apt-ftparchive packages pool >"dists/stable/$list/Packages"
	cd dists/stable
	echo "another architecture, which nobody asks for" >main/binary-s390x/Packages
	gzip -9kn "$list/Packages"
	xz -k "$list/Packages"
	apt-ftparchive -o APT::FTPArchive::Release::Origin=Widgets -o APT::FTPArchive::Release::Suite=stable \
		-o APT::FTPArchive::Release::Components=main -o "APT::FTPArchive::Release::Architectures=amd64 s390x" \
		-o APT::FTPArchive::Release::Acquire-By-Hash=yes release . >"$work/Release"
	mv "$work/Release" .
	gpg --batch --quiet --clearsign -o InRelease Release
	gpg --batch --quiet --armor --detach-sign -o Release.gpg Release
	rm "$list/Packages"
	mkdir -p "$list/by-hash/SHA512" # the strongest in Release is what apt asks for
	for file in "$list"/Packages.*; do
		mv "$file" "$list/by-hash/SHA512/$(sha512sum "$file" | cut -d ' ' -f 1)"
	done
	cp "$work/key.asc" ../../Release.key
)
cp "$work/key.asc" "$out/key.asc"
