/*
 * A 64 KiB BIOS image of hardware task switches: JMP, CALL and IRET, task gates in the GDT and the IDT, 16- and 32-bit task
 * state segments, an LDT, ring 3, the T bit, page tables that change, and every fault of a switch. It writes what it sees to
 * the debug port, one hexadecimal dword a line. The same bytes run under QEMU with -bios, and what they write is compared.
 */
#include "debug-port.inc"

        .set    ROM, 0xf0000
        .set    IDT, 0x1000
        .set    GDT, 0x1800
        .set    LDT, 0x1a00
        .set    TASKS, 0x2000           /* the task state segments, 0x100 bytes each */
        .set    A, TASKS
        .set    B, TASKS + 0x100
        .set    C, TASKS + 0x200
        .set    D, TASKS + 0x300
        .set    E, TASKS + 0x400
        .set    TABLES_A, 0x10000
        .set    TABLES_B, 0x12000

        .set    resume, 0x900
        .set    stack, 0x904

        .set    CODE, 0x08
        .set    DATA, 0x10
        .set    TSS_A, 0x18
        .set    TSS_B, 0x20
        .set    TSS_C, 0x28             /* of 16 bits */
        .set    TSS_D, 0x30
        .set    GATE_B, 0x38
        .set    LOCAL, 0x40
        .set    CODE16, 0x48
        .set    TSS_SMALL, 0x50
        .set    TSS_ABSENT, 0x58
        .set    USER_CODE, 0x63
        .set    USER_DATA, 0x6b
        .set    TSS_E, 0x70             /* ring 3 */
        .set    READ_ONLY, 0x78
        .set    ABSENT_DATA, 0x80
        .set    GATE_ABSENT, 0x88
        .set    GATE_DATA, 0x90         /* a task gate that names a data segment */
        .set    CONFORMING, 0x98
        .set    DATA16, 0xa0

        .section .text, "ax"
        .code16
        .global image
image:
start:  cli
        cld
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7000, %sp
/* Tables in RAM: the processor marks descriptors busy. */
        mov     $gdt, %si
        mov     $GDT, %di
        mov     $gdt_end - gdt, %cx
        rep movsb %cs:(%si), (%di)
        lgdtl   %cs:gdtr
        lidtl   %cs:idtr
        movl    %cr0, %eax
        or      $1, %al
        movl    %eax, %cr0
        ljmpl   $CODE, $ROM + protected

        .code32
        printer print, ret

        .macro  show value
        mov     \value, %eax
        call    print
        .endm

/* All that a switch loads: registers, flags, selectors, TR, LDTR, CR0.TS, CR3. Clears TS. Nothing else changes. */
dump:   pushfl
        pushal
        mov     $28, %ecx
1:      show    "(%esp, %ecx)"
        sub     $4, %ecx
        jns     1b
        mov     32(%esp), %eax
        and     $0xfffeffff, %eax       /* without RF */
        call    print
        .irp    segment, cs, ss, ds, es, fs, gs
        mov     %\segment, %eax
        call    print
        .endr
        str     %eax
        call    print
        sldt    %eax
        call    print
        mov     %cs, %eax
        test    $3, %al
        jnz     2f
        mov     %cr0, %eax
        and     $8, %eax
        call    print
        clts
        mov     %cr3, %eax
        call    print
2:      popal
        popfl
        ret

/* The access bytes of the descriptors of A to E, and the back links. */
states: pushal
        mov     $GDT + TSS_A + 5, %ebx
        xor     %eax, %eax
        .irp    selector, TSS_D, TSS_C, TSS_B, TSS_A
        shl     $8, %eax
        mov     GDT + \selector + 5, %al
        .endr
        call    print
        movzbl  GDT + TSS_E + 5, %eax
        call    print
        .irp    task, B, C, D, E
        movzwl  \task, %eax
        call    print
        .endr
        popal
        ret

/* What the processor saved of A. */
saved:  pushal
        mov     $0x20, %ecx
1:      mov     A(%ecx), %eax
        cmp     $0x24, %ecx
        jne     2f
        and     $0xfffeffff, %eax
2:      call    print
        add     $4, %ecx
        cmp     $0x60, %ecx
        jb      1b
        popal
        ret

/* Every task but A as it is in the beginning, and its descriptor not busy. */
fresh:  pushal
        mov     $ROM + tasks, %esi
        mov     $B, %edi
        mov     $0x100, %ecx            /* 4 of 256 bytes */
        rep movsl
        movb    $0x89, GDT + TSS_B + 5
        movb    $0x81, GDT + TSS_C + 5
        movb    $0x89, GDT + TSS_D + 5
        movb    $0xe9, GDT + TSS_E + 5
        popal
        ret

        .macro  step number
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        call    fresh
        movl    $ROM + unexpected, resume
        show    $\number << 16 | 0x55000000
        .endm

