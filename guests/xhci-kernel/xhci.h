/*
 * A small driver for one xHCI controller, polled: bring-up, one command at a time, port reset, Address Device and
 * control transfers on the default endpoint. It does not handle hubs, interrupts, other endpoints or hot removal.
 */
#pragma once
#include "memory.h"
#include "pci.h"
#include "registers.h"
#include "ring.h"

#define COMMAND_RING_TRBS 16
#define TRANSFER_RING_TRBS 32
#define EVENT_RING_TRBS 64
#define MAX_SLOTS 64
#define SCRATCHPAD_PAGES 64

/* What the driver shares with the controller, as the processor reaches it. */
struct shared_memory {
    volatile u64 *device_contexts; /* DCBAA, MAX_SLOTS + 1 entries */
    volatile struct segment_table_entry *segment_table;
    volatile struct trb *event_ring;
    u32 event_ring_trbs;
    volatile struct trb *command_ring;
    volatile struct trb *spare_command_ring;
    volatile struct trb *transfer_ring;
    volatile u32 *input_context;
    volatile u32 *output_context;
    volatile u64 *scratchpad_array;
    volatile u8 *scratchpad_pages;
    volatile u8 *buffer; /* BUFFER_SIZE bytes */
};

#define BUFFER_SIZE 256

struct xhci {
    struct pci_function function;
    u64 registers_physical;
    volatile struct capability_registers *capability;
    volatile struct operational_registers *operational;
    volatile struct runtime_registers *runtime;
    volatile struct interrupter_registers *interrupter;
    volatile u32 *doorbells;
    u32 slots, ports, interrupters;
    u32 context_words; /* 8, or 16 with HCCPARAMS1.CSZ */
    struct memory_layout *layout;
    bool wait_for_ever; /* `patience=forever` on the command line: no turn counts, so that none changes anything */
    struct shared_memory shared;
    struct ring commands, control;
    u32 event_dequeue, event_cycle;
};

/* placement.c: puts everything somewhere in memory. */
void place_structures(struct xhci *xhci);
/* The address under which the controller finds an object of the kernel. */
u64 bus_address(const volatile void *object);

/* xhci.c */
void xhci_bring_up(struct xhci *xhci);
void give_up(const char *what) __attribute__((noreturn));
/* Busy-waits about this many microseconds, at about a thousand instructions each. */
void spin(u32 microseconds);
/* Waits until the register's bits in `mask` equal `value`. Gives up after `polls`. */
void wait_for_bits(struct xhci *xhci, volatile u32 *reg, u32 mask, u32 value, u32 polls, const char *what);

/* events.c */
/* Waits for an event of `type`; of the TRB at `pointer`, unless that is 0. Consumes and reports others. */
bool event_wait(struct xhci *xhci, enum trb_type type, u64 pointer, u32 polls, struct trb *event);
/* Takes the next event if there is one. */
bool event_take(struct xhci *xhci, struct trb *event);

/* commands.c */
/* Builds the ring and writes CRCR. */
void command_ring_set_up(struct xhci *xhci);
/* Hands over `trb`, already written at the ring's enqueue position, and waits. Gives up if the command fails. */
struct trb command_finish(struct xhci *xhci, volatile struct trb *trb, const char *name);
void command_no_op(struct xhci *xhci);
void command_write_no_op(struct xhci *xhci);
void command_no_op_bench(struct xhci *xhci, u64 count);
void command_rewrite_pointer(struct xhci *xhci);

/* ports.c */
/* Resets the first port with a device. Returns its number, from 1; `speed` is the protocol speed ID. 0: no device. */
u32 port_enable_first(struct xhci *xhci, u32 *speed);

/* device.c */
void device_enumerate(struct xhci *xhci, u32 port, u32 speed);

/* Polls, each about a microsecond apart, before the driver gives up. */
#define COMMAND_POLLS 10000
#define REGISTER_POLLS 20000
#define PORT_POLLS 100000 /* a reset alone takes 50 ms (USB 2.0 section 7.1.7.5, TDRSTR) */
