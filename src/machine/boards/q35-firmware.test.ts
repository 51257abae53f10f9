/** Firmware from the reset vector: its ROM, PAM, A20, resets. SeaBIOS where it is installed, else hand-made ROMs. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gpa } from '../../base/address.ts';
import { TraceBus } from '../../base/trace.ts';
import { Machine } from '../machine.ts';
import { createQ35 } from './q35.ts';
import type { Q35Options } from './q35-options.ts';

const MIB = 1024 * 1024;
const KIB = 1024;
const SEABIOS = '/usr/share/seabios/bios-256k.bin';

interface Board {
  readonly machine: Machine;
  readonly text: () => string;
  readonly resets: string[];
}

function boardWith(options: Partial<Q35Options>): Board {
  const trace = new TraceBus();
  const resets: string[] = [];
  trace.on('machine.reset', ({ cause }) => resets.push(cause));
  let text = '';
  const machine = createQ35({
    ramBytes: 64 * MIB,
    cpuModel: 'qemu64',
    personality: 'spec',
    trackWriters: false,
    trace,
    serialOutput: () => {},
    devices: [
      {
        kind: 'isa-debugcon',
        port: 0x402,
        output: (byte) => {
          text += String.fromCharCode(byte);
        },
      },
    ],
    ...options,
  });
  if (!(machine instanceof Machine)) throw new Error(machine.problem);
  return { machine, text: () => text, resets };
}

/** The saved state without RAM, whose bytes a matcher compares one by one. */
function small(machine: Machine) {
  const { 'memory/pc.ram': ram, ...others } = machine.state.save();
  expect(ram).toBeDefined();
  return others;
}

/** 64 KiB whose reset vector jumps to `code`, at 0xf000:0000. */
function rom(code: readonly number[]): Uint8Array {
  const image = new Uint8Array(64 * KIB);
  image.set(code);
  image.set([0xea, 0x00, 0x00, 0x00, 0xf0], image.length - 16);
  return image;
}

const out = (port: number, value: number) => [0xba, port & 0xff, port >> 8, 0xb0, value, 0xee];
/** CONFIG_ADDRESS = 0x80000000 | `offset`, then one byte to `offset` of the host bridge. */
const outHostBridge = (offset: number, value: number) => [
  ...[0xba, 0xf8, 0x0c, 0x66, 0xb8, offset & 0xfc, 0x00, 0x00, 0x80, 0x66, 0xef],
  ...out(0xcfc + (offset & 3), value),
];
const HLT = [0xfa, 0xf4];

