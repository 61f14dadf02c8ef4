package rpm

import (
	"slices"

	"sigs.k8s.io/pkgverify/repo/rpmdep"
)

// scripts returns the names of the scriptlets and triggers, sorted. A scriptlet
// may have no text but only a program ("%post -p /sbin/ldconfig").
func scripts(h *Header) []string {
	var all []string
	for _, s := range []struct {
		name          string
		text, program uint32
	}{
		{"pre", 1023, 1085}, {"post", 1024, 1086}, {"preun", 1025, 1087}, {"postun", 1026, 1088},
		{"pretrans", 1151, 1153}, {"posttrans", 1152, 1154}, {"preuntrans", 5103, 5105}, {"postuntrans", 5104, 5106},
		{"verifyscript", 1079, 1091},
	} {
		if h.Has(s.text) || h.Has(s.program) {
			all = append(all, s.name)
		}
	}
	for _, t := range []struct {
		name  string
		flags uint32
	}{{"trigger", 1068}, {"filetrigger", 5072}, {"transfiletrigger", 5082}} {
		var when rpmdep.Flags
		n := h.numbers(t.flags)
		for i := range n.len() {
			when |= rpmdep.Flags(n.at(i))
		}
		for _, x := range []struct {
			flag rpmdep.Flags
			name string
		}{{rpmdep.TriggerPreIn, "prein"}, {rpmdep.TriggerIn, "in"}, {rpmdep.TriggerUn, "un"}, {rpmdep.TriggerPostUn, "postun"}} {
			if when&x.flag != 0 {
				all = append(all, t.name+x.name)
			}
		}
	}
	slices.Sort(all)
	return all
}
