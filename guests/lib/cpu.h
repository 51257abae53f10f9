/* Instructions that C has no words for. */
#pragma once
#include "types.h"

static inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static inline u8 in8(u16 port)
{
    u8 value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 in32(u16 port)
{
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void cpu_relax(void) { asm volatile("pause" : : : "memory"); }

/* x86 keeps stores in order; this keeps the compiler from moving them. */
static inline void compiler_barrier(void) { asm volatile("" : : : "memory"); }

static inline u64 read_cr2(void)
{
    u64 value;
    asm volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline void reload_page_tables(void)
{
    u64 root;
    asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}
