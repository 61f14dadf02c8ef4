package payload

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
)

const (
	// MaxSegments bounds the loadable segments that are remembered; linkers
	// make two to nine. Going past it forgets the others.
	MaxSegments = 128
	// MaxSections bounds the sections whose offsets are remembered; a linked
	// program has some 40. All sections are looked at. Going past it
	// forgets the others' offsets.
	MaxSections = 1024
)

// table is a run of entries of one size that is to come by in the stream.
type table struct {
	off  int64
	size int64
	n    uint64
}

// each calls do for the entries that are whole in w, once each. A table that
// begins before w is lost.
func (t *table) each(w window, do func(entry []byte)) {
	for t.n > 0 {
		at := t.off - w.off
		if at < 0 {
			t.n = 0
			return
		}
		if at > int64(len(w.b))-t.size {
			return
		}
		do(w.b[at : at+t.size])
		t.off += t.size
		t.n--
	}
}

// segment is a part of the file that is loaded (PT_LOAD).
type segment struct {
	start, end int64 // in the file
	flags      elf.ProgFlag
}

// elfScan collects what an ELF file says (System V gABI, chapters 4 and 5)
// while the file goes by.
type elfScan struct {
	elf       repo.ELF
	order     binary.ByteOrder
	kind      elf.Type
	programs  table // program headers
	sections  table // section headers
	interp    table // one entry: the name of the dynamic loader
	dynamic   table // the dynamic section
	hasInterp bool
	hasDyn    bool
	pie       bool // DF_1_PIE
	symbols   bool
	loader    string
	segments  []segment
	// starts are the offsets of the sections, as far as they are known.
	starts []int64
	// first is set until a section header was read, planned once goScan and
	// strings know where to look.
	first, planned bool

	goScan  goScan
	strings stringScan
}

