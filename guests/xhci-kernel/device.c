/* One device on a root port: slot, address, descriptors (xHCI 1.2 sections 4.3 and 4.6.5). */
#include "cpu.h"
#include "guest.h"
#include "serial.h"
#include "xhci.h"

#define DESCRIPTOR_DEVICE 1
#define DESCRIPTOR_STRING 3
#define REQUEST_GET_DESCRIPTOR 6
#define LANGUAGE_ENGLISH 0x0409

#define ENDPOINT_TYPE_CONTROL 4
#define CONTROL_ENDPOINT 1 /* device context index, and doorbell target */

enum speed_id { FULL_SPEED = 1, LOW_SPEED = 2, HIGH_SPEED = 3 };

/* The largest packet of the default endpoint before the device has said its own (4.3.3; USB 2.0 section 5.5.3). */
static u32 first_packet_size(u32 speed)
{
    switch (speed) {
    case LOW_SPEED:
    case FULL_SPEED: return 8;
    case HIGH_SPEED: return 64;
    default: return 512;
    }
}

static u32 enable_slot(struct xhci *xhci)
{
    volatile struct trb *trb = ring_next(&xhci->commands);
    trb->parameter = 0;
    trb->status = 0;
    compiler_barrier();
    trb->control = TRB_TYPE(ENABLE_SLOT) | xhci->commands.cycle; // MISTAKE(ring-01)
    struct trb event = command_finish(xhci, trb, "Enable Slot");
    u32 slot = TRB_SLOT_OF(event.control);
    if (slot == 0 || slot > xhci->slots)
        give_up("Enable Slot gave no slot");
    return slot;
}

/* 6.2.5, 6.2.2, 6.2.3 */
static void fill_input_context(struct xhci *xhci, u32 port, u32 speed)
{
    volatile u32 *control = xhci->shared.input_context;
    volatile u32 *slot = control + xhci->context_words;
    volatile u32 *endpoint = slot + xhci->context_words;
    control[1] = 0x3; /* add flags: slot, default endpoint */
    slot[0] = 1u << 27 | speed << 20;
    slot[1] = port << 16;
    endpoint[1] = first_packet_size(speed) << 16 | ENDPOINT_TYPE_CONTROL << 3 | 3 << 1;
    u64 dequeue = bus_address(xhci->shared.transfer_ring) | xhci->control.cycle;
    endpoint[2] = (u32)dequeue;
    endpoint[3] = (u32)(dequeue >> 32);
    endpoint[4] = 8; /* average TRB length of a control endpoint (4.14.1.1) */
}

static void give_output_context(struct xhci *xhci, u32 slot)
{
    volatile u64 *contexts = xhci->shared.device_contexts;
    if (IS(CTX_08))
        return; // MISTAKE(ctx-08)
    if (IS(CTX_08_INDEX))
        contexts[slot - 1] = bus_address(xhci->shared.output_context); // MISTAKE(ctx-08-index)
    else if (IS(DMA_03_DCBAA))
        contexts[slot] = (u64)xhci->shared.output_context; // MISTAKE(dma-03-dcbaa)
    else
        contexts[slot] = bus_address(xhci->shared.output_context);
}

static void address_device(struct xhci *xhci, u32 slot, u32 port, u32 speed)
{
    ring_init(&xhci->control, xhci->shared.transfer_ring, TRANSFER_RING_TRBS);
    ring_link(&xhci->control)->parameter = bus_address(xhci->shared.transfer_ring);
    fill_input_context(xhci, port, speed);
    if (!IS(NEAR_LATE_CONTEXT))
        give_output_context(xhci, slot);

    volatile struct trb *trb = ring_next(&xhci->commands);
    trb->parameter = bus_address(xhci->shared.input_context);
    trb->status = 0;
    compiler_barrier();
    trb->control = TRB_TYPE(ADDRESS_DEVICE) | TRB_SLOT(slot) | xhci->commands.cycle; // MISTAKE(ctx-08)
    if (IS(NEAR_LATE_CONTEXT))
        give_output_context(xhci, slot); // NEAR(near-late-context): the doorbell has not rung yet
    command_finish(xhci, trb, "Address Device");
}

static void ring_endpoint_doorbell(struct xhci *xhci, u32 slot)
{
    compiler_barrier();
    if (IS(RING_11))
        xhci->doorbells[slot + 1] = CONTROL_ENDPOINT; // MISTAKE(ring-11)
    else
        xhci->doorbells[slot] = CONTROL_ENDPOINT;
    if (IS(NEAR_DOORBELL_TWICE))
        xhci->doorbells[slot] = CONTROL_ENDPOINT; // NEAR(near-doorbell-twice)
}

static void await_transfer(struct xhci *xhci, u64 pointer, const char *name)
{
    struct trb event;
    if (!event_wait(xhci, TRANSFER_EVENT, pointer, COMMAND_POLLS, &event)) {
        print("xhci: timeout waiting for %s, USBSTS %x\n", name, xhci->operational->usbsts);
        give_up("the endpoint does not answer");
    }
    u32 code = TRB_CODE_OF(event.status);
    if (code != SUCCESS && code != SHORT_PACKET) {
        print("xhci: %s: completion code %u\n", name, code);
        give_up("a transfer failed");
    }
}

