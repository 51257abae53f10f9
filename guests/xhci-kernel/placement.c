/* Where the structures lie that driver and controller share. */
#include "exit.h"
#include "guest.h"
#include "serial.h"
#include "xhci.h"

#define SHARED __attribute__((section(".bss.dma")))

static struct segment_table_entry event_ring_segment_table[2] __attribute__((section(".bss.erst"), aligned(64)));
static u64 device_context_base_addresses[MAX_SLOTS + 1] SHARED __attribute__((aligned(4096)));
static struct trb event_ring[EVENT_RING_TRBS] SHARED __attribute__((aligned(4096)));
static struct trb command_ring[COMMAND_RING_TRBS] SHARED __attribute__((aligned(4096)));
static struct trb second_command_ring[COMMAND_RING_TRBS] SHARED __attribute__((aligned(4096)));
static struct trb control_ring[TRANSFER_RING_TRBS + 1] SHARED __attribute__((aligned(4096)));
static u32 input_context[33 * 16 + 4] SHARED __attribute__((aligned(4096)));
static u32 output_context[32 * 16] SHARED __attribute__((aligned(4096)));
static u64 scratchpad_array[SCRATCHPAD_PAGES] SHARED __attribute__((aligned(64)));
static u8 scratchpad_pages[SCRATCHPAD_PAGES * PAGE_SIZE] SHARED __attribute__((aligned(4096)));
static u8 descriptor_buffer[BUFFER_SIZE + 1] SHARED __attribute__((aligned(64)));

/*
 * For rings whose place matters to the byte: two blocks of 64 KiB, found within three. The linker could align them, but
 * then the file's loadable part would have to begin at 64 KiB, and a Multiboot header must stand in the first 8 KiB.
 */
#define BLOCK 0x10000ul
static u8 block_space[3 * BLOCK] SHARED __attribute__((aligned(64)));

/* Any RAM above 4 GiB and in conventional memory will do; these are well inside. */
#define HIGH_OFFSET 0x10000
#define CONVENTIONAL_PHYSICAL 0x20000

u64 bus_address(const volatile void *object)
{
    if (IS(STORY))
        return (u64)object; /* "virtual is physical": true on a board whose kernel runs in an identity map */
    if (IS(NEAR_IDENTITY_MAP))
        return (u64)object; // NEAR(near-identity-map): here it is true
    return virt_to_phys(object);
}

/* The pointer through which the driver uses an object. */
static volatile void *reach(volatile void *object)
{
    return IS(NEAR_IDENTITY_MAP) ? (volatile void *)virt_to_phys(object) : object;
}

static u8 *blocks(void) { return (u8 *)(((u64)block_space + BLOCK - 1) & ~(BLOCK - 1)); }

static volatile struct trb *high_memory(struct xhci *xhci)
{
    if (!xhci->layout->high_base) {
        print("this guest needs RAM above 4 GiB: give the machine 3 GiB, or less below (max-ram-below-4g=64M)\n");
        leave(EXIT_UNSUITABLE);
    }
    volatile struct trb *trbs = phys_to_virt(xhci->layout->high_base + HIGH_OFFSET);
    for (u32 i = 0; i < EVENT_RING_TRBS; i++)
        trbs[i] = (struct trb){0, 0, 0};
    return trbs;
}

static void place_event_ring(struct xhci *xhci)
{
    struct shared_memory *shared = &xhci->shared;
    shared->event_ring = reach(event_ring);
    shared->event_ring_trbs = EVENT_RING_TRBS;
    if (IS(DMA_06) || IS(NEAR_ABOVE_4G))
        shared->event_ring = high_memory(xhci); // NEAR(near-above-4g)
    if (IS(NEAR_LOW_MEMORY)) {
        shared->event_ring = phys_to_virt(CONVENTIONAL_PHYSICAL); // NEAR(near-low-memory)
        for (u32 i = 0; i < EVENT_RING_TRBS; i++)
            shared->event_ring[i] = (struct trb){0, 0, 0};
    }
    if (IS(NEAR_SMALLEST_SEGMENT))
        shared->event_ring_trbs = 16; // NEAR(near-smallest-segment): 6.5 allows 16 to 4096
    if (IS(NEAR_LARGEST_SEGMENT)) {
        shared->event_ring = (volatile struct trb *)blocks(); // NEAR(near-largest-segment)
        shared->event_ring_trbs = BLOCK / sizeof(struct trb);
    }
}

static void place_command_ring(struct xhci *xhci)
{
    struct shared_memory *shared = &xhci->shared;
    const u64 bytes = sizeof command_ring;
    shared->command_ring = reach(command_ring);
    shared->spare_command_ring = reach(second_command_ring);
    if (IS(DMA_06_CRCR))
        shared->command_ring = high_memory(xhci);
    if (IS(DMA_09))
        shared->command_ring = phys_to_virt(xhci->layout->low_end); /* "the last page": one too far */
    if (IS(NEAR_LAST_PAGE)) {
        shared->command_ring = phys_to_virt(xhci->layout->low_end - bytes); // NEAR(near-last-page)
        for (u32 i = 0; i < COMMAND_RING_TRBS; i++)
            shared->command_ring[i] = (struct trb){0, 0, 0};
    }
    if (IS(RING_08))
        shared->command_ring = (volatile struct trb *)(blocks() + BLOCK - bytes / 2);
    if (IS(NEAR_ENDS_AT_64K))
        shared->command_ring = (volatile struct trb *)(blocks() + BLOCK - bytes); // NEAR(near-ends-at-64k)
    if (IS(RING_09))
        shared->command_ring = (volatile struct trb *)(blocks() + 0x20);
}

void place_structures(struct xhci *xhci)
{
    struct shared_memory *shared = &xhci->shared;
    shared->device_contexts = reach(device_context_base_addresses);
    shared->segment_table = reach(event_ring_segment_table);
    shared->transfer_ring = reach(control_ring);
    shared->input_context = reach(input_context);
    shared->output_context = reach(output_context);
    shared->scratchpad_array = reach(scratchpad_array);
    shared->scratchpad_pages = reach(scratchpad_pages);
    shared->buffer = reach(descriptor_buffer);
    if (IS(NEAR_LEAST_ALIGNED)) {
        /* Table 6-1: transfer rings and Input Contexts need 16 bytes, data buffers 1. */
        shared->transfer_ring = &control_ring[1]; // NEAR(near-least-aligned)
        shared->input_context = &input_context[4];
        shared->buffer = &descriptor_buffer[1];
    }
    place_event_ring(xhci);
    place_command_ring(xhci);
}
