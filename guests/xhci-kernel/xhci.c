/* From the BAR to a running controller (xHCI 1.2 section 4.2). */
#include "xhci.h"
#include "cpu.h"
#include "exit.h"
#include "guest.h"
#include "serial.h"

/* Loop turns that take about a microsecond at a thousand instructions each; no clock is needed, only an end. */
#define TURNS_PER_MICROSECOND 500

/* A list that loops would never end; the space of 64 Ki dwords is full long before. */
#define EXTENDED_CAPABILITIES_MAX 64

#define BIOS_OWNED 0x00010000u
#define OS_OWNED 0x01000000u

void spin(u32 microseconds)
{
    for (u64 turn = (u64)microseconds * TURNS_PER_MICROSECOND; turn; turn--)
        asm volatile("");
}

void give_up(const char *what)
{
    print("xhci: giving up: %s\n", what);
    leave(EXIT_FAILURE);
}

void wait_for_bits(struct xhci *xhci, volatile u32 *reg, u32 mask, u32 value, u32 polls, const char *what)
{
    for (u32 poll = 0; poll < polls; poll += !xhci->wait_for_ever) {
        if ((*reg & mask) == value)
            return;
        spin(1);
    }
    print("xhci: timeout waiting for %s: register %08x\n", what, *reg);
    give_up("the controller does not answer");
}

static void find_registers(struct xhci *xhci, u64 size)
{
    volatile u8 *base = map_device(xhci->registers_physical, size);
    volatile struct capability_registers *capability = (volatile struct capability_registers *)base;
    u32 first = capability->caplength_hciversion; // MISTAKE(pci-01)
    u8 length = (u8)first;
    u16 version = (u16)(first >> 16);
    if (IS(NEAR_NARROW_CAPABILITY_READS)) {
        length = *(volatile u8 *)base;         // NEAR(near-narrow-capability-reads): 5.3.1 is a byte,
        version = *(volatile u16 *)(base + 2); /* 5.3.2 a word */
    }
    u32 parameters = capability->hcsparams1;
    xhci->capability = capability;
    xhci->operational = (volatile struct operational_registers *)(base + length);
    xhci->doorbells = (volatile u32 *)(base + (capability->dboff & ~0x3u));
    xhci->runtime = (volatile struct runtime_registers *)(base + (capability->rtsoff & ~0x1fu));
    if (IS(REG_09))
        xhci->interrupter = (volatile struct interrupter_registers *)xhci->runtime;
    else
        xhci->interrupter = &xhci->runtime->interrupters[0];
    xhci->slots = parameters & 0xff;
    if (xhci->slots > MAX_SLOTS)
        xhci->slots = MAX_SLOTS;
    xhci->interrupters = parameters >> 8 & 0x7ff;
    xhci->ports = parameters >> 24;
    xhci->context_words = capability->hccparams1 & HCCPARAMS1_CSZ ? 16 : 8;
    print("xhci: version %x.%02x, %u slots, %u ports, registers at %lx\n", version >> 8, version & 0xff, xhci->slots,
          xhci->ports, xhci->registers_physical);
}

/* 4.22.1: asks the firmware for the controller, if there is a USB Legacy Support capability. */
static void take_from_firmware(struct xhci *xhci)
{
    u32 offset = xhci->capability->hccparams1 >> 16;
    volatile u32 *at = (volatile u32 *)xhci->capability + offset;
    for (u32 i = 0; offset && i < EXTENDED_CAPABILITIES_MAX; i++) {
        u32 value = *at;
        if ((value & 0xff) == EXTENDED_CAPABILITY_LEGACY) {
            *at = value | OS_OWNED;
            wait_for_bits(xhci, at, BIOS_OWNED, 0, REGISTER_POLLS, "the firmware to let go");
            return;
        }
        offset = value >> 8 & 0xff;
        at += offset;
    }
}

static void halt(struct xhci *xhci)
{
    volatile struct operational_registers *operational = xhci->operational;
    wait_for_bits(xhci, &operational->usbsts, USBSTS_CNR, 0, REGISTER_POLLS, "the controller to be ready");
    operational->usbcmd &= ~USBCMD_RUN;
    if (IS(REG_01)) {
        /* Only bit 0 matters, so a byte will do. It does in C; it does not on the bus (5.1). */
        for (u32 poll = 0; poll < REGISTER_POLLS; poll++)
            if (*(volatile u8 *)&operational->usbsts & USBSTS_HCH) // MISTAKE(reg-01)
                return;
        give_up("timeout waiting for the controller to halt");
    }
    wait_for_bits(xhci, &operational->usbsts, USBSTS_HCH, USBSTS_HCH, REGISTER_POLLS, "the controller to halt");
}

