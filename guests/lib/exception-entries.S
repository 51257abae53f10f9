/* One entry a vector: makes the stack look the same whether or not the processor pushed an error code. */

.altmacro
.macro entry vector, has_error
.balign 16
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\vector
    jmp exception_common
.endm

.text
.balign 16
.global exception_entries
exception_entries:
.set vector, 0
.rept 32
    /* Intel SDM Vol. 3A table 6-1: these vectors carry an error code. */
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
    entry %vector, 1
    .else
    entry %vector, 0
    .endif
    .set vector, vector + 1
.endr

exception_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    movq %rsp, %rdi
    cld
    call exception_report

.section .note.GNU-stack, "", @progbits
