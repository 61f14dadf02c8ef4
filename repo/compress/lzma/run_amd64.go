//go:build !purego

package lzma

// runFast is runGeneric in assembly.
//
//go:noescape
func runFast(c *core) status

func (c *core) run() status { return runFast(c) }
