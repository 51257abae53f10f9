/* Page tables: rights at every level, accessed and dirty bits, reserved bits, large pages, flushing, splits. */
#include "harness.h"
#include "cpu.h"
#include "memory.h"
#include "serial.h"

/* Its own tables, one entry used in each: PML4 entry 1, then 1, 2, 496: an offset that is free RAM in any page size. */
#define TARGET 0x00000080405f0000ul
#define BEHIND (TARGET + 0x1000)

extern u64 page_map_level_4[512];
static u64 pdpt[512] __attribute__((aligned(4096)));
static u64 pd[512] __attribute__((aligned(4096)));
static u64 pt[512] __attribute__((aligned(4096)));
static u8 targets[3 * 4096] __attribute__((aligned(4096)));

/* The entry of each level that leads to TARGET, from the root down. */
static u64 *const entries[4] = {&page_map_level_4[1], &pdpt[1], &pd[2], &pt[496]};
static u64 plain[4];

#define RIGHTS (PRESENT | WRITABLE | USER)

static void map_target(void)
{
    memset(targets, 0xcc, sizeof targets);
    targets[0] = 0xcd; /* int $DONE_VECTOR, for a fetch that succeeds */
    targets[1] = DONE_VECTOR;
    plain[0] = virt_to_phys(pdpt) | RIGHTS;
    plain[1] = virt_to_phys(pd) | RIGHTS;
    plain[2] = virt_to_phys(pt) | RIGHTS;
    plain[3] = virt_to_phys(targets) | RIGHTS;
    for (u32 level = 0; level < 4; level++)
        *entries[level] = plain[level];
    pt[497] = (virt_to_phys(targets) + 0x1000) | RIGHTS;
    flush_all();
}

static struct code accesses[3];

static void find_accesses(void)
{
    accesses[0] = CODE("movb 8(%%rdi), %%al");
    accesses[1] = CODE("movb %%al, 8(%%rdi)");
    accesses[2] = CODE("jmp *%%rdi");
}

/* One access: its error code, or "ok" and the accessed and dirty bits from the root down. */
static void print_access(enum where where, struct code code, u32 levels)
{
    u64 kept[497];
    for (u32 level = 0; level < 4; level++)
        kept[level] = *entries[level];
    flush_all();
    start.registers.rdi = TARGET;
    struct trap *trap = run(where, code);
    if (trap->vector == DONE_VECTOR) {
        print(" ok");
        for (u32 level = 0; level < levels; level++)
            print("%u", (u32)(*entries[level] >> 5 & 3));
    } else if (trap->vector == 14 && trap_cr2[0] - TARGET < 16) {
        print(" %2lx", trap->error);
    } else {
        print(" ?%lu(%lx)", trap->vector, trap->error);
    }
    for (u32 level = 0; level < 4; level++)
        *entries[level] = kept[level];
}

static void print_accesses(u32 levels)
{
    for (u32 who = 0; who < 2; who++)
        for (u32 what = 0; what < 3; what++)
            print_access(who ? IN_USER : IN_KERNEL, accesses[what], levels);
    print("\n");
}

/* Every combination of present, writable, user, no-execute and global in the entry of one level. */
static void vary_level(const char *mode, u32 level)
{
    static const u64 bits[5] = {PRESENT, WRITABLE, USER, NO_EXECUTE, GLOBAL};
    u32 count = level == 3 ? 5 : 4;
    for (u32 chosen = 0; chosen < 1u << count; chosen++) {
        u64 entry = plain[level] & ~RIGHTS;
        for (u32 i = 0; i < count; i++)
            if (chosen >> i & 1)
                entry |= bits[i];
        *entries[level] = entry;
        print("%s level %u %c%c%c%c%c:", mode, 4 - level, chosen & 1 ? 'P' : '-', chosen & 2 ? 'W' : '-',
              chosen & 4 ? 'U' : '-', chosen & 8 ? 'X' : '-', chosen & 16 ? 'G' : '-');
        print_accesses(4);
        *entries[level] = plain[level];
    }
}

