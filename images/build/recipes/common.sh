#!/bin/sh
# Hook of mmdebstrap: what every image has in common.
set -eu
root=$1
# The options that made the image must not bear on what is installed in it.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
rm -f "$root/usr/local/bin/py3compile" "$root/usr/local/bin/py3clean"
# A container is thrown away: there is no use in waiting for the disk.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/pkgverify"
# No distribution mirror is needed inside: all that the packages depend on is
# there, and what is not is a dependency that is missing.
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
mkdir -p "$root/etc/apt/sources.list.d" "$root/etc/apt/keyrings"
# Services are not started when they are installed (Debian policy, invoke-rc.d).
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/log/* "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*
: > "$root/etc/machine-id"
