/* The local APIC in xAPIC mode. */
#include "cpu.h"
#include "memory.h"
#include "smp.h"

#define APIC_BASE 0xfee00000ul
#define SVR_ENABLE 0x100

static volatile u32 *registers;

void apic_map(void) { registers = map_device(APIC_BASE, PAGE_SIZE); }

u32 apic_read(enum apic_register index) { return registers[index / 4]; }

void apic_write(enum apic_register index, u32 value) { registers[index / 4] = value; }

/* On, flat logical ids: one bit a processor, for the first eight. */
void apic_enable(void)
{
    apic_write(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_DFR, 0xffffffff);
    apic_write(APIC_LDR, 1u << (24 + current_processor()));
    apic_write(APIC_TPR, 0);
}

void apic_send(u32 destination, u32 command)
{
    apic_write(APIC_ICR_HIGH, destination << 24);
    apic_write(APIC_ICR_LOW, command);
    while (apic_read(APIC_ICR_LOW) & (1 << 12))
        cpu_relax();
}

u32 current_processor(void) { return apic_read(APIC_ID) >> 24; }
