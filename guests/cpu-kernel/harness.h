/*
 * Runs a few instructions at a chosen privilege level and code size and says how they ended: every exception and
 * interrupt comes back here. Code, stacks and data stand at fixed addresses, so that what is printed depends on the
 * processor alone.
 */
#pragma once
#include "types.h"

/* --- Addresses: one page each, in one page table --------------------------------------------------------------------- */

#define WINDOW 0x400000ul
#define USER_CODE (WINDOW + 0x00000)
#define KERNEL_CODE (WINDOW + 0x10000)
#define USER_STACK (WINDOW + 0x20000)
#define KERNEL_STACK (WINDOW + 0x30000)
#define RING0_STACK (WINDOW + 0x38000) /* RSP0 of the TSS, not of snippets */
#define IST_STACK (WINDOW + 0x3a000)
#define DATA (WINDOW + 0x40000)          /* two pages, user, writable */
#define ALIAS (WINDOW + 0x50000)         /* the code page, user, writable */
#define HOLE (WINDOW + 0x60000)          /* not present */
#define SHADOW_TABLES (WINDOW + 0x70000) /* descriptor tables that checks break on purpose; supervisor */
#define NON_CANONICAL 0x8000000000000000ul

extern u64 window_table[512];
extern u8 code_page[2 * 4096], data_page[2 * 4096];

/* --- Selectors ------------------------------------------------------------------------------------------------------- */

enum selector {
    KERNEL_CS = 0x08,
    KERNEL_DS = 0x10,
    USER_CS32 = 0x1b,
    USER_DS = 0x23,
    USER_CS = 0x2b,
    KERNEL_CS32 = 0x30,
    CONFORMING_CS = 0x38,
    ABSENT_DS = 0x40,
    ABSENT_CS = 0x48,
    CODE_READABLE = 0x50, /* execute/read, ring 0, not conforming: a data load of CPL 3 is refused */
    EXECUTE_ONLY = 0x5b,
    READ_ONLY = 0x63,
    SPARE = 0x68, /* two slots to fill in */
    TSS = 0x80,   /* two slots */
    LDT = 0x90,   /* two slots */
    GATE = 0xa0,  /* call gate, two slots, DPL 3 */
    GDT_ENTRIES = 24,
};

extern u64 gdt_table[GDT_ENTRIES];

/* --- Interrupt table --------------------------------------------------------------------------------------------------- */

struct gate {
    u16 offset_low;
    u16 selector;
    u8 stack;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
} __attribute__((packed));

#define DONE_VECTOR 0x80
#define GATE_DPL0 0x8e
#define GATE_DPL3 0xee

extern struct gate idt[256];
void idt_load(u64 address, u16 limit);
void gdt_load(u64 address, u16 limit);

/* --- The task state segment -------------------------------------------------------------------------------------------- */

struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map;
    u8 io_bits[64];
    u8 io_end;
} __attribute__((packed));

extern struct tss tss;

/* --- Running ----------------------------------------------------------------------------------------------------------- */

struct registers {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
};

