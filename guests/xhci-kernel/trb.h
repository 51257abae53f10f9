/* xHCI 1.2 section 6.4: Transfer Request Blocks. */
#pragma once
#include "types.h"

struct trb {
    u64 parameter;
    u32 status;
    u32 control;
};

_Static_assert(sizeof(struct trb) == 16, "4.11.1");

#define TRB_CYCLE 0x1u
#define TRB_TOGGLE_CYCLE 0x2u
#define TRB_INTERRUPT_ON_COMPLETION 0x20u
#define TRB_IMMEDIATE_DATA 0x40u
#define TRB_DIRECTION_IN 0x10000u
#define TRB_TRANSFER_TYPE_IN 0x30000u
#define TRB_TYPE(type) ((u32)(type) << 10)
#define TRB_SLOT(slot) ((u32)(slot) << 24)

#define TRB_TYPE_OF(control) ((control) >> 10 & 0x3f)
#define TRB_SLOT_OF(control) ((control) >> 24)
#define TRB_CODE_OF(status) ((status) >> 24)

/* Table 6-91 */
enum trb_type {
    SETUP_STAGE = 2,
    DATA_STAGE = 3,
    STATUS_STAGE = 4,
    LINK = 6,
    NO_OP_TRANSFER = 8,
    ENABLE_SLOT = 9,
    ADDRESS_DEVICE = 11,
    EVALUATE_CONTEXT = 13,
    NO_OP_COMMAND = 23,
    TRANSFER_EVENT = 32,
    COMMAND_COMPLETION_EVENT = 33,
    PORT_STATUS_CHANGE_EVENT = 34,
};

/* Table 6-90 */
enum completion_code {
    SUCCESS = 1,
    SHORT_PACKET = 13,
};

/* 6.5 */
struct segment_table_entry {
    u64 base;
    u32 size;
    u32 reserved;
};
