package guest

import "sigs.k8s.io/pkgverify/images"

// Answer is what one command gave: its exit code, its standard output, and its
// standard error, where managers say why they refuse.
type Answer struct {
	Exit   int
	Output string
	Errors string
}

// Question is what is asked of a package manager, and how it is read. Read gets
// an answer for each command, in order; it fails when an answer cannot be read,
// never because of what it says.
type Question[T any] struct {
	Commands []Command
	Read     func([]Answer) (T, error)
}

// Pin is a package in one version, complete as the manager writes it; an empty
// version is the manager's own choice.
type Pin struct {
	Package, Version string
}

// Order is what is to be installed in one transaction.
type Order struct {
	Pins []Pin
	// Downgrade allows versions older than those that are installed.
	Downgrade bool
}

// Solution is what a package manager says that it would do with an order.
type Solution struct {
	OK bool
	// Would are the packages that would be installed, of the order and beside it.
	Would []images.Installed
	// Reason is the manager's own word where it refuses, bounded.
	Reason string
}

// Installer carries out orders.
type Installer interface {
	// Install carries the order out, unattended.
	Install(Source, Order) Installation
	// Solve asks what would be done, and changes nothing.
	Solve(Source, Order) Question[Solution]
}

// Auditor asks about what is installed.
type Auditor interface {
	// Origins gives for each package where its installed version came from, by
	// the manager's own word: the URL that apt-cache policy shows, the ID of
	// the repository for dnf and zypper. An unknown origin is absent.
	Origins(s Source, packages []string) Question[map[string]string]
	// Altered gives the files that are not as their package brought them, in
	// the words of dpkg --verify or rpm -V.
	Altered(packages []string) Question[[]string]
	// Owners gives the package of each file that the packages brought.
	Owners(packages []string) Question[map[string]string]
	// Configs gives the configuration files of the packages (conffiles, %config),
	// which are the administrator's once they are installed.
	Configs(packages []string) Question[[]string]
}

// Remover takes packages away.
type Remover interface {
	// Remove removes packages as a user does, and keeps what the manager keeps.
	Remove(packages []string) Command
	// Purge removes what Remove keeps; it is false where there is no such thing.
	Purge(packages []string) (Command, bool)
	// Autoremove removes what nobody asked for and nothing needs any more.
	Autoremove() Command
}

// Asker is a guest whose package manager asks about a configuration file that
// both the administrator and the new version have changed.
type Asker interface {
	// Answered tells it, for what follows, to keep the administrator's: nobody
	// is there to answer.
	Answered() File
}
