#!/bin/sh
# Makes a signed repository of two gigabytes, half deb and half rpm, of packages
# like those that programs written in Go are published as. Only the tools of
# Debian and of Go are used: nothing of this module publishes what it is
# measured on.
#
#   tree.sh key DIR             DIR/key.asc and DIR/secret.asc
#   tree.sh tree DIR KEYS       DIR/deb (flat), DIR/debian (the same files below
#                               dists/) and DIR/rpm
#   tree.sh sign-deb DIR KEYS   InRelease and Release.gpg of the Release in DIR
#   tree.sh sign-rpm DIR KEYS   repomd.xml.asc in DIR/repodata
#
# KEYS is the folder that "key" was given. Packing takes most of the time, so
# five payloads are packed with xz for the debs and shared by all versions, as
# rebuilds of a package share most of theirs; the rpms are packed with zstd, two
# of them with xz.
set -eu

jobs=$(nproc)
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000
versions_deb=$(seq 0 15)
versions_rpm=$(seq 0 13)

# The calls of this script that pack side by side share one work folder.
if [ -z "${TREE_WORK:-}" ]; then
	TREE_WORK=$(mktemp -d)
	export TREE_WORK GNUPGHOME="$TREE_WORK/gnupg"
	mkdir -m 700 "$GNUPGHOME"
	trap 'gpgconf --kill all; rm -rf "$TREE_WORK"' EXIT
	trap 'exit 130' INT TERM
fi
work=$TREE_WORK

say() { echo "tree: $*" >&2; }

key() {
	mkdir -p "$1"
	gpg --batch --quiet --no-auto-check-trustdb --passphrase '' --quick-gen-key 'Measurements <bench@example.com>' rsa3072 sign never
	gpg --batch --armor --export > "$1/key.asc"
	gpg --batch --quiet --armor --passphrase '' --pinentry-mode loopback --export-secret-keys > "$1/secret.asc"
	gpg --batch --no-auto-check-trustdb --list-keys --with-colons | awk -F: '$1 == "fpr" {print $10; exit}' > "$1/fingerprint"
}

import() {
	gpg --batch --quiet --import "$1/secret.asc"
	fingerprint=$(cat "$1/fingerprint")
}

sign_deb() {
	gpg --batch --yes --quiet -u "$fingerprint" --clearsign -o "$1/InRelease" "$1/Release"
	gpg --batch --yes --quiet -u "$fingerprint" --armor --detach-sign -o "$1/Release.gpg" "$1/Release"
}

sign_rpm() {
	gpg --batch --yes --quiet -u "$fingerprint" --armor --detach-sign -o "$1/repodata/repomd.xml.asc" "$1/repodata/repomd.xml"
}

# programs builds real programs: those of the Go toolchain itself.
programs() {
	for arch in amd64 arm64; do
		say "building the Go toolchain's programs for $arch"
		mkdir -p "$work/bin/$arch"
		(cd / && GOWORK=off GOFLAGS=-buildvcs=false CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags '-s -w' \
			-o "$work/bin/$arch/" cmd/asm cmd/cgo cmd/compile cmd/cover cmd/fix cmd/go cmd/gofmt cmd/link cmd/nm \
			cmd/objdump cmd/pprof cmd/trace cmd/vet)
	done
}

