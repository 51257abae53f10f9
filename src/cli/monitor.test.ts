/** The monitor on a whole machine: what it shows is what the guest has, what it does the guest notices. */
import { describe, expect, it } from 'vitest';
import { openImage } from '../devices/block/open-image.ts';
import { tinyKernel } from '../machine/testing/tiny-kernel.ts';
import { openMachine } from './machine-session.ts';
import type { BoardSetting, Session, SessionSpec } from './session.ts';

/** mov dx, 0xf4; out dx, al. */
const EXIT_WITH_AL = [0x66, 0xba, 0xf4, 0x00, 0xee];
const HLT = [0xfa, 0xf4];

function session(code: readonly number[], devices: SessionSpec['devices'] = [], board: BoardSetting = {}): Session {
  const opened = openMachine(
    {
      image: board.firmware === undefined ? { path: 'kernel', bytes: tinyKernel(code) } : undefined,
      append: '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: 16 * 2 ** 20,
      cpuModel: 'qemu64',
      personality: 'qemu',
      devices: [{ kind: 'isa-debug-exit', port: 0xf4, size: 4 }, ...devices],
      board,
      trackWriters: false,
    },
    { serial: () => undefined, debugConsole: undefined, readSource: () => undefined, inflate: () => undefined },
  );
  if (!opened.ok) throw new Error(opened.problem);
  return opened.session;
}

function disk(name: string, bytes: number, snapshot: boolean) {
  const image = openImage(
    {
      name,
      size: bytes,
      writable: true,
      read: (_, into) => void into.fill(0),
      write: () => undefined,
      flush: () => undefined,
    },
    { id: name, format: 'raw', snapshot },
  );
  if ('problem' in image) throw new Error(image.problem);
  return image;
}

