/* What CPL 3 may not do, and the ways up and down: gates, conforming code, I/O permission. */
#include "harness.h"
#include "memory.h"
#include "serial.h"

static void check_instructions(void)
{
    const struct {
        const char *name;
        struct code code;
    } refused[] = {
        {"HLT", CODE("hlt")},
        {"CLI", CODE("cli")},
        {"STI", CODE("sti")},
        {"IN imm", CODE("inb $0x80, %%al")},
        {"IN DX", CODE("inl %%dx, %%eax")},
        {"OUT imm", CODE("outb %%al, $0x80")},
        {"OUT DX", CODE("outw %%ax, %%dx")},
        {"INS", CODE("insb")},
        {"OUTS", CODE("outsb")},
        {"REP INS", CODE("rep insb")},
        {"LGDT", CODE("lgdt (%%rdi)")},
        {"LIDT", CODE("lidt (%%rdi)")},
        {"LLDT", CODE("lldt %%ax")},
        {"LTR", CODE("ltr %%ax")},
        {"LMSW", CODE("lmsw %%ax")},
        {"CLTS", CODE("clts")},
        {"INVD", CODE("invd")},
        {"WBINVD", CODE("wbinvd")},
        {"INVLPG", CODE("invlpg (%%rdi)")},
        {"RDMSR", CODE("rdmsr")},
        {"WRMSR", CODE("wrmsr")},
        {"MOV from CR0", CODE("mov %%cr0, %%rax")},
        {"MOV from CR2", CODE("mov %%cr2, %%rax")},
        {"MOV from CR3", CODE("mov %%cr3, %%rax")},
        {"MOV from CR4", CODE("mov %%cr4, %%rax")},
        {"MOV from CR8", CODE("mov %%cr8, %%rax")},
        {"MOV to CR0", CODE("mov %%rax, %%cr0")},
        {"MOV to CR3", CODE("mov %%rax, %%cr3")},
        {"MOV to CR8", CODE("mov %%rax, %%cr8")},
        {"MOV from CR1", CODE(".byte 0x0f, 0x20, 0xc8")},
        {"MOV from CR5", CODE(".byte 0x0f, 0x20, 0xe8")},
        {"MOV from DR0", CODE("mov %%db0, %%rax")},
        {"MOV to DR7", CODE("mov %%rax, %%db7")},
        {"SWAPGS", CODE("swapgs")},
        {"SYSRET", CODE("sysretq")},
        {"SYSEXIT", CODE("sysexitq")},
        {"RDPMC", CODE("rdpmc")},
        {"IRETQ to CPL 0", CODE("pushq $0x10; push %%rsp; pushq $2; pushq $8; push %%rdi; iretq")},
        {"LRETQ to CPL 0", CODE("pushq $8; push %%rdi; lretq")},
        {"INT 0x40, DPL 0", CODE("int $0x40")},
        {"INT 8, DPL 0", CODE("int $8")},
        {"INT 13, DPL 0", CODE("int $13")},
        {"INT 14, DPL 0", CODE("int $14")},
        {"INT3", CODE("int3")},
        {"INT 3", CODE("int $3")},
        {"INTO", CODE(".byte 0xce")},
        {"MOV SS, null", CODE("xor %%eax, %%eax; mov %%eax, %%ss")},
    };
    for (u32 i = 0; i < sizeof refused / sizeof *refused; i++) {
        start.registers.rdi = DATA;
        start.registers.rsi = DATA + 0x100;
        start.registers.rcx = 1;
        check(refused[i].name, IN_USER, refused[i].code);
    }
    for (u32 i = 0; i < 5; i++) {
        const struct {
            const char *name;
            struct code code;
        } plain[5] = {
            {"SGDT", CODE("sgdt (%%rdi); movzwl (%%rdi), %%eax")}, {"SIDT", CODE("sidt (%%rdi); movzwl (%%rdi), %%eax")},
            {"SLDT", CODE("sldt %%eax")},                        {"STR", CODE("str %%eax")},
            {"SMSW", CODE("smsw %%eax; and $0xffff, %%eax")},
        };
        check(plain[i].name, IN_USER, plain[i].code);
        if (has_feature("umip")) {
            write_cr4(read_cr4() | CR4_UMIP);
            print("UMIP, CPL 3: ");
            check(plain[i].name, IN_USER, plain[i].code);
            print("UMIP, CPL 0: ");
            check(plain[i].name, IN_KERNEL, plain[i].code);
            write_cr4(read_cr4() & ~CR4_UMIP);
        }
    }
    write_cr4(read_cr4() | CR4_TSD);
    start.registers.rcx = 0;
    check("RDTSC with TSD", IN_USER, CODE("rdtsc; xor %%eax, %%eax"));
    check("RDTSC with TSD, CPL 0", IN_KERNEL, CODE("rdtsc; mov $0, %%eax"));
    if (has_feature("rdtscp"))
        check("RDTSCP with TSD", IN_USER, CODE("rdtscp; xor %%eax, %%eax"));
    write_cr4(read_cr4() & ~CR4_TSD);
    check("RDTSC", IN_USER, CODE("rdtsc; mov $0, %%eax"));
}

