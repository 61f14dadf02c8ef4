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
	Prepare   Scenario = "prepare"
	Setup     Scenario = "install-setup"
	List      Scenario = "install-list"
	Solve     Scenario = "install-solve"
	Latest    Scenario = "install-latest"
	Versions  Scenario = "install-versions"
	Origin    Scenario = "install-origin"
	Remove    Scenario = "install-remove"
	Pinned    Scenario = "install-pinned"
	Upgrade   Scenario = "install-upgrade"
	Downgrade Scenario = "install-downgrade"
	Tampering Scenario = "install-rejects-tampering"
)

// Scenarios returns what can be tried in a cell, in the order in which it runs.
func Scenarios() []Scenario {
	return []Scenario{Setup, List, Solve, Latest, Versions, Origin, Remove, Pinned, Upgrade, Downgrade, Tampering}
}

// Fault is a kind of failure that is, or may be, the laboratory's own. An
// empty Fault means that the command ran to its end and its exit code is the
// package manager's word, or that it was killed for a maintainer script of the
// packages that does not end, as Detail then says.
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
	// FaultTimeout: the step did not end in its time, and no maintainer script
	// of the packages was found to be the reason.
	FaultTimeout Fault = "timeout"
	// FaultMirror: a server that is not the repository under test failed.
	FaultMirror Fault = "mirror"
	// FaultNetwork: the guest could not reach the repository under test, which
	// the harness itself could read.
	FaultNetwork Fault = "network"
	// FaultInterrupted: the run was cancelled.
	FaultInterrupted Fault = "interrupted"
)

// Blames reports whether f speaks against the laboratory, so that the cell
// itself is blocked. A time-out may be a slow machine or a program that never
// ends: only the step is blocked.
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
	// Absent says why there is nothing to try here, though nothing is wrong.
	Absent string `json:"absent,omitempty"`
	// Fault and Detail are those of the step that ended the scenario.
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
	// At is the index of that step in CellFacts.Steps; 0, which is never a
	// scenario's, when it ended otherwise.
	At int `json:"at,omitempty"`
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

// Wholly reports whether the package is installed and configured. dpkg's
// database also has packages that are half of that, and removed ones whose
// configuration files are still there.
func (i Installed) Wholly() bool {
	return i.Status == "installed" || strings.HasSuffix(i.Status, " ok installed")
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
	// Brought are the packages that came along with them.
	Brought []Installed `json:"brought,omitempty"`
}

// Pin is a package in one version as its manager writes it.
type Pin struct {
	Package string `json:"package"`
	Version string `json:"version"`
}

// Solution is what the package manager says to the installation of some
// packages in some versions, which it was asked to simulate.
type Solution struct {
	Pins []Pin `json:"pins"`
	OK   bool  `json:"ok"`
	// Reason is the manager's own word where it refuses.
	Reason string `json:"reason,omitempty"`
}

// SolveFacts is what the package manager's solver says of every version.
type SolveFacts struct {
	Outcome
	Solutions []Solution `json:"solutions,omitempty"`
}

// OriginFacts is where the installed packages came from.
type OriginFacts struct {
	Outcome
	// Want is what the package manager calls the repository under test: its URL
	// for apt, the ID of the set-up for the others.
	Want string `json:"want,omitempty"`
	// Origins are by package; one whose origin the manager does not know is
	// absent.
	Origins map[string]string `json:"origins,omitempty"`
}

// AuditFacts is what the package manager and systemd say of the installed files.
type AuditFacts struct {
	Outcome
	// Altered are files that are not as their package brought them, in the words
	// of dpkg --verify or rpm -V.
	Altered []string `json:"altered,omitempty"`
	// Unowned are the programs that no package owns, by the package database.
	Unowned []string `json:"unowned,omitempty"`
	// Units are systemd-analyze's complaints of the packages' units; UnitsAsked
	// is false where the image has no systemd-analyze.
	Units []string `json:"units,omitempty"`
	// Missing are the files that the packages' units and drop-ins name and that
	// are not there, each with the place that names it, at most MaxMissing.
	Missing    []string `json:"missing,omitempty"`
	UnitsAsked bool     `json:"units_asked,omitempty"`
}