describe('what it shows', () => {
  it('registers, memory and code', () => {
    // mov eax, 0x12345678; mov [0x200000], eax; cli; hlt
    const guest = session([0xb8, 0x78, 0x56, 0x34, 0x12, 0xa3, 0x00, 0x00, 0x20, 0x00, ...HLT]);
    expect(guest.run({ maxInstructions: 100 }).kind).toBe('halted');
    expect(guest.monitor('info registers', false).text).toMatch(/^\r?\nCPU#0\nEAX=12345678 EBX=/);
    expect(guest.monitor('xp /2xw 0x200000', false).text).toBe('0000000000200000: 0x12345678 0x00000000\n');
    expect(guest.monitor('x /1xb $eax-0x12145678', false).text).toBe('0000000000200000: 0x78\n');
    expect(guest.monitor('x /2i 0x100020', false).text).toMatch(
      /^0x00100020: +b8 78 56 34 12 +movl +\$0x12345678, %eax\n0x00100025: +a3 00 00 20 00/,
    );
    expect(guest.monitor('info cpus', false).text).toBe('* CPU #0: at 0x10002c (halted)\n');
  });

  it('the memory tree, PCI, the version, and whether it runs', () => {
    const guest = session(HLT, [{ kind: 'qemu-xhci', id: 'x' }]);
    expect(guest.monitor('info mtree', false).text).toContain('address-space: memory\n');
    expect(guest.monitor('info pci', false).text).toMatch(/USB controller: PCI device 1b36:000d[\s\S]*SATA controller/);
    expect(guest.monitor('info version', false).text).toContain('7.2');
    expect(guest.monitor('info status', false).text).toMatch(/^VM status: running\n0 instructions/);
    expect(guest.monitor('info status', true).text).toMatch(/^VM status: paused\n/);
  });

  it('disks and USB devices', () => {
    const stick = { kind: 'usb-storage', id: 's', disk: disk('stick.img', 4096, true), driveId: 'stick' } as const;
    const guest = session(
      HLT,
      [{ kind: 'qemu-xhci', id: 'x' }, { kind: 'usb-kbd', port: 2 }, stick, { kind: 'ide-cd', bus: 'ide.2' }],
      { drives: [{ id: 'ide0-hd0', image: disk('disk.img', 512, false), interface: 'ide', media: 'disk' }] },
    );
    expect(guest.monitor('info block', false).text).toBe(
      [
        'stick: stick.img (snapshot: writes stay in memory)',
        '    Attached to:      usb-storage on port 1',
        '    Cache mode:       writeback',
        '',
        'ide0-hd0: disk.img',
        '    Attached to:      ide-hd on ide.0',
        '    Cache mode:       writeback',
        '',
        'ide.2: [not inserted]',
        '    Attached to:      ide-cd on ide.2',
        '    Removable device: not locked, tray closed',
        '',
      ].join('\n'),
    );
    expect(guest.monitor('info usb', false).text).toBe(
      [
        '  Device 0.0, Port 2, Speed 480 Mb/s, Product QEMU USB Keyboard\n',
        '  Device 0.0, Port 1, Speed 5000 Mb/s, Product QEMU USB HARDDRIVE, ID: s\n',
      ].join(''),
    );
    expect(session(HLT).monitor('info usb', false).text).toBe('USB support not enabled\n');
  });

  it('its commands, and a mistake as an answer', () => {
    const guest = session(HLT);
    const help = guest.monitor('help', false).text;
    for (const name of ['system_reset', 'system_powerdown', 'sendkey', 'info block']) expect(help).toContain(name);
    expect(guest.monitor('help sendkey', false).text).toMatch(/^sendkey keys \[hold_ms\] -- .*\n$/);
    expect(guest.monitor('info blok', false).text).toBe(
      'unknown command: \'info blok\' ("info" lists those that are there)\n',
    );
    expect(guest.monitor('xp /4xw', false).text).toBe('an address is missing\n');
  });
});

describe('what it does', () => {
  it('system_powerdown sets PWRBTN_STS (ACPI 6.4 §4.8.3.1.1)', () => {
    // mov dx, 0x600; again: in ax, dx; test ah, 1; jz again; mov al, 7
    const guest = session([
      ...[0x66, 0xba, 0x00, 0x06, 0x66, 0xed, 0xf6, 0xc4, 0x01, 0x74, 0xf9, 0xb0, 0x07],
      ...EXIT_WITH_AL,
    ]);
    expect(guest.run({ maxInstructions: 300 }).kind).toBe('instruction-limit');
    guest.monitor('system_powerdown', false);
    expect(guest.run({ maxInstructions: 10_000 })).toMatchObject({ kind: 'exited', status: 15 });
  });

  it('sendkey presses a key of the PS/2 keyboard', () => {
    // again: in al, 0x64; test al, 1; jz again; in al, 0x60
    const guest = session([0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa, 0xe4, 0x60, ...EXIT_WITH_AL]);
    expect(guest.run({ maxInstructions: 300 }).kind).toBe('instruction-limit');
    expect(guest.monitor('sendkey ctrl-nothing', false).text).toBe('invalid parameter: nothing\n');
    expect(guest.monitor('sendkey a 1x', false).text).toBe('invalid parameter: 1x\n');
    expect(guest.monitor('sendkey a 20', false).text).toBe('');
    // Scan code set 1, to which the controller translates: 0x1e.
    expect(guest.run({ maxInstructions: 1_000_000 })).toMatchObject({ kind: 'exited', status: (0x1e << 1) | 1 });
  });

  it('screendump writes what the display shows as a file, PNG by name', () => {
    const guest = session(HLT, [], { display: {} });
    const { text, file } = guest.monitor('screendump a.png', false);
    expect([text, file?.path]).toEqual(['', 'a.png']);
    expect([...file!.bytes.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const ppm = guest.monitor('screendump a', false).file!.bytes;
    const [, width, height] = /^P6\n(\d+) (\d+)\n255\n/.exec(new TextDecoder('latin1').decode(ppm.subarray(0, 20)))!;
    expect(ppm.length).toBe(`P6\n${width} ${height}\n255\n`.length + Number(width) * Number(height) * 3);
    expect(guest.monitor('screendump -f png a', false).file?.bytes).toEqual(file!.bytes);
    expect(guest.monitor('screendump', false).text).toBe('screendump: a file name is missing\n');
    expect(guest.monitor('screendump a -f gif', false).text).toBe('invalid parameter: gif\n');
    expect(session(HLT).monitor('screendump a', false).text).toBe('there is no display to take a screendump from\n');
  });

  it('system_reset ends a run without firmware, and starts firmware again', () => {
    const kernel = session([0xeb, 0xfe]);
    kernel.monitor('system_reset', false);
    expect(kernel.run({ maxInstructions: 1000 })).toMatchObject({ kind: 'exited', by: 'reset' });
    // 64 KiB: inc byte [0x500] of RAM, then wait; the reset vector jumps to the start of segment 0xf000.
    const image = new Uint8Array(64 * 1024);
    image.set([0xfe, 0x06, 0x00, 0x05, 0xeb, 0xfe]);
    image.set([0xea, 0x00, 0x00, 0x00, 0xf0], image.length - 16);
    const firmware = session([], [], { firmware: { kind: 'bios', image } });
    for (const boots of [1, 2, 3]) {
      expect(firmware.run({ maxInstructions: boots * 100 }).kind).toBe('instruction-limit');
      expect(firmware.monitor('xp /1xb 0x500', false).text).toBe(`0000000000000500: 0x0${boots}\n`);
      firmware.monitor('system_reset', false);
    }
  });

  it('stop, cont and quit are for whoever runs the machine', () => {
    const guest = session(HLT);
    for (const request of ['stop', 'cont', 'quit'] as const) {
      expect(guest.monitor(request, false)).toEqual({ text: '', request });
    }
  });
});
