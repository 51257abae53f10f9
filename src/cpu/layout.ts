/**
 * Where everything stands in the core's one WebAssembly memory (docs/architecture.md, "Processor").
 *
 * Every numeric export becomes `export const NAME: u32` in the generated AssemblyScript layout, so the core and the
 * facade share one truth. Addresses are byte addresses in the core's memory; the active processor's state stands at a
 * fixed address, so that the core uses constants. The other processors' states are parked copies.
 */

// --- Active processor: one block, copied as a whole when the core switches to another processor -------------------

/** First byte of the active processor's state. Address 0 is never data: a null pointer means "fault pending". */
export const STATE = 0x1000;
export const STATE_SIZE = 0x1000;

/** rax rcx rdx rbx rsp rbp rsi rdi r8..r15, 8 bytes each; slot 16 always reads 0; 17.. are the decoder's temporaries. */
export const GPR = STATE + 0x000;
export const GPR_ZERO = GPR + 16 * 8;
export const GPR_TEMP = GPR + 17 * 8;
export const RAX = GPR + 0 * 8;
export const RCX = GPR + 1 * 8;
export const RDX = GPR + 2 * 8;
export const RBX = GPR + 3 * 8;
export const RSP = GPR + 4 * 8;
export const RBP = GPR + 5 * 8;
export const RSI = GPR + 6 * 8;
export const RDI = GPR + 7 * 8;
export const R11 = GPR + 11 * 8;

/** Instruction pointer within the code segment (u64). */
export const RIP = STATE + 0x0c0;

/** Lazy arithmetic flags: operation (0: the flags stand in EFLAGS itself), operand size, result, sources. */
export const FLAGS_OP = STATE + 0x0c8;
export const FLAGS_SIZE = STATE + 0x0cc;
export const FLAGS_RESULT = STATE + 0x0d0;
export const FLAGS_SRC1 = STATE + 0x0d8;
export const FLAGS_SRC2 = STATE + 0x0e0;
/** System flags, and the arithmetic flags while FLAGS_OP is 0 (u32). Bit 1 is always set. */
export const EFLAGS = STATE + 0x0e8;
/** Spare word for CPU flags machinery (u32). */
export const FLAGS_EXTRA = STATE + 0x0ec;

/** Pending fault (u32): 0 none, otherwise vector + 1. Then its error code, whether it has one, its kind (FAULT_*). */
export const FAULT = STATE + 0x0f0;
export const FAULT_ERROR = STATE + 0x0f4;
export const FAULT_HAS_ERROR = STATE + 0x0f8;
/** Events that interrupt the run loop (u32, EVENT_* bits): tested between blocks. 0: nothing to do. */
export const EVENTS = STATE + 0x0fc;
/** Non-zero: the running block must be left after the current instruction (u32). The run loop clears it. */
export const LEAVE_BLOCK = STATE + 0x100;
/**
 * SHADOW_* while the instruction after STI, or MOV or POP SS, runs (u32): no interrupt is taken before it ends, after SS no
 * debug exception either.
 */
export const INTERRUPT_SHADOW = STATE + 0x104;
/** 1 after HLT until an interrupt; 2 after a triple fault until reset; 3 until a start-up IPI (u32). */
export const HALTED = STATE + 0x108;
/** Current privilege level, 0-3 (u32). */
export const CPL = STATE + 0x10c;
/** What decoding depends on (u32, MODE_* bits); part of a block's key. */
export const MODE = STATE + 0x110;
/** Bases of the TLB sets in force (u32 each): read, write, execute. They follow CPL, CR4.SMAP and EFLAGS.AC. */
export const TLB_READ = STATE + 0x114;
export const TLB_WRITE = STATE + 0x118;
export const TLB_EXEC = STATE + 0x11c;
/** High bits to OR into a site for the who-wrote shadow: small index of the page tables in force << 24 (u32). */
export const SITE_SPACE = STATE + 0x120;
/** Which TLB sets hold an entry since the last flush (u32, one bit per set). */
export const TLB_USED = STATE + 0x124;
/** Linear address that a page fault leaves in CR2 when it is delivered (u64). */
export const FAULT_ADDRESS = STATE + 0x128;
/** First TLB set of this processor (u32), and the kind of set in force: TLB_SUPERVISOR, TLB_USER, TLB_SUPERVISOR_AC. */
export const TLB_SETS_BASE = STATE + 0x130;
export const ACCESS_KIND = STATE + 0x134;
/** 1 from the delivery of an NMI to the next IRET (u32). */
export const NMI_BLOCKED = STATE + 0x13c;

