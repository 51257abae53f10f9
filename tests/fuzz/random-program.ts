/**
 * Images of random code that lives on: it has its own GDT, an IDT whose handlers go on at the next byte of the code, an
 * interrupt handler that acknowledges, and registers that point at RAM, the controller, ECAM and the local APIC.
 */
import type { Dice } from './dice.ts';

const BASE = 0x10_0000;
const IMAGE_BYTES = 0x4000;
/** Offsets in the image. */
const ENTRY = 0x40;
const GDT = 0x100;
const GDTR = 0x180;
const IDTR = 0x190;
const HANDLERS = 0x200;
const TSS = 0x800;
const IDT = 0x1000;
const CODE = 0x2000;
export const CODE_BYTES = 0x1000;
const STACK_TOP = BASE + 0x3800;
const EXCEPTION_STACK_TOP = BASE + 0x4000;

const ECAM = 0xb000_0000;
const XHCI = 0xfebf_8000;
const LOCAL_APIC = 0xfee0_0000;
const SCRATCH = 0x20_0000;
/** Vectors that push an error code (Intel SDM Vol. 3A table 6-1). */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30]);
const FIRST_INTERRUPT_VECTOR = 0x20;

const PORTS = [
  0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xe9, 0x3f8, 0x3f9, 0x3fb, 0x3fd, 0x4d0,
  0xcf8, 0xcfc, 0xcfe,
];
const MSRS = [0x10, 0x1b, 0x174, 0x277, 0x802, 0x80b, 0xc000_0080, 0xc000_0081, 0xc000_0082, 0xc000_0100, 0xc000_0101];
const XHCI_OFFSETS = [
  0, 4, 0x18, 0x40, 0x44, 0x58, 0x5c, 0x70, 0x78, 0x440, 0x480, 0x1000, 0x1020, 0x1028, 0x1030, 0x1038,
];

