/*
 * Where a start-up IPI begins: real mode at physical TRAMPOLINE. The page that it stands on is no-execute once paging is
 * on, so the second half runs at its physical address within the kernel's own 2 MiB.
 */
#include "memory.h"
#include "smp.h"

asm(".pushsection .rodata\n"
    ".code16\n"
    ".global trampoline_start, trampoline_end\n"
    "trampoline_start:\n"
    "    cli\n"
    "    cld\n"
    "    movw %cs, %ax\n"
    "    movw %ax, %ds\n"
    "    lgdtl ap_gdt_pointer - trampoline_start\n"
    "    movl %cr0, %eax\n"
    "    andl $0x9fffffff, %eax\n" /* caches on */
    "    orl $1, %eax\n"
    "    movl %eax, %cr0\n"
    "    ljmpl $24, $(ap_protected - 0xffffff8000000000)\n"
    ".balign 4\n"
    "ap_gdt_pointer:\n"
    "    .word 31\n"
    "    .long ap_gdt - 0xffffff8000000000\n"
    "trampoline_end:\n"
    ".balign 8\n"
    "ap_gdt:\n"
    "    .quad 0\n"
    "    .quad 0x00af9a000000ffff\n" /* 8: 64-bit code */
    "    .quad 0x00cf92000000ffff\n" /* 16: data */
    "    .quad 0x00cf9a000000ffff\n" /* 24: 32-bit code */
    "ap_gdt_virtual_pointer:\n"
    "    .word 31\n"
    "    .quad ap_gdt\n"
    ".popsection\n"
    ".code32\n"
    "ap_protected:\n"
    "    movw $16, %ax\n"
    "    movw %ax, %ds\n"
    "    movw %ax, %ss\n"
    "    movl %cr4, %eax\n"
    "    orl $0xa0, %eax\n" /* PAE, PGE */
    "    movl %eax, %cr4\n"
    "    movl $(page_map_level_4 - 0xffffff8000000000), %eax\n"
    "    movl %eax, %cr3\n"
    "    movl $0xc0000080, %ecx\n"
    "    rdmsr\n"
    "    orl $0x900, %eax\n" /* LME, NXE */
    "    wrmsr\n"
    "    movl %cr0, %eax\n"
    "    orl $0x80010000, %eax\n" /* PG, WP */
    "    movl %eax, %cr0\n"
    "    ljmpl $8, $(ap_long - 0xffffff8000000000)\n"
    ".code64\n"
    "ap_long:\n"
    "    movabsq $1f, %rax\n"
    "    jmp *%rax\n"
    "1:  lgdt ap_gdt_virtual_pointer(%rip)\n"
    "    movw $16, %ax\n"
    "    movw %ax, %ds\n"
    "    movw %ax, %es\n"
    "    movw %ax, %ss\n"
    "    xorl %eax, %eax\n"
    "    movw %ax, %fs\n"
    "    movw %ax, %gs\n"
    "    movl $1, %eax\n"
    "    cpuid\n"
    "    shrl $24, %ebx\n" /* the APIC id chooses the stack */
    "    incl %ebx\n"
    "    shll $13, %ebx\n"
    "    leaq ap_stacks(%rip), %rsp\n"
    "    addq %rbx, %rsp\n"
    "    xorl %ebp, %ebp\n"
    "    call ap_main\n");

extern const u8 trampoline_start[], trampoline_end[];

u8 ap_stacks[CPUS_MAX][8192] __attribute__((aligned(16)));

void trampoline_place(void)
{
    memcpy(phys_to_virt(TRAMPOLINE), trampoline_start, (u64)(trampoline_end - trampoline_start));
}
