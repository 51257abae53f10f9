/** What stands in an ELF file's sections: decompressed bytes, symbols, notes. */
import { ByteReader, MalformedFile, stringAt } from '../bytes.ts';
import {
  type ElfFile,
  type ElfSection,
  PT_NOTE,
  rawSection,
  SHF_COMPRESSED,
  SHT_DYNSYM,
  SHT_NOTE,
  SHT_SYMTAB,
} from './file.ts';

/**
 * Inflates a zlib stream to exactly `size` bytes; `undefined` when the stream is damaged or longer. The host gives it
 * (Node: `zlib.inflateSync` with `maxOutputLength`), because the machine's layers have no zlib.
 */
export type Inflate = (compressed: Uint8Array, size: number) => Uint8Array | undefined;

/** Decompressed debug sections above 1 GiB are a bomb, not a kernel. */
const INFLATED_BYTES_MAX = 2 ** 30;
/** zlib cannot do better than 1032:1, so a larger claim is a lie before a byte is inflated. */
const ZLIB_RATIO_MAX = 1032;

const ELFCOMPRESS_ZLIB = 1;

/** The bytes of the section `name` (`.debug_info`; also finds GNU's old `.zdebug_info`), decompressed; or `undefined`. */
export function sectionByName(file: ElfFile, name: string, inflate?: Inflate): Uint8Array | undefined {
  const section = file.sections.find((each) => each.name === name);
  if (section !== undefined) return sectionBytes(file, section, inflate);
  const old = file.sections.find((each) => each.name === name.replace('.debug', '.zdebug'));
  return old === undefined ? undefined : inflateGnu(rawSection(file, old), old.name, inflate);
}

/** The section's bytes; SHF_COMPRESSED ones are inflated (gABI, "Section Compression"). */
export function sectionBytes(file: ElfFile, section: ElfSection, inflate?: Inflate): Uint8Array {
  const raw = rawSection(file, section);
  if ((section.flags & SHF_COMPRESSED) === 0) return raw;
  const reader = new ByteReader(raw, section.name, file.littleEndian);
  const type = reader.u32('ch_type');
  if (file.bits === 64) reader.u32('ch_reserved');
  const size = file.bits === 64 ? reader.size64('ch_size') : reader.u32('ch_size');
  reader.skip(file.bits === 64 ? 8 : 4, 'ch_addralign');
  if (type !== ELFCOMPRESS_ZLIB) reader.fail('ch_type', `compression ${type} is not supported; 1 (zlib) is`);
  return inflated(raw.subarray(reader.offset), size, section.name, inflate);
}

function inflateGnu(raw: Uint8Array, name: string, inflate: Inflate | undefined): Uint8Array {
  const reader = new ByteReader(raw, name, false);
  if (reader.u32('magic') !== 0x5a4c_4942) reader.fail('magic', 'does not start with "ZLIB"');
  const size = reader.size64('size');
  return inflated(raw.subarray(reader.offset), size, name, inflate);
}

function inflated(data: Uint8Array, size: number, name: string, inflate: Inflate | undefined): Uint8Array {
  if (inflate === undefined) throw new MalformedFile(`${name} ch_type`, 0, 'is compressed and no zlib was given');
  if (size > INFLATED_BYTES_MAX || size > data.length * ZLIB_RATIO_MAX + 64) {
    throw new MalformedFile(`${name} ch_size`, 0, `${size} bytes cannot come out of ${data.length}`);
  }
  const bytes = inflate(data, size);
  if (bytes === undefined || bytes.length !== size) {
    throw new MalformedFile(`${name} ch_size`, 0, `does not inflate to the ${size} bytes promised`);
  }
  return bytes;
}

