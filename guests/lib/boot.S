/*
 * Multiboot 1 entry (32-bit protected mode, paging off) to 64-bit C.
 *
 * The kernel is linked at physical + 0xffffff8000000000 and loaded at physical 0x200000. The page tables map physical
 * memory linearly there ("direct map") and, until memory_drop_identity_map(), at 0 as well: both through one PDPT,
 * since PML4 entry 511 begins exactly at the offset. Pages are 2 MiB; all but the kernel's own are no-execute.
 */

.set OFFSET, 0xffffff8000000000

.set MULTIBOOT_MAGIC, 0x1badb002
.set MULTIBOOT_FLAGS, 0x00010003 /* pages aligned, memory map wanted, addresses below are valid */

.set PRESENT_WRITABLE, 0x003
.set LARGE_PAGE, 0x083      /* present, writable, 2 MiB */
.set UNCACHED, 0x018        /* PCD and PWT: strong uncacheable in the default PAT */
.set DEVICE_SPACE, 0xb0000000 /* q35: ECAM and the PCI hole lie from here to 4 GiB */
.set NO_EXECUTE_HIGH, 0x80000000

.section .boot, "awx"
.balign 4
multiboot_header:
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
    .long multiboot_header - OFFSET
    .long image_start - OFFSET
    .long load_end - OFFSET
    .long image_end - OFFSET
    .long _start - OFFSET

.code32
.global _start
_start:
    cli
    cld
    movl %eax, %edi             /* the loader's magic: first argument of kernel_main */
    movl %ebx, %esi             /* Multiboot information: second argument */

    /* Four page directories: 0 to 4 GiB. */
    movl $(page_directories - OFFSET), %ebx
    movl $LARGE_PAGE, %eax
    xorl %ecx, %ecx
1:  movl %eax, %edx
    cmpl $DEVICE_SPACE, %eax
    jb 2f
    orl $UNCACHED, %edx
2:  movl %edx, (%ebx, %ecx, 8)
    movl $NO_EXECUTE_HIGH, 4(%ebx, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jne 1b
    movl $0, 12(%ebx)           /* entry 1, physical 2 to 4 MiB, holds the kernel: executable */

    movl $(page_directory_pointers - OFFSET), %edx
    orl $PRESENT_WRITABLE, %ebx
    xorl %ecx, %ecx
3:  movl %ebx, (%edx, %ecx, 8)
    addl $0x1000, %ebx
    incl %ecx
    cmpl $4, %ecx
    jne 3b

    movl $(page_map_level_4 - OFFSET), %eax
    orl $PRESENT_WRITABLE, %edx
    movl %edx, (%eax)
    movl %edx, 511*8(%eax)
    movl %eax, %cr3

    movl %cr4, %eax
    orl $0xa0, %eax             /* PAE, PGE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx      /* EFER */
    rdmsr
    orl $0x900, %eax            /* LME, NXE */
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax       /* PG, WP */
    movl %eax, %cr0

    lgdt (boot_gdt_pointer - OFFSET)
    ljmpl $8, $(long_mode - OFFSET)

.code64
long_mode:
    movabsq $high_half, %rax
    jmp *%rax

high_half:
    lgdt kernel_gdt_pointer(%rip)
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    leaq boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp             /* ends the frame pointer chain */
    call kernel_main
1:  cli
    hlt
    jmp 1b

.balign 8
gdt:
    .quad 0
    .quad 0x00af9a000000ffff    /* 8: 64-bit code, ring 0 */
    .quad 0x00cf92000000ffff    /* 16: data, ring 0 */
gdt_end:

boot_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt - OFFSET
.balign 8
kernel_gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

.section .bss.boot, "aw", @nobits
.balign 4096
.global page_map_level_4, page_directory_pointers, page_directories
page_map_level_4:
    .skip 4096
page_directory_pointers:
    .skip 4096
page_directories:               /* 8 GiB; the upper half is filled in by memory.c if there is RAM */
    .skip 8 * 4096
boot_stack:
    .skip 16384
boot_stack_top:

.section .note.GNU-stack, "", @progbits
