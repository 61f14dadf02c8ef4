//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The fast loop. Registers:
//
//	DI  *core             SI  where in the input     R9  where in the output
//	R10 range             R11 code                   R12 rep0
//	R13 state             R14 node in use            BP  base of a tree
//	AX  symbol so far     BX, DX probabilities       CX  bound
//	R8, R15 scratch
//
// and on the stack, addresses unless said otherwise:
#define IN_STOP   0(SP)
#define OUT_STOP  8(SP)
#define OUT_END   16(SP)
#define START     24(SP)
#define BASE      32(SP) // of buf
#define POS_STATE 40(SP) // posState
#define LEN_CODER 48(SP) // 1 for a match, 0 for a repeated one
#define LENGTH    56(SP)
#define STATE     64(SP)
#define REP0      72(SP)

#define PROBS core_probs

// NORM shifts in a byte when the range has become small.
#define NORM \
	CMPL R10, $0x01000000 \
	JCC  5(PC)            \
	SHLL $8, R10          \
	SHLL $8, R11          \
	MOVB (SI), R11        \
	INCQ SI

// BOUND splits the range at the probability P.
#define BOUND(P) \
	NORM           \
	MOVL  R10, CX  \
	SHRL  $11, CX  \
	IMULL P, CX

// IF1 jumps when the bit with the probability at addr is 1. UPDATE0 or
// UPDATE1 must follow.
#define IF1(addr, label) \
	MOVWLZX addr, BX \
	BOUND(BX)        \
	CMPL    R11, CX  \
	JCC     label

#define UPDATE0(addr) \
	MOVL CX, R10   \
	MOVL $2048, R8 \
	SUBL BX, R8    \
	SHRL $5, R8    \
	ADDL R8, BX    \
	MOVW BX, addr

#define UPDATE1(addr) \
	SUBL CX, R10 \
	SUBL CX, R11 \
	MOVL BX, R8  \
	SHRL $5, R8  \
	SUBL R8, BX  \
	MOVW BX, addr

// SETTLE ends a bit without a branch. The carry flag is set when the bit is 0,
// R11 is code - bound. It restores the code, appends the bit to AX, and stores
// the probability P of the node R14 as it becomes.
#define SETTLE(P) \
	SBBL R8, R8           \
	ANDL R8, CX           \
	ADDL CX, R11          \
	LEAL 1(R8)(AX*2), AX  \
	ANDL $(31-2048), R8   \
	ADDL P, R8            \
	SARL $5, R8           \
	SUBL R8, P            \
	MOVW P, (BP)(R14*2)

// BIT decodes the bit of the node AX, whose probability is P. It loads those
// of both children before it knows which it will be, to keep the load off the
// path that the next bit waits for. Q becomes the child's.
#define BIT(P, Q) \
	BOUND(P)                   \
	MOVWLZX (BP)(AX*4), Q      \
	MOVWLZX 2(BP)(AX*4), R15   \
	MOVL    AX, R14            \
	SUBL    CX, R10            \
	SUBL    CX, R11            \
	CMOVLCS CX, R10            \
	CMOVLCC R15, Q             \
	SETTLE(P)

// LEAF is BIT for the last bit of a tree.
#define LEAF(P) \
	BOUND(P)        \
	MOVL    AX, R14 \
	SUBL    CX, R10 \
	SUBL    CX, R11 \
	CMOVLCS CX, R10 \
	SETTLE(P)

#define ROOT \
	MOVL    $1, AX    \
	MOVWLZX 2(BP), BX

#define TREE3 \
	ROOT        \
	BIT(BX, DX) \
	BIT(DX, BX) \
	LEAF(BX)

#define TREE8 \
	ROOT        \
	BIT(BX, DX) \
	BIT(DX, BX) \
	BIT(BX, DX) \
	BIT(DX, BX) \
	BIT(BX, DX) \
	BIT(DX, BX) \
	BIT(BX, DX) \
	LEAF(DX)

// MATCHED decodes a bit of a literal that follows a match. DI is the byte at
// rep0, shifted; R12 is 0x100 while all bits were those of that byte, then 0;
// C is the node in use and N becomes the next.
#define MATCHED(P, Q, C, N) \
	ADDL    DI, DI               \
	MOVL    R12, R8              \
	ANDL    DI, R8               \
	XORL    R8, R12              \
	LEAL    (DI)(DI*1), R13      \
	MOVL    R13, N               \
	ANDL    R8, R13              \
	ADDL    R8, R13              \
	LEAL    1(R13)(AX*2), R13    \
	ANDL    R12, N               \
	ADDL    R12, N               \
	LEAL    (N)(AX*2), N         \
	BOUND(P)                     \
	MOVWLZX (BP)(N*2), Q         \
	SUBL    CX, R10              \
	SUBL    CX, R11              \
	CMOVLCS CX, R10              \
	CMOVWCC (BP)(R13*2), Q       \
	CMOVLCC R13, N               \
	CMOVLCC R8, R12              \
	SBBL    R8, R8               \
	ANDL    R8, CX               \
	ADDL    CX, R11              \
	LEAL    1(R8)(AX*2), AX      \
	ANDL    $(31-2048), R8       \
	ADDL    P, R8                \
	SARL    $5, R8               \
	SUBL    R8, P                \
	MOVW    P, (BP)(C*2)

