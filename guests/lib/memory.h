/* Physical memory, as the Multiboot loader describes it, and the direct map of it. */
#pragma once
#include "types.h"

#define PHYS_VIRT_OFFSET 0xffffff8000000000ul
#define PAGE_SIZE 4096ul
#define FOUR_GIB 0x100000000ul

static inline void *phys_to_virt(u64 physical) { return (void *)(physical + PHYS_VIRT_OFFSET); }
static inline u64 virt_to_phys(const volatile void *virtual) { return (u64)virtual - PHYS_VIRT_OFFSET; }

struct memory_layout {
    u64 low_end;    /* first byte behind the RAM below 4 GiB */
    u64 high_base;  /* first byte of RAM above 4 GiB, 0 if there is none */
    u64 high_end;
    char command_line[128];
};

/* Reads the Multiboot 1 information and maps RAM above 4 GiB. The information may be overwritten afterwards. */
void memory_init(u32 magic, u64 information, struct memory_layout *layout);

/* From here on only addresses at or above PHYS_VIRT_OFFSET are mapped. */
void memory_drop_identity_map(void);

/* The registers of a device, uncached. */
volatile void *map_device(u64 physical, u64 size);

void *memset(void *destination, int value, u64 size);
void *memcpy(void *destination, const void *source, u64 size);
