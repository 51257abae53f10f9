/* One interrupt table for all processors: exceptions as in every guest, and a counter for each kind of IPI. */
#include "memory.h"
#include "smp.h"

#define CODE_SELECTOR 8
#define INTERRUPT_GATE 0x8e
#define ENTRY_BYTES 16

struct gate {
    u16 offset_low;
    u16 selector;
    u8 stack;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
} __attribute__((packed));

struct frame;

extern const u8 exception_entries[];
extern volatile u8 *shootdown_page;

static struct gate table[256];

#define COUNTING(name)                                                                                                 \
    __attribute__((interrupt)) static void on_##name(struct frame *frame)                                              \
    {                                                                                                                  \
        (void)frame;                                                                                                   \
        processors[current_processor()].name++;                                                                        \
        apic_write(APIC_EOI, 0);                                                                                       \
    }

COUNTING(fixed)
COUNTING(broadcast)
COUNTING(logical)
COUNTING(lowest)
COUNTING(timer)

/* An NMI has no EOI. */
__attribute__((interrupt)) static void on_nmi(struct frame *frame)
{
    (void)frame;
    processors[current_processor()].nmi++;
}

__attribute__((interrupt)) static void on_shootdown(struct frame *frame)
{
    (void)frame;
    asm volatile("invlpg (%0)" : : "r"(shootdown_page) : "memory");
    processors[current_processor()].shootdown++;
    apic_write(APIC_EOI, 0);
}

__attribute__((interrupt)) static void on_spurious(struct frame *frame) { (void)frame; }

static void set_gate(u32 vector, u64 entry)
{
    table[vector] = (struct gate){
        .offset_low = (u16)entry,
        .selector = CODE_SELECTOR,
        .type = INTERRUPT_GATE,
        .offset_middle = (u16)(entry >> 16),
        .offset_high = (u32)(entry >> 32),
    };
}

void interrupts_init(void)
{
    for (u32 vector = 0; vector < 32; vector++)
        set_gate(vector, (u64)exception_entries + vector * ENTRY_BYTES);
    set_gate(VECTOR_NMI, (u64)on_nmi);
    set_gate(VECTOR_FIXED, (u64)on_fixed);
    set_gate(VECTOR_BROADCAST, (u64)on_broadcast);
    set_gate(VECTOR_LOGICAL, (u64)on_logical);
    set_gate(VECTOR_LOWEST, (u64)on_lowest);
    set_gate(VECTOR_TIMER, (u64)on_timer);
    set_gate(VECTOR_SHOOTDOWN, (u64)on_shootdown);
    set_gate(VECTOR_SPURIOUS, (u64)on_spurious);
}

void interrupts_load(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {sizeof table - 1, (u64)table};
    asm volatile("lidt %0" : : "m"(pointer));
}
