// Package version holds the version of the sample crictl, under the real
// link-time variable.
package version

// Version is set at link time with -X, such as v1.26.0.
var Version = "unknown"
