//go:build !amd64 || purego

package lzma

func (c *core) run() status { return c.runGeneric() }
