/* The event ring of interrupter 0 (xHCI 1.2 section 4.9.4), polled. */
#include "cpu.h"
#include "guest.h"
#include "serial.h"
#include "xhci.h"

/* 5.5.2.3.3: says how far the driver has read, and that it is ready for more. */
static void acknowledge(struct xhci *xhci)
{
    u64 next = bus_address(&xhci->shared.event_ring[xhci->event_dequeue]);
    if (IS(DMA_06))
        xhci->interrupter->erdp = (u32)next | ERDP_EHB; // MISTAKE(dma-06)
    else if (IS(REG_04_ERDP))
        *(volatile u32 *)&xhci->interrupter->erdp = (u32)next | ERDP_EHB; // MISTAKE(reg-04-erdp)
    else
        xhci->interrupter->erdp = next | ERDP_EHB;
}

bool event_take(struct xhci *xhci, struct trb *event)
{
    volatile struct trb *trb = &xhci->shared.event_ring[xhci->event_dequeue];
    u32 control = trb->control;
    if ((control & TRB_CYCLE) != xhci->event_cycle)
        return false;
    compiler_barrier();
    *event = (struct trb){trb->parameter, trb->status, control};
    xhci->event_dequeue++;
    if (xhci->event_dequeue == xhci->shared.event_ring_trbs) {
        xhci->event_dequeue = 0;
        xhci->event_cycle ^= TRB_CYCLE;
    }
    acknowledge(xhci);
    return true;
}

bool event_wait(struct xhci *xhci, enum trb_type type, u64 pointer, u32 polls, struct trb *event)
{
    for (u32 poll = 0; poll < polls; poll += !xhci->wait_for_ever) {
        while (event_take(xhci, event)) {
            u32 found = TRB_TYPE_OF(event->control);
            if (found == (u32)type && (!pointer || event->parameter == pointer))
                return true;
            if (found != PORT_STATUS_CHANGE_EVENT)
                print("xhci: unexpected event: type %u, pointer %lx, code %u\n", found, event->parameter,
                      TRB_CODE_OF(event->status));
        }
        spin(1);
    }
    return false;
}
