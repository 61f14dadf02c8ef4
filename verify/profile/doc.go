// Package profile says what a product is, as data: where its repositories are,
// which channels, architectures and packages it has, what is inside of them, and
// who signs.
//
// Profiles are YAML, decoded strictly: an unknown field is an error. Two are
// embedded: kubernetes (pkgs.k8s.io as it is) and kep-1731 (the KEP's design).
// A file of the user's own describes another product, or changes one of these.
// Only name, base, layout, key.fingerprint, architectures, channels and packages
// must be there: what is left out is not asked.
//
//	extends:       kubernetes or kep-1731: the file says only what is different
//	               there. Mappings are merged; lists and single values are
//	               replaced. name and title are never taken over, and the key's
//	               file only with the key
//	name:          how the profile is called
//	title:         one line of what it is
//	base:          the address above the repositories; --base-url overrides it
//	origins:       other such addresses, at which the same repositories are
//	               served; left aside when the user names an address
//	layout:        by format (deb, rpm), the repository's path below base;
//	               {folder} is the channel's folder, {minor} the minor version
//	release:       what apt's Release says of itself, with {folder} and {minor}
//	  origin, label, suite, codename
//	key:
//	  fingerprint: the current signing key, 40 or 64 hexadecimal digits
//	  file:        the key's file, beside the profile; may be left out, then
//	               the repository's own copy is held against the fingerprint
//	  warnDays:    warn when the key expires in fewer days (60 if left out)
//	  paths:       by format, where a repository serves its copy of the key
//	architectures: names in any spelling (amd64 or x86_64), or mappings:
//	  - name
//	    minors:      a range: "< 1.27"
//	    formats:     [deb], if the others do not have it
//	official:      the address below which the checksums of released binaries are
//	channels:
//	  - name, aliases, folder
//	    title:       what belongs into it, in words
//	    versions:    regular expression that the product's versions match
//	    ownVersions: the same for packages with versions of their own
//	    marker:      address of a text file that names the latest version;
//	                 {minor} is filled in
//	    everyPatch:  every patch from .0 to the latest must be there; otherwise
//	                 only the one that the marker names
//	    never:       patches among them that were never released
//	    formats:     those that the channel is published in (all if left out)
//	    official:    in place of the profile's
//	packages:
//	  - name
//	    ownVersions: true for a package that does not carry the product's version
//	    minVersion:  the oldest of its own versions that will do
//	    versions:    the same by minor; the first entry that fits counts
//	      - minors:    a range
//	        channels:  by name (all if left out)
//	        version
//	    binaries:
//	      - path:      absolute
//	        args:      what makes it print its version
//	        outputs:   one of these lines must be printed; {version} is the
//	                   package's upstream version
//	        embedded:  where the file holds its version, to be read without
//	                   running it; the first place that is there counts, in one
//	                   of the forms that are given for that place
//	          - module:   the module of that path in Go's build information
//	            variable: the variable of that name set by -ldflags -X; with
//	                      neither, the strings that were set while linking
//	            form:     "v{version}"
//	        official:  path of its checksum below official: {version}, and
//	                   {arch} by Go's name
//	    files:       what the package must bring
//	      - path:      absolute; "/opt/x/*" is any file of that folder
//	        format:    deb or rpm (both if left out)
//	        type:      file (if left out), folder or link
//	        mode:      permission bits, in quotes: "0755" (not asked if left out)
//	        owner, group: root if left out
//	        config:    true for a conffile (deb) or %config (rpm)
//	    dependencies: what the package must declare. All entries that fit count
//	               together; a version that none fits is not asked, so that
//	               "- needs: []" says that there are none
//	      - versions:  a range of its upstream versions
//	        format:    deb or rpm (both if left out)
//	        needs:     names, or "name >= version"
//	        optional:  names that may be declared or not, with any version
//	assumed:       by format, what the systems that users install on provide:
//	               names, or "name = version"
//	created:       files that are made after the installation, by absolute path
//	distributions: by format, the images of the catalogue to install on
//
// A range is a list of bounds that must all be met, ">= 1.24.0 < 1.24.2", or one
// version that must be met exactly. Versions are ordered as Semantic Versioning
// does. Minors are versions of two parts.
package profile
