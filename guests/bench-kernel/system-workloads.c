/*
 * Loops through the processor's slow doors: page faults that a handler answers by mapping a page, and system calls from
 * ring 3. They build their own tables: the library's exception handlers only report and end.
 */
#include "cpu.h"
#include "memory.h"
#include "workloads.h"

/* Page table pages and the pages that are mapped, behind the other workloads' data. */
#define TABLES_PHYSICAL 0xc00000ul
#define FRAMES_PHYSICAL 0xd00000ul
/* Entry 1 of the top table is nobody's. */
#define WINDOW 0x8000000000ul
#define WINDOW_PAGES 256u

#define PRESENT 0x1ul
#define WRITABLE 0x2ul
#define USER 0x4ul
#define ENTRIES 512u

#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u
#define EFER_SYSCALL 1u

#define PAGE_FAULT 14

/* Written in assembly below. */
#define HERE __attribute__((visibility("hidden")))

/* Selectors: SYSRET takes SS = base + 8 and CS = base + 16 from one base (SDM Vol. 2, SYSRET). */
#define KERNEL_CODE 0x08ul
#define SYSRET_BASE 0x13ul

extern u64 page_map_level_4[512];

struct descriptor_table {
    u16 limit;
    u64 base;
} __attribute__((packed));

struct gate {
    u16 offset_low, selector;
    u16 type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

static const u64 segments[] = {
    0,
    0x00af9a000000ffff, /* 0x08: 64-bit code, ring 0 */
    0x00cf92000000ffff, /* 0x10: data, ring 0 */
    0x00cff2000000ffff, /* 0x18: data, ring 3 */
    0x00affa000000ffff, /* 0x20: 64-bit code, ring 3 */
};

static struct gate gates[32];

/* The last level of the window's page tables, for the handler too. */
u64 *window_table;

static u64 *page_of(u32 index) { return phys_to_virt(TABLES_PHYSICAL + index * PAGE_SIZE); }

static void map_window(void)
{
    u64 *level3 = page_of(0), *level2 = page_of(1);
    window_table = page_of(2);
    for (u32 i = 0; i < ENTRIES; i++)
        level3[i] = level2[i] = window_table[i] = 0;
    level3[0] = virt_to_phys(level2) | PRESENT | WRITABLE | USER;
    level2[0] = virt_to_phys(window_table) | PRESENT | WRITABLE | USER;
    page_map_level_4[1] = virt_to_phys(level3) | PRESENT | WRITABLE | USER;
    reload_page_tables();
}

/* Maps the page of CR2 to the frame of the same number, and returns. */
HERE void page_fault_entry(void);
asm(".text\n"
    "page_fault_entry:\n"
    "    pushq %rax\n"
    "    pushq %rdx\n"
    "    movq %cr2, %rax\n"
    "    shrq $12, %rax\n"
    "    andl $511, %eax\n"
    "    movl %eax, %edx\n"
    "    shlq $12, %rdx\n"
    "    addq $0xd00003, %rdx\n" /* FRAMES_PHYSICAL, present, writable */
    "    shlq $3, %rax\n"
    "    addq window_table(%rip), %rax\n"
    "    movq %rdx, (%rax)\n"
    "    popq %rdx\n"
    "    popq %rax\n"
    "    addq $8, %rsp\n"
    "    iretq\n");

static void catch_page_faults(void)
{
    u64 entry = (u64)page_fault_entry;
    gates[PAGE_FAULT] = (struct gate){
        .offset_low = (u16)entry,
        .selector = KERNEL_CODE,
        .type = 0x8e00,
        .offset_middle = (u16)(entry >> 16),
        .offset_high = (u32)(entry >> 32),
    };
    struct descriptor_table table = {sizeof gates - 1, (u64)gates};
    asm volatile("lidt %0" : : "m"(table));
}

u64 page_faults(u64 rounds)
{
    map_window();
    catch_page_faults();
    u64 sum = 0;
    for (u64 round = 0; round < rounds; round++) {
        for (u64 page = 0; page < WINDOW_PAGES; page++) {
            volatile u64 *word = (volatile u64 *)(WINDOW + page * PAGE_SIZE);
            *word += page + round;
            sum += *word;
        }
        for (u64 page = 0; page < WINDOW_PAGES; page++) {
            window_table[page] = 0;
            asm volatile("invlpg (%0)" : : "r"(WINDOW + page * PAGE_SIZE) : "memory");
        }
    }
    return sum;
}

static void write_msr(u32 msr, u64 value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

/*
 * Ring 3: RBX system calls with RAX = 1, then one with RAX = 0. The entry adds RAX to R12 and returns, or goes back to
 * enter_user's caller. R13 keeps the kernel's stack.
 */
HERE u64 enter_user(u64 count, u64 user_code);
HERE extern const u8 user_code[], user_code_end[];
HERE void system_call_entry(void);
asm(".text\n"
    "enter_user:\n"
    "    pushq %rbx\n"
    "    pushq %rbp\n"
    "    pushq %r12\n"
    "    pushq %r13\n"
    "    movq %rsp, %r13\n"
    "    xorl %r12d, %r12d\n"
    "    movq %rdi, %rbx\n"
    "    movq %rsi, %rcx\n"
    "    movl $2, %r11d\n"
    "    sysretq\n"
    "system_call_entry:\n"
    "    testq %rax, %rax\n"
    "    jz 1f\n"
    "    addq %rax, %r12\n"
    "    sysretq\n"
    "1:  movq %r12, %rax\n"
    "    movq %r13, %rsp\n"
    "    popq %r13\n"
    "    popq %r12\n"
    "    popq %rbp\n"
    "    popq %rbx\n"
    "    ret\n"
    "user_code:\n"
    "1:  movl $1, %eax\n"
    "    syscall\n"
    "    decq %rbx\n"
    "    jnz 1b\n"
    "    xorl %eax, %eax\n"
    "    syscall\n"
    "user_code_end:\n");

u64 system_calls(u64 rounds)
{
    map_window();
    window_table[0] = FRAMES_PHYSICAL | PRESENT | USER;
    memcpy(phys_to_virt(FRAMES_PHYSICAL), user_code, (u64)(user_code_end - user_code));
    struct descriptor_table table = {sizeof segments - 1, (u64)segments};
    asm volatile("lgdt %0" : : "m"(table));
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_EFER));
    write_msr(MSR_EFER, (u64)high << 32 | low | EFER_SYSCALL);
    write_msr(MSR_STAR, SYSRET_BASE << 48 | KERNEL_CODE << 32);
    write_msr(MSR_LSTAR, (u64)system_call_entry);
    write_msr(MSR_FMASK, 0);
    return enter_user(rounds * 1000, WINDOW);
}
