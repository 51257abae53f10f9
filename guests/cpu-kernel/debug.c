/* Single steps, breakpoints by DR0 to DR3, and what DR6 and RF say about them. */
#include "harness.h"
#include "memory.h"
#include "serial.h"

#define DB (1ul << 1)
#define BP (1ul << 3)

static void traced(const char *name, enum where where, struct code code)
{
    write_dr6(0xffff0ff0);
    run(where, code);
    print_traps(name);
}

static void check_single_step(void)
{
    returning_vectors = DB | BP;
    start.rflags = 2 | FLAG_TF;
    start.registers.rcx = 3;
    start.registers.rdi = DATA;
    start.registers.rsi = DATA + 0x100;
    for (u32 user = 0; user < 2; user++) {
        enum where where = user ? IN_USER : IN_KERNEL;
        print(user ? "TF, CPL 3\n" : "TF, CPL 0\n");
        traced("NOPs", where, CODE("nop; nop"));
        traced("jump", where, CODE("jmp 1f; nop; 1: nop"));
        traced("REP MOVSB", where, CODE("rep movsb; nop"));
        traced("REP with RCX 0", where, CODE("xor %%ecx, %%ecx; rep movsb; nop"));
        traced("POPF clears TF", where, CODE("pushq $2; popfq; nop; nop"));
        traced("PUSHF shows TF", where, CODE("pushfq; pop %%rax"));
        traced("INT3", where, CODE("int3; nop"));
        traced("MOV SS", where, CODE("mov %%ss, %%eax; mov %%eax, %%ss; nop; nop"));
        traced("MOV SS before INT3", where, CODE("mov %%ss, %%eax; mov %%eax, %%ss; int3; nop"));
        traced("fused compare", where, CODE("cmp %%rdi, %%rsi; jne 1f; nop; 1: nop"));
        traced("CPUID", where, CODE("cpuid; xor %%eax, %%eax"));
    }
    start.rflags = 2;
    traced("POPF sets TF", IN_USER, CODE("pushq $0x102; popfq; nop; nop"));
    traced("IRETQ sets TF", IN_USER,
           CODE("mov %%rsp, %%rax; pushq $0x23; push %%rax; pushq $0x102; pushq $0x2b; lea 1f(%%rip), %%rax; push %%rax; iretq; "
                "1: nop; nop"));
    traced("ICEBP", IN_USER, CODE(".byte 0xf1; nop"));
    traced("ICEBP in the kernel", IN_KERNEL, CODE(".byte 0xf1; nop"));
    traced("INT 1 by number, DPL 0", IN_USER, CODE("int $1; nop"));
    /* A faulting instruction is not stepped: the fault comes first. */
    start.rflags = 2 | FLAG_TF;
    traced("fault", IN_USER, CODE("nop; ud2"));
    traced("INT 0x80", IN_USER, CODE("nop; int $0x80"));
}

/* Length and kind of breakpoint n, as DR7 has them. */
static u64 control(u32 index, u32 kind, u32 length) { return 2ul << index * 2 | (u64)(kind | length << 2) << (16 + index * 4); }

enum kind { EXECUTE, WRITE, PORT, ACCESS };

static void check_data_breakpoints(void)
{
    static const struct {
        const char *name;
        u32 kind, length;
        u64 at;
    } points[] = {
        {"write of 1 at +8", WRITE, 0, 8},   {"write of 2 at +8", WRITE, 1, 8}, {"write of 4 at +8", WRITE, 3, 8},
        {"write of 8 at +8", WRITE, 2, 8},   {"access of 1 at +9", ACCESS, 0, 9}, {"access of 4 at +12", ACCESS, 3, 12},
        {"write of 4 at +13", WRITE, 3, 13},
    };
    start.registers.rdi = DATA;
    start.registers.rsi = DATA + 8;
    start.registers.rcx = 2;
    returning_vectors = DB;
    for (u32 i = 0; i < sizeof points / sizeof *points; i++) {
        write_dr0(DATA + points[i].at);
        write_dr7(0x400 | control(0, points[i].kind, points[i].length));
        print("breakpoint: %s\n", points[i].name);
        traced("read of 1", IN_USER, CODE("movb 9(%%rdi), %%al; nop"));
        traced("write of 1", IN_USER, CODE("movb %%al, 8(%%rdi); nop"));
        traced("write of 8", IN_USER, CODE("movq %%rax, 8(%%rdi); nop"));
        traced("write before", IN_USER, CODE("movq %%rax, (%%rdi); nop"));
        traced("write across", IN_USER, CODE("movq %%rax, 5(%%rdi); nop"));
        traced("ADD", IN_USER, CODE("addl $1, 12(%%rdi); nop"));
        traced("vector", IN_USER, CODE("movups %%xmm0, (%%rdi); nop"));
        traced("in the kernel", IN_KERNEL, CODE("movb %%al, 8(%%rdi); nop"));
        traced("REP STOS", IN_USER, CODE("rep stosq; nop"));
        traced("push", IN_USER, CODE("lea 16(%%rdi), %%rsp; push %%rax; nop"));
    }
    write_dr7(0x400);
    traced("off", IN_USER, CODE("movq %%rax, 8(%%rdi); nop"));
    write_dr0(DATA);
    write_dr1(DATA + 4);
    write_dr2(DATA + 0x200);
    write_dr3(USER_CODE);
    write_dr7(0x400 | control(0, WRITE, 3) | control(1, WRITE, 3) | control(2, WRITE, 3));
    traced("two at once", IN_USER, CODE("movq %%rax, (%%rdi); nop"));
    write_dr7(0x400 | control(0, WRITE, 3));
    traced("disabled match", IN_USER, CODE("movq %%rax, 4(%%rdi); nop"));
    start.rflags = 2 | FLAG_TF;
    traced("with TF", IN_USER, CODE("movl %%eax, (%%rdi); nop"));
    start.rflags = 2;
    write_dr7(0x400 | control(0, WRITE, 3));
    traced("a faulting write", IN_USER, CODE("movq %%rax, -4(%%rdi)"));
}