# bundle NAME ARCH PROGRAM... lays out what one package installs.
bundle() {
	name=$1 arch=$2 root=$work/root/$1-$2
	shift 2
	mkdir -p "$root/usr/bin" "$root/usr/share/doc/$name" "$root/usr/lib/systemd/system" "$root/etc/default"
	for program; do
		cp "$work/bin/$arch/$program" "$root/usr/bin/$name-$program"
	done
	echo "Licence: BSD-3-Clause" > "$root/usr/share/doc/$name/copyright"
	printf '[Service]\nEnvironmentFile=-/etc/default/%s\nExecStart=/usr/bin/%s-%s\n' "$name" "$name" "$1" \
		> "$root/usr/lib/systemd/system/$name.service"
	echo 'ARGS=' > "$root/etc/default/$name"
	find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

bundles() {
	for arch in amd64 arm64; do
		bundle toolchain "$arch" go compile link gofmt
		bundle toolchain-extra "$arch" vet trace pprof cover objdump nm fix
	done
	bundle toolchain-full amd64 go compile link gofmt vet trace pprof cover objdump nm fix asm cgo
}

pack() { tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$1" .; }

# debs writes the debs of one payload: ar(1) joins a control member of each
# version's own with the shared data member.
debs() {
	root=$1 arch=${1##*-}
	name=$(basename "${1%-*}")
	dir=$work/deb/$name-$arch
	mkdir -p "$dir/control" "$2/deb/$arch"
	printf '2.0\n' > "$dir/debian-binary"
	pack "$root" | xz -6 -T1 > "$dir/data.tar.xz"
	(cd "$root" && find usr -type f | sort | xargs md5sum) > "$dir/control/md5sums"
	echo "/etc/default/$name" > "$dir/control/conffiles"
	printf '#!/bin/sh\nset -e\n' > "$dir/control/postinst"
	chmod 755 "$dir/control/postinst"
	for v in $versions_deb; do
		cat > "$dir/control/control" <<-END
			Package: $name
			Version: 1.26.$v-1.1
			Architecture: $arch
			Maintainer: Measurements <bench@example.com>
			Installed-Size: $(du -sk "$root" | cut -f1)
			Depends: libc6 (>= 2.28), ca-certificates | ssl-cert
			Section: devel
			Priority: optional
			Homepage: https://example.com/
			Description: programs of the Go toolchain
			 They are what this repository is made of because they compress as the
			 programs of other Go projects do.
		END
		pack "$dir/control" | gzip -9n > "$dir/control.tar.gz"
		(cd "$dir" && rm -f x.deb && ar rcD x.deb debian-binary control.tar.gz data.tar.xz)
		mv "$dir/x.deb" "$2/deb/$arch/${name}_1.26.$v-1.1_$arch.deb"
	done
	rm -f "$dir/data.tar.xz"
}

# rpms writes the rpms of one payload: rpms ROOT OUT VERSION PAYLOAD.
rpms() {
	root=$1 version=$3
	name=$(basename "${1%-*}")
	case ${1##*-} in amd64) arch=x86_64 ;; arm64) arch=aarch64 ;; esac
	top=$work/rpm/$name-$arch-$version-$4
	mkdir -p "$top" "$2/rpm/$arch"
	cat > "$top/x.spec" <<-END
		Name: $name
		Version: 1.26.$version
		Release: 150500.1.1
		Summary: programs of the Go toolchain
		License: BSD-3-Clause
		URL: https://example.com/
		AutoReqProv: no
		Requires: ca-certificates
		%description
		They are what this repository is made of because they compress as the
		programs of other Go projects do.
		%install
		cp -a $root/. %{buildroot}/
		%files
		%defattr(-,root,root)
		/usr/bin/*
		/usr/lib/systemd/system/*
		/usr/share/doc/$name
		%config(noreplace) /etc/default/$name
	END
	rpmbuild -bb --quiet --target "$arch-linux" --define "_topdir $top" --define "_rpmdir $2/rpm" --define "_binary_payload $4" \
		--define 'debug_package %{nil}' --define '__os_install_post %{nil}' --define '_build_id_links none' \
		--define 'use_source_date_epoch_as_buildtime 1' --define '_buildhost localhost' \
		--define "_rpmfilename %%{ARCH}/%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" "$top/x.spec" > "$top/log" 2>&1 ||
		{ cat "$top/log" >&2; return 1; }
	rm -rf "$top"
}

# works prints one call of this script for each payload of debs and each rpm,
# the longest first.
works() {
	full=$work/root/toolchain-full-amd64
	echo "debs $full $1"
	echo "rpms $full $1 0 w6.xzdio"
	for root in "$work"/root/*-*; do
		[ "$root" = "$full" ] || echo "debs $root $1"
	done
	for root in "$work"/root/*-*; do
		[ "$root" = "$full" ] && continue
		for v in $versions_rpm; do
			payload=w3.zstdio
			case $v/$root in 0/*toolchain-arm64) payload=w6.xzdio ;; esac
			echo "rpms $root $1 $v $payload"
		done
	done
}

# release FOLDER OPTION... compresses the lists and writes the Release of a folder.
release() {
	dir=$1
	shift
	(cd "$dir" && find . -name Packages) | while read -r list; do
		gzip -9n < "$dir/$list" > "$dir/$list.gz"
	done
	apt-ftparchive -o APT::FTPArchive::SHA512=false -o APT::FTPArchive::Release::Origin=bench \
		-o 'APT::FTPArchive::Release::Architectures=amd64 arm64' "$@" release "$dir" > "$work/Release"
	mv "$work/Release" "$dir/Release"
}

index_deb() {
	say "indexing the debs"
	(cd "$1/deb" && apt-ftparchive -o APT::FTPArchive::SHA512=false packages .) | sed 's,^Filename: \./,Filename: ,' > "$work/Packages"
	mv "$work/Packages" "$1/deb/Packages"
	release "$1/deb"
	sign_deb "$1/deb"
	# The same files as Debian's archive has them, for tools that know no other.
	dists=$1/debian/dists/stable
	for arch in amd64 arm64; do
		mkdir -p "$dists/main/binary-$arch"
		awk -v RS= -v ORS='\n\n' -v want="\nArchitecture: $arch\n" 'index($0, want)' "$1/deb/Packages" |
			sed 's,^Filename: ,Filename: pool/,' > "$dists/main/binary-$arch/Packages"
	done
	ln -s ../deb "$1/debian/pool"
	release "$dists" -o APT::FTPArchive::Release::Codename=stable -o APT::FTPArchive::Release::Suite=stable \
		-o APT::FTPArchive::Release::Components=main
	sign_deb "$dists"
}

index_rpm() {
	say "signing and indexing the rpms"
	find "$1/rpm" -name '*.rpm' -print0 |
		xargs -0 -n 8 -P "$jobs" rpmsign --addsign --define "__gpg $(command -v gpg)" --define "_gpg_name $fingerprint" > "$work/rpmsign.log" 2>&1 ||
		{ cat "$work/rpmsign.log" >&2; return 1; }
	createrepo_c --quiet --checksum sha256 --workers "$jobs" "$1/rpm"
	sign_rpm "$1/rpm"
}

tree() {
	rm -rf "$1"
	mkdir -p "$1"
	programs
	bundles
	say "packing"
	works "$1" > "$work/todo"
	xargs -P "$jobs" -L 1 "$0" < "$work/todo"
	index_deb "$1"
	index_rpm "$1"
}

case $1 in
key) key "$2" ;;
tree) import "$3" && tree "$2" ;;
sign-deb) import "$3" && sign_deb "$2" ;;
sign-rpm) import "$3" && sign_rpm "$2" ;;
debs | rpms) "$@" ;; # what tree does side by side
*) sed -n '/^$/q; s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