static void check_rights(void)
{
    static const struct {
        const char *name;
        u64 cr0_off, cr4_on, flags;
        const char *feature;
    } modes[] = {
        {"WP", 0, 0, 0, NULL},
        {"no WP", CR0_WP, 0, 0, NULL},
        {"SMEP", 0, CR4_SMEP, 0, "smep"},
        {"SMAP", 0, CR4_SMAP, 0, "smap"},
        {"SMAP AC", 0, CR4_SMAP, FLAG_AC, "smap"},
        {"SMAP no WP", CR0_WP, CR4_SMAP, 0, "smap"},
        {"SMEP SMAP AC no WP", CR0_WP, CR4_SMAP | CR4_SMEP, FLAG_AC, "smap"},
    };
    for (u32 i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (modes[i].feature && !has_feature(modes[i].feature)) {
            print("%s: not offered\n", modes[i].name);
            continue;
        }
        write_cr0(read_cr0() & ~modes[i].cr0_off);
        write_cr4(read_cr4() | modes[i].cr4_on);
        start.rflags = 2 | modes[i].flags;
        for (u32 level = 0; level < 4; level++)
            vary_level(modes[i].name, level);
        reset_run();
    }
}

/* NXE off: bit 63 is reserved. */
static void check_reserved(void)
{
    for (u32 level = 0; level < 4; level++) {
        static const u32 bits[] = {40, 45, 51};
        for (u32 i = 0; i < 3; i++) {
            /* A model with more address bits than this one has no fault here. */
            if (bits[i] < 48)
                continue;
            *entries[level] = plain[level] | 1ul << bits[i];
            print("reserved bit %u, level %u:", bits[i], 4 - level);
            print_accesses(4);
        }
        if (level < 1) {
            *entries[level] = plain[level] | LARGE;
            print("reserved PS, level %u:", 4 - level);
            print_accesses(4);
        }
        *entries[level] = plain[level];
    }
    for (u32 bit = 13; bit < 21; bit += 3) {
        *entries[2] = (virt_to_phys(targets) & ~0x1ffffful) | RIGHTS | LARGE | 1ul << bit;
        print("2 MiB page, reserved bit %u:", bit);
        print_accesses(3);
    }
    *entries[2] = plain[2];
    /* The kernel's own no-execute pages would be reserved too: its code is not among them, its tables are not used. */
}

static void check_large(void)
{
    u64 base = virt_to_phys(targets) & ~0x1ffffful;
    /* TARGET's offset within 2 MiB leads elsewhere than the 4 KiB page did. */
    u8 *there = phys_to_virt(base + (TARGET & 0x1fffff));
    u8 kept[16];
    memcpy(kept, there, 16);
    there[0] = 0xcd;
    there[1] = DONE_VECTOR;
    static const u64 rights[] = {0, USER, WRITABLE, USER | WRITABLE, NO_EXECUTE | USER, 1ul << 12 | USER};
    for (u32 i = 0; i < 6; i++) {
        *entries[2] = base | PRESENT | LARGE | rights[i];
        print("2 MiB page %lx:", rights[i]);
        there[8] = kept[8];
        print_accesses(3);
    }
    memcpy(there, kept, 16);
    *entries[2] = plain[2];
    if (!has_feature("1gb")) {
        *entries[1] = PRESENT | USER | LARGE;
        print("1 GiB page, not offered:");
        print_accesses(2);
    } else {
        u8 *byte = phys_to_virt(TARGET & 0x3fffffff);
        byte[0] = 0xcd;
        byte[1] = DONE_VECTOR;
        for (u32 i = 0; i < 5; i++) {
            *entries[1] = PRESENT | LARGE | rights[i];
            print("1 GiB page %lx:", rights[i]);
            print_accesses(2);
        }
        *entries[1] = 0x2000 | PRESENT | LARGE;
        print("1 GiB page, reserved bit 13:");
        print_accesses(2);
    }
    *entries[1] = plain[1];
    flush_all();
}

/* What must be seen after a change of an entry, and what each way to flush must do. */
static u8 read_target(void) { return *(volatile u8 *)TARGET; }