/* IOPL lets CLI, STI and I/O through, and POPF change IF; nothing lets CPL 3 change IOPL. */
static void check_iopl(void)
{
    for (u64 iopl = 0; iopl < 4; iopl++) {
        print("IOPL %lu\n", iopl);
        start.rflags = 2 | iopl << 12;
        start.registers.rdx = 0x80;
        check("CLI", IN_USER, CODE("cli"));
        check("CLI, compatibility", IN_COMPATIBILITY, CODE32("cli"));
        check("OUT", IN_USER, CODE("outb %%al, $0x80"));
        check("POPF of IF and IOPL", IN_USER, CODE("pushq $0x3202; popfq; pushfq; pop %%rax; and $0x3200, %%eax"));
        check("POPF, 16 bits", IN_USER, CODE("pushw $0x3202; popfw; pushfq; pop %%rax; and $0x3200, %%eax"));
        check("IRET of IF and IOPL", IN_USER,
              CODE("mov %%rsp, %%rax; pushq $0x23; push %%rax; pushq $0x3202; pushq $0x2b; lea 1f(%%rip), %%rax; push %%rax; "
                   "iretq; 1: pushfq; pop %%rax; and $0x3200, %%eax"));
    }
    start.rflags = 2;
    check("POPF in the kernel", IN_KERNEL, CODE("pushq $0x3002; popfq; pushfq; pop %%rax"));
    check("POPF of VM, RF, VIF, VIP", IN_KERNEL, CODE("pushq $0x1b0002; popfq; pushfq; pop %%rax"));
}

static void check_io_map(void)
{
    memset(tss.io_bits, 0, 16); /* ports 0 to 0x7f */
    tss.io_bits[16] = 0xfe;     /* 0x80 */
    static const u16 ports[] = {0x10, 0x7e, 0x7f, 0x80, 0x81, 0x1fe, 0x1ff, 0x200, 0xffff};
    for (u32 i = 0; i < sizeof ports / sizeof *ports; i++) {
        print("port %x\n", ports[i]);
        start.registers.rdx = ports[i];
        check("1 byte", IN_USER, CODE("inb %%dx, %%al; xor %%eax, %%eax"));
        check("2 bytes", IN_USER, CODE("inw %%dx, %%ax; xor %%eax, %%eax"));
        check("4 bytes", IN_USER, CODE("inl %%dx, %%eax; xor %%eax, %%eax"));
    }
    start.registers.rdx = 0x10;
    u16 map = tss.io_map;
    tss.io_map = sizeof tss;
    check("map beyond the limit", IN_USER, CODE("inb %%dx, %%al"));
    tss.io_map = sizeof tss - 2;
    check("map of one byte", IN_USER, CODE("inb %%dx, %%al"));
    tss.io_map = map;
    memset(tss.io_bits, 0xff, sizeof tss.io_bits);
    start.rflags = 2 | FLAG_IOPL3;
    check("map shut, IOPL 3", IN_USER, CODE("inb %%dx, %%al; xor %%eax, %%eax"));
    start.rflags = 2;
}

/* --- Call gates and far transfers -------------------------------------------------------------------------------------- */

static void set_call_gate(u16 selector, u64 offset, u64 attributes)
{
    gdt_table[GATE / 8] = (offset & 0xffff) | (u64)selector << 16 | attributes << 40 | (offset >> 16 & 0xffff) << 48;
    gdt_table[GATE / 8 + 1] = offset >> 32;
}