/** Segment registers es cs ss ds fs gs ldtr tr: {u64 base, u32 limit in bytes, u32 attributes, u32 selector, u32 spare}. */
export const SEGMENTS = STATE + 0x140;
export const SEGMENT_SIZE = 24;
export const SEGMENT_BASE = 0;
export const SEGMENT_LIMIT = 8;
/** Descriptor bits 8-23 of its second word, shifted down by 8: type 3-0, S 4, DPL 6-5, P 7, AVL 12, L 13, D/B 14, G 15. */
export const SEGMENT_ATTRIBUTES = 12;
export const SEGMENT_SELECTOR = 16;
export const SEG_ES = 0;
export const SEG_CS = 1;
export const SEG_SS = 2;
export const SEG_DS = 3;
export const SEG_FS = 4;
export const SEG_GS = 5;
export const SEG_LDTR = 6;
export const SEG_TR = 7;
export const FS_BASE = SEGMENTS + SEG_FS * SEGMENT_SIZE;
export const GS_BASE = SEGMENTS + SEG_GS * SEGMENT_SIZE;

/** Descriptor tables: {u64 base, u32 limit}. */
export const GDT_BASE = STATE + 0x200;
export const GDT_LIMIT = STATE + 0x208;
export const IDT_BASE = STATE + 0x210;
export const IDT_LIMIT = STATE + 0x218;

export const CR0 = STATE + 0x220;
export const CR2 = STATE + 0x228;
export const CR3 = STATE + 0x230;
export const CR4 = STATE + 0x238;
export const CR8 = STATE + 0x240;
export const EFER = STATE + 0x248;
export const STAR = STATE + 0x250;
export const LSTAR = STATE + 0x258;
export const CSTAR = STATE + 0x260;
export const FMASK = STATE + 0x268;
export const KERNEL_GS_BASE = STATE + 0x270;
export const SYSENTER_CS = STATE + 0x278;
export const SYSENTER_ESP = STATE + 0x280;
export const SYSENTER_EIP = STATE + 0x288;
export const PAT = STATE + 0x290;
export const MISC_ENABLE = STATE + 0x298;
export const TSC_OFFSET = STATE + 0x2a0;
export const TSC_AUX = STATE + 0x2a8;
export const XCR0 = STATE + 0x2b0;
/** MTRRs are kept as written: nothing here caches. {def type, 11 fixed, 16 variable}, 8 bytes each. */
export const MTRR_DEFAULT_TYPE = STATE + 0x2b8;
export const MTRR_FIXED = STATE + 0x2c0;
export const MTRR_VARIABLE = STATE + 0x318;
/** DR0-DR7, 8 bytes each (4 and 5 unused). */
export const DEBUG_REGISTERS = STATE + 0x3a0;
/** IA32_APIC_BASE-independent processor number of this state (u32). */
export const CPU_INDEX = STATE + 0x3e0;
/** Vector of the start-up IPI that waits to be taken (u32): with EVENT_STARTUP. */
export const STARTUP_VECTOR = STATE + 0x3e4;

/** xmm0-15, 16 bytes each, 16-byte aligned; then MXCSR. */
export const XMM = STATE + 0x400;
export const MXCSR = STATE + 0x500;
export const MXCSR_MASK = STATE + 0x504;
/**
 * x87: eight 16-byte slots (10 bytes used, the others 0), then control, status, tags and the last pointers. The slots are
 * the physical registers R0-R7, which are mm0-7: ST(i) is slot (TOP + i) mod 8, TOP being bits 13-11 of the status word.
 */
