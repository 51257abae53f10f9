#include "harness.h"
#include "cpu.h"
#include "memory.h"
#include "serial.h"

#define ENTRY_BYTES 16

extern const u8 trap_entries[];
void run_frame(struct trap *frame);
u32 trap_note(struct trap *trap);

u64 gdt_table[GDT_ENTRIES] __attribute__((aligned(16)));
struct gate idt[256] __attribute__((aligned(16)));
struct tss tss __attribute__((aligned(256)));
u64 window_table[512] __attribute__((aligned(4096)));
u8 code_page[2 * 4096] __attribute__((aligned(4096)));
u8 data_page[2 * 4096] __attribute__((aligned(4096)));
static u8 stack_pages[4][2 * 4096] __attribute__((aligned(4096)));
static u8 shadow_pages[2 * 4096] __attribute__((aligned(4096)));
static u64 directory[512] __attribute__((aligned(4096)));
static u64 directory_pointers[512] __attribute__((aligned(4096)));
extern u64 page_map_level_4[512];

struct start start;
struct trap traps[TRAPS_MAX];
u64 trap_cr2[TRAPS_MAX], trap_dr6[TRAPS_MAX];
u32 trap_count;
u64 returning_vectors, set_on_return, clear_on_return;

/* --- Pages ---------------------------------------------------------------------------------------------------------- */

void flush_all(void)
{
    u64 cr4 = read_cr4();
    write_cr4(cr4 ^ CR4_PGE);
    write_cr4(cr4);
    reload_page_tables();
}

u64 page_entry(u64 address) { return window_table[address >> 12 & 511]; }

void set_page(u64 address, u64 entry)
{
    window_table[address >> 12 & 511] = entry;
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static void map(u64 address, const u8 *pages, u32 count, u64 flags)
{
    for (u32 i = 0; i < count; i++)
        set_page(address + i * PAGE_SIZE, (virt_to_phys(pages) + i * PAGE_SIZE) | flags | PRESENT | ACCESSED | DIRTY);
}

static void map_window(void)
{
    map(USER_CODE, code_page, 2, USER | WRITABLE);
    map(KERNEL_CODE, code_page, 2, WRITABLE);
    map(ALIAS, code_page, 2, USER | WRITABLE);
    map(USER_STACK, stack_pages[0], 2, USER | WRITABLE);
    map(KERNEL_STACK, stack_pages[1], 2, WRITABLE);
    map(RING0_STACK, stack_pages[2], 2, WRITABLE);
    map(IST_STACK, stack_pages[3], 2, WRITABLE);
    map(DATA, data_page, 2, USER | WRITABLE);
    map(SHADOW_TABLES, shadow_pages, 2, WRITABLE);
    set_page(HOLE, 0);
    set_page(DATA + 0x2000, 0);
}

/* --- Descriptors ------------------------------------------------------------------------------------------------------ */

void gdt_load(u64 address, u16 limit)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {limit, address};
    asm volatile("lgdt %0" : : "m"(pointer));
}

void idt_load(u64 address, u16 limit)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {limit, address};
    asm volatile("lidt %0" : : "m"(pointer));
}