static void check_gates(void)
{
    static const struct {
        const char *name;
        u16 selector;
        u64 offset, attributes;
    } gates[] = {
        {"to ring 0", KERNEL_CS, KERNEL_CODE + 0x800, 0xec},
        {"to conforming code", CONFORMING_CS, USER_CODE + 0x800, 0xec},
        {"to ring 3", USER_CS, USER_CODE + 0x800, 0xec},
        {"DPL 0", KERNEL_CS, KERNEL_CODE + 0x800, 0x8c},
        {"not present", KERNEL_CS, KERNEL_CODE + 0x800, 0x6c},
        {"to data", KERNEL_DS, KERNEL_CODE + 0x800, 0xec},
        {"to a null selector", 0, KERNEL_CODE + 0x800, 0xec},
        {"to absent code", ABSENT_CS, KERNEL_CODE + 0x800, 0xec},
        {"to 32-bit code", KERNEL_CS32, KERNEL_CODE + 0x800, 0xec},
        {"beyond the table", 0xff8, KERNEL_CODE + 0x800, 0xec},
        {"to a non-canonical address", KERNEL_CS, NON_CANONICAL, 0xec},
        {"of 16 bits", KERNEL_CS, KERNEL_CODE + 0x800, 0xe4},
    };
    static const u8 there[] = {0xcd, DONE_VECTOR};
    memcpy(code_page + 0x800, there, 2);
    for (u32 i = 0; i < sizeof gates / sizeof *gates; i++) {
        set_call_gate(gates[i].selector, gates[i].offset, gates[i].attributes);
        print("gate %s\n", gates[i].name);
        struct trap *trap = check("call", IN_USER, CODE(".byte 0x48; lcall *1f(%%rip); 1: .quad 0; .word 0xa3"));
        if (trap->vector == DONE_VECTOR && (trap->cs & 3) == 0) {
            const u64 *pushed = (const u64 *)trap->rsp;
            for (u32 word = 0; word < 4; word++)
                print("pushed %lx\n", pushed[word]);
        }
        check("jump", IN_USER, CODE(".byte 0x48; ljmp *1f(%%rip); 1: .quad 0; .word 0xa3"));
        check("call from compatibility mode", IN_COMPATIBILITY, CODE32("lcall $0xa3, $0"));
        check("call from the kernel", IN_KERNEL, CODE(".byte 0x48; lcall *1f(%%rip); 1: .quad 0; .word 0xa0"));
    }
    set_call_gate(KERNEL_CS, KERNEL_CODE + 0x800, 0xec);
    gdt_table[GATE / 8 + 1] |= 0x100ul << 32; /* type bits of the upper half must be 0 */
    check("gate with a type in its upper half", IN_USER, CODE(".byte 0x48; lcall *1f(%%rip); 1: .quad 0; .word 0xa3"));
    set_call_gate(KERNEL_CS, KERNEL_CODE + 0x800, 0xec);
    tss.rsp[0] = HOLE + 0x1000;
    check("gate, stack not present", IN_USER, CODE(".byte 0x48; lcall *1f(%%rip); 1: .quad 0; .word 0xa3"));
    reset_run();
}