export const X87 = STATE + 0x510;
export const X87_CONTROL = STATE + 0x590;
export const X87_STATUS = STATE + 0x594;
/** A bit per physical register, set when it is not empty (the abridged form of FXSAVE, u32). */
export const X87_TAG = STATE + 0x598;
/** 11 bits: the low bits of the first opcode byte in 10-8, ModRM in 7-0 (u32). */
export const X87_LAST_OPCODE = STATE + 0x59c;
export const X87_LAST_IP = STATE + 0x5a0;
export const X87_LAST_DATA = STATE + 0x5a8;
/** Selectors of the last pointers (u32 each), and 1 while IGNNE# is asserted (u32). */
export const X87_LAST_CS = STATE + 0x5b0;
export const X87_LAST_DS = STATE + 0x5b4;
export const X87_IGNORE_ERROR = STATE + 0x5b8;

/** Bits of DR6 that a debug exception reports before the next instruction (u32); EVENT_DEBUG is set while not 0. */
export const DEBUG_PENDING = STATE + 0x7c0;
/** Enabled breakpoints (u32): instruction 0-3, data 4-7, port 8-11. Follows from DR7 and CR4.DE. */
export const DEBUG_ARMED = STATE + 0x7c4;
/** 1 in system management mode (u32), and where it begins (u32). */
export const SMM_ACTIVE = STATE + 0x7c8;
export const SMBASE = STATE + 0x7cc;
/** What RSM gives back: whether an NMI handler was interrupted, and DEBUG_PENDING (u32 each). */
export const SMM_NMI_BLOCKED = STATE + 0x7d0;
export const SMM_DEBUG_PENDING = STATE + 0x7d4;
/** 1 after MONITOR until MWAIT, or a write to the line (u32); 1 when an interrupt ends MWAIT although IF is 0 (u32). */
export const MONITOR_ARMED = STATE + 0x7d8;
export const MWAIT_BREAKS = STATE + 0x7dc;
/** Backing address of the monitored line, 64 bytes (u32). */
export const MONITOR_LINE = STATE + 0x7e0;
/** The same while MWAIT waits (u32); 0: it does not. */
export const MWAIT_LINE = STATE + 0x7e4;

/** Bytes of a read that is no direct pointer (MMIO, page split), and of a read-modify-write of one. */
export const SCRATCH = STATE + 0x800;
export const SCRATCH_RMW = STATE + 0x840;
/** Instruction bytes that cross a page or come from MMIO. */
export const SCRATCH_CODE = STATE + 0x880;
/** Values crossing to the host: MSR halves {u32 low, u32 high}, high half of an 8-byte MMIO read. */
export const HOST_LOW = STATE + 0x8c0;
export const HOST_HIGH = STATE + 0x8c4;
/**
 * The code segment as fetches use it (u64 each): what is added to RIP, and the last offset that may be fetched. In 64-bit
 * code 0 and all ones. They follow CS and the mode.
 */
export const CODE_BASE = STATE + 0x8d0;
export const CODE_LIMIT = STATE + 0x8d8;
/** First byte that the run loop's own per-processor fields may use; up to YMM_HIGH. */
export const STATE_FREE = STATE + 0x900;

/** Bits 255-128 of ymm0-15, 16 bytes each: XSAVE's AVX component, and its offset in the standard form. */
export const YMM_HIGH = STATE + 0xb00;
export const XSAVE_AVX_OFFSET = 576;
/** The four PDPTEs that PAE paging loaded last (u64 each; Vol. 3A 4.4.1), IA32_XSS, and MSRs that are plain words. */
export const PDPTES = STATE + 0xc00;
export const XSS = STATE + 0xc20;
export const TSC_ADJUST = STATE + 0xc28;
export const FEATURE_CONTROL = STATE + 0xc30;
export const MCG_STATUS = STATE + 0xc38;
export const MCG_CTL = STATE + 0xc40;
export const HWCR = STATE + 0xc48;
/** Machine check banks: {CTL, STATUS, ADDR, MISC}, 8 bytes each. */
export const MC_BANKS = STATE + 0xc50;
export const MC_BANKS_COUNT = 10;
/** End of these words; the state's free bytes are from STATE_FREE to YMM_HIGH, and from here on. */
export const CONTROL_STATE_END = MC_BANKS + MC_BANKS_COUNT * 32;

