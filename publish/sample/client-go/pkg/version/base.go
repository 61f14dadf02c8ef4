package version

// Set at link time with -X, under the names that the Kubernetes build uses.
var (
	gitMajor     string
	gitMinor     string
	gitVersion   = "v0.0.0-sample"
	gitCommit    string
	gitTreeState string
	buildDate    = "1970-01-01T00:00:00Z"
)