static void check_far(void)
{
    static const struct {
        const char *name;
        u64 selector;
    } targets[] = {
        {"null", 0},          {"null, RPL 3", 3},    {"ring 0", KERNEL_CS},       {"ring 0, RPL 3", KERNEL_CS | 3},
        {"ring 3", USER_CS},  {"compatibility", USER_CS32}, {"data", USER_DS},    {"conforming", CONFORMING_CS | 3},
        {"conforming, RPL 0", CONFORMING_CS}, {"absent", ABSENT_CS | 3}, {"beyond the table", 0xffb},
        {"TSS", TSS | 3},     {"in the LDT", 0x2f},
    };
    for (u32 i = 0; i < sizeof targets / sizeof *targets; i++) {
        print("far to %s\n", targets[i].name);
        start.registers.rbx = targets[i].selector;
        check("jump", IN_USER,
              CODE("lea 1f(%%rip), %%rdi; push %%rbx; push %%rdi; rex.W ljmp *(%%rsp); 1: .byte 0xcd, 0x80"));
        check("call", IN_USER,
              CODE("lea 1f(%%rip), %%rdi; push %%rbx; push %%rdi; rex.W lcall *(%%rsp); 1: .byte 0xcd, 0x80"));
        check("return", IN_USER, CODE("lea 1f(%%rip), %%rdi; push %%rbx; push %%rdi; lretq; 1: .byte 0xcd, 0x80"));
        check("IRETQ", IN_USER,
              CODE("lea 1f(%%rip), %%rdi; mov %%rsp, %%rax; pushq $0x23; push %%rax; pushq $2; push %%rbx; push %%rdi; iretq; "
                   "1: .byte 0xcd, 0x80"));
        check("IRETQ from the kernel", IN_KERNEL,
              CODE("lea 1f(%%rip), %%rdi; sub $0x10000, %%rdi; mov $0x421000, %%eax; pushq $0x23; push %%rax; pushq $2; push %%rbx; "
                   "push %%rdi; iretq; 1: .byte 0xcd, 0x80"));
    }
    for (u32 i = 0; i < 5; i++) {
        static const u64 stacks[] = {0, 3, KERNEL_DS, USER_DS, ABSENT_DS | 3};
        start.registers.rbx = stacks[i];
        print("IRETQ to SS %lx\n", stacks[i]);
        check("CPL 3", IN_KERNEL,
              CODE("mov $0x400000 + 1f - 77771b, %%edi; mov $0x421000, %%eax; push %%rbx; push %%rax; pushq $2; pushq $0x2b; push %%rdi; "
                   "iretq; 1: .byte 0xcd, 0x80"));
        check("CPL 0", IN_KERNEL,
              CODE("lea 1f(%%rip), %%rdi; mov %%rsp, %%rax; push %%rbx; push %%rax; pushq $2; pushq $8; push %%rdi; iretq; "
                   "1: .byte 0xcd, 0x80"));
    }
    start.registers.rdi = NON_CANONICAL;
    check("IRETQ to a non-canonical RIP", IN_KERNEL,
          CODE("mov %%rsp, %%rax; pushq $0x10; push %%rax; pushq $2; pushq $8; push %%rdi; iretq"));
    check("LRETQ to a non-canonical RIP", IN_KERNEL, CODE("pushq $8; push %%rdi; lretq"));
    check("IRETQ with NT", IN_KERNEL,
          CODE("mov %%rsp, %%rax; pushq $0x4002; popfq; pushq $0x10; push %%rax; pushq $2; pushq $8; push %%rdi; iretq"));
}

static void check_fs_gs(void)
{
    start.registers.rax = 0x1122334455667788;
    check("RDFSBASE with FSGSBASE off", IN_KERNEL, CODE("rdfsbase %%rax"));
    check("SWAPGS", IN_KERNEL,
          CODE("mov $0xc0000101, %%ecx; mov $0x111, %%eax; xor %%edx, %%edx; wrmsr; inc %%ecx; mov $0x222, %%eax; wrmsr; "
               "swapgs; rdmsr; mov %%rax, %%rbx; dec %%ecx; rdmsr; shl $16, %%rbx; or %%rbx, %%rax"));
    if (!has_feature("fsgsbase"))
        return;
    write_cr4(read_cr4() | CR4_FSGSBASE);
    start.registers.rbx = NON_CANONICAL;
    start.registers.rdx = DATA;
    check("WRFSBASE, RDFSBASE", IN_USER, CODE("wrfsbase %%rax; rdfsbase %%rax"));
    check("non-canonical", IN_USER, CODE("wrgsbase %%rbx"));
    check("WRGSBASE of 32 bits", IN_USER, CODE("wrgsbase %%eax; rdgsbase %%rax"));
    check("through it", IN_USER, CODE("wrgsbase %%rdx; movq $0x77, %%gs:8; mov 8(%%rdx), %%rax"));
    check("in compatibility mode", IN_COMPATIBILITY, CODE32(".byte 0xf3, 0x0f, 0xae, 0xc0"));
    reset_run();
}

void check_privilege(void)
{
    check_instructions();
    reset_run();
    check_iopl();
    reset_run();
    check_io_map();
    reset_run();
    check_gates();
    check_far();
    reset_run();
    check_fs_gs();
}