// TO_STATE sets the state to low if it is less than 7, else to high.
#define TO_STATE(low, high) \
	CMPL R13, $7            \
	SBBL R8, R8             \
	ANDL $(low-high), R8    \
	LEAL high(R8), R13

// reversed5 holds the five bits of each index in reverse.
DATA reversed5<>+0(SB)/8, $0x1c0c140418081000
DATA reversed5<>+8(SB)/8, $0x1e0e16061a0a1202
DATA reversed5<>+16(SB)/8, $0x1d0d150519091101
DATA reversed5<>+24(SB)/8, $0x1f0f17071b0b1303
GLOBL reversed5<>(SB), RODATA|NOPTR, $32

// func runFast(c *core) status
TEXT ·runFast(SB), NOSPLIT, $88-16
	MOVQ c+0(FP), DI
	MOVQ core_buf(DI), R8
	MOVQ R8, BASE
	MOVQ core_outStop(DI), AX
	ADDQ R8, AX
	MOVQ AX, OUT_STOP
	MOVQ core_outEnd(DI), AX
	ADDQ R8, AX
	MOVQ AX, OUT_END
	MOVQ core_start(DI), AX
	ADDQ R8, AX
	MOVQ AX, START
	MOVQ core_pos(DI), R9
	ADDQ R8, R9
	MOVQ core_in(DI), SI
	MOVQ core_inStop(DI), AX
	ADDQ SI, AX
	MOVQ AX, IN_STOP
	ADDQ core_inPos(DI), SI
	MOVL core_rng(DI), R10
	MOVL core_code(DI), R11
	MOVL core_rep(DI), R12
	MOVL core_state(DI), R13

loop:
	CMPQ R9, OUT_STOP
	JCC  stop
	CMPQ SI, IN_STOP
	JHI  stop
	MOVL R9, DX
	SUBL BASE, DX
	MOVL core_pbMask(DI), BP
	ANDL DX, BP
	MOVL R13, AX
	SHLL $4, AX
	ADDL BP, AX
	IF1(PROBS+const_probIsMatch*2(DI)(AX*2), match)
	UPDATE0(PROBS+const_probIsMatch*2(DI)(AX*2))

	// A literal. Its tree: ((pos&lpMask)<<8 + byte before) >> (8-lc).
	ANDL    core_lpMask(DI), DX
	SHLL    $8, DX
	MOVBLZX -1(R9), R8
	ADDL    DX, R8
	MOVL    $8, CX
	SUBL    core_lc(DI), CX
	SHRL    CX, R8
	LEAL    (R8)(R8*2), R8
	SHLL    $9, R8
	LEAQ    PROBS+const_probLiteral*2(DI)(R8*1), BP
	CMPL    R13, $7
	JCC     matched
	XORL    R8, R8
	SUBL    $3, R13
	CMOVLCS R8, R13
	TREE8
	MOVB    AX, (R9)
	INCQ    R9
	JMP     loop

matched:
	CMPL    R13, $10
	SBBL    R8, R8
	ANDL    $3, R8
	LEAL    -6(R13)(R8*1), R13
	MOVL    R13, STATE
	MOVL    R12, REP0
	MOVQ    R9, R8
	SUBQ    R12, R8
	MOVBLZX -1(R8), DI
	MOVL    $0x100, R12
	MOVL    $1, AX

	// The first node is 0x100 + the byte's first bit + 1.
	LEAL    (DI)(DI*1), R14
	ANDL    R12, R14
	LEAL    0x101(R14), R14
	MOVWLZX (BP)(R14*2), BX
	MATCHED(BX, DX, R14, R15)
	MATCHED(DX, BX, R15, R14)
	MATCHED(BX, DX, R14, R15)
	MATCHED(DX, BX, R15, R14)
	MATCHED(BX, DX, R14, R15)
	MATCHED(DX, BX, R15, R14)
	MATCHED(BX, DX, R14, R15)
	MOVL    R15, R14
	BOUND(DX)
	SUBL    CX, R10
	SUBL    CX, R11
	CMOVLCS CX, R10
	SETTLE(DX)
	MOVL    STATE, R13
	MOVL    REP0, R12
	MOVQ    c+0(FP), DI
	MOVB    AX, (R9)
	INCQ    R9
	JMP     loop

