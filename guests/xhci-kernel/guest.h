/*
 * Which guest this build is. The driver is written once, correctly; each guest departs from it in one place. The
 * places are marked with the guest's name: `MISTAKE(dma-02)` on a line that goes wrong, `NEAR(...)` on one that looks
 * as if. manifest.json says what each guest is for.
 */
#pragma once

enum guest {
    STORY, /* every pointer virtual, as in the report of 2024-10-28 */
    STORY_MENDED,
    DMA_01,
    DMA_02,
    DMA_03,
    DMA_03_DCBAA,
    DMA_04,
    DMA_06,
    DMA_06_CRCR,
    DMA_09,
    DMA_10,
    DMA_13,
    PCI_01,
    PCI_06,
    INIT_04,
    INIT_05,
    INIT_05_CRCR,
    INIT_06,
    INIT_07,
    INIT_08,
    INIT_08_ZERO,
    INIT_09,
    INIT_09_SEGMENT,
    INIT_11,
    CTX_08,
    CTX_08_INDEX,
    RING_01,
    RING_01_NO_OP,
    RING_02,
    RING_02_TOGGLE,
    RING_08,
    RING_09,
    RING_11,
    RING_11_TARGET,
    RING_15,
    REG_01,
    REG_04,
    REG_04_ERDP,
    REG_09,
    PORT_05,

    NEAR_IDENTITY_MAP,
    NEAR_LOW_MEMORY,
    NEAR_VIRTUAL_DRAFT,
    NEAR_TWO_SEGMENTS,
    NEAR_ABOVE_4G,
    NEAR_LAST_PAGE,
    NEAR_BAR_IN_BUFFER,
    NEAR_LATE_BUS_MASTER,
    NEAR_DECODE_TOGGLED,
    NEAR_BAR_MOVED,
    NEAR_POINTERS_TWICE,
    NEAR_POINTERS_CLEARED,
    NEAR_CRCR_REWRITTEN,
    NEAR_CYCLE_ZERO,
    NEAR_ERSTSZ_TWICE,
    NEAR_SMALLEST_SEGMENT,
    NEAR_LARGEST_SEGMENT,
    NEAR_TRB_BEFORE_RUN,
    NEAR_LATE_CONTEXT,
    NEAR_MANY_LAPS,
    NEAR_ENDS_AT_64K,
    NEAR_LEAST_ALIGNED,
    NEAR_DOORBELL_TWICE,
    NEAR_NO_OP_TRANSFER,
    NEAR_NARROW_CAPABILITY_READS,
    NEAR_TWO_HALVES,
    NEAR_SECOND_INTERRUPTER,
    NEAR_EMPTY_PORTS,
};

#ifndef GUEST
#error "build with -DGUEST=<one of enum guest>; see guests/build.sh"
#endif

#define IS(guest) (GUEST == (guest))