static void fill_gdt(void)
{
    static const u64 fixed[] = {
        [KERNEL_CS / 8] = 0x00af9b000000ffff,  [KERNEL_DS / 8] = 0x00cf93000000ffff,
        [USER_CS32 / 8] = 0x00cffb000000ffff,  [USER_DS / 8] = 0x00cff3000000ffff,
        [USER_CS / 8] = 0x00affb000000ffff,    [KERNEL_CS32 / 8] = 0x00cf9b000000ffff,
        [CONFORMING_CS / 8] = 0x00af9f000000ffff, [ABSENT_DS / 8] = 0x00cf13000000ffff,
        [ABSENT_CS / 8] = 0x00af1b000000ffff,  [CODE_READABLE / 8] = 0x00cf9b000000ffff,
        [EXECUTE_ONLY / 8] = 0x00cff9000000ffff, [READ_ONLY / 8] = 0x00cff1000000ffff,
    };
    memset(gdt_table, 0, sizeof gdt_table);
    memcpy(gdt_table, fixed, sizeof fixed);
    u64 base = (u64)&tss;
    u64 limit = sizeof tss - 1;
    gdt_table[TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    gdt_table[TSS / 8 + 1] = base >> 32;
}

static void fill_idt(void)
{
    for (u32 vector = 0; vector < 256; vector++) {
        u64 entry = (u64)trap_entries + vector * ENTRY_BYTES;
        bool open = vector == 3 || vector == 4 || vector == DONE_VECTOR;
        idt[vector] = (struct gate){
            .offset_low = (u16)entry,
            .selector = KERNEL_CS,
            .stack = vector == 8 ? 1 : 0,
            .type = open ? GATE_DPL3 : GATE_DPL0,
            .offset_middle = (u16)(entry >> 16),
            .offset_high = (u32)(entry >> 32),
        };
    }
}

static void fill_tss(void)
{
    memset(&tss, 0, sizeof tss);
    tss.rsp[0] = RING0_STACK + 0x2000;
    tss.ist[0] = IST_STACK + 0x2000;
    tss.ist[1] = IST_STACK + 0x1000;
    tss.io_map = (u16)((u64)&tss.io_bits - (u64)&tss);
    memset(tss.io_bits, 0xff, sizeof tss.io_bits + 1);
}

static u64 plain_cr0, plain_cr4, plain_efer;

void reset_run(void)
{
    write_dr7(0x400);
    write_dr6(0xffff0ff0);
    write_cr0(plain_cr0);
    if (read_cr4() != plain_cr4)
        write_cr4(plain_cr4);
    write_msr(MSR_EFER, plain_efer);
    fill_gdt();
    fill_idt();
    fill_tss();
    gdt_load((u64)gdt_table, sizeof gdt_table - 1);
    idt_load((u64)idt, sizeof idt - 1);
    asm volatile("ltr %w0; lldt %w1" : : "r"(TSS), "r"(0) : "memory");
    asm volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    write_msr(MSR_FS_BASE, 0);
    write_msr(MSR_GS_BASE, 0);
    write_msr(MSR_KERNEL_GS_BASE, 0);
    map_window();
    memset(&start, 0, sizeof start);
    start.rflags = 2;
    returning_vectors = 0;
    set_on_return = 0;
    clear_on_return = 0;
}

void harness_init(void)
{
    page_map_level_4[0] = virt_to_phys(directory_pointers) | PRESENT | WRITABLE | USER;
    directory_pointers[0] = virt_to_phys(directory) | PRESENT | WRITABLE | USER;
    directory[WINDOW >> 21] = virt_to_phys(window_table) | PRESENT | WRITABLE | USER;
    reload_page_tables();
    plain_cr0 = (read_cr0() | CR0_NE | CR0_MP) & ~(CR0_EM | CR0_TS | CR0_AM);
    plain_cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    plain_efer = read_msr(MSR_EFER) | 1;
    write_cr4(plain_cr4);
    reset_run();
}

/* --- Running ------------------------------------------------------------------------------------------------------------ */

u32 trap_note(struct trap *trap)
{
    if (trap_count < TRAPS_MAX) {
        traps[trap_count] = *trap;
        trap_cr2[trap_count] = read_cr2();
        trap_dr6[trap_count] = read_dr6();
        trap_count++;
    }
    if (trap_count == TRAPS_MAX || trap->vector >= 64 || !(returning_vectors >> trap->vector & 1))
        return 0;
    trap->rflags = (trap->rflags | set_on_return) & ~clear_on_return;
    return 1;
}

struct trap *run(enum where where, struct code code)
{
    static struct trap frame;
    u64 size = (u64)(code.end - code.start);
    memcpy(code_page, code.start, size);
    code_page[size] = 0xcd; /* int $DONE_VECTOR */
    code_page[size + 1] = DONE_VECTOR;
    frame.at = start.registers;
    frame.rip = start.rip ? start.rip : where == IN_KERNEL ? KERNEL_CODE : USER_CODE;
    frame.cs = start.cs ? start.cs : where == IN_KERNEL ? KERNEL_CS : where == IN_USER ? USER_CS : USER_CS32;
    frame.ss = start.ss ? start.ss : where == IN_KERNEL ? KERNEL_DS : USER_DS;
    frame.rsp = start.rsp ? start.rsp : where == IN_KERNEL ? KERNEL_STACK + 0x1000 : USER_STACK + 0x1000;
    frame.rflags = start.rflags;
    u64 data = where == IN_KERNEL ? KERNEL_DS : USER_DS;
    asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(data));
    trap_count = 0;
    run_frame(&frame);
    return &traps[trap_count - 1];
}

