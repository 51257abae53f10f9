/*
 * A 64 KiB BIOS image that walks through the processor's modes and writes what it sees to the debug port, one hexadecimal
 * dword a line: real mode, 32- and 16-bit protected mode, ring 3, virtual-8086 with a monitor, unreal mode, long mode,
 * compatibility mode, and back. The same bytes run under QEMU with -bios, and what they write is compared.
 */
#include "debug-port.inc"

        .set    STACK, 0x7000
        .set    TSS, 0x2000
        .set    TABLES, 0x10000         /* page tables of long mode */
        .set    V86_STACK, 0x3000       /* segment */

        .section .text, "ax"
        .code16
        .global image
image:

        printer print16, ret

        .macro  show16 value
        mov     \value, %eax
        call    print16
        .endm

start:  cli
        cld
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $STACK, %sp
        show16  $0x11110000
        mov     %cs, %ax
        movzwl  %ax, %eax
        call    print16

/* Real mode: the vector table, flags, addressing that wraps, strings, far calls, frames of 16 and 32 bits. */
        movw    $handler40, 0x100
        movw    %cs, 0x102
        movl    $0x12345678, %ebx
        stc
        int     $0x40
        pushf
        pop     %ax
        movzwl  %ax, %eax
        call    print16
        movl    %ebx, %eax
        call    print16
        mov     $0xfff0, %bx
        mov     $0x0024, %si
        movl    $0xcafe0001, 0x14
        movl    (%bx,%si), %eax         /* 0xfff0 + 0x24 wraps to 0x14 */
        call    print16
        lea     0x7f(%bp,%di), %ax
        movzwl  %ax, %eax
        mov     $0x8000, %di
        mov     $0x4142, %ax
        mov     $3, %cx
        rep stosw
        movzwl  %di, %eax
        call    print16
        show16  0x8002
        std
        mov     $0x8005, %si
        mov     $0x8009, %di
        mov     $6, %cx
        rep movsb
        cld
        show16  0x8006
        movzwl  %si, %eax
        call    print16
        lcall   $0xf000, $far_routine
        pushl   $0x00010203
        pushfl
        popl    %eax
        and     $0x00040fff, %eax
        call    print16
        popl    %eax
        call    print16
        movw    %sp, %ax
        movzwl  %ax, %eax
        call    print16
        enter   $8, $2
        movw    %sp, %ax
        leave
        movzwl  %ax, %eax
        call    print16
        movl    $0xdeadbeef, %ecx
        mov     $2, %cx
1:      loop    1b
        movl    %ecx, %eax
        call    print16
        movl    $0x00000000, %eax
        smsw    %ax
        and     $0xf, %eax
        call    print16
        sidt    0x8100
        show16  0x8100

/* Protected mode. */
        lgdtl   %cs:gdtr
        lidtl   %cs:idtr
        movl    %cr0, %eax
        or      $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $0xf0000 + protected32

handler40:
        push    %bp
        mov     %sp, %bp
        movzwl  6(%bp), %eax
        and     $0x0fff, %eax
        call    print16
        movl    $0x87654321, %ebx
        orw     $0x0801, 6(%bp)         /* CF and OF in what IRET restores */
        pop     %bp
        iret

far_routine:
        push    %bp
        mov     %sp, %bp
        movzwl  4(%bp), %eax
        pop     %bp
        call    print16
        lret

        .code32
        printer print32, ret

        .macro  show32 value
        mov     \value, %eax
        call    print32
        .endm

protected32:
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $STACK, %esp
        mov     $0x80000000, %ecx
        show32  $0x22220000
        mov     %cs, %eax
        call    print32
        pushfl
        pop     %eax
        call    print32
/* The TSS: ring 0 stack; the I/O map begins at 0x88 and allows everything. */
        movl    $0x6000, TSS + 4
        movl    $0x10, TSS + 8
        movw    $0x88, TSS + 0x66
        mov     $TSS + 0x68, %edi
        mov     $0x2100, %ecx
        xor     %eax, %eax
        rep stosb
/* An IDT in RAM whose gates lead to stubs of 8 bytes. */
        mov     $0x1000, %edi
        mov     $0xf0000 + stubs, %ebx
        mov     $256, %ecx
1:      mov     %bx, (%edi)
        movw    $8, 2(%edi)
        movw    $0xee00, 4(%edi)
        mov     %ebx, %eax
        shr     $16, %eax
        mov     %ax, 6(%edi)
        add     $8, %edi
        add     $8, %ebx
        loop    1b
        mov     $0x18, %ax
        ltr     %ax
        str     %eax
        call    print32
