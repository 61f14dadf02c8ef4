// Package lab runs cells: in a container for each it makes a repository known
// to a package manager, lists what is on offer, installs the latest of every
// wanted package, and runs the installed programs. It records what happened as
// [images.CellFacts] and judges nothing.
//
// Cells run on a bounded pool. [Start] returns at once; [Pool.Await] waits for
// one cell. Every cell has its own container, which is removed when the cell
// ends, when the run is cancelled, and by the next run when this one was
// killed.
//
// A repository is named by a URL that the containers can reach. One on a
// loopback address of the machine is reached through the machine's own network
// (see [NetworkFor]). A repository in a folder has to be served on loopback by
// the caller first.
package lab