export interface ElfSymbol {
  readonly name: string;
  readonly value: bigint;
  /** Bytes; 0 when the producer did not say. */
  readonly size: number;
  /** STT: 0 NOTYPE, 1 OBJECT, 2 FUNC, 3 SECTION, 4 FILE, 6 TLS, 10 GNU_IFUNC. */
  readonly type: number;
  /** STB: 0 LOCAL, 1 GLOBAL, 2 WEAK. */
  readonly binding: number;
  /** Index of its section; 0 undefined, 0xfff1 absolute. */
  readonly section: number;
}

/** All symbols of .symtab, or of .dynsym when a stripped file has only that. */
export function readSymbols(file: ElfFile): ElfSymbol[] {
  const table =
    file.sections.find((section) => section.type === SHT_SYMTAB) ??
    file.sections.find((section) => section.type === SHT_DYNSYM);
  if (table === undefined) return [];
  const strings = file.sections[table.link];
  if (strings === undefined) {
    throw new MalformedFile(`${table.name} sh_link`, 0, `names section ${table.link} of ${file.sections.length}`);
  }
  const names = rawSection(file, strings);
  const wide = file.bits === 64;
  const entrySize = wide ? 24 : 16;
  const reader = new ByteReader(rawSection(file, table), table.name, file.littleEndian);
  const symbols: ElfSymbol[] = [];
  while (reader.offset + entrySize <= reader.end) {
    const name = reader.u32('st_name');
    const early = wide ? 0n : BigInt(reader.u32('st_value'));
    const earlySize = wide ? 0 : reader.u32('st_size');
    const info = reader.u8('st_info');
    reader.u8('st_other');
    const section = reader.u16('st_shndx');
    const value = wide ? reader.u64('st_value') : early;
    // Only compared and shown; a wild 64-bit size must not make the whole table unreadable.
    const size = wide ? Number(reader.u64('st_size')) : earlySize;
    const text = stringAt(names, name);
    if (text === undefined) return reader.fail('st_name', `${name} is outside of the ${names.length} bytes of strings`);
    symbols.push({ name: text, value, size, type: info & 0xf, binding: info >> 4, section });
  }
  return symbols;
}

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}

/** The notes of all note sections, or of the note segments when the section headers were stripped. */
export function readNotes(file: ElfFile): ElfNote[] {
  const sections = file.sections.filter((section) => section.type === SHT_NOTE);
  const notes: ElfNote[] = [];
  for (const section of sections) notes.push(...notesIn(rawSection(file, section), section.name, file.littleEndian));
  if (sections.length > 0) return notes;
  for (const segment of file.segments) {
    if (segment.type !== PT_NOTE) continue;
    if (segment.offset + segment.fileSize > file.bytes.length) {
      throw new MalformedFile('PT_NOTE p_offset', segment.offset, 'reaches beyond the end of the file');
    }
    const bytes = file.bytes.subarray(segment.offset, segment.offset + segment.fileSize);
    notes.push(...notesIn(bytes, 'PT_NOTE', file.littleEndian));
  }
  return notes;
}

function notesIn(bytes: Uint8Array, what: string, littleEndian: boolean): ElfNote[] {
  const reader = new ByteReader(bytes, what, littleEndian);
  const notes: ElfNote[] = [];
  while (reader.offset + 12 <= reader.end) {
    const nameSize = reader.u32('n_namesz');
    const descriptionSize = reader.u32('n_descsz');
    const type = reader.u32('n_type');
    const name = stringAt(reader.take(nameSize, 'n_namesz'), 0) ?? '';
    alignTo4(reader);
    const description = reader.take(descriptionSize, 'n_descsz');
    alignTo4(reader);
    notes.push({ name, type, description });
  }
  return notes;
}

function alignTo4(reader: ByteReader): void {
  reader.offset = Math.min((reader.offset + 3) & ~3, reader.end);
}

const NT_GNU_BUILD_ID = 3;

/** The build id in lower-case hex, or `undefined`. */
export function buildId(file: ElfFile): string | undefined {
  const note = readNotes(file).find((each) => each.name === 'GNU' && each.type === NT_GNU_BUILD_ID);
  if (note === undefined) return undefined;
  return Array.from(note.description, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