static void check_code_breakpoints(void)
{
    returning_vectors = DB;
    write_dr0(USER_CODE + 1);
    write_dr7(0x400 | control(0, EXECUTE, 0));
    set_on_return = FLAG_RF;
    traced("code, RF set", IN_USER, CODE("nop; nop; nop"));
    traced("code, in a loop", IN_USER, CODE("xor %%ecx, %%ecx; inc %%eax; cmp $3, %%eax; jb 77771b + 1; nop"));
    traced("code, not at its start", IN_USER, CODE("mov $1, %%eax; nop"));
    set_on_return = 0;
    returning_vectors = 0;
    traced("code, stops before", IN_USER, CODE("inc %%eax; inc %%eax"));
    start.rflags = 2 | FLAG_RF;
    start.rip = USER_CODE + 1;
    traced("code, entered with RF", IN_USER, CODE("nop; nop; nop"));
    start.rflags = 2;
    traced("code, entered without RF", IN_USER, CODE("nop; nop; nop"));
    start.rip = 0;
    traced("code, a fault there", IN_USER, CODE("nop; ud2"));
    returning_vectors = DB;
    start.rflags = 2 | FLAG_TF;
    set_on_return = FLAG_RF;
    traced("code, with TF", IN_USER, CODE("nop; nop; nop"));
    start.rflags = 2;
    traced("code, before a REP", IN_USER, CODE("nop; rep movsb"));
    set_on_return = 0;
}

static void check_registers(void)
{
    reset_run();
    start.registers.rbx = 0x2400; /* GD: the next access to a debug register is #DB, which clears it */
    traced("GD, MOV from DR0", IN_KERNEL, CODE("mov %%rbx, %%db7; mov %%db0, %%rax"));
    print("DR7 after: %lx\n", read_dr7());
    write_dr7(0x400);
    traced("GD, MOV to DR6", IN_KERNEL, CODE("mov %%rbx, %%db7; mov %%rax, %%db6"));
    write_dr7(0x400);
    check("DR4 is DR6", IN_KERNEL, CODE("mov %%db6, %%rbx; .byte 0x0f, 0x21, 0xe0; xor %%rbx, %%rax"));
    write_cr4(read_cr4() | CR4_DE);
    check("DR4 with DE", IN_KERNEL, CODE(".byte 0x0f, 0x21, 0xe0"));
    check("DR5 with DE", IN_KERNEL, CODE(".byte 0x0f, 0x21, 0xe8"));
    check("DR8", IN_KERNEL, CODE(".byte 0x44, 0x0f, 0x21, 0xc0"));
    check("DR6 above 32 bits", IN_KERNEL, CODE("mov $1, %%eax; shl $32, %%rax; mov %%rax, %%db6"));
    check("DR7 above 32 bits", IN_KERNEL, CODE("mov $1, %%eax; shl $32, %%rax; mov %%rax, %%db7"));
    check("DR6 of zeros", IN_KERNEL, CODE("xor %%eax, %%eax; mov %%rax, %%db6; mov %%db6, %%rax"));
    check("DR6 of ones", IN_KERNEL, CODE("mov $-1, %%eax; mov %%rax, %%db6; mov %%db6, %%rax"));
    check("DR7 of zeros", IN_KERNEL, CODE("xor %%eax, %%eax; mov %%rax, %%db7; mov %%db7, %%rax"));
    check("DR7 of ones, no GD and no enables", IN_KERNEL, CODE("mov $0xffffdf00, %%eax; mov %%rax, %%db7; mov %%db7, %%rax"));
    write_dr7(0x400);
    /* I/O breakpoints want CR4.DE. */
    returning_vectors = DB;
    write_dr0(0x80);
    write_dr7(0x400 | control(0, PORT, 0));
    traced("port, OUT", IN_KERNEL, CODE("outb %%al, $0x80; nop"));
    traced("port, wider OUT", IN_KERNEL, CODE("mov $0x7f, %%edx; outw %%ax, %%dx; nop"));
    traced("port, other", IN_KERNEL, CODE("outb %%al, $0x81; nop"));
    write_dr7(0x400);
    write_cr4(read_cr4() & ~CR4_DE);
}

void check_debug(void)
{
    check_single_step();
    reset_run();
    check_data_breakpoints();
    reset_run();
    check_code_breakpoints();
    check_registers();
}
