import { describe, expect, it } from 'vitest';
import {
  AddressSpace,
  AliasRegion,
  BusMasterGate,
  ContainerRegion,
  createIoPortRoot,
  createRom,
  formatMtree,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from './index.ts';
import { Fixture, noting } from './testing/fixture.ts';

/** A piece of q35, as `info mtree` of QEMU 7.2 shows it. */
function q35(): { machine: Fixture; spaces: AddressSpace[] } {
  const machine = new Fixture();
  const { system, root } = machine;
  const ram = new RamRegion(system, 'pc.ram', new Uint8Array(0x20_0000));
  const pci = new ContainerRegion(system, 'pci', WHOLE_ADDRESS_SPACE);
  const bios = createRom(system, 'pc.bios', new Uint8Array(0x4_0000));
  root.addSubregion(0, new AliasRegion(system, 'ram-below-4g', ram, 0, 0x20_0000));
  root.addSubregion(0, pci, -1);
  const isa = new AliasRegion(system, 'isa-bios', bios, 0x2_0000, 0x2_0000);
  pci.addSubregion(0xfffc_0000, bios);
  pci.addSubregion(0xe0000, isa, 1);
  root.addSubregion(0xe0000, new AliasRegion(system, 'pam-pci', pci, 0xe0000, 0x2_0000), 1);
  const off = new MmioRegion(system, 'ich9-pm', 0x80, noting([]));
  off.setEnabled(false);
  root.addSubregion(0x600, off);
  const gate = new BusMasterGate(system, 'qemu-xhci', '00:03.0', root);
  const cpu = new AddressSpace(system, 'cpu-memory-0', root);
  const io = new AddressSpace(system, 'I/O', createIoPortRoot(system));
  return { machine, spaces: [machine.space, cpu, io, gate.space] };
}

describe('info mtree', () => {
  it('prints trees, and after them what aliases show', () => {
    expect(formatMtree(q35().spaces)).toBe(`\
address-space: cpu-memory-0
address-space: memory
  0000000000000000-ffffffffffffffff (prio 0, i/o): system
    0000000000000000-00000000001fffff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-00000000001fffff
    0000000000000000-ffffffffffffffff (prio -1, i/o): pci
      00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios 0000000000020000-000000000003ffff
      00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
    00000000000e0000-00000000000fffff (prio 1, i/o): alias pam-pci @pci 00000000000e0000-00000000000fffff

address-space: I/O
  0000000000000000-000000000000ffff (prio 0, i/o): io

address-space: qemu-xhci
  0000000000000000-ffffffffffffffff (prio 0, i/o): bus master container

memory-region: pc.ram
  0000000000000000-00000000001fffff (prio 0, ram): pc.ram

memory-region: pc.bios
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios

memory-region: pci
  0000000000000000-ffffffffffffffff (prio -1, i/o): pci
    00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios 0000000000020000-000000000003ffff
    00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios

memory-region: system
  0000000000000000-ffffffffffffffff (prio 0, i/o): system
    0000000000000000-00000000001fffff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-00000000001fffff
    0000000000000000-ffffffffffffffff (prio -1, i/o): pci
      00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios 0000000000020000-000000000003ffff
      00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
    00000000000e0000-00000000000fffff (prio 1, i/o): alias pam-pci @pci 00000000000e0000-00000000000fffff

`);
  });

  it('shows disabled regions when asked', () => {
    const text = formatMtree(q35().spaces, { disabled: true });
    expect(text).toContain('    0000000000000600-000000000000067f (prio 0, i/o): ich9-pm [disabled]\n');
    expect(text).toContain('(prio 0, i/o): alias bus master @system 0000000000000000-ffffffffffffffff [disabled]\n');
  });

  it('-f prints flat views with who uses them, and none behind a closed gate', () => {
    expect(formatMtree(q35().spaces, { flat: true })).toBe(`\
FlatView #0
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-00000000000dffff (prio 0, ram): pc.ram
  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000
  0000000000100000-00000000001fffff (prio 0, ram): pc.ram @0000000000100000
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios

FlatView #1
 AS "I/O", root: io
 Root memory region: io
  0000000000000000-000000000000ffff (prio 0, i/o): io

FlatView #2
 AS "qemu-xhci", root: bus master container
 Root memory region: (none)
  No rendered FlatView

`);
  });
});