// MaxMissing bounds AuditFacts.Missing.
const MaxMissing = 100

// ChangeFacts is how the installed versions were changed to others.
type ChangeFacts struct {
	Outcome
	// Want are the versions that were ordered.
	Want []Pin `json:"want,omitempty"`
	// Installed are the wanted packages that the database has afterwards.
	Installed []Installed `json:"installed,omitempty"`
	Warnings  []string    `json:"warnings,omitempty"`
	// Runs are the installed programs, run in those versions.
	Runs []Run `json:"runs,omitempty"`
	// Lost are the configuration files that no longer have what the
	// administrator had written into them before the change.
	Lost []string `json:"lost,omitempty"`
}

// RemoveFacts is what removing the packages left.
type RemoveFacts struct {
	Outcome
	// Dropped are packages that were asked for by name and that autoremove took
	// away all the same.
	Dropped []string `json:"dropped,omitempty"`
	// Kept are packages that the database still has after the removal.
	Kept []string `json:"kept,omitempty"`
	// Left are paths that were not there before the installation and are there
	// after removal and purge, at most MaxLeft.
	Left []string `json:"left,omitempty"`
	// Compared is false where the image has no means to list its files.
	Compared bool `json:"compared"`
}

// MaxLeft bounds RemoveFacts.Left.
const MaxLeft = 200

// Trial is one tampering of which the package manager was to refuse the result.
type Trial struct {
	// Name is stable, such as "flipped-package"; What says what was done.
	Name string `json:"name"`
	What string `json:"what"`
	// Control is true for what must be accepted.
	Control  bool `json:"control,omitempty"`
	Accepted bool `json:"accepted"`
	// Word is what the package manager said last.
	Word   string `json:"word,omitempty"`
	Fault  Fault  `json:"fault,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// TamperFacts is what the package manager made of tampered copies.
type TamperFacts struct {
	Outcome
	Trials []Trial `json:"trials,omitempty"`
}

// Run is one installed program that was run.
type Run struct {
	Argv []string `json:"argv"`
	Exit int      `json:"exit"`
	// Stdout and Stderr are bounded.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr,omitempty"`
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
	// Image is what was asked for, with the digest of the platform's own
	// manifest ("docker.io/library/debian:12@sha256:..."), or the name of an
	// image that was built here; ImageDigest is the engine's ID of it.
	Image       string `json:"image"`
	ImageDigest string `json:"image_digest"`
	// Platform is the OCI platform, such as "linux/arm64".
	Platform string `json:"platform"`
	// Emulated is true when the machine's processor is of another architecture.
	Emulated bool   `json:"emulated"`
	Engine   string `json:"engine"`
	// Notice is what to know of the distribution: that it is a stand-in, or has
	// reached its end of life.
	Notice string `json:"notice,omitempty"`
	Steps  []Step `json:"steps"`
	// Blocked is why nothing could be told: a fault of the laboratory before or
	// between the scenarios. It is never the packages' or the repository's.
	Blocked      *repo.Problem `json:"blocked,omitempty"`
	BlockedFault Fault         `json:"blocked_fault,omitempty"`
	// Started is when the cell's turn came, after its wait for a free place.
	Started  time.Time     `json:"started,omitzero"`
	Duration time.Duration `json:"duration"`

	Setup     SetupFacts   `json:"setup"`
	List      ListFacts    `json:"list"`
	Solve     SolveFacts   `json:"solve"`
	Latest    InstallFacts `json:"latest"`
	Audit     AuditFacts   `json:"audit"`
	Versions  VersionFacts `json:"versions"`
	Origin    OriginFacts  `json:"origin"`
	Remove    RemoveFacts  `json:"remove"`
	Pinned    ChangeFacts  `json:"pinned"`
	Upgrade   ChangeFacts  `json:"upgrade"`
	Downgrade ChangeFacts  `json:"downgrade"`
	Tampering TamperFacts  `json:"tampering"`
}
