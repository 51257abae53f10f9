/* Control registers and MSRs: which values they take, keep and refuse. */
#include "harness.h"
#include "serial.h"

/* Writes, reads back, restores. */
static void try_msr(const char *name, u32 index, u64 value)
{
    u64 kept = read_msr(index);
    start.registers.rcx = index;
    start.registers.rax = (u32)value;
    start.registers.rdx = value >> 32;
    struct trap *trap = run(IN_KERNEL, CODE("wrmsr; rdmsr; shl $32, %%rdx; or %%rdx, %%rax"));
    print("%s of %lx: ", name, value);
    if (trap->vector == DONE_VECTOR)
        print("%lx\n", trap->at.rax);
    else
        print("vector %lu(%lx)\n", trap->vector, trap->error);
    write_msr(index, kept);
}

static void check_values(void)
{
    static const struct {
        const char *name;
        u32 index;
        u64 values[5];
    } cases[] = {
        {"FS.base", MSR_FS_BASE, {0, 0x7fffffffffff, 0xffff800000000000, 0x800000000000, 0x8000000000000000}},
        {"GS.base", MSR_GS_BASE, {1, 0x12345678, 0xffffffffffffffff, 0x800000000000, 0x7fff000000000000}},
        {"KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, {1, 0x12345678, 0xffffffffffffffff, 0x800000000000, 0}},
        {"STAR", MSR_STAR, {0, 0xffffffffffffffff, 0x0018000800000000, 1, 2}},
        {"LSTAR", MSR_LSTAR, {0, 0xffffffff80000000, 0x7fffffffffff, 0x800000000000, 3}},
        {"CSTAR", MSR_CSTAR, {0, 0xffffffff80000000, 0x7fffffffffff, 0x800000000000, 3}},
        {"FMASK", MSR_FMASK, {0, 0x47700, 0xffffffff, 0x257fd5, 1}},
        {"SYSENTER_CS", MSR_SYSENTER_CS, {0, 8, 0xffff, 0xffffffff, 0x10}},
        {"SYSENTER_ESP", MSR_SYSENTER_ESP, {0, 0x12345678, 0xffffff8000000000, 0x800000000000, 1}},
        {"SYSENTER_EIP", MSR_SYSENTER_EIP, {0, 0x12345678, 0xffffff8000000000, 0x800000000000, 1}},
        {"PAT", MSR_PAT, {0x0007040600070406, 0, 0x0706050401000000, 0x0202020202020202, 0x0000000000000008}},
        {"EFER", MSR_EFER, {0xd01, 0x501, 0xd00, 0xd03, 0x10d01}},
    };
    for (u32 i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Without NXE the kernel's own page tables hold reserved bits: never taken away. */
        for (u32 value = 0; value < 5; value++)
            if (cases[i].index != MSR_EFER || cases[i].values[value] & 0x800)
                try_msr(cases[i].name, cases[i].index, cases[i].values[value]);
    }
    start.registers.rax = 0;
    start.registers.rdx = 0;
    start.registers.rcx = MSR_EFER;
    check("EFER.LME cleared under paging", IN_KERNEL, CODE("rdmsr; btr $8, %%eax; wrmsr; rdmsr"));
    check("EFER.LMA is read-only", IN_KERNEL, CODE("rdmsr; btr $10, %%eax; wrmsr; rdmsr"));
    if (has_feature("rdtscp")) {
        write_msr(MSR_TSC_AUX, 0x1234);
        check("RDTSCP", IN_USER, CODE("rdtscp; mov %%rcx, %%rax"));
        write_msr(MSR_TSC_AUX, 0);
    }
}

static void check_control_registers(void)
{
    static const struct {
        const char *name;
        u64 flip;
    } cr0[] = {
        {"CR0.NW alone", 0x20000000}, {"CR0.CD", 0x40000000},
        {"CR0.CD and NW", 0x60000000}, {"CR0 bit 32", 1ul << 32}, {"CR0 bit 63", 1ul << 63}, {"CR0 reserved bit 6", 0x40},
        {"CR0.AM", CR0_AM}, {"CR0.NE", CR0_NE}, {"CR0.ET", 0x10},
    };
    for (u32 i = 0; i < sizeof cr0 / sizeof *cr0; i++) {
        start.registers.rbx = cr0[i].flip;
        check(cr0[i].name, IN_KERNEL,
              CODE("mov %%cr0, %%rcx; mov %%rcx, %%rax; xor %%rbx, %%rax; mov %%rax, %%cr0; mov %%cr0, %%rax; mov %%rcx, %%cr0"));
    }
    static const struct {
        const char *name;
        u64 flip;
    } cr4[] = {
        
        {"CR4.VME", 1}, {"CR4.TSD", CR4_TSD}, {"CR4.DE", CR4_DE}, {"CR4.MCE", 0x40}, {"CR4.PCE", CR4_PCE},
        {"CR4.SMEP", CR4_SMEP}, {"CR4.UMIP", CR4_UMIP}, {"CR4.FSGSBASE", CR4_FSGSBASE},
    };
    for (u32 i = 0; i < sizeof cr4 / sizeof *cr4; i++) {
        start.registers.rbx = cr4[i].flip;
        check(cr4[i].name, IN_KERNEL,
              CODE("mov %%cr4, %%rcx; mov %%rcx, %%rax; xor %%rbx, %%rax; mov %%rax, %%cr4; mov %%cr4, %%rax; mov %%rcx, %%cr4"));
    }
    for (u64 value = 0; value <= 16; value += 8) {
        start.registers.rbx = value == 8 ? 15 : value;
        check("CR8", IN_KERNEL, CODE("mov %%rbx, %%cr8; mov %%cr8, %%rax; xor %%ebx, %%ebx; mov %%rbx, %%cr8"));
    }
    check("LMSW sets TS", IN_KERNEL, CODE("smsw %%ax; or $8, %%eax; lmsw %%ax; smsw %%eax; clts; and $0xffff, %%eax"));
    check("LMSW cannot clear PE", IN_KERNEL, CODE("xor %%eax, %%eax; lmsw %%ax; smsw %%eax; and $0xffff, %%eax"));
}

void check_msr(void)
{
    check_values();
    reset_run();
    check_control_registers();
}
