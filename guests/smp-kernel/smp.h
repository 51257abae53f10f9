/* Application processors and their local APICs. */
#pragma once
#include "types.h"

#define CPUS_MAX 16

/* What a processor has to say about itself; written by it alone. */
struct processor {
    volatile u32 starts;
    volatile u32 leaf1_id, leaf_b_id, apic_id, apic_version, bootstrap;
    volatile u32 seen_before, seen_after;
    volatile u32 patched_before, patched_after;
    volatile u32 fixed, broadcast, logical, lowest, nmi, timer, shootdown;
    volatile u32 phase;
};

extern struct processor processors[CPUS_MAX];
extern u32 processor_count;

enum vector {
    VECTOR_NMI = 2,
    VECTOR_FIXED = 0x40,
    VECTOR_BROADCAST = 0x41,
    VECTOR_LOGICAL = 0x42,
    VECTOR_LOWEST = 0x43,
    VECTOR_TIMER = 0x44,
    VECTOR_SHOOTDOWN = 0x45,
    VECTOR_SPURIOUS = 0xff,
};

/* apic.c */
enum apic_register {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_LDR = 0xd0,
    APIC_DFR = 0xe0,
    APIC_SVR = 0xf0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_TIMER_COUNT = 0x380,
    APIC_TIMER_DIVIDE = 0x3e0,
};

enum icr {
    ICR_LOWEST = 1 << 8,
    ICR_NMI = 4 << 8,
    ICR_INIT = 5 << 8,
    ICR_STARTUP = 6 << 8,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_SELF = 1 << 18,
    ICR_OTHERS = 3 << 18,
};

void apic_map(void);
u32 apic_read(enum apic_register index);
void apic_write(enum apic_register index, u32 value);
void apic_enable(void);
void apic_send(u32 destination, u32 command);
u32 current_processor(void);

/* interrupts.c */
void interrupts_init(void);
void interrupts_load(void);

/* trampoline.c */
#define TRAMPOLINE 0x8000ul
void trampoline_place(void);
void ap_main(void) __attribute__((noreturn));
