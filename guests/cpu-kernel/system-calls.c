/* SYSCALL, SYSRET, SYSENTER, SYSEXIT: selectors, flags, addresses. */
#include "harness.h"
#include "memory.h"
#include "serial.h"

static void prepare(void)
{
    /* SYSCALL: CS 8, SS 16. SYSRET: 32-bit CS 0x1b, SS 0x23, 64-bit CS 0x2b. */
    write_msr(MSR_STAR, (u64)0x18 << 48 | (u64)KERNEL_CS << 32 | 0x12345678);
    write_msr(MSR_LSTAR, KERNEL_CODE + 0x800);
    write_msr(MSR_CSTAR, KERNEL_CODE + 0x810);
    write_msr(MSR_FMASK, 0);
    write_msr(MSR_SYSENTER_CS, KERNEL_CS);
    write_msr(MSR_SYSENTER_ESP, KERNEL_STACK + 0x700);
    write_msr(MSR_SYSENTER_EIP, KERNEL_CODE + 0x820);
    /* Where they arrive a trap is waiting; RSP is the caller's after SYSCALL, which the trap tolerates. */
    for (u32 at = 0x800; at < 0x830; at += 2) {
        code_page[at] = 0xcd;
        code_page[at + 1] = DONE_VECTOR;
    }
    reset_run();
}

static void print_segments(const char *name)
{
    const struct trap *trap = &traps[trap_count - 1];
    print("%s: cs %lx ss %lx rip ", name, trap->cs, trap->ss);
    print_address(trap->rip);
    print(" rcx ");
    print_address(trap->at.rcx);
    print(" r11 %lx flags %lx\n", trap->at.r11, trap->rflags);
}

static void check_syscall(void)
{
    prepare();
    static const u64 masks[] = {0, 0x700, 0x47700, 0xffffffff};
    for (u32 i = 0; i < sizeof masks / sizeof *masks; i++) {
        write_msr(MSR_FMASK, masks[i]);
        start.rflags = 2 | FLAG_AC | FLAG_DF | 0xc5 | FLAG_ID;
        print("FMASK %lx\n", masks[i]);
        run(IN_USER, CODE("syscall"));
        print_segments("SYSCALL from 64-bit code");
    }
    write_msr(MSR_FMASK, 0);
    start.rflags = 2;
    run(IN_KERNEL, CODE("syscall"));
    print_segments("SYSCALL from CPL 0");
    write_msr(MSR_EFER, read_msr(MSR_EFER) & ~1ul);
    check("SYSCALL with SCE off", IN_USER, CODE("syscall"));
    check("SYSRET with SCE off", IN_KERNEL, CODE("sysretq"));
    write_msr(MSR_EFER, read_msr(MSR_EFER) | 1);
    run(IN_COMPATIBILITY, CODE32(".byte 0x0f, 0x05"));
    print_segments("SYSCALL from compatibility mode");
    /* TF and SYSCALL: with TF masked nothing steps in the kernel. */
    start.rflags = 2 | FLAG_TF;
    returning_vectors = 2;
    write_msr(MSR_FMASK, FLAG_TF);
    run(IN_USER, CODE("nop; syscall"));
    print_traps("SYSCALL with TF masked");
    write_msr(MSR_FMASK, 0);
    run(IN_USER, CODE("nop; syscall"));
    print_traps("SYSCALL with TF kept");
    reset_run();
}

static void check_sysret(void)
{
    start.registers.rcx = USER_CODE + 0x800;
    static const u64 flags[] = {2, 0x40cd7, 0x3202, 0x30002, 0x200002, 0xffffffff & ~0x100ul};
    for (u32 i = 0; i < sizeof flags / sizeof *flags; i++) {
        start.registers.r11 = flags[i];
        print("R11 %lx\n", flags[i]);
        run(IN_KERNEL, CODE("sysretq"));
        print_segments("SYSRET to 64-bit code");
        run(IN_KERNEL, CODE("sysretl"));
        print_segments("SYSRET to compatibility mode");
    }
    start.registers.r11 = 2;
    start.registers.rcx = 0x1234567800400800;
    run(IN_KERNEL, CODE("sysretl"));
    print_segments("SYSRET to compatibility mode, RCX of 64 bits");
    start.registers.rcx = NON_CANONICAL;
    check("SYSRET to a non-canonical address", IN_KERNEL, CODE("sysretq"));
    check("SYSRET at CPL 3", IN_USER, CODE("sysretq"));
    write_msr(MSR_STAR, (u64)0x1b << 48 | (u64)KERNEL_CS << 32);
    start.registers.rcx = USER_CODE + 0x800;
    run(IN_KERNEL, CODE("sysretq"));
    print_segments("SYSRET, STAR with RPL 3");
    prepare();
}

static void check_sysenter(void)
{
    start.registers.rcx = USER_STACK + 0x600;
    start.registers.rdx = USER_CODE + 0x800;
    check("SYSENTER in 64-bit code", IN_USER, CODE("sysenter"));
    check("SYSENTER in compatibility mode", IN_COMPATIBILITY, CODE32("sysenter"));
    check("SYSEXIT to 64-bit code", IN_KERNEL, CODE("rex.W sysexit"));
    check("SYSEXIT to compatibility mode", IN_KERNEL, CODE("sysexitl"));
    check("SYSEXIT at CPL 3", IN_USER, CODE("sysexitl"));
    write_msr(MSR_SYSENTER_CS, 0);
    check("SYSENTER with a null selector", IN_USER, CODE("sysenter"));
    check("SYSEXIT with a null selector", IN_KERNEL, CODE("sysexitl"));
    prepare();
}

static void check_swapgs(void)
{
    write_msr(MSR_KERNEL_GS_BASE, DATA);
    data_page[0x10] = 0x5a;
    check("SWAPGS, then GS:16", IN_KERNEL, CODE("swapgs; movzbl %%gs:16, %%eax; swapgs"));
    write_msr(MSR_GS_BASE, DATA + 8);
    check("GS:8", IN_USER, CODE("movzbl %%gs:8, %%eax"));
    check("MOV to GS clears the base", IN_KERNEL,
          CODE("mov $0x10, %%eax; mov %%eax, %%gs; mov $0xc0000101, %%ecx; rdmsr; shl $32, %%rdx; or %%rdx, %%rax"));
}

void check_system_calls(void)
{
    check_syscall();
    check_sysret();
    check_sysenter();
    reset_run();
    check_swapgs();
}
