// Package cmd holds the programs: verify and publish. Its own tests hold the
// tree to its layers.
package cmd
