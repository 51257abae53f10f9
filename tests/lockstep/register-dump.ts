/**
 * QEMU's register dump: what `-d cpu,fpu` logs before each instruction and `info registers` prints. The general
 * registers are read at once; the rest is parsed only where it differs from the dump before.
 */

const LINE_32 = 4 * 13;
const LINE_64 = 4 * 21;
const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDT', 'TR'] as const;
/** QEMU prints AX BX CX DX SI DI BP SP R8..; registers are numbered AX CX DX BX SP BP SI DI R8... */
const PRINTED_ORDER = [0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15];

export interface DumpSegment {
  readonly selector: number;
  readonly base: bigint;
  readonly limit: number;
  /** As in the processor's state block: descriptor bits 8-15 and 20-23, shifted down by 8. */
  readonly attributes: number;
}

export interface SystemRegisters {
  /** es cs ss ds fs gs ldtr tr */
  readonly segments: readonly DumpSegment[];
  readonly gdt: { readonly base: bigint; readonly limit: number };
  readonly idt: { readonly base: bigint; readonly limit: number };
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** DR0 to DR3, DR6, DR7. */
  readonly debug: readonly bigint[];
  readonly cpl: number;
}

export interface FloatRegisters {
  readonly controlWord: number;
  readonly statusWord: number;
  /** One bit for each physical register: 1 means in use. */
  readonly tags: number;
  readonly mxcsr: number;
  /** Physical registers: {mantissa, sign and exponent}. */
  readonly x87: readonly { readonly mantissa: bigint; readonly exponent: number }[];
  /** 16, or 8 outside 64-bit code. */
  readonly xmm: readonly bigint[];
}

export class RegisterDump {
  /** 16 registers as {low, high} words. Outside 64-bit code QEMU shows 8 of them, and 32 bits of each. */
  readonly general = new Uint32Array(32);
  readonly is64: boolean;
  readonly ipLow: number;
  readonly ipHigh: number;
  readonly flags: number;
  readonly #bytes: Buffer;
  /** Where the part after EFLAGS begins, the line of QEMU's own flag state, EFER, and the x87 and SSE state. */
  readonly #system: number;
  readonly #internal: number;
  readonly #efer: number;
  readonly #float: number;

  /** `bytes`: one dump, from its first register on. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.is64 = bytes[0] === 0x52;
    const count = this.is64 ? 16 : 8;
    const line = this.is64 ? LINE_64 : LINE_32;
    for (let printed = 0; printed < count; printed++) {
      const at = (printed >>> 2) * line + (printed & 3) * (line >>> 2) + 4;
      const register = PRINTED_ORDER[printed]! * 2;
      this.general[register] = this.is64 ? word(bytes, at + 8) : word(bytes, at);
      if (this.is64) this.general[register + 1] = word(bytes, at);
    }
    const ip = (count >>> 2) * line + 4;
    this.ipHigh = this.is64 ? word(bytes, ip) : 0;
    this.ipLow = word(bytes, this.is64 ? ip + 8 : ip);
    const flags = ip + (this.is64 ? 16 : 8) + 5;
    this.flags = word(bytes, flags);
    // The letters of the flags stand in between.
    this.#system = bytes.indexOf('CPL=', flags);
    const internal = bytes.indexOf('CCS=', this.#system);
    this.#efer = bytes.indexOf('EFER=', this.#system);
    this.#internal = internal < 0 ? this.#efer : internal;
    this.#float = bytes.indexOf('\n', this.#efer) + 1;
  }

  get ip(): bigint {
    return (BigInt(this.ipHigh) << 32n) | BigInt(this.ipLow);
  }

  register(index: number): bigint {
    return (BigInt(this.general[index * 2 + 1]!) << 32n) | BigInt(this.general[index * 2]!);
  }

  sameSystem(other: RegisterDump): boolean {
    return (
      same(this.#bytes, this.#system, this.#internal, other.#bytes, other.#system, other.#internal) &&
      same(this.#bytes, this.#efer, this.#float, other.#bytes, other.#efer, other.#float)
    );
  }

  sameFloat(other: RegisterDump): boolean {
    return same(this.#bytes, this.#float, this.#bytes.length, other.#bytes, other.#float, other.#bytes.length);
  }

  /** Nothing changed since `other`: QEMU logged an instruction that it then did not start. */
  sameAs(other: RegisterDump): boolean {
    return (
      this.is64 === other.is64 &&
      this.flags === other.flags &&
      this.ipLow === other.ipLow &&
      this.ipHigh === other.ipHigh &&
      this.general.every((value, index) => value === other.general[index]) &&
      this.sameSystem(other) &&
      this.sameFloat(other)
    );
  }