static void reset(struct xhci *xhci)
{
    xhci->operational->usbcmd |= USBCMD_HCRST; // MISTAKE(init-04)
    wait_for_bits(xhci, &xhci->operational->usbcmd, USBCMD_HCRST, 0, REGISTER_POLLS, "the reset to end");
    wait_for_bits(xhci, &xhci->operational->usbsts, USBSTS_CNR, 0, REGISTER_POLLS, "the controller to be ready");
}

static void program_slots(struct xhci *xhci)
{
    volatile struct operational_registers *operational = xhci->operational;
    operational->config = (operational->config & ~CONFIG_MAX_SLOTS) | xhci->slots;
    if (IS(NEAR_POINTERS_CLEARED))
        operational->dcbaap = 0; // NEAR(near-pointers-cleared): 0 for a while, but not when it runs
    if (IS(INIT_05))
        return;
    operational->dcbaap = bus_address(xhci->shared.device_contexts); // MISTAKE(init-04)
}

/* 4.20 and 6.6: pages that the controller asks for as its own memory; QEMU's asks for none. */
static void give_scratchpads(struct xhci *xhci)
{
    u32 parameters = xhci->capability->hcsparams2;
    u32 pages = (parameters >> 21 & 0x1f) << 5 | parameters >> 27;
    if (!pages)
        return;
    if (pages > SCRATCHPAD_PAGES || !(xhci->operational->pagesize & PAGESIZE_4K)) {
        print("xhci: the controller wants %u scratchpad pages, PAGESIZE %x\n", pages, xhci->operational->pagesize);
        leave(EXIT_UNSUITABLE);
    }
    for (u32 i = 0; i < pages; i++)
        xhci->shared.scratchpad_array[i] = bus_address(xhci->shared.scratchpad_pages + i * PAGE_SIZE);
    xhci->shared.device_contexts[0] = bus_address(xhci->shared.scratchpad_array);
}

/* 6.5: one entry, one segment. */
static void fill_segment_table(struct xhci *xhci)
{
    volatile struct segment_table_entry *table = xhci->shared.segment_table;
    table[0].size = xhci->shared.event_ring_trbs;
    if (IS(INIT_09_SEGMENT))
        table[0].size = 8; // MISTAKE(init-09-segment)
    if (IS(DMA_03))
        table[0].base = (u64)xhci->shared.event_ring; // MISTAKE(dma-03)
    else
        table[0].base = bus_address(xhci->shared.event_ring);
    if (IS(NEAR_VIRTUAL_DRAFT)) {
        /* Virtual while the driver builds it, and in an entry that ERSTSZ leaves out; physical where it is read. */
        table[0].base = (u64)xhci->shared.event_ring; // NEAR(near-virtual-draft)
        table[1].base = (u64)xhci->shared.event_ring;
        table[0].base = virt_to_phys((void *)table[0].base);
    }
}

static void write_segment_table_size(struct xhci *xhci)
{
    volatile struct interrupter_registers *interrupter = xhci->interrupter;
    u32 kept = interrupter->erstsz & 0xffff0000u;
    u32 most = 1u << (xhci->capability->hcsparams2 >> 4 & 0xf);
    if (IS(INIT_08_ZERO))
        return;
    if (IS(NEAR_ERSTSZ_TWICE))
        interrupter->erstsz = kept; // NEAR(near-erstsz-twice): 0 first, but 1 when the table is read
    if (IS(INIT_09))
        interrupter->erstsz = kept | (most + 1); // MISTAKE(init-09)
    else
        interrupter->erstsz = kept | 1; // MISTAKE(init-08)
}

static void write_dequeue_pointer(struct xhci *xhci)
{
    volatile struct interrupter_registers *interrupter = xhci->interrupter;
    u64 address = bus_address(xhci->shared.event_ring);
    if (IS(DMA_02))
        interrupter->erdp = virt_to_phys((void *)address); // MISTAKE(dma-02)
    else if (IS(DMA_06))
        interrupter->erdp = (u32)address; // MISTAKE(dma-06)
    else if (IS(REG_04_ERDP))
        *(volatile u32 *)&interrupter->erdp = (u32)address; // MISTAKE(reg-04-erdp)
    else if (IS(NEAR_TWO_HALVES)) {
        ((volatile u32 *)&interrupter->erdp)[0] = (u32)address; // NEAR(near-two-halves): 5.1, low half first
        ((volatile u32 *)&interrupter->erdp)[1] = (u32)(address >> 32);
    } else
        interrupter->erdp = address;
}

