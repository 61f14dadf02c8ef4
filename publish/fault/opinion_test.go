package fault

import (
	"regexp"
	"testing"
)

// opinion is what a real tool says of a broken tree.
type opinion struct {
	command []string
	// says must be found in what it prints, and not must not be; "" is not
	// asked. Both are regular expressions.
	says, not string
}

func (o opinion) hold(t *testing.T, root string) {
	t.Helper()
	out, ok := tried(t, root, o.command...)
	if !ok {
		t.Errorf("%q failed:\n%s", o.command, out)
	}
	if o.says != "" && !regexp.MustCompile("(?m)"+o.says).MatchString(out) {
		t.Errorf("%q: want %s in:\n%.3000s", o.command, o.says, out)
	}
	if o.not != "" && regexp.MustCompile("(?m)"+o.not).MatchString(out) {
		t.Errorf("%q: want no %s in:\n%.3000s", o.command, o.not, out)
	}
}

// What is asked of packages and indexes.
const (
	kubeletDeb = worldDeb + "/amd64/kubelet_1.26.2-1.1_amd64.deb"
	kubeadmDeb = worldDeb + "/amd64/kubeadm_1.26.2-1.1_amd64.deb"
	kubectlDeb = worldDeb + "/amd64/kubectl_1.26.2-1.1_amd64.deb"
	kubeletRPM = worldRPM + "/x86_64/kubelet-1.26.2-150500.1.1.x86_64.rpm"
	kubeadmRPM = worldRPM + "/x86_64/kubeadm-1.26.2-150500.1.1.x86_64.rpm"
	kubectlRPM = worldRPM + "/x86_64/kubectl-1.26.2-150500.1.1.x86_64.rpm"
)

func control(file, says, not string) opinion {
	return opinion{[]string{"dpkg-deb", "--field", file}, says, not}
}

func listed(file, says, not string) opinion {
	return opinion{[]string{"dpkg-deb", "--contents", file}, says, not}
}

func header(file, says, not string) opinion {
	return opinion{[]string{"rpm", "-qp", "--nosignature", "--qf",
		`%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH} %{PAYLOADCOMPRESSOR}\n[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]` +
			`[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEFLAGS:fflags} %{FILELINKTOS}\n]`, file}, says, not}
}