match:
	UPDATE1(PROBS+const_probIsMatch*2(DI)(AX*2))
	MOVQ BP, POS_STATE
	IF1(PROBS+const_probIsRep*2(DI)(R13*2), rep)
	UPDATE0(PROBS+const_probIsRep*2(DI)(R13*2))
	MOVL core_rep+8(DI), AX
	MOVL AX, core_rep+12(DI)
	MOVL core_rep+4(DI), AX
	MOVL AX, core_rep+8(DI)
	MOVL R12, core_rep+4(DI)
	TO_STATE(7, 10)
	LEAQ PROBS+const_probLen*2(DI), BP
	MOVQ $1, LEN_CODER
	JMP  length

rep:
	UPDATE1(PROBS+const_probIsRep*2(DI)(R13*2))
	IF1(PROBS+const_probIsRepG0*2(DI)(R13*2), rep1)
	UPDATE0(PROBS+const_probIsRepG0*2(DI)(R13*2))
	IF1(PROBS+const_probIsRep0Long*2(DI)(AX*2), repLong)
	UPDATE0(PROBS+const_probIsRep0Long*2(DI)(AX*2))

	// One byte.
	MOVQ    R9, R8
	SUBQ    START, R8
	CMPQ    R12, R8
	JCC     bad
	CMPQ    R12, core_dictSize(DI)
	JCC     bad
	MOVQ    R9, R8
	SUBQ    R12, R8
	MOVBLZX -1(R8), AX
	TO_STATE(9, 11)
	MOVB    AX, (R9)
	INCQ    R9
	JMP     loop

repLong:
	UPDATE1(PROBS+const_probIsRep0Long*2(DI)(AX*2))
	JMP repLength

rep1:
	UPDATE1(PROBS+const_probIsRepG0*2(DI)(R13*2))
	IF1(PROBS+const_probIsRepG1*2(DI)(R13*2), rep2)
	UPDATE0(PROBS+const_probIsRepG1*2(DI)(R13*2))
	MOVL core_rep+4(DI), AX
	MOVL R12, core_rep+4(DI)
	MOVL AX, R12
	JMP  repLength

rep2:
	UPDATE1(PROBS+const_probIsRepG1*2(DI)(R13*2))
	IF1(PROBS+const_probIsRepG2*2(DI)(R13*2), rep3)
	UPDATE0(PROBS+const_probIsRepG2*2(DI)(R13*2))
	MOVL core_rep+8(DI), AX
	JMP  shift2

rep3:
	UPDATE1(PROBS+const_probIsRepG2*2(DI)(R13*2))
	MOVL core_rep+12(DI), AX
	MOVL core_rep+8(DI), BX
	MOVL BX, core_rep+12(DI)

shift2:
	MOVL core_rep+4(DI), BX
	MOVL BX, core_rep+8(DI)
	MOVL R12, core_rep+4(DI)
	MOVL AX, R12

repLength:
	TO_STATE(8, 11)
	LEAQ PROBS+const_probRepLen*2(DI), BP
	MOVQ $0, LEN_CODER

length:
	IF1((BP), lengthMid)
	UPDATE0((BP))
	MOVQ POS_STATE, AX
	SHLQ $4, AX
	LEAQ const_lenLow*2(BP)(AX*1), BP
	TREE3
	SUBL $(8-const_minMatch), AX
	JMP  lengthDone

lengthMid:
	UPDATE1((BP))
	IF1(2(BP), lengthHigh)
	UPDATE0(2(BP))
	MOVQ POS_STATE, AX
	SHLQ $4, AX
	LEAQ const_lenMid*2(BP)(AX*1), BP
	TREE3
	ADDL $const_minMatch, AX // + 8 - 8
	JMP  lengthDone

lengthHigh:
	UPDATE1(2(BP))
	LEAQ const_lenHigh*2(BP), BP
	TREE8
	SUBL $(256-16-const_minMatch), AX