// --- Core-wide, not per processor ---------------------------------------------------------------------------------

export const CONTROL = 0x2000;
/** Index of the active processor and the number of processors (u32). */
export const ACTIVE_CPU = CONTROL + 0x00;
export const CPU_COUNT = CONTROL + 0x04;
/** First byte of guest RAM's backing (u32, 64 KiB aligned) and the first byte after it. */
export const RAM_BASE = CONTROL + 0x08;
export const RAM_END = CONTROL + 0x0c;
/** Added to `(pointer >> 3) << 2`, gives the who-wrote word of a backing byte (u32, wraps). */
export const SHADOW_DELTA = CONTROL + 0x10;
/** 1 when "who wrote this byte" is kept (u32). */
export const TRACK_WRITERS = CONTROL + 0x14;
/** Number of entries in DIRECT_RANGES (u32). */
export const DIRECT_COUNT = CONTROL + 0x18;
/** Number of entries in CPUID_TABLE (u32). */
export const CPUID_COUNT = CONTROL + 0x1c;
/** 1: report deliveries to the host (u32). 1: report decoded blocks (u32). */
export const TRACE_INTERRUPTS = CONTROL + 0x20;
export const TRACE_BLOCKS = CONTROL + 0x24;
/** Physical address bits (u32), at most 52; a set bit at or above is a reserved-bit fault. */
export const PHYSICAL_BITS = CONTROL + 0x28;
/** Number of valid entries in SPACE_TABLE (u32). */
export const SPACE_COUNT = CONTROL + 0x2c;
/** 1: RDMSR and WRMSR of an MSR that nobody has raise #GP(0), as the specification says. 0: read 0, write nothing. */
export const UNKNOWN_MSR_FAULTS = CONTROL + 0x48;
/** EXIT_* reason that a handler which returns EXIT_TO_HOST wants `run` to give (u32). */
export const EXIT_REASON = CONTROL + 0x4c;
/** Vector of the exception that could not be delivered, after a triple fault (u32). */
export const TRIPLE_FAULT_VECTOR = CONTROL + 0x50;
/** During an exception's delivery (u32 each, vector + 1, 0 none): in whose delivery it was raised; which, before it became #DF. */
export const DELIVERING = CONTROL + 0x60;
export const RAISED = CONTROL + 0x64;
/** 1: every store to RAM is told to the host before it happens (u32). */
export const OBSERVE_STORES = CONTROL + 0x54;
/** 1: PAUSE ends the run with EXIT_PAUSED, because another processor could use the time (u32). */
export const PAUSE_YIELDS = CONTROL + 0x58;
/** Physical address bits that read as 0 whatever is put there (u32): bit 20 while the A20 gate is shut, otherwise none. */
export const ADDRESS_BITS_OFF = CONTROL + 0x78;
/** The entries of the last page walk: {u64 address, u64 value} from the root down, four at most. */
export const WALK_ENTRIES = CONTROL + 0x80;
/** The stack frame that a delivery or a far transfer is about to push: 31 parameters, CS:EIP and SS:ESP at most. */
export const FRAME = CONTROL + 0x100;
export const FRAME_SIZE = 160;
/** The model's CPUID feature words (u32 each), in the order of isa/features.ts: what decodes, what CR4 and EFER take. */
export const FEATURES = CONTROL + 0x300;
export const FEATURES_1_EDX = FEATURES + 0;
export const FEATURES_1_ECX = FEATURES + 4;
export const FEATURES_7_EBX = FEATURES + 8;
export const FEATURES_7_ECX = FEATURES + 12;
export const FEATURES_XSAVE = FEATURES + 20;
export const FEATURES_EXTENDED_EDX = FEATURES + 28;
/** The model's maker (u32), VENDOR_*: AMD's and Intel's processors differ in SYSCALL, SYSENTER and some MSRs. */
export const VENDOR = CONTROL + 0x340;
export const VENDOR_AMD = 1;
export const VENDOR_INTEL = 2;
/** CPUID leaf 1 EAX, and DX after RESET (u32). */
export const SIGNATURE = CONTROL + 0x344;
/** APIC id of each processor (u8 each, CPUS_MAX of them). */
export const APIC_IDS = CONTROL + 0x380;
/** First byte for the run loop's core-wide fields (budget, counters, block in progress ...). */
export const CONTROL_FREE = CONTROL + 0x3c0;

