/* The producer's side of a command or transfer ring (xHCI 1.2 section 4.9). */
#pragma once
#include "trb.h"

struct ring {
    volatile struct trb *trbs;
    u32 size;    /* TRBs, the Link TRB at the end included */
    u32 enqueue;
    u32 cycle;   /* the producer's cycle state: 0 or 1 */
    bool linked; /* the last TRB is a Link TRB */
};

/* Takes `size` zeroed TRBs. The caller then points the last TRB, a Link, at the first: link->parameter. */
void ring_init(struct ring *ring, volatile struct trb *trbs, u32 size);

/* The Link TRB at the end. */
volatile struct trb *ring_link(struct ring *ring);

/* The TRB to fill in next; write its control word last, with the ring's cycle bit, then call ring_advance(). */
volatile struct trb *ring_next(struct ring *ring);
void ring_advance(struct ring *ring);