static void write_segment_table_address(struct xhci *xhci)
{
    volatile struct interrupter_registers *interrupter = xhci->interrupter;
    volatile void *table = xhci->shared.segment_table;
    u64 address = bus_address(table);
    if (IS(DMA_01))
        interrupter->erstba = (u64)table; // MISTAKE(dma-01)
    else if (IS(REG_04))
        *(volatile u32 *)&interrupter->erstba = (u32)address; // MISTAKE(reg-04)
    else if (IS(NEAR_TWO_HALVES)) {
        ((volatile u32 *)&interrupter->erstba)[0] = (u32)address; // NEAR(near-two-halves)
        ((volatile u32 *)&interrupter->erstba)[1] = (u32)(address >> 32);
    } else
        interrupter->erstba = address; // MISTAKE(story, init-08, init-08-zero)
}

/* 4.2 and 4.9.4: the size, the dequeue pointer, then the table's address, which makes the controller read it. */
static void program_event_ring(struct xhci *xhci)
{
    fill_segment_table(xhci);
    xhci->interrupter->iman &= ~IMAN_IE; // MISTAKE(reg-09)
    xhci->event_dequeue = 0;
    xhci->event_cycle = TRB_CYCLE;
    if (IS(NEAR_LATE_BUS_MASTER)) /* NEAR(near-late-bus-master): the first thing that the controller reads comes next */
        pci_write(xhci->function, PCI_COMMAND, pci_command(xhci->function) | PCI_COMMAND_BUS_MASTER);
    if (!IS(INIT_08))
        write_segment_table_size(xhci);
    write_dequeue_pointer(xhci);
    write_segment_table_address(xhci);
    if (IS(INIT_08))
        write_segment_table_size(xhci);
}

/* A second event ring, which nothing is sent to: its registers follow those of the first. */
static void program_second_interrupter(struct xhci *xhci)
{
    static struct trb ring[16] __attribute__((section(".bss.dma"), aligned(64)));
    static struct segment_table_entry table[1] __attribute__((section(".bss.dma"), aligned(64)));
    volatile struct interrupter_registers *interrupter = xhci->interrupter + 1; // NEAR(near-second-interrupter)
    if (xhci->interrupters < 2)
        return;
    table[0].base = bus_address(ring);
    table[0].size = 16;
    interrupter->erstsz = (interrupter->erstsz & 0xffff0000u) | 1;
    interrupter->erdp = bus_address(ring);
    interrupter->erstba = bus_address(table);
}

static void toggle_decoding(struct xhci *xhci)
{
    u32 command = pci_command(xhci->function);
    pci_write(xhci->function, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY); // NEAR(near-decode-toggled)
    pci_write(xhci->function, PCI_COMMAND, command);
}

static void run(struct xhci *xhci)
{
    if (IS(INIT_11) || IS(NEAR_TRB_BEFORE_RUN))
        command_write_no_op(xhci); // NEAR(near-trb-before-run)
    if (IS(INIT_11))
        xhci->doorbells[0] = 0; // MISTAKE(init-11)
    xhci->operational->usbcmd |= USBCMD_RUN; // MISTAKE(init-05, init-05-crcr, init-08-zero, dma-13)
    wait_for_bits(xhci, &xhci->operational->usbsts, USBSTS_HCH, 0, REGISTER_POLLS, "the controller to run");
}

static void give_pointers(struct xhci *xhci)
{
    give_scratchpads(xhci);
    program_slots(xhci);
    command_ring_set_up(xhci);
}

void xhci_bring_up(struct xhci *xhci)
{
    u64 size;
    xhci->registers_physical = pci_enable(xhci->function, &size);
    if (IS(NEAR_DECODE_TOGGLED))
        toggle_decoding(xhci);
    find_registers(xhci, size);
    place_structures(xhci);
    take_from_firmware(xhci);
    halt(xhci);
    if (IS(INIT_04) || IS(NEAR_POINTERS_TWICE))
        give_pointers(xhci); // NEAR(near-pointers-twice): and once more after the reset
    reset(xhci);
    if (!IS(INIT_04))
        give_pointers(xhci);
    program_event_ring(xhci);
    if (IS(NEAR_SECOND_INTERRUPTER))
        program_second_interrupter(xhci);
    run(xhci);
    if (IS(NEAR_CRCR_REWRITTEN)) /* NEAR(near-crcr-rewritten): Command Ring Running is 0 until the first doorbell */
        xhci->operational->crcr = bus_address(xhci->shared.command_ring) | CRCR_RCS;
}
