#include "memory.h"
#include "cpu.h"
#include "exit.h"
#include "serial.h"

#define MULTIBOOT_LOADER_MAGIC 0x2badb002
#define MULTIBOOT_HAS_MEMORY 0x01
#define MULTIBOOT_HAS_COMMAND_LINE 0x04
#define MULTIBOOT_HAS_MEMORY_MAP 0x40
#define MEMORY_AVAILABLE 1

#define LARGE_PAGE_SIZE 0x200000ul
#define LARGE_PAGE 0x8000000000000083ul /* present, writable, 2 MiB, no-execute */
#define UNCACHED 0x18ul
#define MAPPED_GIB 8ul

struct multiboot_information {
    u32 flags, memory_lower, memory_upper, boot_device, command_line, modules_count, modules_address;
    u32 symbols[4];
    u32 memory_map_length, memory_map_address;
};

struct multiboot_range {
    u32 size;
    u64 base, length;
    u32 type;
} __attribute__((packed));

extern u64 page_map_level_4[512], page_directory_pointers[512], page_directories[MAPPED_GIB * 512];

void *memset(void *destination, int value, u64 size)
{
    u8 *bytes = destination;
    while (size--)
        *bytes++ = (u8)value;
    return destination;
}

void *memcpy(void *destination, const void *source, u64 size)
{
    u8 *to = destination;
    const u8 *from = source;
    while (size--)
        *to++ = *from++;
    return destination;
}

static void map_large_page(u64 physical, u64 flags)
{
    if (physical >= MAPPED_GIB << 30) {
        print("memory: %016lx lies above the direct map\n", physical);
        leave(EXIT_UNSUITABLE);
    }
    u64 index = physical / LARGE_PAGE_SIZE;
    page_directories[index] = (physical & ~(LARGE_PAGE_SIZE - 1)) | flags;
    page_directory_pointers[physical >> 30] = virt_to_phys(&page_directories[index & ~511ul]) | 3;
}

static void note_range(struct memory_layout *layout, const struct multiboot_range *range)
{
    if (range->type != MEMORY_AVAILABLE || range->base < FOUR_GIB || layout->high_base)
        return;
    layout->high_base = range->base;
    layout->high_end = range->base + range->length;
    for (u64 at = range->base; at < layout->high_end && at < MAPPED_GIB << 30; at += LARGE_PAGE_SIZE)
        map_large_page(at, LARGE_PAGE);
}

void memory_init(u32 magic, u64 information, struct memory_layout *layout)
{
    const struct multiboot_information *boot = phys_to_virt(information);
    if (magic != MULTIBOOT_LOADER_MAGIC || !(boot->flags & MULTIBOOT_HAS_MEMORY)) {
        print("memory: no Multiboot 1 information\n");
        leave(EXIT_UNSUITABLE);
    }
    /* memory_upper is the whole RAM above 1 MiB, firmware's tables at its end included, in KiB; some loaders do not
       count the last few. */
    layout->low_end = (0x100000 + (u64)boot->memory_upper * 1024 + 0xfffff) & ~0xffffful;
    if (boot->flags & MULTIBOOT_HAS_MEMORY_MAP) {
        u64 end = (u64)boot->memory_map_address + boot->memory_map_length;
        for (u64 at = boot->memory_map_address; at < end;) {
            const struct multiboot_range *range = phys_to_virt(at);
            note_range(layout, range);
            at += range->size + 4;
        }
    }
    if (boot->flags & MULTIBOOT_HAS_COMMAND_LINE) {
        const char *text = phys_to_virt(boot->command_line);
        for (u32 i = 0; i + 1 < sizeof layout->command_line && text[i]; i++)
            layout->command_line[i] = text[i];
    }
    reload_page_tables();
}

void memory_drop_identity_map(void)
{
    page_map_level_4[0] = 0;
    reload_page_tables();
}

volatile void *map_device(u64 physical, u64 size)
{
    if (physical >= FOUR_GIB) {
        for (u64 at = physical & ~(LARGE_PAGE_SIZE - 1); at < physical + size; at += LARGE_PAGE_SIZE)
            map_large_page(at, LARGE_PAGE | UNCACHED);
        reload_page_tables();
    }
    return phys_to_virt(physical);
}
