import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createQ35 } from './boards/q35.ts';
import { DEBUG_EXIT, loadedBoard, testBoard, tinyKernel } from './testing/tiny-kernel.ts';

const LIMIT = { maxInstructions: 40_000_000 };
const USB = [DEBUG_EXIT, { kind: 'qemu-xhci' }, { kind: 'usb-kbd' }] as const;
const mended = (): Uint8Array => new Uint8Array(readFileSync('guests/built/story-mended.elf'));

describe('how a run ends', () => {
  it('by isa-debug-exit, with value << 1 | 1', () => {
    // mov al, 0x10; out 0xf4, al; jmp $
    const { machine } = loadedBoard(tinyKernel([0xb0, 0x10, 0xe6, 0xf4, 0xeb, 0xfe]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'exited', by: 'isa-debug-exit', status: 33 });
    expect(machine.processor.instructions).toBe(2);
  });

  it('by HLT with interrupts off', () => {
    const { machine } = loadedBoard(tinyKernel([0xf4]));
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'halted' });
  });

  it('by a loop that changes nothing: jmp $', () => {
    const { machine } = loadedBoard(tinyKernel([0xeb, 0xfe]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'spinning', pc: 0x10_0020n });
  });

  it('by a polling loop with a delay, pushes and pops inside', () => {
    // mov esp, 0x200000; again: push 50; pop ecx; wait: loop wait; in al, 0x64; test al, 1; jz again
    const code = [0xbc, 0, 0, 0x20, 0, 0x6a, 50, 0x59, 0xe2, 0xfe, 0xe4, 0x64, 0xa8, 1, 0x74, 0xf5];
    const { machine } = loadedBoard(tinyKernel(code));
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'spinning' });
  });

  it('not while a loop counts: it may end one day', () => {
    // again: inc eax; jmp again
    const { machine } = loadedBoard(tinyKernel([0x40, 0xeb, 0xfd]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'instruction-limit' });
    expect(machine.processor.instructions).toBe(LIMIT.maxInstructions);
  });

  it('not while a loop counts in memory', () => {
    // again: inc dword [0x200000]; jmp again
    const { machine } = loadedBoard(tinyKernel([0xff, 0x05, 0, 0, 0x20, 0, 0xeb, 0xf8]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'instruction-limit' });
  });

  it('not while a loop writes to a device', () => {
    // again: out 0x80, al; jmp again
    const { machine } = loadedBoard(tinyKernel([0xe6, 0x80, 0xeb, 0xfc]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'instruction-limit' });
  });

  it('at a limit of time, exactly', () => {
    const { machine } = loadedBoard(tinyKernel([0x40, 0xeb, 0xfd]));
    expect(machine.run({ maxTime: 12_345 })).toEqual({ kind: 'time-limit' });
    expect(machine.clock.now()).toBe(12_345);
  });

  it('by a triple fault: ud2 without an IDT', () => {
    const { machine } = loadedBoard(tinyKernel([0x0f, 0x0b]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'triple-fault', pc: 0x10_0020n });
  });

  it('by spinning in real mode, which keeps the 32-bit code segment it came from', () => {
    // mov eax, cr0; and al, 0xfe; mov cr0, eax; inc eax; jmp $
    const { machine } = loadedBoard(tinyKernel([0x0f, 0x20, 0xc0, 0x24, 0xfe, 0x0f, 0x22, 0xc0, 0x40, 0xeb, 0xfe]));
    expect(machine.run(LIMIT)).toEqual({ kind: 'spinning', pc: 0x10_0029n });
    expect(machine.processor.registers()).toMatchObject({ bits: 32, cpl: 0 });
    expect(machine.processor.registers().cr.cr0 & 1n).toBe(0n);
  });

  it('by a reset request, because there is no firmware to come back to', () => {
    // mov al, 0xfe; out 0x64, al; jmp $
    const { machine } = loadedBoard(tinyKernel([0xb0, 0xfe, 0xe6, 0x64, 0xeb, 0xfe]));
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'exited', by: 'reset' });
  });
});

describe('a loop that waits for the ACPI timer', () => {
  // mov dx, 0x608; again: inc ecx; in eax, dx; cmp eax, 3580; jb again; hlt
  const wait = tinyKernel([0x66, 0xba, 0x08, 0x06, 0x41, 0xed, 0x3d, 0xfc, 0x0d, 0, 0, 0x72, 0xf7, 0xf4]);

  it('comes round once a microsecond, for a read takes so long', () => {
    const { machine } = loadedBoard(wait);
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'halted' });
    expect(Math.abs(machine.processor.instructions - 4 * 1000)).toBeLessThan(50);
    expect(Math.abs(machine.clock.now() - 1_000_000)).toBeLessThan(2000);
  });

  it('is the same run however time cuts it', () => {
    const { machine: whole } = loadedBoard(wait);
    whole.run(LIMIT);
    const { machine } = loadedBoard(wait);
    for (let time = 0; machine.run({ maxTime: time }).kind === 'time-limit'; time += 777) {
      expect(machine.clock.now()).toBeLessThan(time + 1004);
    }
    expect(machine.processor.instructions).toBe(whole.processor.instructions);
    expect(machine.clock.now()).toBe(whole.clock.now());
    expect(machine.processor.registers()).toEqual(whole.processor.registers());
  });
});