// begin reports whether head begins an ELF file, and takes its header.
func (s *elfScan) begin(head []byte) bool {
	const identLen = 16
	if len(head) < identLen || string(head[:4]) != elf.ELFMAG {
		return false
	}
	segments, starts := s.segments[:0], s.starts[:0]
	*s = elfScan{segments: segments, starts: starts, first: true, goScan: s.goScan, strings: s.strings}
	s.goScan.reset()
	s.strings.reset()
	switch elf.Data(head[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		s.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		s.order = binary.BigEndian
	default:
		return false
	}
	r := bytes.NewReader(head)
	var h elf.Header64
	switch elf.Class(head[elf.EI_CLASS]) {
	case elf.ELFCLASS32:
		var h32 elf.Header32
		if binary.Read(r, s.order, &h32) != nil {
			return false
		}
		h = elf.Header64{Type: h32.Type, Machine: h32.Machine, Flags: h32.Flags, Phoff: uint64(h32.Phoff), Shoff: uint64(h32.Shoff),
			Phentsize: h32.Phentsize, Phnum: h32.Phnum, Shentsize: h32.Shentsize, Shnum: h32.Shnum}
		s.elf.Bits = 32
	case elf.ELFCLASS64:
		if binary.Read(r, s.order, &h) != nil {
			return false
		}
		s.elf.Bits = 64
	default:
		return false
	}
	s.elf.BigEndian = s.order == binary.BigEndian
	s.kind = elf.Type(h.Type)
	s.elf.Type = named(s.kind, uint64(h.Type))
	s.elf.Machine = named(elf.Machine(h.Machine), uint64(h.Machine))
	s.elf.Arch = archOf(&s.elf, elf.Machine(h.Machine), h.Flags)
	// Every known processor has one size of each entry (gABI); another size is
	// no table.
	wantProgram, wantSection := int64(56), int64(64)
	if s.elf.Bits == 32 {
		wantProgram, wantSection = 32, 40
	}
	if int64(h.Phentsize) == wantProgram {
		s.programs = newTable(h.Phoff, wantProgram, uint64(h.Phnum))
	}
	if int64(h.Shentsize) == wantSection && h.Shoff != 0 {
		// With 0 the number is in the first section header.
		s.sections = newTable(h.Shoff, wantSection, max(1, uint64(h.Shnum)))
	}
	return true
}

// named returns the name of a value, or the number: debug/elf calls a value
// that it does not know by a known one below it and the difference.
func named(v fmt.Stringer, number uint64) string {
	if name := v.String(); !strings.Contains(name, "+") {
		return name
	}
	return fmt.Sprintf("%#x", number)
}

// newTable returns a table of n entries, or an empty one where no file has one.
func newTable(off uint64, size int64, n uint64) table {
	const maxOffset = 1 << 62
	if off > maxOffset {
		return table{}
	}
	return table{off: int64(off), size: size, n: n}
}

// window looks at the next bytes of the file.
func (s *elfScan) window(w window) {
	s.programs.each(w, s.program1)
	s.interp.each(w, func(b []byte) {
		b, _, _ = bytes.Cut(b, []byte("\x00"))
		s.loader = string(b)
	})
	s.dynamic.each(w, s.dynamic1)
	s.sections.each(w, s.section1)
	if !s.planned {
		s.planned = true
		s.regions()
	}
	s.goScan.window(w)
	s.strings.window(w)
}

// program1 takes a program header.
func (s *elfScan) program1(b []byte) {
	u32, u64 := s.order.Uint32, s.order.Uint64
	kind := elf.ProgType(u32(b))
	var flags elf.ProgFlag
	var off, size uint64
	if s.elf.Bits == 64 {
		flags, off, size = elf.ProgFlag(u32(b[4:])), u64(b[8:]), u64(b[32:])
	} else {
		flags, off, size = elf.ProgFlag(u32(b[24:])), uint64(u32(b[4:])), uint64(u32(b[16:]))
	}
	switch kind {
	case elf.PT_INTERP:
		s.hasInterp = true
		s.interp = newTable(off, int64(min(size, MaxInterpreter+1)), 1)
	case elf.PT_DYNAMIC:
		s.hasDyn = true
		entry := int64(s.elf.Bits / 4)
		s.dynamic = newTable(off, entry, size/uint64(entry))
	case elf.PT_LOAD:
		t := newTable(off, 0, 0)
		end := off + min(size, 1<<62)
		if uint64(t.off) == off && size > 0 && len(s.segments) < MaxSegments {
			s.segments = append(s.segments, segment{start: t.off, end: int64(end), flags: flags})
		}
	}
}

// dynamic1 takes an entry of the dynamic section.
func (s *elfScan) dynamic1(b []byte) {
	var tag, value uint64
	if s.elf.Bits == 64 {
		tag, value = s.order.Uint64(b), s.order.Uint64(b[8:])
	} else {
		tag, value = uint64(s.order.Uint32(b)), uint64(s.order.Uint32(b[4:]))
	}
	switch elf.DynTag(tag) {
	case elf.DT_NULL:
		s.dynamic.n = 1 // which each counts down
	case elf.DT_FLAGS_1:
		s.pie = s.pie || elf.DynFlag1(value)&elf.DF_1_PIE != 0
	}
}

// section1 takes a section header.
func (s *elfScan) section1(b []byte) {
	var off, size uint64
	if s.elf.Bits == 64 {
		off, size = s.order.Uint64(b[24:]), s.order.Uint64(b[32:])
	} else {
		off, size = uint64(s.order.Uint32(b[16:])), uint64(s.order.Uint32(b[20:]))
	}
	kind := elf.SectionType(s.order.Uint32(b[4:]))
	switch {
	case s.first && kind == elf.SHT_NULL && s.sections.n == 1 && size > 1 && size <= 1<<32:
		s.sections.n = size // extended numbering: the true count is here
	case kind == elf.SHT_SYMTAB:
		s.symbols = true
	case kind == elf.SHT_PROGBITS && off <= 1<<62 && len(s.starts) < MaxSections:
		s.starts = append(s.starts, int64(off))
	}
	s.first = false
}

// regions says where to look for build information, which is in what is loaded
// and not executed, and for the strings set while linking, which are in what
// is only read. A linker without -z separate-code (GNU ld on all but x86) puts
// the read-only data beside the code. If the program headers are not in the
// first window, both may be anywhere.
func (s *elfScan) regions() {
	if s.programs.n > 0 {
		all := []region{{0, 1<<63 - 1}}
		s.goScan.in, s.goScan.data, s.strings.in = all, all, all
		return
	}
	var code, data, text []region
	for _, g := range s.segments {
		r := region{g.start, g.end}
		switch g.flags & (elf.PF_R | elf.PF_W | elf.PF_X) {
		case elf.PF_R:
			text = append(text, r)
		case elf.PF_R | elf.PF_W:
			data = append(data, r)
		case elf.PF_R | elf.PF_X:
			code = append(code, r)
		}
	}
	s.goScan.data, s.goScan.in = merge(data), merge(slices.Concat(data, text))
	if len(text) == 0 {
		text = code
	}
	s.strings.in = merge(text)
}

// region is a run of offsets of the file.
type region struct{ start, end int64 }

// merge sorts regions and joins those that touch.
func merge(regions []region) []region {
	slices.SortFunc(regions, func(a, b region) int { return cmp.Compare(a.start, b.start) })
	out := regions[:0]
	for _, r := range regions {
		if n := len(out); n > 0 && r.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, r.end)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// program returns what has been seen.
func (s *elfScan) program() *repo.Program {
	e := s.elf
	e.Stripped = !s.symbols
	// A shared library asks for no loader either; one that may be run by
	// itself is marked as position-independent executable.
	linked := s.kind == elf.ET_EXEC || s.kind == elf.ET_DYN && (s.pie || !s.hasDyn)
	e.Static = linked && !s.hasInterp && len(s.segments) > 0
	p := &repo.Program{Interpreter: s.loader, ELF: &e, Go: s.goScan.build(s.starts)}
	if p.Go != nil {
		p.LinkStrings = s.strings.found()
	}
	return p
}

// archOf returns the architecture that runs a program, "" if this module does
// not know it: x32, the old ABIs of arm, big-endian POWER and their like are
// other architectures, for dpkg and rpm too.
func archOf(e *repo.ELF, m elf.Machine, flags uint32) repo.Arch {
	const (
		armEABIMask   = 0xff000000
		armEABI5      = 0x05000000
		armSoftFloat  = 0x200 // EF_ARM_ABI_FLOAT_SOFT
		ppc64ABIMask  = 3
		ppc64ABIElfV1 = 1
	)
	switch {
	case m == elf.EM_X86_64 && e.Bits == 64 && !e.BigEndian:
		return repo.AMD64
	case m == elf.EM_386 && e.Bits == 32 && !e.BigEndian:
		return repo.I386
	case m == elf.EM_AARCH64 && e.Bits == 64 && !e.BigEndian:
		return repo.ARM64
	// A program that hands no floating-point numbers to C says neither hard
	// nor soft (Go's linker writes 0x5000002), and runs on both.
	case m == elf.EM_ARM && e.Bits == 32 && !e.BigEndian && flags&armEABIMask == armEABI5 && flags&armSoftFloat == 0:
		return repo.ARM
	case m == elf.EM_PPC64 && e.Bits == 64 && !e.BigEndian && flags&ppc64ABIMask != ppc64ABIElfV1:
		return repo.PPC64LE
	case m == elf.EM_RISCV && e.Bits == 64 && !e.BigEndian:
		return repo.RISCV64
	case m == elf.EM_S390 && e.Bits == 64 && e.BigEndian:
		return repo.S390X
	case m == elf.EM_LOONGARCH && e.Bits == 64 && !e.BigEndian:
		return repo.Loong64
	}
	return ""
}
