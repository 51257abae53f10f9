#include "exceptions.h"
#include "cpu.h"
#include "exit.h"
#include "serial.h"

#define VECTORS 32
#define ENTRY_BYTES 16
#define CODE_SELECTOR 8
#define INTERRUPT_GATE 0x8e

struct gate {
    u16 offset_low;
    u16 selector;
    u8 stack;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
} __attribute__((packed));

struct exception_frame {
    u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

extern const u8 exception_entries[];

static struct gate table[VECTORS];

static const char *const names[VECTORS] = {
    "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no FPU",
    "double fault", "FPU segment", "invalid TSS", "segment not present", "stack fault", "general protection",
    "page fault", "reserved", "FPU error", "alignment check", "machine check", "SIMD error", "virtualization",
    "control protection",
};

void exceptions_init(void)
{
    for (u32 vector = 0; vector < VECTORS; vector++) {
        u64 entry = (u64)exception_entries + vector * ENTRY_BYTES;
        table[vector] = (struct gate){
            .offset_low = (u16)entry,
            .selector = CODE_SELECTOR,
            .type = INTERRUPT_GATE,
            .offset_middle = (u16)(entry >> 16),
            .offset_high = (u32)(entry >> 32),
        };
    }
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {sizeof table - 1, (u64)table};
    asm volatile("lidt %0" : : "m"(pointer));
}

void exception_report(const struct exception_frame *frame) __attribute__((noreturn));

void exception_report(const struct exception_frame *frame)
{
    const char *name = frame->vector < VECTORS && names[frame->vector] ? names[frame->vector] : "reserved";
    print("exception %lu (%s), error %lx, rip %016lx, rsp %016lx, cr2 %016lx\n", frame->vector, name, frame->error,
          frame->rip, frame->rsp, read_cr2());
    leave(EXIT_EXCEPTION);
}