class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  put(at: number, ...bytes: readonly number[]): number {
    this.bytes.set(bytes, at);
    return at + bytes.length;
  }

  word(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  long(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  quad(at: number, value: bigint): void {
    this.#view.setBigUint64(at, value, true);
  }
}

function imm32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** A Multiboot 1 image (address fields) that runs `code` in 32-bit protected mode without paging. */
export function multibootImage(code: Uint8Array): Uint8Array {
  const image = new Writer(IMAGE_BYTES);
  const flags = 0x1_0000;
  const fields = [
    0x1bad_b002,
    flags,
    -(0x1bad_b002 + flags),
    BASE,
    BASE,
    BASE + IMAGE_BYTES,
    BASE + IMAGE_BYTES,
    BASE + ENTRY,
  ];
  for (const [index, field] of fields.entries()) image.long(4 * index, field >>> 0);
  tables(image, 32);
  const at = image.put(ENTRY, 0x0f, 0x01, 0x15, ...imm32(BASE + GDTR), 0x0f, 0x01, 0x1d, ...imm32(BASE + IDTR));
  const far = at + 7;
  image.put(at, 0xea, ...imm32(BASE + far), 0x08, 0x00);
  image.put(
    far,
    ...[0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, ...imm32(STACK_TOP)],
    ...[0xbb, ...imm32(ECAM), 0xbe, ...imm32(XHCI), 0xbf, ...imm32(SCRATCH), 0xbd, ...imm32(LOCAL_APIC)],
    ...[0xb8, ...imm32(BASE + CODE), 0xff, 0xe0],
  );
  image.bytes.set(code.subarray(0, CODE_BYTES), CODE);
  return image.bytes;
}

/** An ELF64 without a boot header: `code` runs in 64-bit mode with the low 4 GiB identity-mapped. */
export function longModeImage(code: Uint8Array): Uint8Array {
  const image = new Writer(IMAGE_BYTES);
  tables(image, 64);
  const at = image.put(
    ENTRY,
    0x0f,
    0x01,
    0x14,
    0x25,
    ...imm32(BASE + GDTR),
    0x0f,
    0x01,
    0x1c,
    0x25,
    ...imm32(BASE + IDTR),
  );
  const far = at + 6 + 5 + 2 + 2;
  const next = image.put(at, 0xbc, ...imm32(STACK_TOP), 0x6a, 0x08, 0x68, ...imm32(BASE + far), 0x48, 0xcb);
  image.put(
    next,
    ...[0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x66, 0xb8, 0x18, 0x00, 0x0f, 0x00, 0xd8],
    ...[0xbb, ...imm32(ECAM), 0xbe, ...imm32(XHCI), 0xbf, ...imm32(SCRATCH), 0xbd, ...imm32(LOCAL_APIC)],
    ...[0xb8, ...imm32(BASE + CODE), 0xff, 0xe0],
  );
  image.bytes.set(code.subarray(0, CODE_BYTES), CODE);
  return elf64(image.bytes);
}

function elf64(program: Uint8Array): Uint8Array {
  const header = 0x1000;
  const file = new Writer(header + program.length);
  file.put(0, 0x7f, 0x45, 0x4c, 0x46, 2, 1, 1);
  file.word(16, 2);
  file.word(18, 62);
  file.long(20, 1);
  file.quad(24, BigInt(BASE + ENTRY));
  file.quad(32, 64n);
  file.word(52, 64);
  file.word(54, 56);
  file.word(56, 1);
  file.word(58, 64);
  file.long(64, 1);
  file.long(68, 7);
  for (const [index, value] of [header, BASE, BASE, program.length, program.length, 0x1000].entries()) {
    file.quad(72 + 8 * index, BigInt(value));
  }
  file.bytes.set(program, header);
  return file.bytes;
}

function tables(image: Writer, bits: 32 | 64): void {
  const long = bits === 64;
  image.quad(GDT + 8, long ? 0x00af_9b00_0000_ffffn : 0x00cf_9b00_0000_ffffn);
  image.quad(GDT + 16, 0x00cf_9300_0000_ffffn);
  const tss = BigInt(BASE + TSS);
  image.quad(GDT + 24, 0x0000_8900_0000_0067n | ((tss & 0xff_ffffn) << 16n) | ((tss >> 24n) << 56n));
  image.word(GDTR, 0x2f);
  image.quad(GDTR + 2, BigInt(BASE + GDT));
  image.word(IDTR, (long ? 16 : 8) * 256 - 1);
  image.quad(IDTR + 2, BigInt(BASE + IDT));
  if (long) image.quad(TSS + 0x24, BigInt(EXCEPTION_STACK_TOP));
  else image.long(TSS + 4, EXCEPTION_STACK_TOP);
  const [plain, coded, acknowledge] = long ? handlers64(image) : handlers32(image);
  for (let vector = 0; vector < 256; vector += 1) {
    const handler = vector >= FIRST_INTERRUPT_VECTOR ? acknowledge : WITH_ERROR_CODE.has(vector) ? coded : plain;
    const gate = IDT + vector * (long ? 16 : 8);
    const offset = BASE + handler;
    image.long(gate, 0x0008_0000 | (offset & 0xffff));
    image.long(gate + 4, ((offset & 0xffff_0000) | 0x8e00 | (long ? 1 : 0)) >>> 0);
  }
}

/** Goes on at the byte after the one that faulted, wrapped to stay in the code, on a fresh stack. */
function handlers32(image: Writer): [number, number, number] {
  const resume = [
    ...[0xbc, ...imm32(STACK_TOP), 0x40, 0x25, ...imm32(CODE_BYTES - 1), 0x05, ...imm32(BASE + CODE)],
    ...[0x68, ...imm32(0x202), 0x6a, 0x08, 0x50, 0xcf],
  ];
  image.put(HANDLERS, 0x8b, 0x04, 0x24, ...resume);
  image.put(HANDLERS + 0x80, 0x8b, 0x44, 0x24, 0x04, ...resume);
  image.put(HANDLERS + 0x100, 0x50, 0xb0, 0x20, 0xe6, 0x20, 0xe6, 0xa0, 0x58, 0xcf);
  return [HANDLERS, HANDLERS + 0x80, HANDLERS + 0x100];
}

function handlers64(image: Writer): [number, number, number] {
  const resume = [
    ...[0x48, 0xff, 0xc0, 0x25, ...imm32(CODE_BYTES - 1), 0x05, ...imm32(BASE + CODE)],
    ...[0xbc, ...imm32(EXCEPTION_STACK_TOP), 0x6a, 0x10, 0x68, ...imm32(STACK_TOP), 0x68, ...imm32(0x202), 0x6a, 0x08],
    ...[0x50, 0x48, 0xcf],
  ];
  image.put(HANDLERS, 0x48, 0x8b, 0x04, 0x24, ...resume);
  image.put(HANDLERS + 0x80, 0x48, 0x8b, 0x44, 0x24, 0x08, ...resume);
  image.put(HANDLERS + 0x100, 0x50, 0xb0, 0x20, 0xe6, 0x20, 0xe6, 0xa0, 0x58, 0x48, 0xcf);
  return [HANDLERS, HANDLERS + 0x80, HANDLERS + 0x100];
}

/** Random bytes among instructions that reach the machine: ports, registers, control registers, strings, HLT. */
export function randomCode(dice: Dice, length = CODE_BYTES): Uint8Array {
  const code = new Uint8Array(length);
  const plain = dice.chance(4);
  for (let at = 0; at < length; ) {
    const piece = plain ? dice.bytes(8) : Uint8Array.from(instruction(dice));
    code.set(piece.subarray(0, length - at), at);
    at += piece.length;
  }
  return code;
}

function instruction(dice: Dice): readonly number[] {
  const random = () => dice.next() >>> 24;
  const port = dice.pick(PORTS);
  const rm = () => dice.pick([0x03, 0x06, 0x07, 0x83, 0x86, 0x87, 0xc0, 0xc1, 0xd8]);
  switch (dice.below(16)) {
    case 0:
      return [0x66, 0xba, port & 0xff, port >>> 8, dice.pick([0xec, 0xed, 0xee, 0xef])];
    case 1:
      return [0xb8, ...imm32(dice.next()), 0x66, 0xba, port & 0xff, port >>> 8, dice.pick([0xee, 0xef])];
    case 2:
      return [0x8b, 0x86, ...imm32(dice.pick(XHCI_OFFSETS))];
    case 3:
      return [0xc7, 0x86, ...imm32(dice.pick(XHCI_OFFSETS)), ...imm32(dice.pick([1, 2, 5, dice.next(), SCRATCH + 64]))];
    case 4:
      return [dice.pick([0x8b, 0x89, 0x88, 0x8a]), 0x83, ...imm32(dice.below(0x4000))];
    case 5:
      return [0xc7, 0x85, ...imm32(16 * dice.below(64)), ...imm32(dice.next())];
    case 6:
      return [0xb9, ...imm32(dice.pick(MSRS)), 0x0f, dice.pick([0x30, 0x32, 0x32])];
    case 7:
      return [0x0f, dice.pick([0x20, 0x22]), 0xc0 | (dice.pick([0, 2, 3, 4]) << 3)];
    case 8:
      return [0xb9, ...imm32(dice.below(64)), dice.pick([0xf3, 0xf2]), dice.pick([0xa4, 0xa5, 0xaa, 0xab, 0x6d, 0xaf])];
    case 9:
      return [dice.pick([0xf4, 0xfb, 0xfa, 0x90, 0x9c, 0x9d, 0xcf, 0xcc, 0x9b])];
    case 10:
      return [0x0f, 0x01, random()];
    case 11:
      return [dice.pick([0x66, 0xf0, 0xf2, 0xf3]), 0x0f, random(), rm()];
    case 12:
      return [0x0f, random(), rm(), random()];
    case 13:
      return [dice.pick([0x70, 0x75, 0xeb, 0xe2]), random()];
    case 14:
      return [0x48, random(), rm()];
    default:
      return [random(), rm(), ...imm32(dice.next())];
  }
}
