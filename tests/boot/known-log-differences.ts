/** Where a kernel's log here is not QEMU's, and why. Everything else that differs fails the boot tests. */
import type { KnownDifference } from './kernel-log.ts';

/** A line that both have, with other figures in it. */
function both(line: RegExp, why: string): KnownDifference {
  return { ours: line, qemu: line, why };
}

const FIRMWARE_MEMORY =
  'SeaBIOS keeps its tables and pools at the end of RAM and reserves them; without firmware that is RAM like any other';

export const KNOWN_LOG_DIFFERENCES: readonly KnownDifference[] = [
  // --- Memory ---------------------------------------------------------------------------------------------------------
  both(/^BIOS-e820: \[mem 0x0000000000100000-0x[0-9a-f]{16}\] usable$/, FIRMWARE_MEMORY),
  { qemu: /^BIOS-e820: \[mem 0x000000000ff[0-9a-f]{5}-0x000000000fffffff\] reserved$/, why: FIRMWARE_MEMORY },
  both(/^last_pfn = 0x[0-9a-f]+ max_arch_pfn = 0x400000000$/, FIRMWARE_MEMORY),
  both(/^RAMDISK: \[mem /, FIRMWARE_MEMORY),
  both(/^(Faking a node|NODE_DATA\(0\) allocated|Initmem setup node 0|\s+DMA32|\s+node +0:) /, FIRMWARE_MEMORY),
  { qemu: /^On node 0, zone DMA32: \d+ pages in unavailable ranges$/, why: FIRMWARE_MEMORY },
  both(/^Built 1 zonelists, mobility grouping on. {2}Total pages: \d+$/, FIRMWARE_MEMORY),
  both(/^Memory: \d+K\/\d+K available /, FIRMWARE_MEMORY),
  {
    qemu: /^BIOS-e820: \[mem 0x00000000fed1c000-0x00000000fed1ffff\] reserved$/,
    why: "SeaBIOS reserves the chipset's register block, which it has switched on",
  },
  {
    qemu: /^BIOS-e820: \[mem 0x000000fd00000000-0x000000ffffffffff\] reserved$/,
    why: "QEMU lists HyperTransport's range for AMD's processors in etc/e820; the map for a direct entry leaves it out",
  },
  {
    qemu: /^mtrr: (your CPUs had inconsistent|probably your BIOS|corrected configuration)/,
    why: 'SeaBIOS sets the MTRRs of the first processor only; entered directly, every processor has them',
  },
  // --- Tables ---------------------------------------------------------------------------------------------------------
  both(/^DMI: QEMU Standard PC .* BIOS /, 'the firmware that the SMBIOS names, and its date'),
  both(
    /^ACPI: (RSDP|RSDT|XSDT|FACP|DSDT|FACS|APIC|HPET|MCFG|WAET) 0x/,
    'addresses; ours has an XSDT, and its DSDT no hot-plug',
  ),
  both(/^ACPI: Reserving \w{4} table memory at /, 'addresses'),
  { qemu: /^found SMP MP-table at /, why: 'SeaBIOS builds a table of the MultiProcessor Specification beside ACPI' },
  both(/^ACPI: PM: \(supports S0 (S3 S4 )?S5\)$/, 'without firmware nothing could wake the machine from S3 or S4'),
  { qemu: /^ACPI: Enabled \d GPEs in block 00 to 3F$/, why: 'QEMU has methods for hot-plug events' },
  both(
    /^system 00:0\d: \[mem 0xb0000000-0xbfffffff( window)?\] has been reserved$/,
    'QEMU calls MMCONFIG a window of a producer',
  ),
  both(
    /^PCI: (Using|Ignoring) E820 reservations for host bridge windows$/,
    "decided by the firmware's date, before or after 2023",
  ),
  both(/^(rtc_cmos )?00:0\d: (ttyS0|RTC|registered|setting|alarms)/, 'the order of the devices in the DSDT'),
  // --- Devices --------------------------------------------------------------------------------------------------------
  both(/^pci 0000:00:1f\.2: BAR 4 \[io /, 'SMBus has the ports before it with SeaBIOS'),
  both(/^ACPI: \\_SB_\.GSI[A-H]: Enabled at IRQ \d+$/, 'the same link, by another slot'),
  {
    qemu: /^Console: colour \*CGA 80x25$/,
    ours: /^Console: colour dummy device 80x25$/,
    why: "without a VGA: through firmware the kernel's real-mode code asks INT 10h for a mode, here nothing does",
  },
  { qemu: /^pcieport 0000:[\d:.]+: AER: enabled with IRQ \d+$/, why: 'the root ports report no errors (AER)' },
  // --- Time -----------------------------------------------------------------------------------------------------------
  both(
    /^tsc: (Fast TSC calibration|Detected|Refined TSC|Unable to calibrate|using \w+ reference)/,
    'calibrated by whatever there is',
  ),
  both(/^clocksource: tsc(-early)?: mask: /, 'follows from the calibration'),
  both(/^Calibrating delay loop \(skipped\), value calculated using timer frequency/, 'follows from the calibration'),
  both(/^smpboot: Total of \d processors activated/, 'follows from the calibration'),
  {
    qemu: /^(\.\.MP-BIOS bug: 8254|\.\.\.+ ?trying to|\.+ ?\(found apic|\.+ (failed|works)|APIC (calibration|delta)|calibrate_delay_direct|hpet: Lost|hrtimer: interrupt took|clocksource: (timekeeping watchdog| {8}|Checking clocksource|Switched to clocksource hpet)|tsc: (Marking TSC unstable|PIT calibration deviates|Using (PIT|HPET|PMTIMER) )|TSC found unstable|sched_clock: Marking unstable|Measured \d+ cycles TSC warp|sched: RT throttling|workqueue: .* hogged CPU|perf: interrupt took|Probably due to long platform|pci .*: quirk_usb_early_handoff)/,
    why: "a slow host: with two processors QEMU's time is the host's",
  },
  both(/^audit: type=2000 audit\(/, 'the time of day'),
  both(/^sched_clock: Marking stable /, 'how long it took'),
  // --- USB ------------------------------------------------------------------------------------------------------------
  both(
    /^xhci_hcd 0000:00:02\.0: hcc params 0x[0-9a-f]+ hci version 0x[0-9a-f]+ quirks /,
    'xHCI 1.2 in the personality spec, 1.0 in QEMU, with the capabilities of either',
  ),
  {
    ours: /^sd 0:0:0:0: Power-on or device reset occurred$/,
    why: "the stick's first command after power-on fails with a unit attention (SPC); on QEMU SeaBIOS's driver has had it",
  },
];
