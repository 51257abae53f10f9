/* Boots, finds the controller, sends No Op commands, enumerates one device, and ends. */
#include "command-line.h"
#include "exceptions.h"
#include "exit.h"
#include "guest.h"
#include "serial.h"
#include "xhci.h"

static struct xhci xhci;
static struct memory_layout layout;

/* Guests whose point lies beyond the first lap of the command ring (15 commands) go round it twice and more. */
#define LAPS_NO_OPS 40
#define MANY_LAPS_NO_OPS 200

static u32 no_op_count(void)
{
    if (IS(NEAR_MANY_LAPS))
        return MANY_LAPS_NO_OPS; // NEAR(near-many-laps): the event ring goes round as well
    if (IS(RING_01))
        return COMMAND_RING_TRBS - 1; /* one lap; Enable Slot then begins the second */
    if (IS(DMA_04) || IS(RING_01_NO_OP) || IS(RING_02) || IS(RING_02_TOGGLE) || IS(NEAR_TWO_SEGMENTS) ||
        IS(NEAR_CYCLE_ZERO) || IS(NEAR_ENDS_AT_64K) || IS(NEAR_LAST_PAGE) || IS(NEAR_SMALLEST_SEGMENT))
        return LAPS_NO_OPS;
    return 1;
}

void kernel_main(u32 magic, u64 information) __attribute__((noreturn));

void kernel_main(u32 magic, u64 information)
{
    serial_init();
    exceptions_init();
    print("dmascope guest: %s\n", GUEST_NAME);
    memory_init(magic, information, &layout);
    if (!IS(NEAR_IDENTITY_MAP))
        memory_drop_identity_map();
    xhci.layout = &layout;
    const char *patience = find_word(layout.command_line, "patience");
    xhci.wait_for_ever = patience && patience[0] == 'f';

    if (!pci_find_xhci(&xhci.function)) {
        print("xhci: no controller\n");
        leave(EXIT_UNSUITABLE);
    }
    xhci_bring_up(&xhci);

    const char *bench = find_word(layout.command_line, "noop-bench");
    if (bench) {
        command_no_op_bench(&xhci, parse_number(bench, 100000));
        leave(EXIT_SUCCESS);
    }
    u32 count = no_op_count();
    for (u32 i = 0; i < count; i++) {
        if (IS(INIT_06) && i == 0) {
            command_no_op(&xhci);
            command_rewrite_pointer(&xhci);
        }
        command_no_op(&xhci);
    }
    print("xhci: %u No Op command%s completed\n", count, count == 1 ? "" : "s");

    u32 speed;
    u32 port = port_enable_first(&xhci, &speed);
    if (!port) {
        print("xhci: no device\n");
        leave(EXIT_SUCCESS);
    }
    device_enumerate(&xhci, port, speed);
    print("done\n");
    leave(EXIT_SUCCESS);
}