describe('a loop of PAUSE', () => {
  // again: inc ecx; pause; rdtsc; cmp eax, nanoseconds; jb again; hlt
  const waiting = (nanoseconds: number) =>
    tinyKernel([0x41, 0xf3, 0x90, 0x0f, 0x31, 0x3d, ...littleEndian(nanoseconds), 0x72, 0xf4, 0xf4]);
  const littleEndian = (value: number) => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
  const wait = waiting(1_000_000);

  it('comes round every 145 ns, for PAUSE takes 140 more than an instruction', () => {
    const { machine } = loadedBoard(waiting(2900));
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'halted' });
    expect(Math.abs(machine.processor.instructions - 5 * 20)).toBeLessThan(50);
    expect(Math.abs(machine.clock.now() - 2900)).toBeLessThan(300);
  });

  it('comes round every 4.1 us when it has gone on for a while', () => {
    const { machine } = loadedBoard(wait);
    expect(machine.run(LIMIT)).toMatchObject({ kind: 'halted' });
    expect(Math.abs(machine.processor.instructions - 5 * (28 + 243))).toBeLessThan(60);
    expect(machine.clock.now() - 1_000_000).toBeLessThan(4200);
  });

  it('is the same run however time cuts it', () => {
    const { machine: whole } = loadedBoard(wait);
    whole.run(LIMIT);
    const { machine } = loadedBoard(wait);
    for (let time = 0; machine.run({ maxTime: time }).kind === 'time-limit'; time += 77) {
      expect(machine.clock.now()).toBeLessThan(time + 4100);
    }
    expect(machine.processor.instructions).toBe(whole.processor.instructions);
    expect(machine.clock.now()).toBe(whole.clock.now());
    expect(machine.processor.registers()).toEqual(whole.processor.registers());
  });
});

describe('what firmware would have left', () => {
  it('conventional memory and the extended BIOS data area in the BDA', () => {
    const { machine } = loadedBoard(tinyKernel([0xf4]));
    const word = (address: number): number => {
      const bytes = machine.readRam(address as never, 2)!;
      return bytes[0]! | (bytes[1]! << 8);
    };
    expect(word(0x413)).toBe(639);
    expect(word(0x40e)).toBe(0x9fc0);
    expect(word(0x400)).toBe(0x3f8);
  });

  it('BARs assigned and decoding; bus mastering only in the qemu personality', () => {
    for (const [personality, command] of [
      ['spec', 0x3],
      ['qemu', 0x7],
    ] as const) {
      const { machine } = loadedBoard(tinyKernel([0xf4]), { personality, devices: USB });
      const controller = machine.pci.functions.find(({ deviceName }) => deviceName === 'qemu-xhci')!;
      expect(controller.command & 0x7).toBe(command);
      expect(controller.config.read(0x10, 4) >>> 0).toBeGreaterThan(0xc000_0000);
    }
  });
});

describe('saved state', () => {
  it('carries a run from one machine to another, to the same end', () => {
    const straight = loadedBoard(mended(), { devices: USB });
    const outcome = straight.machine.run(LIMIT);
    for (const at of [1_000, 60_000, 230_000, 260_000]) {
      const first = loadedBoard(mended(), { devices: USB });
      first.machine.run({ maxInstructions: at });
      const saved = structuredClone(first.machine.state.save());
      const second = testBoard({ devices: USB });
      expect(second.machine.state.load(saved)).toEqual([]);
      expect(second.machine.run(LIMIT)).toEqual(outcome);
      expect(second.machine.processor.instructions).toBe(straight.machine.processor.instructions);
      expect(first.serial() + second.serial()).toBe(straight.serial());
    }
  });
});

describe('a board that cannot be built', () => {
  const build = (options: object) => {
    const { trace } = testBoard().machine;
    const base = {
      ramBytes: 2 ** 24,
      cpuModel: 'qemu64',
      personality: 'spec',
      devices: [],
      trackWriters: false,
      trace,
    };
    return createQ35({ ...base, serialOutput: () => {}, ...options });
  };

  it.each([
    [{ ramBytes: 2 ** 20 }, 'from 2'],
    [{ ramBytes: 2 ** 33 }, 'do not fit'],
    [{ ramBytes: 3 * 2 ** 30, trackWriters: true }, 'while writers are tracked'],
    [{ personality: 'nice' }, 'no personality "nice"'],
    [{ devices: [{ kind: 'usb-kbd' }] }, 'no USB bus'],
    [{ devices: [{ kind: 'qemu-xhci' }, { kind: 'usb-kbd', bus: 'other.0' }] }, 'bus "other.0"'],
    [{ devices: [{ kind: 'qemu-xhci', slot: 31 }] }, 'not free'],
  ])('says why: %j', (options, words) => {
    expect(build(options)).toMatchObject({ problem: expect.stringContaining(words), hint: expect.any(String) });
  });
});