/* A fault is expected: prints it and goes on behind. */
        .macro  fails instruction:vararg
        mov     %esp, stack
        movl    $ROM + 9f, resume
        \instruction
        show    $0xbad
9:
        .endm

/* Back to A, wherever the last step ended: JMP leaves no task busy but A. */
        .macro  home
        str     %eax
        cmp     $TSS_A, %ax
        je      8f
        ljmp    $TSS_A, $0
8:
        .endm

protected:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        mov     $0x7000, %esp
        mov     $IDT, %edi
        mov     $ROM + stubs, %ebx
        mov     $256, %ecx
1:      mov     %bx, (%edi)
        movw    $CODE, 2(%edi)
        movw    $0xee00, 4(%edi)
        mov     %ebx, %eax
        shr     $16, %eax
        mov     %ax, 6(%edi)
        add     $8, %edi
        add     $8, %ebx
        loop    1b
        movl    $TSS_B << 16, IDT + 0x60 * 8
        movl    $0xe500, IDT + 0x60 * 8 + 4
        movl    $TSS_C << 16, IDT + 0x61 * 8
        movl    $0xe500, IDT + 0x61 * 8 + 4
        movl    $TSS_D << 16, IDT + 0x62 * 8
        movl    $0xe500, IDT + 0x62 * 8 + 4
        movl    $0x00cf9300, LDT + 0x0c /* LDT 0x0c: data at 0, with a limit of 64 KiB */
        movl    $0x0000ffff, LDT + 0x08
        movb    $0x40, LDT + 0x0e
        mov     $0x1a, %ecx             /* A: all that the processor does not save itself */
        mov     $A, %edi
        xor     %eax, %eax
        rep stosl
        movl    $0x6f00, A + 4
        movl    $DATA, A + 8
        movw    $0x68, A + 0x66
        mov     $TSS_A, %eax
        ltr     %ax
        call    states

/* 1: JMP there and back. */
        step    1
        mov     $0xa0000001, %ebx
        mov     $0xa0000002, %ecx
        mov     $0xa0000003, %edx
        mov     $0xa0000004, %esi
        mov     $0xa0000005, %edi
        mov     $0xa0000006, %ebp
        mov     $DATA, %eax
        mov     %eax, %fs
        stc
        ljmp    $TSS_B, $0x1234
        call    dump
        call    states
/* 2: CALL and IRET. */
        step    2
        std
        lcall   $TSS_B, $0
        call    dump
        cld
        call    states
/* 3: CALL through a task gate. */
        step    3
        lcall   $GATE_B, $0
        call    dump
        call    states
/* 4: JMP through one. */
        step    4
        ljmp    $GATE_B, $0
        call    dump
        call    states
/* 5: INT through one. */
        step    5
        int     $0x60
        call    dump
        call    states
/* 6: a task of 16 bits: CALL, INT, JMP. */
        step    6
        mov     $0xa5a5a5a5, %ebx
        lcall   $TSS_C, $0
        call    dump
        call    states
        step    7
        int     $0x61
        call    dump
        call    states
        step    8
        ljmp    $TSS_C, $0
        call    dump
        call    states
/* 9: #GP through a task gate brings its error code along. */
        step    9
        movl    $ROM + handler_task, D + 0x20
        mov     IDT + 13 * 8, %esi
        mov     IDT + 13 * 8 + 4, %edi
        movl    $TSS_D << 16, IDT + 13 * 8
        movl    $0x8500, IDT + 13 * 8 + 4
        mov     $0x0f00, %eax
        mov     %eax, %gs               /* two bytes: the handler steps over it */
        call    dump
        call    states
        mov     %esi, IDT + 13 * 8
        mov     %edi, IDT + 13 * 8 + 4
/* 10: nested: A calls B, which calls D. */
        step    10
        movl    $ROM + nesting, B + 0x20
        lcall   $TSS_B, $0
        call    dump
        call    states
/* 11: ring 3: a task of its own, and back by its INT through a gate that only it may use. */
        step    11
        lcall   $TSS_E, $0
        call    dump
        call    states
/* 12: an LDT. */
        step    12
        movw    $LOCAL, B + 0x60
        movw    $0x0c, B + 0x54
        movw    $0x0c, B + 0x48
        lcall   $TSS_B, $0
        call    dump
        call    states
