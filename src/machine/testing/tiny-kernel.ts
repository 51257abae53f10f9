/** Multiboot images of a few bytes of code, for tests of the machine. */
import { TraceBus } from '../../base/trace.ts';
import { createQ35 } from '../boards/q35.ts';
import type { DeviceOption, Q35Options } from '../boards/q35-options.ts';
import { Machine } from '../machine.ts';

const HEADER_MAGIC = 0x1bad_b002;
const FLAGS = 0x1_0000;
const LOAD_ADDRESS = 0x10_0000;
const CODE_OFFSET = 32;

/** `code` runs in 32-bit protected mode at 1 MiB + 32. */
export function tinyKernel(code: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(CODE_OFFSET + code.length);
  const view = new DataView(bytes.buffer);
  const words = [HEADER_MAGIC, FLAGS, -(HEADER_MAGIC + FLAGS) >>> 0, LOAD_ADDRESS, LOAD_ADDRESS, 0, 0];
  for (const [index, word] of [...words, LOAD_ADDRESS + CODE_OFFSET].entries()) view.setUint32(index * 4, word, true);
  bytes.set(code, CODE_OFFSET);
  return bytes;
}

export const DEBUG_EXIT: DeviceOption = { kind: 'isa-debug-exit', port: 0xf4, size: 4 };

export interface TestBoard {
  readonly machine: Machine;
  serial(): string;
}

/** A board with 16 MiB and isa-debug-exit, unless told otherwise. */
export function testBoard(options: Partial<Q35Options> = {}): TestBoard {
  let serial = '';
  const machine = createQ35({
    ramBytes: 16 * 1024 * 1024,
    cpuModel: 'qemu64',
    personality: 'spec',
    devices: [DEBUG_EXIT],
    trackWriters: true,
    trace: new TraceBus(),
    serialOutput: (byte) => {
      serial += String.fromCharCode(byte);
    },
    ...options,
  });
  if (!(machine instanceof Machine)) throw new Error(`${machine.problem}: ${machine.hint}`);
  return { machine, serial: () => serial };
}

/** The board with an image loaded; throws when the image is refused. */
export function loadedBoard(image: Uint8Array, options: Partial<Q35Options> = {}, commandLine = ''): TestBoard {
  const board = testBoard(options);
  const loaded = board.machine.load(image, { commandLine, imageName: 'kernel', modules: [] });
  if ('problem' in loaded) throw new Error(loaded.problem);
  return board;
}
