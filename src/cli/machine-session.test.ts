import { describe, expect, it } from 'vitest';
import { openMachine } from './machine-session.ts';
import { describeOutcome } from './run-loop.ts';

const LOAD_ADDRESS = 0x10_0000;

/** A Multiboot 1 image without ELF (0.6.96 §3.1.3, flag 16: the header has the addresses); 32-bit `code` is its entry. */
function multibootImage(...code: number[]): Uint8Array {
  const HEADER_BYTES = 32;
  const bytes = new Uint8Array(HEADER_BYTES + code.length);
  const flags = 1 << 16;
  const end = LOAD_ADDRESS + bytes.length;
  const words = [0x1bad_b002, flags, -(0x1bad_b002 + flags), LOAD_ADDRESS, LOAD_ADDRESS, end, end];
  const view = new DataView(bytes.buffer);
  for (const [index, word] of [...words, LOAD_ADDRESS + HEADER_BYTES].entries()) view.setUint32(index * 4, word, true);
  bytes.set(code, HEADER_BYTES);
  return bytes;
}

function run(...code: number[]): string {
  const opened = openMachine(
    {
      image: { path: 'kernel', bytes: multibootImage(...code) },
      append: '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: 4 * 2 ** 20,
      cpuModel: 'qemu64',
      personality: 'spec',
      devices: [],
      trackWriters: false,
    },
    { serial: () => undefined, debugConsole: undefined, readSource: () => undefined, inflate: () => undefined },
  );
  if (!opened.ok) throw new Error(opened.problem);
  const { session } = opened;
  return describeOutcome(session.run({ maxInstructions: 1000 }), session).text;
}

describe('an undefined instruction', () => {
  it('without an IDT is a triple fault, as on any PC', () => {
    expect(run(0x0f, 0x0b)).toBe('the guest crashed: triple fault at 0x100020');
  });
});

describe('what cannot be opened', () => {
  it('says whether the image or the machine is wrong', () => {
    const spec = {
      image: { path: 'kernel', bytes: Uint8Array.of(1) },
      append: '',
      initrd: undefined,
      symbols: undefined,
      ramBytes: 4 * 2 ** 20,
      cpuModel: 'qemu64',
      personality: 'spec',
      devices: [],
      trackWriters: true,
    };
    const ports = {
      serial: () => undefined,
      debugConsole: undefined,
      readSource: () => undefined,
      inflate: () => undefined,
    };
    expect(openMachine(spec, ports)).toMatchObject({ ok: false, about: 'image' });
    const image = { path: 'kernel', bytes: multibootImage(0xf4) };
    const symbols = { path: 'notes.txt', bytes: Uint8Array.of(0x68, 0x69), bias: 0n };
    expect(openMachine({ ...spec, image, symbols }, ports)).toMatchObject({
      problem: expect.stringContaining('symbols from notes.txt: '),
    });
    expect(openMachine({ ...spec, ramBytes: 2 ** 33 }, ports)).toMatchObject({ ok: false, about: 'machine' });
  });
});
