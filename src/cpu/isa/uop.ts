/**
 * The µop: one guest instruction, decoded, in 32 bytes of the arena; and the block header that precedes a block's µops.
 * Handlers, and later the JIT, read nothing else. Every numeric export is also a constant of the core's generated layout.
 */

export const UOP_SIZE = 32;
/** u16: number of the handler; a fused pair has its own. */
export const UOP_OP = 0;
/** u16: the handler before fusing with the next µop. */
export const UOP_PLAIN = 2;
/** u8: byte offset of the destination register from GPR (AH is 1); xmm number << 4 for SSE; segment or control register number. */
export const UOP_DST = 4;
/** u8: the same for the source register. */
export const UOP_SRC = 5;
/** u8: byte offset from GPR of base and index register; 128 (the slot that reads 0) when there is none. */
export const UOP_BASE = 6;
export const UOP_INDEX = 7;
/** u8: bits 1-0 shift of the index; bits 5-4 address size (0: 16, 1: 32, 2: 64); {@link EA_STACK}, {@link EA_COMPLEX}. */
export const UOP_SCALE = 8;
/** u8: segment register number (0-5) of the memory operand, overrides applied. */
export const UOP_SEGMENT = 9;
/** u8: bits 1-0 log2 of the operand size; {@link FORM_MEMORY} and its neighbours. */
export const UOP_FORM = 10;
/** u8: condition number, shift count or whatever the row's handler says; with VEX, the register of VEX.vvvv as in UOP_DST. */
export const UOP_SUB = 11;
/** u8: length of the instruction in bytes (1-15). */
export const UOP_LENGTH = 12;
/** u8: number of the instruction in its block. */
export const UOP_INDEX_IN_BLOCK = 13;
/** u16: bytes from the block's first instruction to this one. */
export const UOP_OFFSET = 14;
/** i64: displacement (RIP-relative: the whole address); branch target; a 64-bit immediate. */
export const UOP_DISP = 16;
/** i32: immediate, sign extended as the instruction says. */
export const UOP_IMM = 24;
/** u32: number of the instruction's address in the site table. */
export const UOP_SITE = 28;

/** Branch µops have no operands: block to go to when taken, and when not. Hints; the block's key is checked. */
export const UOP_LINK_TAKEN = 4;
export const UOP_LINK_NEXT = 24;

export const EA_ADDRESS_SHIFT = 4;
export const EA_ADDRESS_MASK = 3;
/** UOP_SCALE: segment base, limit, or an address size other than 64 bits is involved. */
export const EA_COMPLEX = 0x80;
/** UOP_SCALE: the address is a stack address by default (#SS, not #GP). */
export const EA_STACK = 0x40;

/** UOP_FORM bits. */
export const FORM_SIZE = 3;
export const FORM_MEMORY = 4;
export const FORM_LOCK = 8;
/** VEX.L, of an instruction with a VEX prefix: 256 bits. */
export const FORM_256 = 8;
export const FORM_REP = 0x10;
export const FORM_REPNE = 0x20;
/** The last operand is the immediate. */
export const FORM_IMMEDIATE = 0x40;
/** The memory operand, if there is one, is the source: `Gv,Ev`. */
export const FORM_LOAD = 0x80;

/** Block header: {u64 rip, u32 key when last validated, u32 backing, ...}; the µops follow. */
export const BLOCK_HEADER = 64;
export const BLOCK_RIP = 0;
/** u32: generation and mode for which rip is known to lead here; 0: dropped. */
export const BLOCK_KEY = 8;
/** u32: address in this memory of the first byte. */
export const BLOCK_BACKING = 12;
/** u32: instructions. */
export const BLOCK_COUNT = 16;
/** u32: bytes of code. */
export const BLOCK_BYTES = 20;
/** u32: MODE bits it was decoded for. */
export const BLOCK_MODE = 24;
/** u32: next block with the same hash. */
export const BLOCK_NEXT = 28;
/** u32: next block in the list of its first page. */
export const BLOCK_PAGE_NEXT = 32;
/** u32: backing address of the code's second page, 0 if it stays in one; and its list. */
export const BLOCK_BACKING2 = 36;
export const BLOCK_PAGE_NEXT2 = 40;
/** u32: for a shortened copy, the block it was copied from. */
export const BLOCK_ORIGIN = 44;
/** u32: times entered through the lookup (for a JIT). */
export const BLOCK_ENTRIES = 48;