/* --- Lines ---------------------------------------------------------------------------------------------------------------- */

void print_address(u64 address)
{
    static const struct {
        const char *name;
        u64 base;
    } parts[] = {
        {"code", USER_CODE},   {"kcode", KERNEL_CODE}, {"stack", USER_STACK}, {"kstack", KERNEL_STACK},
        {"ring0", RING0_STACK}, {"ist", IST_STACK},     {"data", DATA},        {"alias", ALIAS},
        {"hole", HOLE},        {"tables", SHADOW_TABLES},
    };
    for (u32 i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (address - parts[i].base < 0x3000) {
            print("%s+%lx", parts[i].name, address - parts[i].base);
            return;
        }
    }
    if (address >= 0xffffff8000000000)
        print("kernel");
    else
        print("%lx", address);
}

static const char *const vector_names[32] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "09",  "#TS",
    "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};

static void print_trap(u32 index)
{
    const struct trap *trap = &traps[index];
    if (trap->vector == DONE_VECTOR) {
        print("done");
    } else {
        const char *name = trap->vector < 32 ? vector_names[trap->vector] : NULL;
        if (name)
            print("%s", name);
        else
            print("int %2lx", trap->vector);
        print("(%lx)", trap->error);
        if (trap->vector == 14) {
            print(" cr2 ");
            print_address(trap_cr2[index]);
        }
        if (trap->vector == 1)
            print(" dr6 %lx", trap_dr6[index]);
    }
    print(" at %lx:", trap->cs);
    print_address(trap->rip);
    print(" flags %lx sp %lx:", trap->rflags, trap->ss);
    print_address(trap->rsp);
}

void print_traps(const char *name)
{
    for (u32 i = 0; i < trap_count; i++) {
        print("%s: %u: ", name, i);
        print_trap(i);
        print("\n");
    }
}

void print_end(const char *name)
{
    print("%s: ", name);
    print_trap(trap_count - 1);
    print(" ax %lx\n", traps[trap_count - 1].at.rax);
}

struct trap *check(const char *name, enum where where, struct code code)
{
    struct trap *trap = run(where, code);
    print_end(name);
    return trap;
}

/* --- Features ----------------------------------------------------------------------------------------------------------- */

static u32 cpuid(u32 leaf, u32 which)
{
    u32 words[4] = {leaf, 0, 0, 0};
    asm volatile("cpuid" : "+a"(words[0]), "=b"(words[1]), "+c"(words[2]), "=d"(words[3]));
    return words[which];
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool has_feature(const char *name)
{
    static const struct {
        const char *name;
        u32 leaf, word, bit;
    } features[] = {
        {"pcid", 1, 2, 17},  {"fsgsbase", 7, 1, 0}, {"smep", 7, 1, 7},           {"smap", 7, 1, 20},
        {"umip", 7, 2, 2},   {"1gb", 0x80000001, 3, 26}, {"rdtscp", 0x80000001, 3, 27}, {"xsave", 1, 2, 26},
    };
    for (u32 i = 0; i < sizeof features / sizeof *features; i++) {
        if (same(features[i].name, name))
            return cpuid(features[i].leaf & 0x80000000, 0) >= features[i].leaf &&
                   cpuid(features[i].leaf, features[i].word) >> features[i].bit & 1;
    }
    return false;
}
