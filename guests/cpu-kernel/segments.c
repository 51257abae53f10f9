/* Segment registers outside of real mode: loads, what LAR, LSL, VERR and VERW say, the LDT, accessed bits, bases. */
#include "harness.h"
#include "memory.h"
#include "serial.h"

/* Every type of descriptor, DPL 0 and 3, present or not, in the slot SPARE. */
static void check_descriptors(void)
{
    for (u32 kind = 0; kind < 32; kind++) {
        for (u32 dpl = 0; dpl < 4; dpl += 3) {
            gdt_table[SPARE / 8] = 0x00cf00000000ffff | (u64)(kind | dpl << 5 | 0x80) << 40;
            gdt_table[SPARE / 8 + 1] = 0;
            for (u32 rpl = 0; rpl < 4; rpl += 3) {
                for (u32 user = 0; user < 2; user++) {
                    start.registers.rbx = SPARE | rpl;
                    start.registers.rax = 0x5555;
                    struct trap *trap = run(user ? IN_USER : IN_KERNEL,
                        CODE("xor %%edi, %%edi; lar %%ebx, %%eax; jnz 1f; or $1, %%edi; 1: lsl %%ebx, %%ecx; jnz 1f; or $2, %%edi; 1: "
                             "verr %%bx; jnz 1f; or $4, %%edi; 1: verw %%bx; jnz 1f; or $8, %%edi; 1:"));
                    print("type %2x DPL %u RPL %u CPL %u: %lx, lar %lx", kind, dpl, rpl, user * 3, trap->at.rdi, trap->at.rax);
                    if (trap->at.rdi & 2)
                        print(", lsl %lx", trap->at.rcx);
                    trap = run(user ? IN_USER : IN_KERNEL, CODE("mov %%ebx, %%ds"));
                    print(", ds %lu(%lx)", trap->vector, trap->error);
                    trap = run(user ? IN_USER : IN_KERNEL, CODE("mov %%ebx, %%ss"));
                    print(", ss %lu(%lx)", trap->vector, trap->error);
                    trap = run(IN_COMPATIBILITY, CODE32("mov %%ebx, %%ss"));
                    print(", compatibility %lu(%lx) %lx\n", trap->vector, trap->error, gdt_table[SPARE / 8] >> 40 & 1);
                    gdt_table[SPARE / 8] &= ~(kind & 1 ? 0ul : 1ul << 40);
                }
            }
        }
    }
}

static void check_loads(void)
{
    static const struct {
        const char *name;
        u64 selector;
    } selectors[] = {
        {"null", 0}, {"null, RPL 3", 3}, {"data", USER_DS}, {"data of ring 0", KERNEL_DS}, {"absent", ABSENT_DS},
        {"absent, RPL 3", ABSENT_DS | 3}, {"execute-only", EXECUTE_ONLY}, {"read-only", READ_ONLY}, {"readable code", CODE_READABLE},
        {"code of ring 3", USER_CS}, {"conforming", CONFORMING_CS | 3}, {"TSS", TSS}, {"beyond", 0xff8}, {"LDT, none", 0xc},
    };
    for (u32 i = 0; i < sizeof selectors / sizeof *selectors; i++) {
        start.registers.rbx = selectors[i].selector;
        start.registers.rdi = DATA;
        print("selector: %s\n", selectors[i].name);
        check("MOV DS, CPL 3", IN_USER, CODE("mov %%ebx, %%ds; mov %%ds, %%eax"));
        check("MOV DS, CPL 0", IN_KERNEL, CODE("mov %%ebx, %%ds; mov %%ds, %%eax"));
        check("MOV FS, CPL 3", IN_USER, CODE("mov %%ebx, %%fs; mov %%fs, %%eax"));
        check("MOV SS, CPL 3", IN_USER, CODE("mov %%ebx, %%ss; mov %%ss, %%eax"));
        check("MOV SS, CPL 0", IN_KERNEL, CODE("mov %%ebx, %%ss; mov %%ss, %%eax"));
        check("POP FS", IN_USER, CODE("push %%rbx; .byte 0x0f, 0xa1; mov %%fs, %%eax"));
        check("LSS", IN_USER, CODE("movl $0x420f00, (%%rdi); mov %%bx, 4(%%rdi); lss (%%rdi), %%esp; mov %%ss, %%eax"));
        check("POP DS, compatibility", IN_COMPATIBILITY, CODE32("push %%ebx; pop %%ds; mov %%ds, %%eax"));
        check("read through ES, compatibility", IN_COMPATIBILITY, CODE32("mov %%ebx, %%es; mov %%es:(%%edi), %%al; xor %%eax, %%eax"));
        check("LLDT", IN_KERNEL, CODE("lldt %%bx; sldt %%eax"));
        check("LTR", IN_KERNEL, CODE("ltr %%bx; str %%eax"));
        reset_run();
    }
}

