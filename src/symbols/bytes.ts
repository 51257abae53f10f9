/** Reading a file that may lie: every read is bounded, and a read that does not fit names the field it was for. */

/** What is wrong with a symbol file, in its own terms. */
export interface FileProblem {
  /** The field in the specification's words: `e_shoff`, `.debug_line unit_length`, `DW_FORM_strp`. */
  readonly field: string;
  /** Bytes from the start of the file, or of the section that the field's name starts with. */
  readonly offset: number;
  readonly message: string;
}

/** Thrown inside this folder and caught at its edge ({@link attempt}); no caller outside sees it. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile';

  constructor(
    readonly field: string,
    readonly offset: number,
    message: string,
  ) {
    super(message);
  }

  get problem(): FileProblem {
    return { field: this.field, offset: this.offset, message: this.message };
  }
}

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: FileProblem };

/** Runs a reader; a malformed file becomes a value, our own mistakes stay exceptions. */
export function attempt<T>(read: () => T): Read<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof MalformedFile) return { ok: false, problem: error.problem };
    throw error;
  }
}

const decoder = new TextDecoder('utf-8');

/** A cursor over part of a file. Offsets are relative to the start of `bytes`. */
export class ByteReader {
  readonly view: DataView;
  offset: number;
  end: number;

  constructor(
    readonly bytes: Uint8Array,
    /** What the bytes are, first word of every problem: `ELF header`, `.debug_info`. */
    readonly what: string,
    readonly littleEndian = true,
    offset = 0,
    end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
    this.end = Math.min(end, bytes.length);
    if (offset > this.end) this.fail('offset', `starts at ${offset}, beyond the ${this.end} bytes there are`);
  }

  get atEnd(): boolean {
    return this.offset >= this.end;
  }

  fail(field: string, message: string): never {
    throw new MalformedFile(`${this.what} ${field}`, this.offset, message);
  }

  #take(size: number, field: string): number {
    const at = this.offset;
    if (at + size > this.end) this.fail(field, `needs ${size} bytes, ${this.end - at} are left`);
    this.offset = at + size;
    return at;
  }

  u8(field: string): number {
    return this.bytes[this.#take(1, field)]!;
  }

  i8(field: string): number {
    return this.view.getInt8(this.#take(1, field));
  }

  u16(field: string): number {
    return this.view.getUint16(this.#take(2, field), this.littleEndian);
  }

  u24(field: string): number {
    const at = this.#take(3, field);
    const [a, b, c] = [this.bytes[at]!, this.bytes[at + 1]!, this.bytes[at + 2]!];
    return this.littleEndian ? a | (b << 8) | (c << 16) : (a << 16) | (b << 8) | c;
  }

  u32(field: string): number {
    return this.view.getUint32(this.#take(4, field), this.littleEndian);
  }

  u64(field: string): bigint {
    return this.view.getBigUint64(this.#take(8, field), this.littleEndian);
  }

  /** A 64-bit size or offset within the file, as a number; a value no file can hold is a problem. */
  size64(field: string): number {
    const value = this.u64(field);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(field, `0x${value.toString(16)} is beyond any file`);
    return Number(value);
  }

  /** An unsigned LEB128. Above 2^53 the value is no longer exact; callers use it as an index or a size. */
  uleb(field: string): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8(field);
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
      scale *= 0x80;
      if (scale > 2 ** 70) this.fail(field, 'LEB128 is longer than 64 bits');
    }
  }

  sleb(field: string): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8(field);
      result += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) return (byte & 0x40) !== 0 ? result - scale : result;
      if (scale > 2 ** 70) this.fail(field, 'LEB128 is longer than 64 bits');
    }
  }

  /** Skips one LEB128 of either kind. */
  skipLeb(field: string): void {
    while (this.u8(field) >= 0x80);
  }

  skip(size: number, field: string): void {
    this.#take(size, field);
  }

  take(size: number, field: string): Uint8Array {
    const at = this.#take(size, field);
    return this.bytes.subarray(at, at + size);
  }

  /** A zero-terminated string. */
  cstring(field: string): string {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0 || end >= this.end) this.fail(field, 'string has no end');
    const text = decoder.decode(this.bytes.subarray(this.offset, end));
    this.offset = end + 1;
    return text;
  }
}

/** The zero-terminated string at `offset` of a string section; `undefined` when it is not inside. */
export function stringAt(bytes: Uint8Array, offset: number): string | undefined {
  if (!(offset >= 0 && offset < bytes.length)) return undefined;
  const end = bytes.indexOf(0, offset);
  return decoder.decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}