/* LAR, LSL, VERR, VERW of a few selectors. */
        mov     $0x08, %edx
2:      xor     %eax, %eax
        lar     %edx, %eax
        call    print32
        xor     %eax, %eax
        lsl     %edx, %eax
        call    print32
        verr    %dx
        setz    %al
        verw    %dx
        setz    %ah
        movzwl  %ax, %eax
        call    print32
        add     $8, %edx
        cmp     $0x48, %edx
        jb      2b
/* Faults of ring 0: the monitor prints them and goes on behind them. */
        movl    $continue1, resume
        mov     $0x0f00, %ax
        mov     %ax, %fs                /* #GP(0x0f00): beyond the GDT */
continue1:
        movl    $continue2, resume
        ud2
continue2:
        movl    $continue3, resume
        int     $0x55
continue3:
/* 16-bit protected mode on the 32-bit stack, then on a 16-bit one. */
        ljmp    $0x20, $protected16
from16: show32  $0x22220002
/* Ring 3. */
        push    $0x33
        push    $0x5000
        push    $0x3002
        push    $0x2b
        push    $0xf0000 + ring3
        movl    $0xf0000 + from_ring3, resume
        mov     %esp, ring0_stack
        iret
ring3:  mov     %cs, %eax
        call    print32
        push    $0x1234
        pop     %eax
        call    print32
        cli                             /* IOPL 3: allowed */
        pushfl
        pop     %eax
        call    print32
        hlt                             /* #GP(0) */
from_ring3:
        mov     ring0_stack, %esp
        mov     %ds, %eax
        call    print32
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
/* Virtual-8086 mode with IOPL 0: the monitor steps over what it refuses. */
        movl    $0, resume
        movl    $0xf0000 + from_v86, v86_end
        push    $0
        push    $0
        push    $0x4000
        push    $0x4000
        push    $V86_STACK
        push    $0x0100
        push    $0x20002
        push    $0xf000
        push    $v86
        iret
from_v86:
        mov     ring0_stack, %esp
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        show32  $0x22220003
/* Unreal mode: through 16-bit code with a 4 GiB data segment. */
        ljmp    $0x20, $to_real

/* All vectors: push the number, then the common handler. */
        .align  8
stubs:  .set    vector, 0
        .rept   256
        push    $vector
        jmp     common
        .align  8
        .set    vector, vector + 1
        .endr

common: push    %eax
        push    %edx
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     8(%esp), %eax
        call    print32
        lea     12(%esp), %edx
        cmp     $8, %eax
        jb      1f
        cmp     $15, %eax
        jae     1f
        mov     (%edx), %eax            /* the error code */
        call    print32
        add     $4, %edx
1:      mov     4(%edx), %eax           /* CS */
        call    print32
        mov     8(%edx), %eax           /* EFLAGS without RF: QEMU 7.2's TCG leaves it out of a fault's frame */
        and     $0xfffeffff, %eax
        call    print32
        testl   $0x20000, 8(%edx)
        jnz     monitor
        mov     resume, %eax
        cmp     $0xf0000, %eax
        jae     2f
        add     $0xf0000, %eax
2:      pushl   $0x02
        popfl
        jmp     *%eax

/* The fault of virtual-8086 code at CS:IP: prints IP and the bytes there; HLT ends. INT n (vector 0x21) is two bytes. */
monitor:
        mov     (%edx), %eax
        call    print32
        mov     12(%edx), %eax          /* ESP */
        call    print32
        cmpl    $0x21, 8(%esp)
        je      4f
        mov     4(%edx), %eax
        shl     $4, %eax
        add     (%edx), %eax
        movzbl  (%eax), %eax
        call    print32
        cmp     $0xf4, %al
        je      5f
        cmp     $0xcd, %al
        jne     3f
        incl    (%edx)
3:      incl    (%edx)
4:      mov     %edx, %esp
        iret
5:      mov     v86_end, %eax
        jmp     *%eax

        .code16
protected16:
        mov     %cs, %ax
        movzwl  %ax, %eax
        call    print16_on32
        mov     $0x38, %ax
        mov     %ax, %ss
        mov     $0x66660100, %esp
        push    $0x1234
        pushl   $0x89abcdef
        movl    %esp, %eax
        popl    %ecx
        pop     %dx
        mov     $0x10, %bx
        mov     %bx, %ss
        mov     $STACK, %esp
        call    print16_on32
        movl    %ecx, %eax
        call    print16_on32
        ljmpl   *%cs:back_pointer
print16_on32:
        call    print16
        ret