static void check_flush(void)
{
    targets[0x1000] = 0x77;
    u64 other = (virt_to_phys(targets) + 0x1000) | RIGHTS;
    u8 first = read_target();
    pt[496] = other;
    asm volatile("invlpg (%0)" : : "r"(TARGET) : "memory");
    print("INVLPG: %x then %x\n", first, read_target());
    pt[496] = plain[3];
    reload_page_tables();
    first = read_target();
    pt[496] = other;
    reload_page_tables();
    print("CR3: %x then %x\n", first, read_target());
    pt[496] = plain[3] | GLOBAL;
    flush_all();
    first = read_target();
    pt[496] = other | GLOBAL;
    asm volatile("invlpg (%0)" : : "r"(TARGET) : "memory");
    print("INVLPG of a global page: %x then %x\n", first, read_target());
    pt[496] = plain[3] | GLOBAL;
    write_cr4(read_cr4() & ~CR4_PGE);
    first = read_target();
    write_cr4(read_cr4() | CR4_PGE);
    pt[496] = other;
    write_cr4(read_cr4() & ~CR4_PGE);
    print("CR4.PGE: %x then %x\n", first, read_target());
    write_cr4(read_cr4() | CR4_PGE);
    /* A fault drops what it was about; an entry that was not present is never cached. */
    pt[496] = 0;
    flush_all();
    start.registers.rdi = TARGET;
    check("not present", IN_USER, CODE("movb (%%rdi), %%al"));
    pt[496] = other;
    check("made present, no flush", IN_USER, CODE("movb (%%rdi), %%al"));
    pt[496] = other & ~WRITABLE;
    flush_all();
    start.registers.rdi = TARGET;
    run(IN_USER, CODE("movb (%%rdi), %%al; movb %%al, (%%rdi)"));
    print("read-only: #%lu(%lx)\n", traps[0].vector, traps[0].error);
    pt[496] = other;
    run(IN_USER, CODE("movb $0x55, 1(%%rdi); movb 1(%%rdi), %%al"));
    print("made writable: vector %lu, error %lx\n", traps[0].vector, traps[0].error & 7);
    /* The dirty bit of a page that was only read is set by the first write. */
    pt[496] = plain[3];
    flush_all();
    read_target();
    u64 before = pt[496];
    *(volatile u8 *)(TARGET + 9) = 1;
    print("A and D: %lx then %lx\n", before & 0x60, pt[496] & 0x60);
    if (has_feature("pcid")) {
        u64 root = read_cr3();
        write_cr4(read_cr4() | CR4_PCIDE);
        read_target();
        write_cr3((root & ~0xffful) | 5);
        first = read_target();
        pt[496] = other;
        write_cr3((root & ~0xffful) | 6);
        u8 second = read_target();
        write_cr3((root & ~0xffful) | 5); /* flushes 5, and 0 is not in force */
        print("PCID: %x, %x, %x\n", first, second, read_target());
        start.registers.rax = (root & ~0xffful) | 5;
        write_cr3((root & ~0xffful) | 5);
        check("PCIDE off with a PCID", IN_KERNEL, CODE("mov %%cr4, %%rax; btr $17, %%rax; mov %%rax, %%cr4; mov %%cr3, %%rax"));
        write_cr3(root);
        write_cr4(read_cr4() & ~CR4_PCIDE);
        pt[496] = plain[3];
    }
    write_cr3(read_cr3() | 5);
    start.registers.rax = 0;
    if (has_feature("pcid"))
        check("PCIDE on with CR3 bits 0 to 11", IN_KERNEL, CODE("mov %%cr4, %%rax; bts $17, %%rax; mov %%rax, %%cr4"));
    write_cr3(read_cr3() & ~0xffful);
    pt[496] = plain[3];
    flush_all();
}