static void check_ldt(void)
{
    /* An LDT of two descriptors in the data page: data of ring 3 with a base, 64-bit code. */
    u64 *table = (u64 *)SHADOW_TABLES;
    table[0] = 0x00cff3000000ffff | (DATA & 0xffffff) << 16;
    table[1] = 0x00affb000000ffff;
    gdt_table[LDT / 8] = 15 | (SHADOW_TABLES & 0xffffff) << 16 | 0x82ul << 40 | (SHADOW_TABLES >> 24 & 0xff) << 56;
    gdt_table[LDT / 8 + 1] = 0;
    asm volatile("lldt %w0" : : "r"(LDT));
    data_page[0x20] = 0x3c;
    check("LDT data", IN_COMPATIBILITY, CODE32("mov $7, %%eax; mov %%eax, %%fs; movzbl %%fs:0x20, %%eax"));
    check("LDT data by 64-bit code", IN_USER, CODE("mov $7, %%eax; mov %%eax, %%fs; movzbl %%fs:0x20, %%eax"));
    check("LDT code", IN_USER, CODE("lea 1f(%%rip), %%rax; pushq $15; push %%rax; lretq; 1: mov %%cs, %%eax"));
    check("beyond the LDT", IN_USER, CODE("mov $0x17, %%eax; mov %%eax, %%fs"));
    check("null in the LDT", IN_USER, CODE("mov $4, %%eax; mov %%eax, %%fs"));
    gdt_table[LDT / 8 + 1] = 0x12345678;
    check("LLDT of a non-canonical base", IN_KERNEL, CODE("mov $0x90, %%eax; lldt %%ax"));
    gdt_table[LDT / 8 + 1] = 0;
    gdt_table[LDT / 8] &= ~(0x80ul << 40);
    check("LLDT of an absent one", IN_KERNEL, CODE("mov $0x90, %%eax; lldt %%ax"));
    check("LLDT null", IN_KERNEL, CODE("xor %%eax, %%eax; lldt %%ax; sldt %%eax"));
    gdt_table[TSS / 8] &= ~(2ul << 40);
    check("LTR sets busy", IN_KERNEL, CODE("mov $0x80, %%eax; ltr %%ax; xor %%eax, %%eax"));
    print("TSS type %lx\n", gdt_table[TSS / 8] >> 40 & 15);
    check("LTR of a busy one", IN_KERNEL, CODE("mov $0x80, %%eax; ltr %%ax"));
    reset_run();
    gdt_table[USER_DS / 8] &= ~(1ul << 40);
    check("accessed bit", IN_USER, CODE("mov $0x23, %%eax; mov %%eax, %%ds"));
    print("data type %lx\n", gdt_table[USER_DS / 8] >> 40 & 15);
    /* A descriptor page that may not be written, and one that is not there. */
    memcpy((void *)SHADOW_TABLES, gdt_table, sizeof gdt_table);
    ((u64 *)SHADOW_TABLES)[USER_DS / 8] &= ~(1ul << 40);
    set_page(SHADOW_TABLES, page_entry(SHADOW_TABLES) & ~WRITABLE);
    gdt_load(SHADOW_TABLES, sizeof gdt_table - 1);
    check("accessed bit in a read-only page", IN_KERNEL, CODE("mov $0x23, %%eax; mov %%eax, %%fs"));
    check("accessed already", IN_KERNEL, CODE("mov $0x63, %%eax; mov %%eax, %%fs; mov %%fs, %%eax"));
    gdt_load((u64)gdt_table, sizeof gdt_table - 1);
    reset_run();
}

static void check_bases(void)
{
    write_msr(MSR_FS_BASE, DATA + 0x10);
    write_msr(MSR_GS_BASE, 0xffffff0000000000);
    memcpy(data_page + 0x10, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    check("FS base", IN_USER, CODE("movq %%fs:0, %%rax"));
    check("LEA has no base", IN_USER, CODE(".byte 0x64; lea 0x10, %%rax"));
    check("base and a negative offset", IN_USER, CODE("movq $-0x10, %%rbx; movq %%fs:(%%rbx), %%rax"));
    check("32-bit address", IN_USER, CODE("movl $-0x10, %%ebx; movb %%fs:(%%ebx), %%al"));
    check("sum beyond the canonical", IN_USER, CODE("mov $1, %%eax; shl $62, %%rax; movb %%gs:(%%rax), %%al"));
    check("DS base is 0", IN_USER, CODE("mov $0x400000, %%eax; movb %%ds:(%%rax), %%al; xor %%eax, %%eax"));
    check("compatibility mode uses the low half", IN_COMPATIBILITY, CODE32("mov %%fs:0, %%eax"));
    check("16-bit addresses", IN_COMPATIBILITY, CODE32("mov $0xfff0, %%ebx; lea 0x20(%%bx), %%eax"));
}

void check_segments(void)
{
    check_descriptors();
    reset_run();
    check_loads();
    check_ldt();
    check_bases();
}
