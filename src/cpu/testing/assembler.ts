/** A few x86-64 encodings by name, with labels, so that tests read as programs (Intel SDM Vol. 2). */
import { assert } from '../../base/assert.ts';

/** Register numbers as ModRM has them. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R15 = 15;

interface Fixup {
  readonly at: number;
  readonly label: string;
}

/** Emits 64-bit code from `origin` on. Methods return `this`. */
export class Assembler {
  readonly #bytes: number[] = [];
  readonly #labels = new Map<string, number>();
  readonly #fixups: Fixup[] = [];

  constructor(readonly origin: number) {}

  /** Address of the next byte. */
  get here(): number {
    return this.origin + this.#bytes.length;
  }

  bytes(...values: readonly number[]): this {
    this.#bytes.push(...values);
    return this;
  }

  #value(value: number | bigint, size: number): this {
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let index = 0; index < size; index++, rest >>= 8n) this.#bytes.push(Number(rest & 0xffn));
    return this;
  }

  label(name: string): this {
    assert(!this.#labels.has(name), `label ${name} is new`);
    this.#labels.set(name, this.here);
    return this;
  }

  addressOf(name: string): number {
    const address = this.#labels.get(name);
    assert(address !== undefined, `label ${name} exists`);
    return address;
  }

  #relative(label: string): this {
    this.#fixups.push({ at: this.#bytes.length, label });
    return this.#value(0, 4);
  }

  #rex(register: number, base: number, wide = true): this {
    return this.bytes(0x40 | (wide ? 8 : 0) | ((register >> 3) << 2) | (base >> 3));
  }

  /** ModRM for [base + disp32]; RSP and R12 need a SIB byte. */
  #memory(register: number, base: number, displacement: number): this {
    this.bytes(0x80 | ((register & 7) << 3) | (base & 7));
    if ((base & 7) === 4) this.bytes(0x24);
    return this.#value(displacement, 4);
  }

  /** mov r64, imm64 */
  mov(register: number, value: number | bigint): this {
    return this.#rex(0, register)
      .bytes(0xb8 | (register & 7))
      .#value(value, 8);
  }

  /** mov r64, r64 */
  move(to: number, from: number): this {
    return this.#rex(from, to).bytes(0x89, 0xc0 | ((from & 7) << 3) | (to & 7));
  }

  /** mov r, [base + disp] of 1, 4 or 8 bytes (1 into the low byte) */
  load(register: number, base: number, displacement = 0, size = 8): this {
    return this.#rex(register, base, size === 8)
      .bytes(size === 1 ? 0x8a : 0x8b)
      .#memory(register, base, displacement);
  }

  /** mov [base + disp], r of 1, 4 or 8 bytes */
  store(base: number, displacement: number, register: number, size = 8): this {
    return this.#rex(register, base, size === 8)
      .bytes(size === 1 ? 0x88 : 0x89)
      .#memory(register, base, displacement);
  }

  /** add r64, imm32 */
  add(register: number, value: number): this {
    return this.#rex(0, register)
      .bytes(0x81, 0xc0 | (register & 7))
      .#value(value, 4);
  }

  /** inc r64 */
  inc(register: number): this {
    return this.#rex(0, register).bytes(0xff, 0xc0 | (register & 7));
  }

  /** dec r64 */
  dec(register: number): this {
    return this.#rex(0, register).bytes(0xff, 0xc8 | (register & 7));
  }

  jmp(label: string): this {
    return this.bytes(0xe9).#relative(label);
  }

  jnz(label: string): this {
    return this.bytes(0x0f, 0x85).#relative(label);
  }

  call(label: string): this {
    return this.bytes(0xe8).#relative(label);
  }

  /** jmp r64 */
  jmpRegister(register: number): this {
    return this.#rex(0, register, false).bytes(0xff, 0xe0 | (register & 7));
  }

  /** out imm8, al */
  out(port: number): this {
    return this.bytes(0xe6, port);
  }

  hlt(): this {
    return this.bytes(0xf4);
  }

  iretq(): this {
    return this.bytes(0x48, 0xcf);
  }

  nop(count = 1): this {
    for (let index = 0; index < count; index++) this.bytes(0x90);
    return this;
  }

  /** The bytes, with the labels filled in. */
  assemble(): Uint8Array {
    const code = Uint8Array.from(this.#bytes);
    const view = new DataView(code.buffer);
    for (const { at, label } of this.#fixups) view.setInt32(at, this.addressOf(label) - (this.origin + at + 4), true);
    return code;
  }
}