/* Two pages under one access. */
static void check_split(void)
{
    static const struct {
        const char *name;
        u64 first, second;
    } cases[] = {
        {"both", RIGHTS, RIGHTS},
        {"first absent", 0, RIGHTS},
        {"second absent", RIGHTS, 0},
        {"both absent", 0, 0},
        {"first read-only", PRESENT | USER, RIGHTS},
        {"second read-only", RIGHTS, PRESENT | USER},
        {"second supervisor", RIGHTS, PRESENT | WRITABLE},
    };
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (u32 what = 0; what < 4; what++) {
            static const char *const names[4] = {"read", "write", "add", "vector"};
            struct code codes[4] = {
                CODE("movq (%%rdi), %%rax"), CODE("movq %%rax, (%%rdi)"), CODE("addq %%rax, (%%rdi)"),
                CODE("movups %%xmm0, (%%rdi)"),
            };
            memset(targets + 0x1000, 0x11, 16);
            memset(targets + 0xff0, 0x22, 16);
            pt[496] = virt_to_phys(targets) | cases[i].first;
            pt[497] = (virt_to_phys(targets) + 0x1000) | cases[i].second;
            flush_all();
            start.registers.rdi = BEHIND - 3;
            start.registers.rax = 0x0102030405060708;
            asm volatile("pxor %%xmm0, %%xmm0" : :);
            struct trap *trap = run(IN_USER, codes[what]);
            print("split %s, %s: vector %lu(%lx)", cases[i].name, names[what], trap->vector, trap->error);
            if (trap->vector == 14)
                print(" cr2 %lx", trap_cr2[0] - TARGET);
            u64 low, high;
            memcpy(&low, targets + 0xff8, 8);
            memcpy(&high, targets + 0x1000, 8);
            print(" memory %16lx %16lx ax %lx\n", low, high, trap->at.rax);
        }
    }
    /* An instruction across the boundary. */
    targets[0xfff] = 0xb8; /* mov eax, imm32; int */
    memcpy(targets + 0x1000, (u8[]){1, 2, 3, 4, 0xcd, DONE_VECTOR}, 6);
    for (u32 i = 0; i < 4; i++) {
        pt[496] = virt_to_phys(targets) | cases[i].first;
        pt[497] = (virt_to_phys(targets) + 0x1000) | cases[i].second;
        flush_all();
        start.rip = BEHIND - 1;
        struct trap *trap = run(IN_USER, CODE(""));
        print("instruction across, %s: vector %lu(%lx) rip %lx", cases[i].name, trap->vector, trap->error,
              trap->rip - TARGET);
        if (trap->vector == 14)
            print(" cr2 %lx", trap_cr2[0] - TARGET);
        print(" ax %lx\n", trap->at.rax);
    }
    start.rip = 0;
    map_target();
}

static void check_non_canonical(void)
{
    start.registers.rdi = NON_CANONICAL;
    start.registers.rsi = 0x00007ffffffffffd;
    start.registers.rbp = 0x0000900000000000;
    check("read", IN_USER, CODE("movb (%%rdi), %%al"));
    check("write", IN_USER, CODE("movb %%al, (%%rdi)"));
    check("read across the edge", IN_USER, CODE("movq (%%rsi), %%rax"));
    check("by RBP", IN_USER, CODE("movq (%%rbp), %%rax"));
    check("by RBP with DS", IN_USER, CODE("movq %%ds:(%%rbp), %%rax"));
    check("by RSP", IN_USER, CODE("mov %%rdi, %%rsp; pop %%rax"));
    check("push", IN_USER, CODE("mov %%rdi, %%rsp; push %%rax"));
    check("call", IN_USER, CODE("mov %%rbp, %%rsp; call 1f; 1:"));
    check("jump", IN_USER, CODE("jmp *%%rdi"));
    check("return", IN_USER, CODE("push %%rdi; ret"));
    check("INVLPG", IN_KERNEL, CODE("invlpg (%%rdi)"));
    check("stack in the kernel", IN_KERNEL, CODE("mov %%rdi, %%rsp; push %%rax"));
}

void check_paging(void)
{
    map_target();
    find_accesses();
    check_rights();
    map_target();
    check_reserved();
    check_large();
    map_target();
    check_flush();
    map_target();
    check_split();
    check_non_canonical();
    page_map_level_4[1] = 0;
    flush_all();
}
