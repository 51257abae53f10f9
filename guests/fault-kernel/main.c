/*
 * Ends in a fault of the kind that the command line names: divide, invalid-opcode, page-fault,
 * no-execute, general-protection, breakpoint, triple-fault, or hang (halts with interrupts off). Without a word it
 * ends well. All but the last two are caught and printed, and end with EXIT_EXCEPTION.
 */
#include "command-line.h"
#include "exceptions.h"
#include "exit.h"
#include "memory.h"
#include "serial.h"

static struct memory_layout layout;

static void read_unmapped(void)
{
    volatile u64 *nowhere = (volatile u64 *)0x1000; /* the identity map is gone */
    print("read %lx\n", *nowhere);
}

/* Bits 63 to 47 of an address must be equal. */
static void read_non_canonical(void)
{
    volatile u64 *nowhere = (volatile u64 *)0x8000000000000000;
    print("read %lx\n", *nowhere);
}

/* Only RAM from 4 MiB on is mapped no-execute: the kernel's own 2 MiB page holds its code as well. */
static void execute_data(void)
{
    u8 *code = phys_to_virt(0x400000);
    code[0] = 0xc3; /* ret */
    ((void (*)(void))code)();
}

static void triple_fault(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) none = {0, 0};
    asm volatile("lidt %0; ud2" : : "m"(none));
}

static void fault(const char *line)
{
    if (find_word(line, "divide"))
        asm volatile("xor %%ecx, %%ecx; div %%ecx" : : "a"(1), "d"(0) : "rcx");
    if (find_word(line, "invalid-opcode"))
        asm volatile("ud2");
    if (find_word(line, "breakpoint"))
        asm volatile("int3");
    if (find_word(line, "general-protection"))
        read_non_canonical();
    if (find_word(line, "page-fault"))
        read_unmapped();
    if (find_word(line, "no-execute"))
        execute_data();
    if (find_word(line, "triple-fault"))
        triple_fault();
    if (find_word(line, "hang"))
        asm volatile("cli; hlt");
}

void kernel_main(u32 magic, u64 information) __attribute__((noreturn));

void kernel_main(u32 magic, u64 information)
{
    serial_init();
    exceptions_init();
    print("dmascope guest: fault\n");
    memory_init(magic, information, &layout);
    memory_drop_identity_map();
    fault(layout.command_line);
    print("no fault: %s\n", layout.command_line);
    leave(EXIT_SUCCESS);
}