lengthDone:
	MOVL AX, LENGTH
	CMPQ LEN_CODER, $0
	JEQ  copy

	// The distance: a slot of 6 bits, whose tree depends on the length.
	SUBL    $const_minMatch, AX
	MOVL    $3, CX
	CMPL    AX, CX
	CMOVLHI CX, AX
	SHLL    $7, AX
	LEAQ    PROBS+const_probPosSlot*2(DI)(AX*1), BP
	ROOT
	BIT(BX, DX)
	BIT(DX, BX)
	BIT(BX, DX)
	BIT(DX, BX)
	BIT(BX, DX)
	LEAF(DX)
	SUBL    $64, AX
	MOVL    AX, R12
	CMPL    AX, $4
	JCS     copy
	MOVL    R13, STATE
	MOVL    AX, R13
	SHRL    $1, R13
	DECL    R13               // bits to come
	ANDL    $1, R12
	ORL     $2, R12
	CMPL    AX, $14
	JCC     direct

	// Up to 5 bits, in reverse, with probabilities of their own.
	MOVL    R13, CX
	SHLL    CX, R12
	MOVL    R12, CX
	SUBL    AX, CX
	LEAQ    PROBS+const_probPosSpecial*2(DI)(CX*2), BP
	MOVQ    R13, POS_STATE    // not needed any more
	ROOT

special:
	BOUND(BX)
	MOVL    AX, R14
	SUBL    CX, R10
	SUBL    CX, R11
	CMOVLCS CX, R10
	SETTLE(BX)
	MOVWLZX (BP)(AX*2), BX
	DECL    R13
	JNE     special
	MOVL    $5, CX
	SUBQ    POS_STATE, CX
	SHLL    CX, AX
	ANDL    $31, AX
	LEAQ    reversed5<>(SB), R8
	MOVBLZX (R8)(AX*1), AX
	ADDL    AX, R12
	MOVL    STATE, R13
	JMP     copy

direct:
	SUBL $4, R13

directBit:
	NORM
	SHRL    $1, R10
	MOVL    R11, R8
	SUBL    R10, R11
	CMOVLCS R8, R11
	SBBL    R8, R8
	LEAL    1(R8)(R12*2), R12
	DECL    R13
	JNE     directBit

	// The lowest 4 bits, in reverse.
	LEAQ    PROBS+const_probAlign*2(DI), BP
	ROOT
	BIT(BX, DX)
	BIT(DX, BX)
	BIT(BX, DX)
	LEAF(DX)
	ADDL    AX, AX
	ANDL    $31, AX
	LEAQ    reversed5<>(SB), R8
	MOVBLZX (R8)(AX*1), AX
	SHLL    $4, R12
	ADDL    AX, R12
	MOVL    STATE, R13
	CMPL    R12, $-1
	JEQ     end

copy:
	// R12 + 1 bytes back, LENGTH bytes.
	MOVQ R9, R8
	SUBQ START, R8
	CMPQ R12, R8
	JCC  bad
	CMPQ R12, core_dictSize(DI)
	JCC  bad
	MOVL LENGTH, AX
	MOVQ OUT_END, R8
	SUBQ R9, R8
	CMPQ R8, AX
	JLT  bad
	MOVQ R9, R8
	SUBQ R12, R8
	DECQ R8                   // from
	MOVQ R9, BX               // to
	ADDQ AX, R9
	CMPL R12, $15
	JCS  near

copy16:
	MOVOU (R8), X0
	MOVOU X0, (BX)
	ADDQ  $16, R8
	ADDQ  $16, BX
	CMPQ  BX, R9
	JCS   copy16
	JMP   loop

near:
	CMPL R12, $7
	JCS  nearer

copy8:
	MOVQ (R8), AX
	MOVQ AX, (BX)
	ADDQ $8, R8
	ADDQ $8, BX
	CMPQ BX, R9
	JCS  copy8
	JMP  loop

nearer:
	TESTL R12, R12
	JEQ   fill

copy1:
	MOVBLZX (R8), AX
	MOVB    AX, (BX)
	INCQ    R8
	INCQ    BX
	CMPQ    BX, R9
	JCS     copy1
	JMP     loop

fill:
	MOVBLZX (R8), AX
	MOVQ    $0x0101010101010101, CX
	IMULQ   CX, AX

fill8:
	MOVQ AX, (BX)
	ADDQ $8, BX
	CMPQ BX, R9
	JCS  fill8
	JMP  loop

stop:
	MOVQ $const_statusStop, AX
	JMP  out

end:
	MOVQ $const_statusEnd, AX
	JMP  out

bad:
	MOVQ $const_statusBad, AX

out:
	SUBQ core_in(DI), SI
	MOVQ SI, core_inPos(DI)
	SUBQ BASE, R9
	MOVQ R9, core_pos(DI)
	MOVL R10, core_rng(DI)
	MOVL R11, core_code(DI)
	MOVL R12, core_rep(DI)
	MOVL R13, core_state(DI)
	MOVQ AX, ret+8(FP)
	RET