/** Sorted by address: {u64 start, u64 size in bytes, u32 backing, u32 writable, u64 spare}. */
export const DIRECT_RANGES = 0x4000;
export const DIRECT_RANGE_SIZE = 32;
export const DIRECT_RANGES_MAX = 512;
/** {leaf, subleaf or 0xffffffff for any, eax, ebx, ecx, edx}. */
export const CPUID_TABLE = 0x8000;
export const CPUID_ENTRY_SIZE = 24;
export const CPUID_ENTRIES_MAX = 128;
/** Recent page table roots (u64 each) by the 8-bit index kept in the who-wrote words. 0: paging off or not known. */
export const SPACE_TABLE = 0x9000;
export const SPACES_MAX = 192;
/** A who-wrote word from here up names a device: `(word - WRITER_DEVICE)` is its number. */
export const WRITER_DEVICE = 0xff00_0000;

/** AssemblyScript's own static data (asc --memoryBase): decode tables. */
export const STATIC_DATA = 0x1_0000;
/** One byte per 4 KiB of this memory (PAGE_* bits). */
export const PAGE_FLAGS = 0x20_0000;
/** One bit per 64 bytes of this memory that hold decoded code: 8 bytes per page. */
export const CODE_GRANULES = 0x30_0000;
/** Block cache: hash table. */
export const BLOCK_TABLE = 0xc0_0000;
export const BLOCK_TABLE_END = 0x100_0000;
/** Sites: instruction addresses by site number (u64 each), then the hash that finds the number of one (u32 each). */
export const SITE_TABLE = 0x100_0000;
export const SITES_MAX = 0x10_0000;
export const SITE_HASH = 0x180_0000;
export const SITE_HASH_END = 0x200_0000;
/** Decoded blocks. */
export const UOP_ARENA = 0x200_0000;
export const UOP_ARENA_END = 0x400_0000;

/** One area per processor: its parked state, its TLB sets and its large-page filters. */
export const VCPU_AREA = 0x400_0000;
export const VCPU_AREA_SIZE = 0x4_0000;
export const VCPU_PARKED_STATE = 0;
/** Which 2 MiB (first half) and 1 GiB (second half) regions may have entries cut from a large page: hashed bit sets. */
export const VCPU_LARGE_PAGES = 0x1000;
export const VCPU_LARGE_PAGES_SIZE = 0x400;
export const VCPU_TLB = 0x1_0000;
/** Most processors that the fixed areas allow. */
export const CPUS_MAX = 64;

// --- TLB ----------------------------------------------------------------------------------------------------------

/** {u64 tag, u32 addend (backing = low 32 bits of the linear address + addend), u32 frame and flags}. */
export const TLB_ENTRY_SIZE = 16;
export const TLB_ENTRIES = 1024;
export const TLB_SET_SIZE = 0x4000;
/** Kind of set: supervisor; user (CPL 3); supervisor that may touch user pages although SMAP is on (EFLAGS.AC). */
export const TLB_SUPERVISOR = 0;
export const TLB_USER = 1;
export const TLB_SUPERVISOR_AC = 2;
/** First set of each access; set = access + kind. Execute has no third kind. */
export const TLB_SET_READ = 0;
export const TLB_SET_WRITE = 3;
export const TLB_SET_EXEC = 6;
/** A set that holds nothing: reads and writes of CPL 3 use it while alignment is checked (#AC). */
export const TLB_SET_MISS = 8;
export const TLB_SETS = 9;
/** Tag bits that make the one compare fail: no direct backing; ROM or code or watched page. */
export const TAG_MMIO = 1;
export const TAG_SLOW_STORE = 2;
export const TAG_WATCH = 4;
/** Set in the tag of an entry that holds nothing. */
export const TAG_INVALID = 0x800;
/** Bits of the fourth word above the 28-bit frame number. */
export const FRAME_MASK = 0x0fff_ffff;
export const FRAME_GLOBAL = 0x8000_0000;
export const FRAME_2M = 0x4000_0000;
export const FRAME_1G = 0x2000_0000;

