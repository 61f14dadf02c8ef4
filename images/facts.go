package images

import (
	"strings"
	"time"

	"sigs.k8s.io/pkgverify/repo"
)

// Cell is one place in which one repository is installed from: a target, a
// distribution, an architecture.
type Cell struct {
	// ID is the same on every run, such as "deb-stable-1.26-debian-12-arm64".
	ID     string      `json:"id"`
	Target repo.Target `json:"target"`
	Distro string      `json:"distro"`
	Arch   repo.Arch   `json:"arch"`
}

// NewCell returns the cell with its ID.
func NewCell(t repo.Target, distro string, arch repo.Arch) Cell {
	id := strings.Join([]string{string(t.Format), t.Channel, t.Minor, distro, string(arch)}, "-")
	return Cell{ID: id, Target: t, Distro: distro, Arch: arch}
}

// Scenario names what was tried in a cell; it is a check's ID.
type Scenario string

// The scenarios, in the order in which a cell runs them.
const (
	// Prepare is the laboratory's own doing: starting and probing the guest.
	Prepare  Scenario = "prepare"
	Setup    Scenario = "install-setup"
	List     Scenario = "install-list"
	Latest   Scenario = "install-latest"
	Versions Scenario = "install-versions"
)

// Fault is a kind of failure that is, or may be, the laboratory's own. An
// empty Fault means that the command ran to its end and its exit code is the
// package manager's word.
type Fault string

const (
	// FaultEngine: the container engine failed or went away.
	FaultEngine Fault = "engine"
	// FaultEmulation: the emulator crashed, or the processor refused an
	// instruction in an emulated cell (exit 132, 134, 135, 136 or 139).
	FaultEmulation Fault = "emulation"
	// FaultDisk: no space is left where containers live.
	FaultDisk Fault = "disk"
	// FaultMemory: the kernel killed the command for want of memory.
	FaultMemory Fault = "memory"
	// FaultTimeout: the step did not end in its time. An endless maintainer
	// script does that too, so the reader of the facts decides whose fault it is.
	FaultTimeout Fault = "timeout"
	// FaultMirror: a server that is not the repository under test failed.
	FaultMirror Fault = "mirror"
	// FaultNetwork: the guest could not reach the repository under test, which
	// the harness itself could read.
	FaultNetwork Fault = "network"
	// FaultInterrupted: the run was cancelled.
	FaultInterrupted Fault = "interrupted"
)

// Blames reports whether f by itself clears the packages: a result with such a
// fault is blocked, not failed. Time-outs are not among them.
func (f Fault) Blames() bool { return f != "" && f != FaultTimeout }

// Step is one command that was run in a guest, or one file put there (Argv is
// then what a user would do to the same effect).
type Step struct {
	Scenario Scenario `json:"scenario"`
	Argv     []string `json:"argv"`
	// Note says what the reader should know, such as who fetched the key.
	Note string `json:"note,omitempty"`
	// Exit is the exit code; -1 when the command did not run to its end.
	Exit     int           `json:"exit"`
	Duration time.Duration `json:"duration"`
	// Output is standard output and error in the order in which they came; the
	// middle is left out when it is longer than the bound, and Truncated is the
	// number of bytes left out.
	Output    string `json:"output"`
	Truncated int64  `json:"truncated,omitempty"`
	// Fault is empty unless the laboratory is, or may be, to blame; Detail says
	// why it is set.
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// OK reports whether s ran to its end and succeeded.
func (s Step) OK() bool { return s.Exit == 0 && s.Fault == "" }

// Outcome is how a scenario went.
type Outcome struct {
	// Ran is false when an earlier scenario left nothing to try.
	Ran bool `json:"ran"`
	OK  bool `json:"ok"`
	// Fault and Detail are those of the step that ended the scenario.
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Steps are indices into CellFacts.Steps: from First, Count of them.
	First int `json:"first"`
	Count int `json:"count"`
}

// SetupFacts says whether the documented set-up was accepted.
type SetupFacts struct {
	Outcome
	// Warnings are the lines that the package manager marked as warnings or
	// errors, in order, at most MaxWarnings.
	Warnings []string `json:"warnings,omitempty"`
}

// MaxWarnings bounds SetupFacts.Warnings and InstallFacts.Warnings.
const MaxWarnings = 100

// Offer is one version of a package that the package manager offers.
type Offer struct {
	Package string `json:"package"`
	// Version is complete as the manager writes it: deb
	// "[epoch:]upstream[-revision]", rpm "[epoch:]version-release".
	Version string `json:"version"`
	// Arch is empty where the manager does not say it (apt-cache policy).
	Arch string `json:"arch,omitempty"`
	// Origin is where it comes from by the manager's own word: the URL that
	// apt-cache policy shows, or dnf's repository ID.
	Origin string `json:"origin"`
}

// ListFacts is what the package manager offers from the repository under test.
type ListFacts struct {
	Outcome
	// Offers are sorted as the manager lists them; only wanted packages.
	Offers []Offer `json:"offers,omitempty"`
	// Candidates gives for each wanted package the version that the manager
	// would install; a package that it does not know is absent.
	Candidates map[string]string `json:"candidates,omitempty"`
}

// Installed is a package as the package database has it.
type Installed struct {
	Package string `json:"package"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
	// Status is dpkg's ("install ok installed"); for rpm "installed".
	Status string `json:"status"`
}

// InstallFacts is how the installation of the latest versions went.
type InstallFacts struct {
	Outcome
	// Warnings are the lines that the package manager marked as warnings or
	// errors, at most MaxWarnings. A failing %post of an rpm is only here: rpm
	// installs the package all the same, and dnf exits 0.
	Warnings []string `json:"warnings,omitempty"`
	// Installed are the wanted packages that the database has afterwards.
	Installed []Installed `json:"installed,omitempty"`
}

// Run is one installed program that was run.
type Run struct {
	Argv []string `json:"argv"`
	Exit int      `json:"exit"`
	// Stdout is bounded; standard error is in the step's output.
	Stdout string `json:"stdout"`
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// VersionFacts is what the installed programs print.
type VersionFacts struct {
	Outcome
	Runs []Run `json:"runs,omitempty"`
}

// CellFacts is all that was learnt in one cell.
type CellFacts struct {
	Cell Cell `json:"cell"`
	// Image is the reference by which the image was asked for; ImageDigest the
	// digest of its configuration (the engine's image ID).
	Image       string `json:"image"`
	ImageDigest string `json:"image_digest"`
	// Platform is the OCI platform, such as "linux/arm64".
	Platform string `json:"platform"`
	// Emulated is true when the machine's processor is of another architecture.
	Emulated bool   `json:"emulated"`
	Engine   string `json:"engine"`
	// Notice is the sentence of a stand-in image.
	Notice string `json:"notice,omitempty"`
	Steps  []Step `json:"steps"`
	// Blocked is why nothing could be told: a fault of the laboratory before or
	// between the scenarios. It is never the packages' or the repository's.
	Blocked      *repo.Problem `json:"blocked,omitempty"`
	BlockedFault Fault         `json:"blocked_fault,omitempty"`
	Duration     time.Duration `json:"duration"`

	Setup    SetupFacts   `json:"setup"`
	List     ListFacts    `json:"list"`
	Latest   InstallFacts `json:"latest"`
	Versions VersionFacts `json:"versions"`
}
