import { describe, expect, it } from 'vitest';
import { TraceBus } from '../../base/trace.ts';
import { RawImage } from '../../devices/block/raw-image.ts';
import { MemoryFile } from '../../devices/block/testing/memory-file.ts';
import { CpuPortIo } from '../../memory/index.ts';
import { createQ35 } from './q35.ts';
import { BootLetters } from './q35-boot-order.ts';
import type { Q35Options } from './q35-options.ts';

const MIB = 1024 * 1024;

function board(options: Partial<Q35Options>) {
  return createQ35({
    ramBytes: 4 * MIB,
    cpuModel: 'qemu64',
    personality: 'spec',
    devices: [],
    trackWriters: false,
    trace: new TraceBus(),
    serialOutput: () => {},
    noReboot: false,
    ...options,
  });
}

const drive = (id: string) => ({
  id,
  image: new RawImage(new MemoryFile(id, new Uint8Array(4096))),
  interface: 'none' as const,
  media: 'disk' as const,
});

describe('the boot order', () => {
  it('refuses two devices with one bootindex', () => {
    const result = board({
      drives: [drive('a'), drive('b')],
      devices: [
        { kind: 'ide-hd', drive: 'a', bootIndex: 1 },
        { kind: 'virtio-blk-pci', drive: 'b', bootIndex: 1 },
      ],
    });
    expect(result).toMatchObject({ problem: 'two devices have bootindex 1' });
  });

  it.each([-1, 0.5, 2 ** 31])('refuses bootindex %d', (bootIndex) => {
    const result = board({ drives: [drive('a')], devices: [{ kind: 'ide-hd', drive: 'a', bootIndex }] });
    expect(result).toMatchObject({ problem: `bootindex ${bootIndex} is no number from 0 to 2147483647` });
  });

  it.each(['x', 'cc', 'acdn'])('refuses the letters "%s"', (letters) => {
    expect(board({ boot: { letters } })).toMatchObject({ hint: expect.stringContaining('-boot order=dc') });
    expect(board({ boot: { lettersOnce: letters } })).toMatchObject({
      hint: expect.stringContaining('-boot order=dc'),
    });
  });

  it('has the letters for once in CMOS until the first reset; what a guest writes there later stays', () => {
    const cmos = new Uint8Array(128);
    const letters = new BootLetters(cmos, { letters: 'c', lettersOnce: 'dn' });
    expect([cmos[0x3d], cmos[0x38]]).toEqual([0x43, 0x00]);
    const copy = new BootLetters(new Uint8Array(128), { letters: 'c', lettersOnce: 'dn' });
    letters.reset();
    expect([cmos[0x3d], cmos[0x38]]).toEqual([0x02, 0x00]);
    cmos[0x3d] = 0x03;
    letters.reset();
    expect(cmos[0x3d]).toBe(0x03);
    copy.load(letters.save());
    const before = copy.save();
    copy.reset();
    expect([before, copy.save()]).toEqual([{ once: false }, { once: false }]);
  });

  it('a reset of the machine ends the first boot', () => {
    const machine = board({ boot: { lettersOnce: 'd' } });
    if ('problem' in machine) throw new Error(machine.problem);
    const io = new CpuPortIo(machine.ioSpace);
    const order = () => {
      io.write(0x70, 1, 0x3d);
      return io.read(0x71, 1);
    };
    expect(order()).toBe(0x03);
    io.write(0xcf9, 1, 0x02);
    io.write(0xcf9, 1, 0x06);
    machine.run({ maxInstructions: 1 });
    expect(order()).toBe(0x12);
  });
});
