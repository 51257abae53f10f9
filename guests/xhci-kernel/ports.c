/* Root hub ports (xHCI 1.2 sections 4.19 and 5.4.8). */
#include "guest.h"
#include "serial.h"
#include "xhci.h"

/* USB 2.0 section 7.1.7.5, TRSTRCY: a device needs 10 ms after a reset before it must answer. */
#define RESET_RECOVERY_MICROSECONDS 10000

static volatile u32 *status_of(struct xhci *xhci, u32 port) { return &xhci->operational->ports[port - 1].portsc; }

static u32 find_connected(struct xhci *xhci)
{
    for (u32 poll = 0; poll < PORT_POLLS; poll += 100) {
        for (u32 port = 1; port <= xhci->ports; port++)
            if (*status_of(xhci, port) & PORTSC_CCS)
                return port;
        spin(100);
    }
    return 0;
}

static void power_ports(struct xhci *xhci)
{
    for (u32 port = 1; port <= xhci->ports; port++) {
        u32 portsc = *status_of(xhci, port);
        if (!(portsc & PORTSC_PP))
            *status_of(xhci, port) = (portsc & PORTSC_KEPT) | PORTSC_PP;
        if (IS(NEAR_EMPTY_PORTS) && !(portsc & PORTSC_CCS)) // NEAR(near-empty-ports): touched, but not reset
            *status_of(xhci, port) = (portsc & PORTSC_KEPT) | PORTSC_PP | PORTSC_CHANGES;
    }
}

static void reset_port(struct xhci *xhci, u32 port)
{
    volatile u32 *portsc = status_of(xhci, port);
    *portsc = (*portsc & PORTSC_KEPT) | PORTSC_CSC;
    *portsc = (*portsc & PORTSC_KEPT) | PORTSC_PR; // MISTAKE(port-05)
    wait_for_bits(xhci, portsc, PORTSC_PRC, PORTSC_PRC, PORT_POLLS, "the end of the port reset");
    *portsc = (*portsc & PORTSC_KEPT) | PORTSC_PRC;
    spin(RESET_RECOVERY_MICROSECONDS);
}

u32 port_enable_first(struct xhci *xhci, u32 *speed)
{
    power_ports(xhci);
    if (IS(PORT_05)) {
        for (u32 port = 1; port <= xhci->ports; port++)
            reset_port(xhci, port); /* every port, connected or not */
    }
    u32 port = find_connected(xhci);
    if (!port)
        return 0;
    /* A USB 3 port enables itself; a USB 2 port needs a reset (4.3). */
    if (!(*status_of(xhci, port) & PORTSC_PED))
        reset_port(xhci, port);
    u32 portsc = *status_of(xhci, port);
    if (!(portsc & PORTSC_PED)) {
        print("xhci: port %u did not become enabled: PORTSC %08x\n", port, portsc);
        give_up("no port");
    }
    *speed = PORTSC_SPEED(portsc);
    print("xhci: port %u: device, speed ID %u\n", port, *speed);
    return port;
}
