/* The command ring (xHCI 1.2 sections 4.6 and 4.9.3). */
#include "cpu.h"
#include "guest.h"
#include "serial.h"
#include "xhci.h"

static void prepare_command_ring(struct xhci *xhci)
{
    struct ring *ring = &xhci->commands;
    volatile struct trb *trbs = xhci->shared.command_ring;
    ring_init(ring, trbs, COMMAND_RING_TRBS);
    volatile struct trb *link = ring_link(ring);
    if (IS(DMA_04))
        link->parameter = (u64)trbs; // MISTAKE(dma-04)
    else
        link->parameter = bus_address(trbs); // MISTAKE(ring-08)
    if (IS(RING_02)) {
        *link = (struct trb){0, 0, 0}; // MISTAKE(ring-02)
        ring->linked = false;
    }
    if (IS(RING_02_TOGGLE))
        link->control = TRB_TYPE(LINK); // MISTAKE(ring-02-toggle)
    if (IS(NEAR_TWO_SEGMENTS)) {
        /* Two segments of eight; the first ends in a Link that does not toggle, for the ring goes on. */
        trbs[7].parameter = bus_address(&trbs[8]); // NEAR(near-two-segments)
        trbs[7].control = TRB_TYPE(LINK);
    }
    if (IS(NEAR_CYCLE_ZERO)) {
        /* The ring begins its first lap at 0: then a TRB with 1 is the one that is not the controller's. */
        for (u32 i = 0; i < COMMAND_RING_TRBS; i++)
            trbs[i].control |= TRB_CYCLE; // NEAR(near-cycle-zero)
        ring->cycle = 0;
    }
}

void command_ring_set_up(struct xhci *xhci)
{
    volatile struct operational_registers *operational = xhci->operational;
    prepare_command_ring(xhci);
    u64 address = bus_address(xhci->shared.command_ring);
    if (IS(NEAR_POINTERS_CLEARED))
        operational->crcr = 0; // NEAR(near-pointers-cleared)
    if (IS(NEAR_CRCR_REWRITTEN))
        operational->crcr = bus_address(xhci->shared.spare_command_ring) | CRCR_RCS; // NEAR(near-crcr-rewritten)
    if (IS(INIT_05_CRCR))
        return;
    if (IS(DMA_06_CRCR))
        operational->crcr = (u32)address | CRCR_RCS; // MISTAKE(dma-06-crcr)
    else if (IS(DMA_10))
        operational->crcr = xhci->registers_physical | CRCR_RCS; // MISTAKE(dma-10)
    else if (IS(INIT_07))
        operational->crcr = address; // MISTAKE(init-07)
    else
        operational->crcr = address | xhci->commands.cycle; // MISTAKE(dma-09, ring-08, ring-09, init-04)
}

static void ring_command_doorbell(struct xhci *xhci)
{
    compiler_barrier();
    if (IS(RING_11_TARGET))
        xhci->doorbells[0] = 1; // MISTAKE(ring-11-target)
    else
        xhci->doorbells[0] = 0; // MISTAKE(ctx-08, ctx-08-index)
    if (IS(NEAR_DOORBELL_TWICE))
        xhci->doorbells[0] = 0; // NEAR(near-doorbell-twice): nothing new to fetch, which is allowed
}

static struct trb await_completion(struct xhci *xhci, u64 pointer, const char *name)
{
    struct trb event;
    if (!event_wait(xhci, COMMAND_COMPLETION_EVENT, pointer, COMMAND_POLLS, &event)) {
        print("xhci: timeout waiting for the completion of %s at %lx, USBSTS %x\n", name, pointer,
              xhci->operational->usbsts);
        give_up("the controller does not answer");
    }
    if (TRB_CODE_OF(event.status) != SUCCESS) {
        print("xhci: %s: completion code %u\n", name, TRB_CODE_OF(event.status));
        give_up("a command failed");
    }
    return event;
}

struct trb command_finish(struct xhci *xhci, volatile struct trb *trb, const char *name)
{
    u64 pointer = bus_address(trb);
    ring_advance(&xhci->commands);
    ring_command_doorbell(xhci);
    return await_completion(xhci, pointer, name);
}

void command_write_no_op(struct xhci *xhci)
{
    volatile struct trb *trb = ring_next(&xhci->commands);
    trb->parameter = 0;
    trb->status = 0;
    compiler_barrier();
    if (IS(RING_15))
        trb->control = TRB_TYPE(NO_OP_TRANSFER) | xhci->commands.cycle; // MISTAKE(ring-15)
    else
        trb->control = TRB_TYPE(NO_OP_COMMAND) | xhci->commands.cycle; // MISTAKE(ring-02, ring-01-no-op)
}

void command_no_op(struct xhci *xhci)
{
    volatile struct trb *trb = ring_next(&xhci->commands);
    /* Two guests have written their first No Op before they started the controller. */
    bool written = (IS(INIT_11) || IS(NEAR_TRB_BEFORE_RUN)) && trb->control != 0;
    if (!written)
        command_write_no_op(xhci);
    if (IS(INIT_11)) {
        ring_advance(&xhci->commands); /* its doorbell has been rung: the driver sees no reason to ring again */
        await_completion(xhci, bus_address(trb), "No Op");
        return;
    }
    command_finish(xhci, trb, "No Op");
}

/* As many No Op commands as fit before one doorbell, until `count` have completed. */
void command_no_op_bench(struct xhci *xhci, u64 count)
{
    u64 completed = 0;
    while (completed < count) {
        u64 left = count - completed;
        u32 batch = left < COMMAND_RING_TRBS - 2 ? (u32)left : COMMAND_RING_TRBS - 2;
        for (u32 i = 0; i < batch; i++) {
            command_write_no_op(xhci);
            ring_advance(&xhci->commands);
        }
        ring_command_doorbell(xhci);
        for (u32 i = 0; i < batch; i++)
            await_completion(xhci, 0, "No Op");
        completed += batch;
    }
    print("noop-bench: %lu commands\n", completed);
}

/* The driver moves to another ring. 5.4.5: while Command Ring Running is 1 the controller ignores the new pointer. */
void command_rewrite_pointer(struct xhci *xhci)
{
    ring_init(&xhci->commands, xhci->shared.spare_command_ring, COMMAND_RING_TRBS);
    ring_link(&xhci->commands)->parameter = bus_address(xhci->shared.spare_command_ring);
    xhci->operational->crcr = bus_address(xhci->shared.spare_command_ring) | CRCR_RCS; // MISTAKE(init-06)
}