/* Faults before the switch: they are A's. */
        step    20
        fails   ljmp $TSS_A, $0         /* busy */
        call    states
        step    21
        fails   lcall $TSS_A, $0
        step    22
        fails   ljmp $TSS_ABSENT, $0
        step    23
        fails   ljmp $TSS_SMALL, $0
        step    24
        fails   ljmp $GATE_ABSENT, $0
        step    25
        fails   ljmp $GATE_DATA, $0
        step    26
        fails   ljmp $0x0f08, $0
        step    27
        pushfl
        orl     $0x4000, (%esp)         /* NT with a back link to a task that is not busy */
        popfl
        movw    $TSS_B, A
        fails   iret
        mov     %esp, %ebp
        pushfl
        andl    $~0x4000, (%esp)
        popfl
        step    28
        pushfl
        orl     $0x4000, (%esp)
        popfl
        movw    $DATA, A
        fails   iret
        pushfl
        andl    $~0x4000, (%esp)
        popfl
        step    29
        fails   int $0x63
        movl    $TSS_A << 16, IDT + 0x63 * 8
        movl    $0xe500, IDT + 0x63 * 8 + 4
        fails   int $0x63
        movl    $TSS_ABSENT << 16, IDT + 0x63 * 8
        fails   int $0x63

/* Faults after it: the new task's, and its registers are loaded. */
        .macro  broken number, offset, value
        step    \number
        movw    $\value, B + \offset
        movl    $ROM + 7f, resume
        ljmp    $TSS_B, $0
7:      call    states
        home
        .endm
        broken  30, 0x54, 0x0f00        /* DS beyond the GDT */
        broken  31, 0x54, ABSENT_DATA
        broken  32, 0x48, TSS_A         /* ES a system segment */
        broken  33, 0x58, CODE
        broken  39, 0x20, 0             /* EIP 0: where nothing is forbidden */
/* Where CS or the LDT is wrong SS is not loaded yet: only a handler with a stack of its own can tell. */
        .macro  hopeless number, offset, value
        step    \number
        movl    $ROM + teller, D + 0x20
        movw    $\value, B + \offset
        ljmp    $TSS_B, $0
        call    states
        .endm
        mov     IDT + 10 * 8, %esi
        mov     IDT + 10 * 8 + 4, %edi
        movl    $TSS_D << 16, IDT + 10 * 8
        movl    $0x8500, IDT + 10 * 8 + 4
        hopeless 34, 0x4c, DATA          /* CS is data */
        hopeless 35, 0x4c, 0
        hopeless 36, 0x4c, (USER_CODE-3)
        hopeless 37, 0x60, DATA          /* LDT is data */
        hopeless 38, 0x60, 0x0f00
        mov     %esi, IDT + 10 * 8
        mov     %edi, IDT + 10 * 8 + 4
/* Conforming code takes the level of its selector. */
        step    40
        movw    $CONFORMING, B + 0x4c
        lcall   $TSS_B, $0
        call    dump

/* Page tables: CR3 is loaded, and not saved. */
        step    50
        mov     $TABLES_A, %edi
        call    tables
        mov     $TABLES_B, %edi
        call    tables
        movl    $0x00400083, TABLES_B + 4 /* 4 MiB: another page there */
        mov     %cr4, %eax
        or      $0x10, %eax
        mov     %eax, %cr4
        mov     $TABLES_A, %eax
        mov     %eax, %cr3
        movl    $TABLES_A, A + 0x1c
        movl    $TABLES_B, B + 0x1c
        movl    $TABLES_A, C + 0x1c
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        jmp     1f
1:      lcall   $TSS_B, $0
        call    dump
        lcall   $TSS_C, $0              /* 16 bits have no CR3: it stays */
        call    dump
        step    51
        movl    $TABLES_B, B + 0x1c
        ljmp    $TSS_B, $0
        show    "A + 0x1c"
        mov     %cr0, %eax
        and     $0x7fffffff, %eax
        mov     %eax, %cr0

/* The T bit, which QEMU's TCG leaves out. */
        step    60
        movw    $1, B + 0x64
        movl    $ROM + trapped, resume
        ljmp    $TSS_B, $0
trapped: str    %eax
        call    print
        mov     %dr6, %eax
        and     $0xe00f, %eax
        call    print
        xor     %eax, %eax
        mov     %eax, %dr6
        home

        show    $0x55990000
unexpected:
        mov     $0, %al
        out     %al, $0xf4
1:      hlt
        jmp     1b

tables: mov     $1024, %ecx
        xor     %eax, %eax
        push    %edi
        rep stosl
        pop     %edi
        movl    $0x83, (%edi)
        movl    $0x00000083, 4(%edi)
        ret

/* B: shows itself, then goes back as it came; a second time it goes on behind. */
task_b: call    dump
        call    states
        call    saved
        pushfl
        testl   $0x4000, (%esp)         /* NT */
        lea     4(%esp), %esp
        jz      1f
        iret
        jmp     task_b
