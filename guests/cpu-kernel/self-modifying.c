/* Code that is written while it runs: x86 processors see it at the next instruction (SDM Vol. 3A 8.1.3, 11.6). */
#include "harness.h"
#include "memory.h"
#include "serial.h"

/* In each snippet RDI is the code page as memory, RSI its alias, RBX a count of what ran. */
static void changed(const char *name, struct code code)
{
    for (u32 twice = 0; twice < 2; twice++) {
        start.registers.rdi = USER_CODE;
        start.registers.rsi = ALIAS;
        start.registers.rbx = 0;
        start.registers.rax = 0;
        struct trap *trap = run(IN_USER, code);
        print("%s: vector %lu rip ", name, trap->vector);
        print_address(trap->rip);
        print(" rax %lx rbx %lx\n", trap->at.rax, trap->at.rbx);
    }
}

void check_self_modifying(void)
{
    /* 0xc3ff and 0xcbff: inc ebx, dec ebx. 0x48-prefixed inc: 48 ff c0. */
    changed("next instruction", CODE("movb $2, 1f + 1 - 77771b(%%rdi); 1: mov $1, %%al"));
    changed("later in the block", CODE("movb $7, 1f + 1 - 77771b(%%rdi); inc %%ebx; inc %%ebx; nop; 1: mov $1, %%al"));
    changed("immediate of 4 bytes", CODE("movl $0x12345678, 1f + 1 - 77771b(%%rdi); 1: mov $1, %%eax"));
    changed("an instruction behind",
            CODE("1: mov $1, %%al; inc %%ebx; cmp $3, %%ebx; je 2f; movb $9, 1b + 1 - 77771b(%%rdi); jmp 1b; 2:"));
    changed("next block", CODE("movb $5, 1f + 1 - 77771b(%%rdi); jmp 1f; 1: mov $1, %%al"));
    changed("through an alias", CODE("movb $6, 1f + 1 - 77771b(%%rsi); jmp 1f; 1: mov $1, %%al"));
    changed("alias, same block", CODE("movb $6, 1f + 1 - 77771b(%%rsi); cpuid; 1: mov $1, %%eax; mov $0, %%ebx"));
    changed("loop that counts up its own immediate",
            CODE("mov $5, %%ecx; 1: add $1, %%eax; incb 1b + 2 - 77771b(%%rdi); loop 1b"));
    changed("opcode becomes another",
            CODE("movw $0xcbff, 1f - 77771b(%%rdi); mov $5, %%ebx; 1: inc %%ebx"));
    changed("opcode becomes UD2", CODE("movw $0x0b0f, 1f - 77771b(%%rdi); 1: inc %%ebx; inc %%ebx"));
    changed("jump gets another target",
            CODE("movb $2, 1f + 1 - 77771b(%%rdi); 1: jmp 2f; 2: inc %%ebx; inc %%ebx; inc %%ebx"));
    changed("fused pair, condition changes",
            CODE("movb $0x75, 1f - 77771b(%%rdi); cmp %%rax, %%rax; 1: je 2f; inc %%ebx; 2: inc %%ebx"));
    changed("fused pair, comparison changes",
            CODE("xor %%ecx, %%ecx; mov $1, %%eax; movb $0xc0, 1f + 1 - 77771b(%%rdi); 1: cmp %%eax, %%ecx; je 2f; inc %%ebx; 2: inc %%ebx"));
    changed("REP MOVSB over what follows",
            CODE("lea 3f(%%rip), %%rsi; lea 1f(%%rip), %%rdi; mov $6, %%ecx; rep movsb; 1: inc %%ebx; inc %%ebx; inc %%ebx; jmp 2f; "
                 "3: dec %%ebx; dec %%ebx; dec %%ebx; 2:"));
    changed("REP STOSB over itself",
            CODE("lea 1f(%%rip), %%rdi; mov $0x90, %%al; mov $8, %%ecx; 1: rep stosb; inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx"));
    changed("REP MOVSQ of whole code",
            CODE("mov %%rdi, %%rbp; lea 3f(%%rip), %%rsi; lea 0x800(%%rbp), %%rdi; mov $2, %%ecx; rep movsq; lea 0x800(%%rbp), %%rcx; call *%%rcx; "
                 "lea 4f(%%rip), %%rsi; lea 0x800(%%rbp), %%rdi; mov $2, %%ecx; rep movsq; lea 0x800(%%rbp), %%rcx; call *%%rcx; jmp 2f; "
                 ".balign 8; 3: mov $0x1111, %%eax; ret; .balign 16; 4: mov $0x2222, %%ebx; ret; .balign 16; 2:"));
    changed("PUSH over what follows",
            CODE("lea 1f + 8(%%rip), %%rsp; mov $0x9090909090909090, %%rcx; push %%rcx; 1: inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx; "
                 "mov $0x421000, %%esp"));
    changed("vector store over what follows",
            CODE("movabs $0x90909090c0ffc0ff, %%rcx; movq %%rcx, %%xmm0; punpcklqdq %%xmm0, %%xmm0; movups %%xmm0, 1f - 77771b(%%rdi); "
                 "1: inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx; inc %%ebx"));
    changed("XCHG with code", CODE("mov $4, %%ecx; xchg %%cl, 1f + 1 - 77771b(%%rdi); 1: mov $1, %%al; mov %%cl, %%bl"));
    changed("CMPXCHG of code", CODE("mov $1, %%al; mov $8, %%ecx; cmpxchg %%cl, 1f + 1 - 77771b(%%rdi); 1: mov $1, %%al"));
    /* An instruction that lies on two pages: its second half is written. */
    code_page[0xffe] = 0xb8; /* mov eax, imm32; int */
    memcpy(code_page + 0xfff, (u8[]){0x11, 0x22, 0x33, 0x44, 0xcd, DONE_VECTOR}, 6);
    changed("second page, before", CODE("lea 0xffe(%%rdi), %%rcx; jmp *%%rcx"));
    changed("second page, written", CODE("incb 0x1001(%%rdi); lea 0xffe(%%rdi), %%rcx; jmp *%%rcx"));
    changed("second page, through the alias", CODE("incb 0x1000(%%rsi); lea 0xffe(%%rdi), %%rcx; jmp *%%rcx"));
    changed("store across both pages", CODE("movl $0x01020304, 0xfff(%%rdi); lea 0xffe(%%rdi), %%rcx; jmp *%%rcx"));
    /* A mapping that changes under the code: the same address, another page. */
    code_page[0x1100] = 0xb0;
    code_page[0x1101] = 0x42;
    code_page[0x1102] = 0xcd;
    code_page[0x1103] = DONE_VECTOR;
    code_page[0x100] = 0xb0;
    code_page[0x101] = 0x24;
    code_page[0x102] = 0xcd;
    code_page[0x103] = DONE_VECTOR;
    start.rip = ALIAS + 0x100;
    changed("mapping, before", CODE(""));
    start.rip = ALIAS + 0x100;
    set_page(ALIAS, page_entry(ALIAS + 0x1000));
    changed("mapping, after", CODE(""));
    set_page(ALIAS, page_entry(USER_CODE));
    changed("mapping, back", CODE(""));
}