  system(): SystemRegisters {
    const text = this.#bytes.toString('latin1', this.#system, this.#float);
    const number = (pattern: RegExp): bigint => BigInt(`0x${pattern.exec(text)?.[1] ?? '0'}`);
    const table = (name: string) => {
      const [, base, limit] = new RegExp(`${name}=\\s+(\\w+) (\\w+)`).exec(text) ?? ['', '0', '0'];
      return { base: BigInt(`0x${base}`), limit: Number.parseInt(limit!, 16) };
    };
    return {
      segments: SEGMENTS.map((name) => segment(text, name)),
      gdt: table('GDT'),
      idt: table('IDT'),
      cr0: number(/CR0=(\w+)/),
      cr2: number(/CR2=(\w+)/),
      cr3: number(/CR3=(\w+)/),
      cr4: number(/CR4=(\w+)/),
      efer: number(/EFER=(\w+)/),
      debug: [0, 1, 2, 3, 6, 7].map((index) => number(new RegExp(`DR${index}=(\\w+)`))),
      cpl: Number(number(/CPL=(\d)/)),
    };
  }

  float(): FloatRegisters | undefined {
    const text = this.#bytes.toString('latin1', this.#float);
    const control = /FCW=(\w+) FSW=(\w+) \[ST=\d\] FTW=(\w+) MXCSR=(\w+)/.exec(text);
    if (control === null) return undefined;
    const [controlWord, statusWord, tags, mxcsr] = control.slice(1).map((value) => Number.parseInt(value, 16));
    return {
      controlWord: controlWord!,
      statusWord: statusWord!,
      tags: tags!,
      mxcsr: mxcsr!,
      x87: [...text.matchAll(/FPR\d=(\w+) (\w+)/g)].map(([, mantissa, exponent]) => ({
        mantissa: BigInt(`0x${mantissa}`),
        exponent: Number.parseInt(exponent!, 16),
      })),
      xmm: [...text.matchAll(/XMM\d\d=(\w+) (\w+)/g)].map(([, high, low]) => BigInt(`0x${high}${low}`)),
    };
  }

  toString(): string {
    return this.#bytes.toString('latin1');
  }
}

function segment(text: string, name: string): DumpSegment {
  const found = new RegExp(`\\n${name.padEnd(3)}=(\\w+) (\\w+) (\\w+) (\\w+)`).exec(text);
  const [selector, base, limit, flags] = (found ?? ['', '0', '0', '0', '0']).slice(1);
  return {
    selector: Number.parseInt(selector!, 16),
    base: BigInt(`0x${base}`),
    limit: Number.parseInt(limit!, 16),
    attributes: (Number.parseInt(flags!, 16) >>> 8) & 0xf0ff,
  };
}

/** Eight hexadecimal digits. */
function word(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + 8; index++) {
    const digit = bytes[index]!;
    value = (value << 4) | (digit <= 0x39 ? digit - 0x30 : digit - 0x57);
  }
  return value >>> 0;
}

function same(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): boolean {
  return aEnd - aStart === bEnd - bStart && a.compare(b, bStart, bEnd, aStart, aEnd) === 0;
}