1:      ljmp    $TSS_A, $0
        jmp     task_b

nesting: call   dump
        lcall   $TSS_D, $0
        call    dump
        call    states
        iret

task_d: call    dump
        call    states
        iret

handler_task:
        pop     %eax                    /* the error code */
        call    print
        call    dump
        call    states
        addl    $2, A + 0x20
        iret

teller: pop     %eax                    /* the error code */
        call    print
        call    dump
        call    states
        show    "B + 0x4c"
        show    "B + 0x60"
        pushfl
        andl    $~0x4000, (%esp)
        popfl
        ljmp    $TSS_A, $0

task_e: call    dump
        int     $0x62
        call    dump
        iret

/* All vectors: push the number, then the common handler, which prints and goes to `resume`. */
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
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     8(%esp), %eax
        call    print
        lea     12(%esp), %edx
        cmp     $8, %eax
        jb      1f
        cmp     $15, %eax
        jae     1f
        mov     (%edx), %eax            /* the error code */
        call    print
        add     $4, %edx
1:      mov     (%edx), %eax            /* EIP and CS */
        call    print
        mov     4(%edx), %eax
        call    print
        mov     8(%edx), %eax
        and     $0xfffeffff, %eax
        call    print
        str     %eax
        call    print
        cmp     $TSS_A, %ax
        jne     2f
        mov     stack, %esp
2:      mov     resume, %eax
        jmp     *%eax

/* The task of 16 bits, with a stack of 16 bits. What the upper halves of its registers are no manual says. */
        .code16
task_c: movl    $ROM + task_c32, %eax
        pushl   $CODE
        pushl   %eax
        lretl
        .code32
task_c32:
        movzwl  %bx, %eax
        call    print
        movzwl  %sp, %esp
        mov     %esp, %eax
        call    print
        str     %eax
        call    print
        call    states
        pushfl
        testl   $0x4000, (%esp)         /* NT */
        lea     4(%esp), %esp
        jz      1f
        iret
        show    $0xbad
1:      ljmp    $TSS_A, $0
        show    $0xbad

        .macro  descriptor base, limit, access, flags=0
        .word   \limit
        .word   (\base) & 0xffff
        .byte   (\base) >> 16
        .byte   \access, \flags, 0
        .endm

        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* code */
        .quad   0x00cf93000000ffff      /* data */
        descriptor A, 0x67, 0x89
        descriptor B, 0x67, 0x89
        descriptor C, 0x2b, 0x81
        descriptor D, 0x67, 0x89
        .word   0, TSS_B, 0xe500, 0     /* task gate */
        descriptor LDT, 0x0f, 0x82
        descriptor ROM, 0xffff, 0x9b
        descriptor B, 0x66, 0x89
        descriptor B, 0x67, 0x09
        .quad   0x00cffb000000ffff      /* ring 3 code, data */
        .quad   0x00cff3000000ffff
        descriptor E, 0x67, 0xe9
        .quad   0x00cf91000000ffff
        .quad   0x00cf13000000ffff
        .word   0, TSS_B, 0x6500, 0
        .word   0, DATA, 0xe500, 0
        .quad   0x00cf9f000000ffff      /* conforming code */
        .quad   0x000093000000ffff      /* data of 16 bits */
gdt_end:
gdtr:   .word   gdt_end - gdt - 1
        .long   GDT
idtr:   .word   0x7ff
        .long   IDT

        .macro  task32 at, stack_, mark, code=CODE, data=DATA, flags=2
        .long   0, 0x6800, DATA, 0, 0, 0, 0, 0
        .long   ROM + \at, \flags
        .long   \mark, \mark + 1, \mark + 2, \mark + 3, \stack_, \mark + 5, \mark + 6, \mark + 7
        .long   \data, \code, \data, \data, 0, \data, 0
        .word   0, 0x68
        .fill   0x98, 1, 0
        .endm
        .align  4
tasks:  task32  task_b, 0x6000, 0xb0000000
        .word   0, 0x6800, DATA, 0, 0, 0, 0
        .word   task_c, 2, 0xc000, 0xc001, 0xc002, 0xc003, 0x5000, 0xc005, 0xc006, 0xc007
        .word   DATA, CODE16, DATA16, DATA, 0
        .fill   0x100 - 44, 1, 0
        task32  task_d, 0x4000, 0xd0000000, flags=0x8d7
        task32  task_e, 0x3800, 0xe0000000, USER_CODE, USER_DATA, 0x3002

        .code16
        .org    0xfff0
        ljmp    $0xf000, $start
        .org    0x10000