/** Most instructions in a block: the index fits a byte and slices stay fine-grained. */
export const BLOCK_INSTRUCTIONS_MAX = 64;

/** Operand kinds of the decode table. */
export const OPERAND_NONE = 0;
/** ModRM.rm: general register or memory. */
export const OPERAND_E = 1;
export const OPERAND_E8 = 2;
/** ModRM.reg: general register. */
export const OPERAND_G = 3;
export const OPERAND_G8 = 4;
/** Low three bits of the opcode. */
export const OPERAND_Z = 5;
export const OPERAND_Z8 = 6;
/** rAX or AL. */
export const OPERAND_ACCUMULATOR = 7;
/** Immediates: byte, byte sign extended, word, 16/32 bits by operand size, up to 64 bits, the constant 1. */
export const OPERAND_I8 = 8;
export const OPERAND_I8S = 9;
export const OPERAND_I16 = 10;
export const OPERAND_IZ = 11;
export const OPERAND_IV = 12;
export const OPERAND_ONE = 13;
/** Branch displacements: byte, 16/32 bits. */
export const OPERAND_J8 = 14;
export const OPERAND_JZ = 15;
/** Memory offset in the instruction. */
export const OPERAND_O = 16;
/** Far pointer: offset in UOP_DISP, selector in UOP_IMM. */
export const OPERAND_A = 17;
/** ModRM.reg: segment, control or debug register number. */
export const OPERAND_REGISTER_NUMBER = 18;
/** ModRM.reg: xmm register; ModRM.rm: xmm register or memory. */
export const OPERAND_V = 19;
export const OPERAND_W = 20;
/** Operands that the handler knows (DX, CL, string operands, segment registers in the opcode). */
export const OPERAND_IMPLIED = 21;

/** VEX.vvvv: general register; xmm register. */
export const OPERAND_B = 22;
export const OPERAND_H = 23;
/** Memory at an address with a vector of indices: their register's number << 4 in UOP_SRC, no index in UOP_INDEX. */
export const OPERAND_T = 24;

/** Operand size classes: byte; 16/32/64; 32/64; word; 16/32; 64 in 64-bit mode and 32 otherwise. */
export const SIZE_BYTE = 0;
export const SIZE_V = 1;
export const SIZE_Y = 2;
export const SIZE_WORD = 3;
export const SIZE_Z = 4;
export const SIZE_NATIVE = 5;

/** One row of the decode table in the core: {u32 match, u16 register op, u16 memory op, u8 x 4 operands, ...}. */
export const ROW_SIZE = 24;
export const ROW_MATCH = 0;
export const ROW_OP_REGISTER = 4;
export const ROW_OP_MEMORY = 6;
export const ROW_OPERANDS = 8;
export const ROW_OPTIONS = 12;
/** u8: 1 when the handler has one number per operand size. */
export const ROW_SIZED = 14;
export const ROW_SUB = 15;
export const ROW_FLAGS_READ = 16;
export const ROW_FLAGS_WRITTEN = 17;
export const ROW_FLAGS_UNDEFINED = 18;
export const ROW_SIZING = 19;
/** u16: number of the CPUID feature that the row takes, or {@link FEATURE_NONE}. */
export const ROW_FEATURE = 20;
export const FEATURE_NONE = 0xffff;
/**
 * Bits of ROW_MATCH: prefixes 3-0, mod 5-4, modes 7-6, ext 11-8 (8: any), rm 15-12 (8: any); of a row with VEX also
 * lengths 17-16, W 19-18, and 20 when VEX.vvvv is no operand and has to be 1111b.
 */
export const MATCH_MOD_SHIFT = 4;
export const MATCH_MODES_SHIFT = 6;
export const MATCH_EXT_SHIFT = 8;
export const MATCH_RM_SHIFT = 12;
export const MATCH_VEX_L_SHIFT = 16;
export const MATCH_VEX_W_SHIFT = 18;
export const MATCH_VEX_NO_REGISTER = 0x10_0000;
/** Index of rows: {u16 first, u8 count, u8 has ModRM} per map and opcode. */
export const INDEX_ENTRY_SIZE = 4;
