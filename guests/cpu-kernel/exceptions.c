/* Every exception a program can cause, its error code, the frame it leaves, and exceptions within exceptions. */
#include "harness.h"
#include "memory.h"
#include "serial.h"

static void check_kinds(void)
{
    for (u32 user = 0; user < 2; user++) {
        enum where where = user ? IN_USER : IN_KERNEL;
        print(user ? "CPL 3\n" : "CPL 0\n");
        start.registers.rax = 5;
        start.registers.rdx = 0;
        start.registers.rdi = HOLE + 0x10;
        check("DIV by 0", where, CODE("xor %%ecx, %%ecx; div %%ecx"));
        start.registers.rdx = 7;
        start.registers.rcx = 7;
        check("DIV overflow", where, CODE("div %%rcx"));
        start.registers.rax = 0x80000000;
        start.registers.rdx = 0xffffffff;
        start.registers.rcx = -1ul;
        check("IDIV overflow", where, CODE("idiv %%ecx"));
        check("INT3", where, CODE("int3"));
        check("UD2", where, CODE("ud2"));
        check("UD1", where, CODE(".byte 0x0f, 0xb9, 0xc0"));
        check("UD0", where, CODE(".byte 0x0f, 0xff, 0xc0"));
        check("PUSH ES in 64-bit code", where, CODE(".byte 0x06"));
        check("DAA in 64-bit code", where, CODE(".byte 0x27"));
        check("far CALL in 64-bit code", where, CODE(".byte 0x9a, 0, 0, 0, 0, 0, 0"));
        check("LOCK MOV", where, CODE(".byte 0xf0, 0x48, 0x89, 0x07"));
        check("LOCK ADD to a register", where, CODE(".byte 0xf0, 0x48, 0x01, 0xc0"));
        check("LEA of a register", where, CODE(".byte 0x8d, 0xc0"));
        check("MOV to CS", where, CODE(".byte 0x8e, 0xc8"));
        check("15 bytes", where, CODE(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90"));
        check("16 bytes", where, CODE(".byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90"));
        check("page fault", where, CODE("mov (%%rdi), %%rax"));
        check("page fault of a write", where, CODE("mov %%rax, (%%rdi)"));
        check("page fault of a fetch", where, CODE("jmp *%%rdi"));
        check("page fault of a push", where, CODE("lea 8(%%rdi), %%rsp; push %%rax"));
        check("MOVAPS off its alignment", where, CODE("movaps -0x1ffff(%%rdi), %%xmm0"));
        check("INT 0x50", where, CODE("int $0x50"));
        write_cr0(read_cr0() | CR0_TS);
        check("FNOP with TS", where, CODE("fnop"));
        check("FWAIT with TS", where, CODE("fwait"));
        check("MOVAPS with TS", where, CODE("movaps %%xmm0, %%xmm1"));
        write_cr0(read_cr0() & ~CR0_MP);
        check("FWAIT with TS, no MP", where, CODE("fwait"));
        write_cr0((read_cr0() & ~CR0_TS) | CR0_EM);
        check("FNOP with EM", where, CODE("fnop"));
        check("MOVAPS with EM", where, CODE("movaps %%xmm0, %%xmm1"));
        check("FWAIT with EM", where, CODE("fwait"));
        write_cr0(read_cr0() & ~CR0_EM);
        write_cr4(read_cr4() & ~CR4_OSFXSR);
        check("MOVAPS without OSFXSR", where, CODE("movaps %%xmm0, %%xmm1"));
        write_cr4(read_cr4() | CR4_OSFXSR);
        start.registers.rdi = DATA;
        check("#MF", where,
              CODE("fninit; movw $0x37b, (%%rdi); fldcw (%%rdi); fld1; fldz; fdivrp; nop; fwait; nop"));
        check("#MF is left by FNCLEX", where, CODE("fnclex; fwait; fninit; fnstsw %%ax"));
        check("#XM", where,
              CODE("movl $0x1f00, (%%rdi); ldmxcsr (%%rdi); pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; divps %%xmm1, %%xmm0"));
        write_cr4(read_cr4() & ~CR4_OSXMMEXCPT);
        check("#XM without OSXMMEXCPT", where, CODE("pxor %%xmm0, %%xmm0; pxor %%xmm1, %%xmm1; divps %%xmm1, %%xmm0"));
        check("MXCSR again", where, CODE("movl $0x1f80, (%%rdi); ldmxcsr (%%rdi)"));
        check("reserved bit of MXCSR", where, CODE("movl $0x11f80, (%%rdi); ldmxcsr (%%rdi)"));
        reset_run();
    }
    start.registers.rdi = DATA;
    check("INTO without OF", IN_COMPATIBILITY, CODE32("xor %%eax, %%eax; into"));
    check("INTO", IN_COMPATIBILITY, CODE32("mov $0x7fffffff, %%eax; add $1, %%eax; into"));
    check("BOUND within", IN_COMPATIBILITY, CODE32("movl $3, (%%edi); movl $9, 4(%%edi); mov $9, %%eax; bound %%eax, (%%edi)"));
    check("BOUND above", IN_COMPATIBILITY, CODE32("mov $10, %%eax; bound %%eax, (%%edi)"));
    check("BOUND below", IN_COMPATIBILITY, CODE32("mov $2, %%eax; bound %%eax, (%%edi)"));
    check("AAM 0", IN_COMPATIBILITY, CODE32("mov $5, %%eax; aam $0"));
    check("SYSCALL off", IN_COMPATIBILITY, CODE32(".byte 0x0f, 0xff, 0xc0"));
}

/* The only exception that this processor raises and some emulators do not: EFLAGS.AC with CR0.AM at CPL 3. */
static void check_alignment(void)
{
    write_cr0(read_cr0() | CR0_AM);
    start.registers.rdi = DATA + 1;
    start.registers.rsi = DATA + 0x101;
    start.registers.rcx = 2;
    for (u32 pass = 0; pass < 3; pass++) {
        enum where where = pass == 0 ? IN_KERNEL : IN_USER;
        start.rflags = pass == 1 ? 2 : 2 | FLAG_AC;
        print("alignment %s\n", pass == 0 ? "CPL 0" : pass == 1 ? "AC off" : "AC on");
        check("alignment: 1 byte", where, CODE("movb (%%rdi), %%al; movb %%al, (%%rdi)"));
        check("alignment: read of 2", where, CODE("movw (%%rdi), %%ax"));
        check("alignment: read of 4", where, CODE("movl 1(%%rdi), %%eax"));
        check("alignment: read of 8", where, CODE("movq 3(%%rdi), %%rax"));
        check("alignment: aligned read of 8", where, CODE("movq 7(%%rdi), %%rax"));
        check("alignment: write of 4", where, CODE("movl %%eax, (%%rdi)"));
        check("alignment: ADD", where, CODE("addl %%eax, (%%rdi)"));
        check("alignment: push", where, CODE("sub $4, %%rsp; push %%rax"));
        check("alignment: call", where, CODE("sub $4, %%rsp; call 1f; 1:"));
        check("alignment: MOVS", where, CODE("movsw"));
        check("alignment: REP STOS", where, CODE("rep stosl"));
        check("alignment: MOVUPS", where, CODE("movups (%%rdi), %%xmm0"));
        check("alignment: MOVSD", where, CODE("movsd (%%rdi), %%xmm0"));
        check("alignment: FLD of 8", where, CODE("fldl (%%rdi); fninit"));
        check("alignment: page fault", where, CODE("mov 0x1fffe(%%rdi), %%rax"));
        check("alignment: trap frame", where, CODE("sub $3, %%rsp; int3"));
        check("alignment: POPF", where, CODE("pushq $2; popfq; movw (%%rdi), %%ax"));
    }
    reset_run();
    start.registers.rdi = DATA + 1;
    start.rflags = 2 | FLAG_AC;
    check("alignment: AM off", IN_USER, CODE("movw (%%rdi), %%ax"));
}

/* --- The table's entries -------------------------------------------------------------------------------------------------- */

static void check_idt(void)
{
    for (u32 user = 0; user < 2; user++) {
        enum where where = user ? IN_USER : IN_KERNEL;
        print(user ? "CPL 3\n" : "CPL 0\n");
        static const struct {
            const char *name;
            u16 selector;
            u8 type;
        } gates[] = {
            {"interrupt gate", KERNEL_CS, 0xee}, {"trap gate", KERNEL_CS, 0xef},   {"not present", KERNEL_CS, 0x6e},
            {"call gate", KERNEL_CS, 0xec},      {"task gate", KERNEL_CS, 0xe5},   {"16-bit gate", KERNEL_CS, 0xe6},
            {"type 0", KERNEL_CS, 0xe0},         {"null selector", 0, 0xee},       {"data selector", KERNEL_DS, 0xee},
            {"absent code", ABSENT_CS, 0xee},    {"32-bit code", KERNEL_CS32, 0xee}, {"code of ring 3", USER_CS, 0xee},
            {"conforming code", CONFORMING_CS, 0xee}, {"beyond the GDT", 0xff8, 0xee}, {"TSS", TSS, 0xee},
        };
        start.rflags = 2 | (user ? FLAG_IOPL3 : 0);
        for (u32 i = 0; i < sizeof gates / sizeof *gates; i++) {
            idt[0x50].selector = gates[i].selector;
            idt[0x50].type = gates[i].type;
            idt[6].selector = gates[i].selector;
            idt[6].type = gates[i].type;
            print("gate: %s\n", gates[i].name);
            /* With IF set: a trap gate keeps it. No interrupt is due, all lines are masked. */
            check("INT 0x50", where, CODE("int $0x50"));
            check("UD2", where, CODE("ud2"));
        }
        reset_run();
        idt[0x50].type = GATE_DPL3;
        idt[0x50].offset_high = 0x12345678;
        check("non-canonical offset", where, CODE("int $0x50"));
        idt_load((u64)idt, 0x50 * 16 + 14);
        check("beyond the limit", where, CODE("int $0x50"));
        check("INT 0x51 beyond", where, CODE("int $0x51"));
        idt_load((u64)idt, sizeof idt - 1);
        reset_run();
    }
}

static void check_stacks(void)
{
    for (u32 user = 0; user < 2; user++) {
        enum where where = user ? IN_USER : IN_KERNEL;
        print(user ? "CPL 3\n" : "CPL 0\n");
        for (u32 off = 0; off < 16; off += 5) {
            start.rsp = (user ? USER_STACK : KERNEL_STACK) + 0x800 + off;
            struct trap *trap = check("frame", where, CODE("int3"));
            print("frame at +%lx\n", ((u64)&trap->rsp) & 15);
        }
        start.rsp = 0;
        idt[3].stack = 2;
        run(where, CODE("int3"));
        print_end("IST 2");
        tss.ist[1] = NON_CANONICAL;
        check("IST non-canonical", where, CODE("int3"));
        tss.ist[1] = HOLE + 0x800;
        check("IST not present", where, CODE("int3"));
        tss.ist[1] = DATA + 0x800;
        check("IST of CPL 3", where, CODE("int3"));
        idt[3].stack = 0;
        tss.rsp[0] = NON_CANONICAL;
        check("RSP0 non-canonical", where, CODE("int3"));
        reset_run();
        tss.rsp[0] = HOLE + 0x800;
        check("RSP0 not present", where, CODE("int3"));
        check("RSP0 not present, page fault", where, CODE("mov 0, %%rax"));
        reset_run();
    }
    check("kernel stack non-canonical", IN_KERNEL, CODE("bts $63, %%rsp; int3"));
    check("kernel stack not present", IN_KERNEL, CODE("mov $0x460800, %%esp; int3"));
    check("kernel stack not present, page fault", IN_KERNEL, CODE("mov $0x460800, %%esp; mov 0, %%rax"));
}

/* Vol. 3A table 6-5: what becomes of an exception while another is being delivered. */
static void check_nested(void)
{
    static const struct {
        const char *name;
        u8 vector;
    } firsts[] = {{"#DE", 0}, {"#BP", 3}, {"#UD", 6}, {"#GP", 13}, {"#PF", 14}, {"#NM", 7}, {"#SS", 12}, {"#NP", 11}};
    const struct code causes[] = {
        CODE("xor %%ecx, %%ecx; div %%ecx"), CODE("int3"), CODE("ud2"), CODE("lgdt (%%rsi)"),
        CODE("mov 0, %%rax"), CODE("fnop"), CODE("mov %%rdi, %%rbp; mov (%%rbp), %%rax"), CODE("mov $0x40, %%eax; mov %%eax, %%ds"),
    };
    for (u32 i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        reset_run();
        start.registers.rdi = NON_CANONICAL;
        start.registers.rsi = NON_CANONICAL;
        if (firsts[i].vector == 7)
            write_cr0(read_cr0() | CR0_TS);
        print("nested %s\n", firsts[i].name);
        check("plain", IN_KERNEL, causes[i]);
        idt[firsts[i].vector].type = 0x0e;
        check("gate not present", IN_KERNEL, causes[i]);
        idt[firsts[i].vector].type = 0x80;
        check("gate of type 0", IN_KERNEL, causes[i]);
        idt[firsts[i].vector].type = GATE_DPL3;
        idt[firsts[i].vector].selector = KERNEL_DS;
        check("gate to data", IN_KERNEL, causes[i]);
        idt[firsts[i].vector].selector = KERNEL_CS;
        idt[firsts[i].vector].stack = 3;
        tss.ist[2] = HOLE + 0x800;
        check("stack not present", IN_KERNEL, causes[i]);
        tss.ist[2] = NON_CANONICAL;
        check("stack non-canonical", IN_KERNEL, causes[i]);
    }
    reset_run();
    /* The table itself is not there. */
    idt_load(HOLE, 0xfff);
    idt_load((u64)idt, sizeof idt - 1);
}

void check_exceptions(void)
{
    check_kinds();
    reset_run();
    check_alignment();
    reset_run();
    check_idt();
    check_stacks();
    reset_run();
    check_nested();
}