/* 4.11.2.2: Setup, Data and Status Stage; only the last asks for an event. */
static void get_descriptor(struct xhci *xhci, u32 slot, u32 type, u32 index, u32 language, u32 length)
{
    struct ring *ring = &xhci->control;
    volatile struct trb *trb = ring_next(ring);
    trb->parameter = 0x80 | REQUEST_GET_DESCRIPTOR << 8 | (u64)(type << 8 | index) << 16 | (u64)language << 32 |
                     (u64)length << 48;
    trb->status = 8;
    compiler_barrier();
    trb->control = TRB_TYPE(SETUP_STAGE) | TRB_TRANSFER_TYPE_IN | TRB_IMMEDIATE_DATA | ring->cycle;
    ring_advance(ring);

    trb = ring_next(ring);
    trb->parameter = bus_address(xhci->shared.buffer);
    trb->status = length;
    compiler_barrier();
    trb->control = TRB_TYPE(DATA_STAGE) | TRB_DIRECTION_IN | ring->cycle;
    ring_advance(ring);

    trb = ring_next(ring);
    trb->parameter = 0;
    trb->status = 0;
    compiler_barrier();
    trb->control = TRB_TYPE(STATUS_STAGE) | TRB_INTERRUPT_ON_COMPLETION | ring->cycle;
    ring_advance(ring);

    ring_endpoint_doorbell(xhci, slot);
    await_transfer(xhci, bus_address(trb), "GET_DESCRIPTOR");
}

/* 6.4.1.4: a No Op TRB is a transfer like any other, without a packet. */
static void no_op_transfer(struct xhci *xhci, u32 slot)
{
    volatile struct trb *trb = ring_next(&xhci->control);
    trb->parameter = 0;
    trb->status = 0;
    compiler_barrier();
    u32 flags = TRB_INTERRUPT_ON_COMPLETION | xhci->control.cycle;
    trb->control = TRB_TYPE(NO_OP_TRANSFER) | flags; // NEAR(near-no-op-transfer)
    ring_advance(&xhci->control);
    ring_endpoint_doorbell(xhci, slot);
    await_transfer(xhci, bus_address(trb), "No Op");
}

/* 4.3.4 and 4.6.7: a low- or full-speed device says in its first 8 bytes how large its packets are. */
static void correct_packet_size(struct xhci *xhci, u32 slot, u32 speed)
{
    u32 size = xhci->shared.buffer[7];
    if (speed > LOW_SPEED || size == first_packet_size(speed))
        return;
    volatile u32 *control = xhci->shared.input_context;
    volatile u32 *endpoint = control + 2 * xhci->context_words;
    control[1] = 0x2;
    endpoint[1] = (endpoint[1] & 0xffff) | size << 16;
    volatile struct trb *trb = ring_next(&xhci->commands);
    trb->parameter = bus_address(control);
    trb->status = 0;
    compiler_barrier();
    trb->control = TRB_TYPE(EVALUATE_CONTEXT) | TRB_SLOT(slot) | xhci->commands.cycle;
    command_finish(xhci, trb, "Evaluate Context");
}

static void print_product(struct xhci *xhci, u32 slot, u32 index)
{
    volatile u8 *buffer = xhci->shared.buffer;
    get_descriptor(xhci, slot, DESCRIPTOR_STRING, index, LANGUAGE_ENGLISH, 255);
    print("usb: product \"");
    for (u32 at = 2; at + 1 < buffer[0]; at += 2)
        print("%c", buffer[at] >= ' ' && buffer[at] < 0x7f && !buffer[at + 1] ? buffer[at] : '?');
    print("\"\n");
}

void device_enumerate(struct xhci *xhci, u32 port, u32 speed)
{
    volatile u8 *buffer = xhci->shared.buffer;
    u32 slot = enable_slot(xhci);
    address_device(xhci, slot, port, speed);
    if (IS(NEAR_NO_OP_TRANSFER))
        no_op_transfer(xhci, slot);
    if (IS(NEAR_BAR_IN_BUFFER))
        *(volatile u64 *)buffer = xhci->registers_physical; // NEAR(near-bar-in-buffer): data, not a pointer
    get_descriptor(xhci, slot, DESCRIPTOR_DEVICE, 0, 0, 8);
    correct_packet_size(xhci, slot, speed);
    get_descriptor(xhci, slot, DESCRIPTOR_DEVICE, 0, 0, 18);
    u8 product = buffer[15];
    print("usb: slot %u: device %04x:%04x, USB %x.%x\n", slot, buffer[8] | buffer[9] << 8,
          buffer[10] | buffer[11] << 8, buffer[3], buffer[2] >> 4);
    if (product)
        print_product(xhci, slot, product);
}