v86:    movl    %cs, %eax
        movzwl  %ax, %eax
        call    print16
        mov     %sp, %ax
        movzwl  %ax, %eax
        call    print16
        cli
        sti
        pushf
        nop
        int     $0x21
        in      $0x80, %al
        movl    %cr0, %eax              /* three bytes: 0f, then 20 c0 = and %al, %al */
        hlt

to_real:
        mov     $0x10, %ax
        mov     %ax, %ds                /* 4 GiB */
        movl    %cr0, %eax
        and     $0xfe, %al
        movl    %eax, %cr0
        ljmp    $0xf000, $unreal
unreal: xor     %ax, %ax
        mov     %ax, %ss
        mov     $STACK, %sp
        mov     %ax, %ds
        lidtl   %cs:real_idtr
        movl    $0x00110000, %ebx
        movl    $0x5aa55aa5, (%ebx)
        addr32 movl (%ebx), %eax
        call    print16
        int     $0x40

/* Long mode, straight from real mode as a trampoline does it; then compatibility mode and back. */
        movl    $TABLES, %edi
        movl    $0x3000 / 4, %ecx
        xorl    %eax, %eax
        push    %ds
        pop     %es
        addr32 rep stosl
        movl    $TABLES, %edi
        movl    $TABLES + 0x1003, (%edi)
        movl    $TABLES + 0x2003, 0x1000(%edi)
        movl    $0x83, 0x2000(%edi)
        movl    %cr4, %eax
        orl     $0x20, %eax
        movl    %eax, %cr4
        movl    %edi, %cr3
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax
        wrmsr
        lgdtl   %cs:gdtr
        movl    %cr0, %eax
        orl     $0x80000001, %eax
        movl    %eax, %cr0
        ljmpl   $0x40, $0xf0000 + long64

        .code64
print64: push   %rcx
        push    %rdx
        push    %rax
        mov     %eax, %edx
        mov     $8, %ecx
1:      rol     $4, %edx
        mov     %dl, %al
        and     $15, %al
        cmp     $10, %al
        jb      2f
        add     $39, %al
2:      add     $48, %al
        out     %al, $PORT
        dec     %ecx
        jnz     1b
        mov     $10, %al
        out     %al, $PORT
        pop     %rax
        pop     %rdx
        pop     %rcx
        ret
long64: mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %ss
        mov     $STACK, %esp
        mov     $0x33330000, %eax
        call    print64
        mov     %cs, %eax
        call    print64
        mov     $0x123456789, %rax
        shr     $4, %rax
        call    print64
        push    $0x08
        push    $0xf0000 + compatible
        lretq
        .code32
compatible:
        mov     %cs, %eax
        call    print32
        mov     $0x10, %eax
        mov     %eax, %ss
        push    $0x7777
        pop     %eax
        call    print32
        inc     %eax                    /* one byte: 0x40 is a prefix in 64-bit code only */
        call    print32
/* Paging off leaves long mode; then real mode for good. */
        mov     %cr0, %eax
        and     $0x7fffffff, %eax
        mov     %eax, %cr0
        mov     $0xc0000080, %ecx
        rdmsr
        and     $0x500, %eax
        call    print32
        ljmp    $0x20, $to_real2
        .code16
to_real2:
        mov     $0x38, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        movl    %cr0, %eax
        and     $0xfe, %al
        movl    %eax, %cr0
        ljmp    $0xf000, $the_end
the_end:
        xor     %ax, %ax
        mov     %ax, %ss
        mov     $STACK, %sp
        mov     %ax, %ds
        show16  $0x44440000
        int     $0x40
        mov     $0, %al
        out     %al, $0xf4
1:      hlt
        jmp     1b

        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 08 32-bit code */
        .quad   0x00cf93000000ffff      /* 10 data */
        .quad   0x0000890020002fff      /* 18 TSS at 0x2000 */
        .quad   0x00009b0f0000ffff      /* 20 16-bit code at 0xf0000 */
        .quad   0x00cffb000000ffff      /* 28 ring 3 code */
        .quad   0x00cff3000000ffff      /* 30 ring 3 data */
        .quad   0x000093000000ffff      /* 38 16-bit data */
        .quad   0x00af9b000000ffff      /* 40 64-bit code */
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   0xf0000 + gdt
idtr:   .word   0x7ff
        .long   0x1000
real_idtr:
        .word   0x3ff
        .long   0
back_pointer:
        .long   0xf0000 + from16
        .word   8

        .set    resume, 0x900
        .set    ring0_stack, 0x908
        .set    v86_end, 0x90c

        .org    0xfff0
        ljmp    $0xf000, $start
        .org    0x10000
