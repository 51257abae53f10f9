/* PCI configuration through ports 0xcf8 and 0xcfc, and the search for the controller. */
#pragma once
#include "types.h"

struct pci_function {
    u8 bus, device, function;
};

u32 pci_read(struct pci_function function, u8 offset);
void pci_write(struct pci_function function, u8 offset, u32 value);

/* Finds the first function of class 0c0330 (xHCI). */
bool pci_find_xhci(struct pci_function *found);

/*
 * Sizes BAR 0 with decoding off, gives it an address if the firmware did not, and turns on memory space and bus
 * mastering. Returns the physical address of the registers; `size` in bytes.
 */
u64 pci_enable(struct pci_function function, u64 *size);

/* Status shares the dword; its bits are cleared by writing 1, so that a write of Command leaves them alone with 0. */
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 0x2u
#define PCI_COMMAND_BUS_MASTER 0x4u
u32 pci_command(struct pci_function function);
