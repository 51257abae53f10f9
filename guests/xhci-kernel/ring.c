#include "ring.h"
#include "cpu.h"
#include "guest.h"

void ring_init(struct ring *ring, volatile struct trb *trbs, u32 size)
{
    *ring = (struct ring){.trbs = trbs, .size = size, .cycle = TRB_CYCLE, .linked = true};
    /* Until the producer comes by, the cycle bit stays 0: the Link is not the controller's yet. */
    ring_link(ring)->control = TRB_TYPE(LINK) | TRB_TOGGLE_CYCLE;
}

volatile struct trb *ring_link(struct ring *ring) { return &ring->trbs[ring->size - 1]; }

volatile struct trb *ring_next(struct ring *ring) { return &ring->trbs[ring->enqueue]; }

/* 4.11.5.1: the Link TRB is handed over like any other TRB, by its cycle bit, and toggles the consumer's state. */
static void pass_link(struct ring *ring, u32 index)
{
    volatile struct trb *link = &ring->trbs[index];
    compiler_barrier();
    link->control = (link->control & ~TRB_CYCLE) | ring->cycle; // MISTAKE(ring-02-toggle)
    if (link->control & TRB_TOGGLE_CYCLE)
        ring->cycle ^= TRB_CYCLE;
}

void ring_advance(struct ring *ring)
{
    ring->enqueue++;
    if (IS(NEAR_TWO_SEGMENTS) && TRB_TYPE_OF(ring_next(ring)->control) == LINK && ring->enqueue < ring->size - 1) {
        pass_link(ring, ring->enqueue); // NEAR(near-two-segments)
        ring->enqueue++;
        return;
    }
    if (!ring->linked) {
        if (ring->enqueue == ring->size) {
            ring->enqueue = 0;
            ring->cycle ^= TRB_CYCLE;
        }
        return;
    }
    if (ring->enqueue < ring->size - 1)
        return;
    u32 lap = ring->cycle;
    pass_link(ring, ring->enqueue);
    ring->enqueue = 0;
    if (IS(RING_01) || IS(RING_01_NO_OP))
        ring->cycle = lap; // MISTAKE(ring-01)
    if (IS(RING_02_TOGGLE))
        ring->cycle = lap ^ TRB_CYCLE; /* the driver counts laps on its own; only the Link TRB does not say so */
}