// inDeb asks for the text of a file inside a package; the shell joins the tools
// that unpack it.
func inDeb(file, place, says, not string) opinion {
	return opinion{[]string{"bash", "-o", "pipefail", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -xO ".$2" | tr -d '\0'`, "-", file, place}, says, not}
}

func inRPM(file, place, says, not string) opinion {
	return opinion{[]string{"bash", "-o", "pipefail", "-c", `rpm2archive - < "$1" | tar -xzO ".$2" | tr -d '\0'`, "-", file, place}, says, not}
}

func packagesFile(says, not string) opinion {
	return opinion{[]string{"cat", worldDeb + "/Packages"}, says, not}
}

func primaryFile(says, not string) opinion {
	return opinion{[]string{"bash", "-o", "pipefail", "-c", `zcat "$1"/repodata/*-primary.xml.gz`, "-", worldRPM}, says, not}
}

func filesIn(folder, says, not string) opinion {
	return opinion{[]string{"ls", "-1", folder}, says, not}
}

func contentOpinions() map[string][]opinion {
	const (
		drop10 = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
		unit   = "/usr/lib/systemd/system/kubelet.service"
	)
	stanza := func(name, version, arch string) string {
		return "^Package: " + name + "\nVersion: " + regexp.QuoteMeta(version) + "\n(.*\n)*?Architecture: " + arch + "\n"
	}
	whole := opinion{[]string{"dpkg-deb", "--info", kubeletDeb}, "Version: 1.26.2-1.1\n", ""}
	return map[string][]opinion{
		"renamed-deb":     {control(worldDeb+"/amd64/kubelet-node_1.26.2-1.1_amd64.deb", "^Package: kubelet-node$", "")},
		"renamed-rpm":     {header(worldRPM+"/x86_64/kubelet-node-1.26.2-150500.1.1.x86_64.rpm", "^kubelet-node 0:1.26.2-150500.1.1 x86_64 ", "")},
		"other-arch-deb":  {control(kubeletDeb, "^Architecture: s390x$", ""), inDeb(kubeletDeb, kubeletProgram, "^program kubelet for s390x v1.26.2", "")},
		"other-arch-rpm":  {header(kubeletRPM, "^kubelet 0:1.26.2-150500.1.1 s390x ", ""), inRPM(kubeletRPM, kubeletProgram, "^program kubelet for s390x v1.26.2", "")},
		"mislabelled-deb": {control(kubeletDeb, "^Architecture: s390x$", ""), inDeb(kubeletDeb, kubeletProgram, "^program kubelet for amd64 v1.26.2", "")},
		"mislabelled-rpm": {header(kubeletRPM, "^kubelet 0:1.26.2-150500.1.1 s390x ", ""), inRPM(kubeletRPM, kubeletProgram, "^program kubelet for amd64 v1.26.2", "")},
		"relabelled-deb":  {control(kubeletDeb, "^Architecture: s390x$", ""), packagesFile("^Filename: amd64/kubelet_1.26.2-1.1_amd64.deb$", "")},
		"swapped-names":   {control(kubeletDeb, "^Package: kubectl$", ""), control(kubectlDeb, "^Package: kubelet$", "")},

		"foreign-program-deb": {control(kubeletDeb, "^Architecture: amd64$", ""), inDeb(kubeletDeb, kubeletProgram, "^program kubelet for s390x v1.26.2", "")},
		"foreign-program-rpm": {header(kubeletRPM, " x86_64 ", ""), inRPM(kubeletRPM, kubeletProgram, "^program kubelet for s390x v1.26.2", "")},
		"older-program-deb":   {inDeb(kubeletDeb, kubeletProgram, "^program kubelet for amd64 v1.26.1", "")},
		"older-program-rpm":   {inRPM(kubeletRPM, kubeletProgram, "^program kubelet for amd64 v1.26.1", "")},
		"older-program": {
			inDeb(kubeletDeb, kubeletProgram, "^program kubelet for amd64 v1.26.1", ""), inRPM(kubeletRPM, kubeletProgram, "^program kubelet for amd64 v1.26.1", ""),
		},
		"different-programs": {inDeb(kubeletDeb, kubeletProgram, "", "built again"), inRPM(kubeletRPM, kubeletProgram, "built again", "")},
		"unofficial-program": {inDeb(kubectlDeb, "/usr/bin/kubectl", "built again", ""), inRPM(kubectlRPM, "/usr/bin/kubectl", "built again", "")},
		"different-plugins":  {inDeb(worldDeb+"/amd64/kubernetes-cni_1.2.0-1.1_amd64.deb", "/opt/cni/bin/bridge", "built again", "")},
		"program-missing":    {listed(kubeletDeb, "", `\./usr/bin/kubelet`)},

		"set-uid-deb":          {listed(kubeletDeb, `^-rwsr-xr-x root/root .* \./usr/bin/kubelet$`, "")},
		"set-uid-rpm":          {header(kubeletRPM, "^/usr/libexec/kubelet-helper -rwsr-xr-x root", "")},
		"set-gid-deb":          {listed(kubeletDeb, `^drwxrwsrwx root/root .* \./var/lib/kubelet/$`, "")},
		"world-writable-deb":   {listed(kubeletDeb, `^-rw-rw-rw- root/root .* \./etc/default/kubelet$`, "")},
		"world-writable-rpm":   {header(kubeletRPM, "^"+unit+" -rw-rw-rw- root", "")},
		"not-executable-deb":   {listed(kubeletDeb, `^-rw-r--r-- root/root .* \./usr/bin/kubelet$`, "")},
		"not-executable-rpm":   {header(kubeletRPM, "^/usr/bin/kubelet -rw-r--r-- root", "")},
		"wrong-owner-deb":      {listed(kubeletDeb, `^-rwxr-xr-x daemon/root .* \./usr/bin/kubelet$`, "")},
		"wrong-owner-rpm":      {header(kubeletRPM, "^/usr/bin/kubelet -rwxr-xr-x daemon", "")},
		"folder-missing-rpm":   {header(kubeletRPM, "^/etc/kubernetes drwx", "/etc/kubernetes/manifests")},
		"link-for-program-deb": {listed(kubeletDeb, `^l.* \./usr/bin/kubelet -> /opt/bin/kubelet$`, "")},
		"device-deb":           {listed(kubeletDeb, `^crw-r----- root/root +1,1 .* \./var/lib/kubelet/mem$`, "")},

		"drop-in-environment-deb": {inDeb(kubeadmDeb, drop10, "^EnvironmentFile=-/etc/sysconfig/kubelet$", "/etc/default")},
		"drop-in-environment-rpm": {inRPM(kubeadmRPM, drop10, "^EnvironmentFile=-/etc/default/kubelet$", "/etc/sysconfig")},
		"unit-program":            {inRPM(kubeletRPM, unit, "^ExecStart=/usr/local/bin/kubelet$", "ExecStart=/usr/bin")},
		"drop-in-path-deb":        {listed(kubeadmDeb, ` \./etc/systemd/system/kubelet.service.d/10-kubeadm.conf$`, " ./usr/lib/systemd")},
		"unit-path-rpm":           {header(kubeletRPM, "^/usr/lib/systemd/kubelet.service ", "systemd/system")},
		"unit-missing":            {listed(kubeletDeb, "", "kubelet.service")},
		"environment-missing":     {listed(kubeletDeb, "", "etc/default")},
		"environment-path":        {listed(kubeletDeb, `\./etc/sysconfig/kubelet$`, "etc/default")},
		"conffile-unmarked-deb": {
			listed(kubeletDeb, `\./etc/default/kubelet$`, ""),
			{[]string{"bash", "-c", `dpkg-deb --info "$1" conffiles || true`, "-", kubeletDeb}, "", "^/etc/default/kubelet$"},
		},
		"conffile-unmarked-rpm": {
			header(kubeletRPM, "^/etc/sysconfig/kubelet ", ""), {[]string{"rpm", "-qp", "--nosignature", "--configfiles", kubeletRPM}, "", "/"},
		},

		"escape-deb":      {listed(kubeletDeb, ` \./\.\./\.\./\.\./etc/cron.d/kubelet$`, "")},
		"escape-rpm":      {header(kubeletRPM, `^/\.\./\.\./\.\./etc/cron.d/kubelet -rw-r--r-- root`, "/aa")},
		"escape-link-deb": {listed(kubeletDeb, `\./var/lib/kubelet/plugins -> /etc$`, ""), listed(kubeletDeb, `\./var/lib/kubelet/plugins/cron.d/kubelet$`, "pluginz")},
		"escape-link-rpm": {
			header(kubeletRPM, `^/var/lib/kubelet/plugins l.* root +/etc$`, ""), header(kubeletRPM, `^/var/lib/kubelet/plugins/cron.d/kubelet -rw`, "pluginz"),
		},

		"wrong-md5sums": {{[]string{
			"bash", "-o", "pipefail", "-c",
			`t=$(mktemp -d) && trap 'rm -r "$t"' EXIT && dpkg-deb -R "$1" "$t" && cd "$t" && { md5sum -c DEBIAN/md5sums 2>&1 || true; }`, "-", kubeletDeb,
		}, "usr/bin/kubelet: FAILED$", "kubelet.service: FAILED"}},
		"unreadable-control": {packagesFile(stanza("kubelet", "1.26.2-1.1", "amd64"), "")},
		"index-version":      {whole, packagesFile(stanza("kubelet", "1.26.2-9.9", "amd64"), "")},
		"index-depends":      {whole, control(kubeletDeb, "^Depends: .*kubernetes-cni", "")},
		"primary-requires":   {header(kubeletRPM, "^kubernetes-cni >= ", "")},

		"unmet-dependency-deb":   {control(kubeletDeb, "^Depends: .*kubernetes-runtime", "")},
		"unmet-dependency-rpm":   {header(kubeletRPM, "^kubernetes-runtime ", "")},
		"too-new-dependency-deb": {control(kubeadmDeb, `^Depends: .*cri-tools \(>= 1\.30\.0\)`, "1.25.0")},
		"too-new-dependency-rpm": {header(kubeadmRPM, "^cri-tools >= 1.30.0$", "1.25.0")},
		"too-old-dependency-deb": {control(kubeletDeb, `^Depends: .*kubernetes-cni \(<< 0\.9\)`, ">= 1.1.1")},
		"extra-dependency-deb":   {control(kubectlDeb, "^Depends: cri-tools$", "")},
		"extra-dependency-rpm":   {header(kubectlRPM, "^cri-tools ", "")},
		"missing-dependency-deb": {control(kubeletDeb, "^Depends: iptables", "kubernetes-cni")},
		"missing-dependency-rpm": {header(kubeletRPM, "^iptables ", "kubernetes-cni")},
		"higher-bound-deb":       {control(kubeadmDeb, `^Depends: .*cri-tools \(>= 1\.26\.0\)`, "1.25.0")},

		"final-in-dev":     {{[]string{"cat", worldDevDeb + "/Packages"}, stanza("kubelet", "1.26.2-1.1", "amd64"), ""}},
		"nightly-in-dev":   {{[]string{"cat", worldDevDeb + "/Packages"}, stanza("kubelet", "1.26.0~alpha.3.45+0123456789abcd-1.1", "s390x"), ""}},
		"old-rc-in-stable": {packagesFile(stanza("kubectl", "1.26.0~rc.1-1.1", "amd64"), ""), primaryFile(`ver="1.26.0~rc.1"`, "")},
		"rc-without-tilde": {
			packagesFile(stanza("kubelet", "1.26.9rc0-1.1", "amd64"), ""), {[]string{"dpkg", "--compare-versions", "1.26.9rc0-1.1", "gt", "1.26.2-1.1"}, "", ""},
		},
		"older-minor": {
			packagesFile(stanza("kubectl", "1.25.9-1.1", "s390x"), ""), primaryFile(`ver="1.25.9" rel="150500.1.1"`, ""),
			inDeb(worldDeb+"/s390x/kubectl_1.25.9-1.1_s390x.deb", "/usr/bin/kubectl", "^program kubectl for s390x v1.25.9", ""),
		},
		"other-product": {packagesFile(stanza("containerd-tools", "1.26.9-1.1", "amd64"), ""), primaryFile("<name>containerd-tools</name>", "")},

		"no-cri-tools-deb":       {packagesFile("", "^Package: cri-tools$")},
		"no-cri-tools-rpm":       {primaryFile("", "<name>cri-tools</name>")},
		"no-kubernetes-cni":      {packagesFile("", "^Package: kubernetes-cni$"), primaryFile("", "<name>kubernetes-cni</name>")},
		"no-kubernetes-cni-arch": {filesIn(worldRPM+"/x86_64", "^kubernetes-cni-", ""), filesIn(worldRPM+"/s390x", "", "^kubernetes-cni-")},
		"one-missing-deb":        {packagesFile(stanza("kubelet", "1.26.1-1.1", "amd64"), "^Filename: s390x/kubelet_1.26.1")},
		"one-missing-rpm":        {primaryFile("s390x/kubectl-1.26.2", "x86_64/kubectl-1.26.2")},
		"latest-missing":         {packagesFile("", `^Version: 1\.26\.2`), primaryFile("", `ver="1\.26\.2"`)},
		"latest-missing-deb":     {packagesFile("", `^Version: 1\.26\.2`), primaryFile(`ver="1\.26\.2"`, "")},
		"one-format-only":        {packagesFile("", `^Version: 1\.26\.9`), primaryFile("s390x/kubectl-1.26.9-150500.1.1.s390x.rpm", "")},

		"epoch-deb": {packagesFile(stanza("kubelet", "1:1.26.0-1.1", "amd64"), "")},
		"epoch-rpm": {header(worldRPM+"/x86_64/kubelet-1.26.0-150500.1.1.x86_64.rpm", "^kubelet 1:1.26.0-150500.1.1 ", "")},

		"vanished-version":  {packagesFile("kubelet_1.26.1", `kube(adm|ctl|let)_1\.26\.0-`), primaryFile("kubelet-1.26.1", `kube(adm|ctl|let)-1\.26\.0-`)},
		"changed-deb":       {listed(kubeletDeb, `2024-10-02 05:37 \./usr/bin/kubelet$`, ""), inDeb(kubeletDeb, kubeletProgram, "^program kubelet for amd64 v1.26.2", "")},
		"changed-rpm":       {{[]string{"rpm", "-qp", "--nosignature", "--qf", `[%{FILEMTIMES:date}\n]`, kubeletRPM}, "Oct +2 05:37:05 2024", "04:37:05"}, inRPM(kubeletRPM, kubeletProgram, "^program kubelet for amd64 v1.26.2", "")},
		"revision-replaced": {packagesFile(stanza("kubectl", "1.26.2-2.1", "s390x"), "kubectl_1.26.2-1.1"), primaryFile("kubectl-1.26.2-150500.2.1", "kubectl-1.26.2-150500.1.1")},

		"built-again":     {packagesFile(stanza("kubelet", "1.26.2-2.1", "s390x"), ""), packagesFile("kubelet_1.26.2-1.1_amd64", "")},
		"revision-bumped": {packagesFile(stanza("kubelet", "1.26.2-2.1", "amd64"), "kubelet_1.26.2-1.1")},
		"zstd-deb":        {{[]string{"ar", "t", kubeletDeb}, `^data\.tar\.zst$`, ""}, inDeb(kubeletDeb, kubeletProgram, "^program kubelet for amd64 v1.26.2", "")},
		"xz-rpm":          {header(kubeadmRPM, " xz$", "")},
		"dot-filenames":   {packagesFile(`^Filename: \./amd64/kubelet_1.26.2-1.1_amd64.deb$`, "^Filename: [a-z]")},
		"more-metadata":   {{[]string{"cat", worldRPM + "/repodata/repomd.xml"}, `(?s)<data type="group">.*<data type="updateinfo">`, ""}},
		"two-signatures":  {{[]string{"bash", "-c", `gpg --list-packets "$1" | grep -c '^:signature packet'`, "-", worldDeb + "/Release.gpg"}, "^2$", ""}},
		"xz-index": {
			{[]string{"bash", "-o", "pipefail", "-c", `xz -dc "$1/Packages.xz" | cmp - "$1/Packages" && grep -c ' Packages\.xz$' "$1/Release"`, "-", worldDeb}, "^3$", ""},
		},
		"stanza-order": {packagesFile(`\APackage: kube`, "")},
	}
}
