// Package profile says what a product is, as data: where its repositories are,
// which channels, architectures and packages it has, and who signs.
//
// Profiles are YAML, decoded strictly: an unknown field is an error. Two are
// embedded: kubernetes (pkgs.k8s.io as it is) and kep-1731 (the KEP's design).
// A file of the user's own describes another product:
//
//	name:          how the profile is called
//	title:         one line of what it is
//	base:          the address above the repositories; --base-url overrides it
//	layout:        by format, the repository's path below base; {folder} is the
//	               channel's folder, {minor} the minor version
//	key:
//	  fingerprint: the current signing key, 40 or 64 hexadecimal digits
//	  file:        the key's file, beside the profile; may be left out, then
//	               the repository's own copy is held against the fingerprint
//	  warnDays:    warn when the key expires in fewer days (60 if left out)
//	  paths:       by format, where a repository serves its copy of the key
//	architectures: names in any spelling (amd64 or x86_64)
//	channels:
//	  - name, aliases, folder
//	    title:       what belongs into it, in words
//	    versions:    regular expression that the product's versions match
//	    ownVersions: the same for packages with versions of their own
//	    marker:      address of a text file that names the latest version
//	    everyPatch:  every patch from .0 to the latest must be there; otherwise
//	                 only the one that the marker names
//	packages:
//	  - name
//	    ownVersions: true for a package that does not carry the product's version
//	    minVersion:  the oldest of its own versions that will do
//	    binaries:    path, args, outputs (one of these lines must be
//	                 printed; {version} is the package's upstream version)
//	distributions: by format, the images of the catalogue to install on
package profile