/** PAGE_FLAGS bits: holds decoded code; every access is to be reported. */
export const PAGE_CODE = 1;
export const PAGE_WATCH = 2;

/** Kinds of access, for translation and for the error code of a page fault. */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXEC = 2;

// --- Mode key, events, exits --------------------------------------------------------------------------------------

/** MODE bits: default code size (0: 16, 1: 32, 2: 64), 32-bit stack pointer, CPL 3, protected mode, v86, long mode. */
export const MODE_CODE_SIZE_MASK = 0x03;
export const MODE_CODE_16 = 0;
export const MODE_CODE_32 = 1;
export const MODE_CODE_64 = 2;
export const MODE_STACK_32 = 0x04;
export const MODE_USER = 0x08;
export const MODE_PROTECTED = 0x10;
export const MODE_V86 = 0x20;
export const MODE_LONG = 0x40;
/** All of cs, ds, es, ss are flat 4 GiB with base 0 (or it is 64-bit code): no base to add, no limit to check. */
export const MODE_FLAT = 0x80;
/** x87/SSE cannot run as it stands (CR0.EM/TS, CR4.OSFXSR): the decoder checks at each such instruction. */
export const MODE_NO_SSE = 0x100;
export const MODE_NO_X87 = 0x200;
/** The same for AVX (CR0.TS, CR4.OSXSAVE, XCR0, modes without VEX). */
export const MODE_NO_AVX = 0x400;

/** EVENTS bits. */
export const EVENT_INTERRUPT_LINE = 1;
export const EVENT_NMI = 2;
export const EVENT_EXIT = 4;
/** The host moved the end of the slice: the core comes back between two instructions. */
export const EVENT_LIMIT = 8;
/** DEBUG_PENDING is not 0. */
export const EVENT_DEBUG = 0x10;
/** HALTED is not 0. */
export const EVENT_HALTED = 0x20;
/** INIT; start-up IPI with its vector in STARTUP_VECTOR. */
export const EVENT_INIT = 0x100;
export const EVENT_STARTUP = 0x200;

/** A system management interrupt, latched until it can be taken. */
export const EVENT_SMI = 0x40;

/** INTERRUPT_SHADOW values. */
export const SHADOW_INTERRUPTS = 1;
export const SHADOW_ALL = 2;

/** DEBUG_ARMED bits by kind. */
export const DEBUG_EXECUTE = 0x00f;
export const DEBUG_DATA = 0x0f0;
export const DEBUG_PORTS = 0xf00;

/** What `run` of the core returns, and what {@link EXIT_REASONS} names. */
export const EXIT_BUDGET = 0;
export const EXIT_HALTED = 1;
export const EXIT_TRIPLE_FAULT = 2;
export const EXIT_UNIMPLEMENTED = 3;
export const EXIT_REQUESTED = 4;
/** PAUSE, when PAUSE_YIELDS says so. */
export const EXIT_PAUSED = 5;

/** How a delivery came about: the `kind` of `traceInterrupt` and of {@link EVENT_KINDS}. */
export const DELIVER_EXCEPTION = 0;
export const DELIVER_INTERRUPT = 1;
export const DELIVER_SOFTWARE = 2;
export const DELIVER_NMI = 3;

/** What a `sys_` handler returns to the run loop. */
export const NEXT = 0;
export const CONTINUE_AT_RIP = 1;
export const FAULTED = 2;
export const EXIT_TO_HOST = 3;
/** A fault is pending, and RIP is where it is to be delivered: a task switch that had been committed. */
export const FAULTED_AT_RIP = 4;