struct trap {
    struct registers at;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

struct code {
    const u8 *start, *end;
};

#define CODE_OF(bits, text)                                                                                            \
    ({                                                                                                                 \
        struct code code_;                                                                                             \
        asm(".pushsection .text.snippets, \"ax\"\n.code" #bits "\n77771: " text                                              \
            "\n77772:\n.code64\n.popsection\n"                                                                         \
            "lea 77771b(%%rip), %0\nlea 77772b(%%rip), %1"                                                             \
            : "=r"(code_.start), "=r"(code_.end));                                                                     \
        code_;                                                                                                         \
    })
#define CODE(text) CODE_OF(64, text)
#define CODE32(text) CODE_OF(32, text)

enum where { IN_KERNEL, IN_USER, IN_COMPATIBILITY };

/* What the next run begins with; reset_run() gives the defaults. */
struct start {
    struct registers registers;
    u64 rflags;
    u64 cs, ss, rsp, rip; /* 0: by `where` */
};

extern struct start start;

#define TRAPS_MAX 64
extern struct trap traps[TRAPS_MAX];
extern u64 trap_cr2[TRAPS_MAX], trap_dr6[TRAPS_MAX];
extern u32 trap_count;
/* A bit per vector below 64 whose handler returns to where it came from, instead of ending the run. */
extern u64 returning_vectors;
/* RFLAGS bits that a returning handler sets and clears in the frame it returns through. */
extern u64 set_on_return, clear_on_return;

void harness_init(void);
/* Registers, controls, tables and tss as checks expect to find them. */
void reset_run(void);
/* Runs `code` from its page until something ends it: the last trap. */
struct trap *run(enum where where, struct code code);
/* run(), with one line about the end of it. */
struct trap *check(const char *name, enum where where, struct code code);
/* One line per trap of the last run. */
void print_traps(const char *name);
void print_end(const char *name);
/* A window address as its distance from a part that has a name. */
void print_address(u64 address);

bool has_feature(const char *name);
void flush_all(void);
void set_page(u64 address, u64 entry);
u64 page_entry(u64 address);

/* --- Registers that C does not know --------------------------------------------------------------------------------- */

#define ACCESSOR(name, register)                                                                                       \
    static inline u64 read_##name(void)                                                                                \
    {                                                                                                                  \
        u64 value;                                                                                                     \
        asm volatile("mov %%" register ", %0" : "=r"(value));                                                          \
        return value;                                                                                                  \
    }                                                                                                                  \
    static inline void write_##name(u64 value) { asm volatile("mov %0, %%" register : : "r"(value) : "memory"); }

ACCESSOR(cr0, "cr0")
ACCESSOR(cr3, "cr3")
ACCESSOR(cr4, "cr4")
ACCESSOR(dr0, "db0")
ACCESSOR(dr1, "db1")
ACCESSOR(dr2, "db2")
ACCESSOR(dr3, "db3")
ACCESSOR(dr6, "db6")
ACCESSOR(dr7, "db7")

static inline u64 read_msr(u32 index)
{
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static inline void write_msr(u32 index, u64 value)
{
    asm volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

enum msr {
    MSR_APIC_BASE = 0x1b,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_PAT = 0x277,
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_FMASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
};

#define CR0_MP 0x2ul
#define CR0_EM 0x4ul
#define CR0_TS 0x8ul
#define CR0_NE 0x20ul
#define CR0_WP 0x10000ul
#define CR0_AM 0x40000ul
#define CR4_TSD 0x4ul
#define CR4_DE 0x8ul
#define CR4_PGE 0x80ul
#define CR4_PCE 0x100ul
#define CR4_OSFXSR 0x200ul
#define CR4_OSXMMEXCPT 0x400ul
#define CR4_UMIP 0x800ul
#define CR4_FSGSBASE 0x10000ul
#define CR4_PCIDE 0x20000ul
#define CR4_SMEP 0x100000ul
#define CR4_SMAP 0x200000ul
#define FLAG_TF 0x100ul
#define FLAG_IF 0x200ul
#define FLAG_DF 0x400ul
#define FLAG_IOPL3 0x3000ul
#define FLAG_NT 0x4000ul
#define FLAG_RF 0x10000ul
#define FLAG_AC 0x40000ul
#define FLAG_ID 0x200000ul

#define PRESENT 0x1ul
#define WRITABLE 0x2ul
#define USER 0x4ul
#define ACCESSED 0x20ul
#define DIRTY 0x40ul
#define LARGE 0x80ul
#define GLOBAL 0x100ul
#define NO_EXECUTE 0x8000000000000000ul

/* --- Groups ------------------------------------------------------------------------------------------------------------- */

void check_paging(void);
void check_privilege(void);
void check_exceptions(void);
void check_debug(void);
void check_system_calls(void);
void check_segments(void);
void check_self_modifying(void);
void check_msr(void);
