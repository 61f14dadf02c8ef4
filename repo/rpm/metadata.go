package rpm

import (
	"fmt"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/rpmmd"
)

const archSource = "src"

// isSource follows rpm's headerIsSource and applyRetrofits (lib/package.c).
func (h *Header) isSource() bool {
	switch {
	case h.Has(tagSourceRPM):
		return false
	case h.Has(tagSourcePackage):
		return true
	}
	dirs := h.Strings(tagDirNames)
	return len(dirs) == 1 && dirs[0] == ""
}

// text returns the first string of a tag in UTF-8.
func (h *Header) text(tag uint32) string { return utf8Text(h.Text(tag)) }

// signed returns a number that must fit into 63 bits.
func (h *Header) signed(tag uint32) (int64, error) {
	n := h.Number(tag)
	if int64(n) < 0 {
		return 0, &repo.FormatError{Where: offset(h.start), Text: fmt.Sprintf("tag %d has more than 63 bits: %d", tag, n)}
	}
	return int64(n), nil
}

// metadata mirrors cr_package_from_header (createrepo_c, src/parsehdr.c).
func (p *Package) metadata(sig, h *Header, files *fileTable) (*rpmmd.Metadata, error) {
	m := &rpmmd.Metadata{
		Name: h.text(tagName), Version: h.text(tagVersion), Release: h.text(tagRelease), Arch: h.text(tagArch),
		Epoch:   fmt.Sprint(h.Number(tagEpoch)),
		Summary: h.text(tagSummary), Description: h.text(tagDescription),
		Packager: h.text(tagPackager), URL: h.text(tagURL), License: h.text(tagLicense),
		Vendor: h.text(tagVendor), Group: h.text(tagGroup), BuildHost: h.text(tagBuildHost),
		SourceRPM:   h.text(tagSourceRPM),
		HeaderStart: p.HeaderStart, HeaderEnd: p.HeaderEnd,
	}
	if h.isSource() {
		m.Arch = archSource
	} else if !h.Has(tagSourceRPM) {
		m.SourceRPM = "(none)" // what rpm puts in, so that indexes have it
	}
	installed := uint32(tagSize)
	if h.Has(tagLongSize) { // from 4 GiB on, instead
		installed = tagLongSize
	}
	var err error
	if m.BuildTime, err = h.signed(tagBuildTime); err != nil {
		return nil, err
	}
	if m.InstalledSize, err = h.signed(installed); err != nil {
		return nil, err
	}
	if m.ArchiveSize, err = archiveSize(sig, h); err != nil {
		return nil, err
	}
	for i := range files.len() {
		if path := files.path(i); rpmmd.IsPrimary(path) {
			m.Files = append(m.Files, rpmmd.FileEntry{Type: files.indexType(i), Path: utf8Text(path)})
		}
	}
	if err := p.dependencies(h, m); err != nil {
		return nil, err
	}
	return m, p.check(m)
}

// check asks for a name and version that are one for every reader. What else
// is wrong with the metadata rpm does not mind, and so it is a fault.
func (p *Package) check(m *rpmmd.Metadata) error {
	identity := rpmmd.Metadata{Name: m.Name, Epoch: m.Epoch, Version: m.Version, Release: m.Release, Arch: m.Arch}
	if err := identity.Check(); err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		p.fault("", "%v", err)
	}
	return nil
}

// archiveSize returns the size of the unpacked payload, 0 if it is not told.
// The signature header's word is first, as in rpm's headerMergeLegacySigs.
func archiveSize(sig, h *Header) (int64, error) {
	switch {
	case sig.Has(sigLongArchiveSize):
		return sig.signed(sigLongArchiveSize)
	case sig.Has(sigPayloadSize):
		return sig.signed(sigPayloadSize)
	}
	return h.signed(tagArchiveSize)
}
