package checks

import (
	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/verify"
)

// Catalogue returns every check in the order in which it is run and reported.
func Catalogue() []verify.Check {
	return []verify.Check{
		aptReleasePresent(),
		aptReleaseConsistent(),
		aptReleaseFields(),
		aptIndexChecksums(),
		aptPackagesWellformed(),
		rpmRepomdPresent(),
		rpmIndexChecksums(),
		rpmPrimaryWellformed(),
		rpmFilelistsConsistent(),
		metadataStrongHash(),
		metadataFresh(),
		aptReleaseSigned(),
		rpmRepomdSigned(),
		keyPublished(),
		keyCurrent(),
		keyStrength(),
		signaturePolicy(),
		packagesPublished(),
		channelPolicy(),
		minorPolicy(),
		latestPreferred(),
		formatParity(),
		dependencyClosure(),
		dependenciesAsSpecified(),
		publishedFilesKept(),
		packageChecksums(),
		packageMatchesIndex(),
		rpmPackageSigned(),
		rpmPackageDigests(),
		packageFiles(),
		configReferences(),
		binaryArchitecture(),
		binaryVersion(),
		binaryParity(),
		binaryOfficial(),
		originsAgree(),
		transport(),
		installSetup(),
		installList(),
		installSolve(),
		installLatest(),
		installVersions(),
		installOrigin(),
		installPinned(),
		installUpgrade(),
		installDowngrade(),
		installRemove(),
		installRejectsTampering(),
	}
}

func debOnly() []repo.Format { return []repo.Format{repo.Deb} }
func rpmOnly() []repo.Format { return []repo.Format{repo.RPM} }
