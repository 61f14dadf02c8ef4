// Package buildversion holds the version of the sample CNI plugins, under the
// real link-time variable.
package buildversion

// BuildVersion is set at link time with -X, such as v1.2.0.
var BuildVersion = "version unknown"