describe('the firmware ROM', () => {
  it('begins at the reset vector, shows below 1 MiB, and cannot be written', () => {
    // mov ax, 0xf000; mov ds, ax; mov byte [0xfff0], 0x11
    const { machine, text } = boardWith({
      firmware: {
        kind: 'bios',
        image: rom([...out(0x402, 0x41), 0xb8, 0x00, 0xf0, 0x8e, 0xd8, 0xc6, 0x06, 0xf0, 0xff, 0x11, ...HLT]),
      },
    });
    expect(machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    expect(text()).toBe('A');
    expect(machine.readRam(gpa(0xf_fff0), 1)).toEqual(Uint8Array.of(0xea));
    expect(machine.readRam(gpa(0xffff_fff0), 1)).toEqual(Uint8Array.of(0xea));
  });

  it.each([0, 1000, 17 * MIB])('refuses %i bytes', (length) => {
    expect(() => boardWith({ firmware: { kind: 'bios', image: new Uint8Array(length) } })).toThrow(/firmware image/);
  });
});

describe('PAM (Intel 3 Series §5.1.18)', () => {
  // lods/stos 0x10 bytes at d000:0000 onto themselves would not fit here: one byte says enough.
  const shadow = (pam: number) => [
    ...outHostBridge(0x93, 0x33),
    // mov ax, 0xd000; mov ds, ax; mov byte [0], 0x55
    ...[0xb8, 0x00, 0xd0, 0x8e, 0xd8, 0xc6, 0x06, 0x00, 0x00, 0x55],
    ...outHostBridge(0x93, pam),
    // mov byte [0], 0x66; mov al, [0]; mov dx, 0x402; out dx, al
    ...[0xc6, 0x06, 0x00, 0x00, 0x66, 0xa0, 0x00, 0x00, 0xba, 0x02, 0x04, 0xee],
    ...outHostBridge(0x93, 0x33),
    ...[0xa0, 0x00, 0x00, 0xba, 0x02, 0x04, 0xee],
    ...HLT,
  ];
  const seen = (personality: string, pam: number) => {
    const { machine, text } = boardWith({ personality, firmware: { kind: 'bios', image: rom(shadow(pam)) } });
    expect(machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    return [...text()].map((character) => character.charCodeAt(0));
  };

  it('leads reads and writes of 16 KiB each to PCI or to RAM', () => {
    expect(seen('spec', 0x30)).toEqual([0x00, 0x55]);
    expect(seen('spec', 0x31)).toEqual([0x55, 0x55]);
    expect(seen('spec', 0x33)).toEqual([0x66, 0x66]);
  });

  it('reads PCI while it writes RAM, which QEMU does not', () => {
    expect(seen('spec', 0x32)).toEqual([0x00, 0x66]);
    expect(seen('qemu', 0x32)).toEqual([0x66, 0x66]);
  });
});

describe('reset', () => {
  /** Counts in RAM at 0x600, which a reset keeps: the third start halts. */
  const thrice = (reset: readonly number[]) =>
    rom([
      0x31,
      0xc0,
      0x8e,
      0xd8,
      0xfe,
      0x06,
      0x00,
      0x06,
      0x80,
      0x3e,
      0x00,
      0x06,
      0x03,
      0x74,
      reset.length,
      ...reset,
      ...HLT,
    ]);
  const ways: readonly (readonly [string, readonly number[]])[] = [
    ['reset-control', [...out(0xcf9, 0x02), ...out(0xcf9, 0x06), 0xeb, 0xfe]],
    ['i8042', [...out(0x64, 0xfe), 0xeb, 0xfe]],
    // lidt of six zero bytes at 0, then int3
    ['triple-fault', [0x0f, 0x01, 0x1e, 0x00, 0x07, 0xcc, 0xeb, 0xfe]],
  ];

  it.each(ways)('by %s begins again, with RAM kept', (cause, reset) => {
    const { machine, resets } = boardWith({ firmware: { kind: 'bios', image: thrice(reset) } });
    expect(machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    expect(resets).toEqual([cause, cause]);
    expect(machine.readRam(gpa(0x600), 1)).toEqual(Uint8Array.of(3));
  });

  it('ends the run with -no-reboot', () => {
    const image = thrice(ways[0]![1]);
    const { machine, resets } = boardWith({ noReboot: true, firmware: { kind: 'bios', image } });
    expect(machine.run({ maxInstructions: 1000 })).toEqual({ kind: 'exited', by: 'reset', status: 0 });
    expect(resets).toEqual([]);
  });

  it('by port 0x92 is an INIT of the processors only, where QEMU resets the machine', () => {
    const image = thrice([...out(0x92, 0x01), 0xeb, 0xfe]);
    const spec = boardWith({ firmware: { kind: 'bios', image } });
    // The port keeps INIT_NOW: the second start finds no rising edge and stays in its loop.
    expect(spec.machine.run({ maxInstructions: 500 }).kind).not.toBe('halted');
    expect(spec.machine.readRam(gpa(0x600), 1)).toEqual(Uint8Array.of(2));
    const qemu = boardWith({ personality: 'qemu', firmware: { kind: 'bios', image } });
    expect(qemu.machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    expect(qemu.resets).toEqual(['port92', 'port92']);
  });

  it('over and over from one place is a boot loop, not a run for ever', () => {
    const { machine, resets } = boardWith({ firmware: { kind: 'bios', image: rom(out(0x64, 0xfe)) } });
    expect(machine.run({ maxInstructions: 1_000_000 })).toMatchObject({ kind: 'boot-loop', resets: 16 });
    expect(resets).toHaveLength(16);
  });

  it('is the same wherever the run is cut', () => {
    const whole = boardWith({ firmware: { kind: 'bios', image: thrice(ways[1]![1]) } });
    const cut = boardWith({ firmware: { kind: 'bios', image: thrice(ways[1]![1]) } });
    whole.machine.run({ maxInstructions: 1000 });
    let at = 0;
    do at += 1;
    while (at < 1000 && cut.machine.run({ maxInstructions: at }).kind === 'instruction-limit');
    expect(cut.resets).toEqual(whole.resets);
    expect(cut.machine.processor.instructions).toBe(whole.machine.processor.instructions);
    expect(small(cut.machine)).toEqual(small(whole.machine));
  });
});

describe('A20', () => {
  /** Closes the gate by `close`, then compares 0000:0500 with ffff:0510 after a store to the former. */
  const image = (close: readonly number[]) =>
    rom([
      ...close,
      ...[0x31, 0xc0, 0x8e, 0xd8, 0xb8, 0xff, 0xff, 0x8e, 0xc0, 0xc6, 0x06, 0x00, 0x05, 0x77],
      ...[0x26, 0xa0, 0x10, 0x05, 0xba, 0x02, 0x04, 0xee],
      ...HLT,
    ]);
  const seen = (personality: string, close: readonly number[]) => {
    const { machine, text } = boardWith({ personality, firmware: { kind: 'bios', image: image(close) } });
    // With A20 closed the ROM at 0xf0000 stays where it is: bit 20 of its addresses is 0.
    machine.run({ maxInstructions: 1000 });
    return text().charCodeAt(0);
  };

  it('is open at power-on, and closed by the keyboard controller', () => {
    expect(seen('spec', [])).toBe(0);
    expect(seen('spec', [...out(0x64, 0xdd)])).toBe(0x77);
  });

  it('stays open while one of both holds it; on QEMU the last word counts', () => {
    expect(seen('spec', [...out(0x92, 0x00)])).toBe(0);
    expect(seen('qemu', [...out(0x92, 0x00)])).toBe(0x77);
    expect(seen('spec', [...out(0x92, 0x02), ...out(0x64, 0xdd)])).toBe(0);
  });
});

describe('system management mode', () => {
  /** CONFIG_ADDRESS = 0x80000000 | bus 0 | 31.0 | `offset`, then `value` as a double word. */
  const outLpc = (offset: number, value: number) => [
    ...[0xba, 0xf8, 0x0c, 0x66, 0xb8, offset & 0xfc, 0xf8, 0x00, 0x80, 0x66, 0xef],
    ...[
      0xba,
      0xfc,
      0x0c,
      0x66,
      0xb8,
      value & 0xff,
      (value >> 8) & 0xff,
      (value >> 16) & 0xff,
      value >>> 24,
      0x66,
      0xef,
    ],
  ];
  const tell = [0xba, 0x02, 0x04, 0xee];
  /** mov dx, 0x402; mov al, [cs:0x8010]; out dx, al; rsm; then the byte that it reads. */
  const handler = [...[0xba, 0x02, 0x04, 0x2e, 0xa0, 0x10, 0x80, 0xee, 0x0f, 0xaa], 0, 0, 0, 0, 0, 0, 0x53];
  const image = rom([
    // ds = 0x3000; the handler to 0x3000:0x8000
    ...[0xb8, 0x00, 0x30, 0x8e, 0xd8],
    ...handler.flatMap((byte, index) => [0xc6, 0x06, index, 0x80, byte]),
    ...outLpc(0x40, 0x601),
    ...outLpc(0x44, 0x80),
    // SMI_EN = APMC_EN | GBL_SMI_EN
    ...[0xba, 0x30, 0x06, 0x66, 0xb8, 0x21, 0, 0, 0, 0x66, 0xef],
    ...outHostBridge(0x9c, 0x02),
    // mov al, [0x8010]; out 0x402
    ...[0xa0, 0x10, 0x80, ...tell],
    ...out(0xb2, 0x55),
    ...[0xa0, 0x10, 0x80, ...tell],
    ...HLT,
  ]);

  it('is entered by the APM port, and alone sees what the host bridge hides', () => {
    const { machine, text } = boardWith({ firmware: { kind: 'bios', image } });
    expect(machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    expect([...text()].map((character) => character.charCodeAt(0))).toEqual([0xff, 0x53, 0xff]);
  });

  it('is saved and loaded in its middle', () => {
    const whole = boardWith({ ramBytes: 2 * MIB, firmware: { kind: 'bios', image } });
    while (whole.machine.processor.registers().smm !== true && whole.machine.processor.instructions < 1000) {
      whole.machine.run({ maxInstructions: whole.machine.processor.instructions + 1 });
    }
    const copy = boardWith({ ramBytes: 2 * MIB, firmware: { kind: 'bios', image } });
    expect(copy.machine.state.load(whole.machine.state.save())).toEqual([]);
    expect(copy.machine.run({ maxInstructions: 1000 }).kind).toBe('halted');
    expect([...copy.text()].map((character) => character.charCodeAt(0))).toEqual([0x53, 0xff]);
  });
});

describe.skipIf(!existsSync(SEABIOS))('SeaBIOS', () => {
  it('starts, finds the board and its memory', { timeout: 60_000 }, () => {
    const { machine, text } = boardWith({ firmware: { kind: 'bios', image: readFileSync(SEABIOS) } });
    while (!text().includes('PCI: init bdf=00:1f.0') && machine.processor.instructions < 20_000_000) {
      if (machine.run({ maxInstructions: machine.processor.instructions + 500_000 }).kind !== 'instruction-limit')
        break;
    }
    expect(text()).toContain('Running on QEMU (q35)\n');
    expect(text()).toContain('PCIe: using q35 mmconfig at 0xb0000000\n');
    expect(text()).toContain('PCI: init bdf=00:1f.0 id=8086:2918\n');
  });
});
