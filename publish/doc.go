// Package publish builds the Kubernetes packages from folders of binaries and
// lays them out as signed apt and rpm-md repositories, in the form that the
// Open Build Service (OBS) writes for pkgs.k8s.io.
//
// A Manifest says what each package is made of. A Publisher adds releases to
// the repositories of one channel and minor; a reader sees each repository
// either as it was or as it is after, never between. The indexes are written
// by the tools that OBS itself runs: dpkg-scanpackages and createrepo_c.
//
// The package shares no code with the readers in this module: writer and
// readers are independent, so that neither can hide a fault of the other.
package publish
