package fault

// ContentAndPolicyFaults names the faults that content_test.go holds against
// the real tools.
func ContentAndPolicyFaults() []string {
	var names []string
	for _, f := range contentAndPolicyFaults() {
		names = append(names, f.Name)
	}
	return names
}
