#include "pci.h"
#include "cpu.h"
#include "guest.h"
#include "serial.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc

#define PCI_ID 0x00
#define PCI_CLASS 0x08
#define PCI_HEADER_TYPE 0x0c
#define PCI_BAR0 0x10
#define PCI_SECONDARY_BUS 0x18

#define CLASS_XHCI 0x0c0330
#define HEADER_BRIDGE 1
#define BAR_TYPE_64 0x4u
#define BAR_ADDRESS 0xfffffff0u

/* Where a BAR goes that no firmware has placed: in q35's PCI hole, below the I/O APIC. */
#define UNCLAIMED_BASE 0xfe800000u
#define OTHER_UNCLAIMED_BASE 0xfe000000u

/* Bridges below bridges: a bus number never repeats, so this many levels cannot occur. */
#define BRIDGE_DEPTH 8

static u32 select_register(struct pci_function function, u8 offset)
{
    u32 address = 0x80000000u | (u32)function.bus << 16 | (u32)function.device << 11 | (u32)function.function << 8;
    return address | (offset & 0xfcu);
}

u32 pci_read(struct pci_function function, u8 offset)
{
    out32(CONFIG_ADDRESS, select_register(function, offset));
    return in32(CONFIG_DATA);
}

void pci_write(struct pci_function function, u8 offset, u32 value)
{
    out32(CONFIG_ADDRESS, select_register(function, offset));
    out32(CONFIG_DATA, value);
}

u32 pci_command(struct pci_function function) { return pci_read(function, PCI_COMMAND) & 0xffff; }

static bool find_on_bus(u8 bus, u32 depth, struct pci_function *found)
{
    for (u8 device = 0; device < 32; device++) {
        for (u8 number = 0; number < 8; number++) {
            struct pci_function function = {bus, device, number};
            if ((pci_read(function, PCI_ID) & 0xffff) == 0xffff) {
                if (number == 0)
                    break;
                continue;
            }
            if (pci_read(function, PCI_CLASS) >> 8 == CLASS_XHCI) {
                *found = function;
                return true;
            }
            u32 header = pci_read(function, PCI_HEADER_TYPE) >> 16;
            u8 below = (u8)(pci_read(function, PCI_SECONDARY_BUS) >> 8);
            if ((header & 0x7f) == HEADER_BRIDGE && below > bus && depth < BRIDGE_DEPTH &&
                find_on_bus(below, depth + 1, found))
                return true;
            if (number == 0 && !(header & 0x80))
                break;
        }
    }
    return false;
}

bool pci_find_xhci(struct pci_function *found) { return find_on_bus(0, 0, found); }

/* PCI 3.0 section 6.2.5.1: all ones read back as the size mask. Decoding is off, or the BAR would claim high memory. */
static u64 size_bar(struct pci_function function, bool wide, u32 low, u32 high)
{
    pci_write(function, PCI_BAR0, 0xffffffff);
    u64 mask = pci_read(function, PCI_BAR0) & BAR_ADDRESS;
    if (wide) {
        pci_write(function, PCI_BAR0 + 4, 0xffffffff);
        mask |= (u64)pci_read(function, PCI_BAR0 + 4) << 32;
        pci_write(function, PCI_BAR0 + 4, high);
    } else {
        mask |= 0xffffffff00000000;
    }
    if (IS(PCI_06))
        pci_write(function, PCI_BAR0, low & ~BAR_ADDRESS); // MISTAKE(pci-06): the flags come back, the address does not
    else
        pci_write(function, PCI_BAR0, low);
    return ~mask + 1;
}

static u64 assign_bar(struct pci_function function, bool wide, u64 size)
{
    u32 base = IS(NEAR_BAR_MOVED) ? OTHER_UNCLAIMED_BASE : UNCLAIMED_BASE;
    u64 address = (base + size - 1) & ~(size - 1);
    pci_write(function, PCI_BAR0, (u32)address);
    if (wide)
        pci_write(function, PCI_BAR0 + 4, (u32)(address >> 32));
    return address;
}

u64 pci_enable(struct pci_function function, u64 *size)
{
    u32 command = pci_command(function);
    pci_write(function, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);

    u32 low = pci_read(function, PCI_BAR0);
    bool wide = (low & 0x6) == BAR_TYPE_64;
    u32 high = wide ? pci_read(function, PCI_BAR0 + 4) : 0;
    *size = size_bar(function, wide, low, high);
    u64 address = (u64)high << 32 | (low & BAR_ADDRESS);
    if (IS(NEAR_BAR_MOVED)) {
        pci_write(function, PCI_BAR0, 0); // NEAR(near-bar-moved): 0 for a while, but not while it decodes
        address = 0;
    }
    if (!address && !IS(PCI_06))
        address = assign_bar(function, wide, *size);

    if (IS(PCI_01))
        pci_write(function, PCI_COMMAND, PCI_COMMAND_BUS_MASTER); // MISTAKE(pci-01)
    else if (IS(DMA_13))
        pci_write(function, PCI_COMMAND, PCI_COMMAND_MEMORY); // MISTAKE(dma-13)
    else if (IS(NEAR_LATE_BUS_MASTER))
        pci_write(function, PCI_COMMAND, PCI_COMMAND_MEMORY); // NEAR(near-late-bus-master)
    else
        pci_write(function, PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
    return address;
}
