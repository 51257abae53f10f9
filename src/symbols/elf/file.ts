/**
 * The ELF container, 32 and 64 bits, both byte orders: header, program headers, sections (compressed ones too),
 * symbols and notes (System V ABI, chapter 4 and 5; gABI "Section Compression").
 *
 * Does not implement: relocations of relocatable objects (a kernel is linked), zstd-compressed sections.
 */
import { attempt, ByteReader, MalformedFile, type Read, stringAt } from '../bytes.ts';

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** sh_type: 1 PROGBITS, 2 SYMTAB, 3 STRTAB, 7 NOTE, 8 NOBITS, 11 DYNSYM. */
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly offset: number;
  /** Bytes, in the file or (NOBITS) in memory. */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entrySize: number;
}

export interface ElfSegment {
  /** p_type: 1 LOAD, 2 DYNAMIC, 3 INTERP, 4 NOTE, 7 TLS. */
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** e_type: 1 REL, 2 EXEC, 3 DYN. */
  readonly type: number;
  /** e_machine: 3 i386, 62 x86-64, 183 AArch64, 243 RISC-V. */
  readonly machine: number;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  readonly sections: readonly ElfSection[];
}

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHF_ALLOC = 0x2;
export const SHF_EXECINSTR = 0x4;
export const SHF_COMPRESSED = 0x800;
export const PT_LOAD = 1;
export const PT_NOTE = 4;

/** Headers beyond this are a damaged count: the largest kernels built with a section per function have some 10^5. */
const HEADERS_MAX = 1 << 20;

const SHN_XINDEX = 0xffff;
const PN_XNUM = 0xffff;

/** Reads the headers. Nothing else of the file is touched; sections are read when asked for. */
export function readElf(bytes: Uint8Array): Read<ElfFile> {
  return attempt(() => readHeaders(bytes));
}

interface Header {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly segmentOffset: number;
  readonly sectionOffset: number;
  readonly segmentEntrySize: number;
  readonly segmentCount: number;
  readonly sectionEntrySize: number;
  readonly sectionCount: number;
  readonly nameSection: number;
}

function readHeaders(bytes: Uint8Array): ElfFile {
  const header = readFileHeader(bytes);
  const first = header.sectionOffset === 0 ? undefined : readSectionHeader(bytes, header, 0);
  // gABI: counts that do not fit 16 bits stand in section 0.
  const sectionCount = header.sectionCount === 0 && first !== undefined ? first.size : header.sectionCount;
  const segmentCount = header.segmentCount === PN_XNUM && first !== undefined ? first.info : header.segmentCount;
  const nameSection = header.nameSection === SHN_XINDEX && first !== undefined ? first.link : header.nameSection;
  checkTable(bytes, 'e_shnum', header.sectionOffset, header.sectionEntrySize, sectionCount);
  checkTable(bytes, 'e_phnum', header.segmentOffset, header.segmentEntrySize, segmentCount);
  const raw = Array.from({ length: sectionCount }, (_, index) => readSectionHeader(bytes, header, index));
  const names = raw[nameSection];
  if (nameSection !== 0 && names === undefined) {
    throw new MalformedFile('e_shstrndx', 0, `names section ${nameSection}, the file has ${sectionCount} sections`);
  }
  const strings = names === undefined ? new Uint8Array(0) : plainBytes(bytes, names, '.shstrtab');
  const { bits, littleEndian, type, machine, entry } = header;
  return {
    bytes,
    bits,
    littleEndian,
    type,
    machine,
    entry,
    segments: Array.from({ length: segmentCount }, (_, index) => readSegment(bytes, header, index)),
    sections: raw.map(({ nameOffset, ...section }) => ({ ...section, name: stringAt(strings, nameOffset) ?? '' })),
  };
}

function checkTable(bytes: Uint8Array, field: string, offset: number, entrySize: number, count: number): void {
  if (count === 0) return;
  if (count > HEADERS_MAX || offset + count * entrySize > bytes.length) {
    throw new MalformedFile(
      field,
      offset,
      `${count} headers of ${entrySize} bytes at ${offset} do not fit a file of ${bytes.length} bytes`,
    );
  }
}

function readFileHeader(bytes: Uint8Array): Header {
  const magic = bytes.length >= 16 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!magic)
    throw new MalformedFile('e_ident[EI_MAG0]', 0, 'does not start with 7f 45 4c 46: this is not an ELF file');
  const [elfClass, data] = [bytes[4]!, bytes[5]!];
  if (elfClass !== 1 && elfClass !== 2) {
    throw new MalformedFile('e_ident[EI_CLASS]', 4, `is ${elfClass}; 1 (32-bit) and 2 (64-bit) exist`);
  }
  if (data !== 1 && data !== 2) {
    throw new MalformedFile('e_ident[EI_DATA]', 5, `is ${data}; 1 (little endian) and 2 (big endian) exist`);
  }
  const bits = elfClass === 1 ? 32 : 64;
  const reader = new ByteReader(bytes, 'ELF header', data === 1, 16);
  const type = reader.u16('e_type');
  const machine = reader.u16('e_machine');
  reader.u32('e_version');
  const entry = word(reader, bits, 'e_entry');
  const segmentOffset = offsetWord(reader, bits, 'e_phoff');
  const sectionOffset = offsetWord(reader, bits, 'e_shoff');
  reader.skip(6, 'e_flags');
  const segmentEntrySize = reader.u16('e_phentsize');
  const segmentCount = reader.u16('e_phnum');
  const sectionEntrySize = reader.u16('e_shentsize');
  const sectionCount = reader.u16('e_shnum');
  const nameSection = reader.u16('e_shstrndx');
  if (segmentCount !== 0 && segmentEntrySize !== (bits === 32 ? 32 : 56)) {
    reader.fail('e_phentsize', `is ${segmentEntrySize}, ${bits}-bit program headers have ${bits === 32 ? 32 : 56}`);
  }
  if (sectionOffset !== 0 && sectionEntrySize !== (bits === 32 ? 40 : 64)) {
    reader.fail('e_shentsize', `is ${sectionEntrySize}, ${bits}-bit section headers have ${bits === 32 ? 40 : 64}`);
  }
  return {
    bits,
    littleEndian: data === 1,
    type,
    machine,
    entry,
    segmentOffset,
    sectionOffset,
    segmentEntrySize,
    segmentCount,
    sectionEntrySize,
    sectionCount,
    nameSection,
  };
}

function word(reader: ByteReader, bits: 32 | 64, field: string): bigint {
  return bits === 64 ? reader.u64(field) : BigInt(reader.u32(field));
}

function offsetWord(reader: ByteReader, bits: 32 | 64, field: string): number {
  return bits === 64 ? reader.size64(field) : reader.u32(field);
}

function readSectionHeader(
  bytes: Uint8Array,
  header: Header,
  index: number,
): Omit<ElfSection, 'name'> & { nameOffset: number } {
  const at = header.sectionOffset + index * header.sectionEntrySize;
  if (at > bytes.length) throw new MalformedFile('e_shoff', at, `is beyond the ${bytes.length} bytes of the file`);
  const { bits } = header;
  const reader = new ByteReader(bytes, `section ${index}`, header.littleEndian, at);
  const nameOffset = reader.u32('sh_name');
  const type = reader.u32('sh_type');
  const flags = Number(word(reader, bits, 'sh_flags') & 0xffff_ffffn);
  const address = word(reader, bits, 'sh_addr');
  const offset = offsetWord(reader, bits, 'sh_offset');
  const size = offsetWord(reader, bits, 'sh_size');
  const link = reader.u32('sh_link');
  const info = reader.u32('sh_info');
  word(reader, bits, 'sh_addralign');
  const entrySize = offsetWord(reader, bits, 'sh_entsize');
  return { index, nameOffset, type, flags, address, offset, size, link, info, entrySize };
}

function readSegment(bytes: Uint8Array, header: Header, index: number): ElfSegment {
  const { bits } = header;
  const at = header.segmentOffset + index * header.segmentEntrySize;
  const reader = new ByteReader(bytes, `segment ${index}`, header.littleEndian, at);
  const type = reader.u32('p_type');
  const flags64 = bits === 64 ? reader.u32('p_flags') : 0;
  const offset = offsetWord(reader, bits, 'p_offset');
  const virtualAddress = word(reader, bits, 'p_vaddr');
  const physicalAddress = word(reader, bits, 'p_paddr');
  const fileSize = offsetWord(reader, bits, 'p_filesz');
  const memorySize = offsetWord(reader, bits, 'p_memsz');
  const flags = bits === 64 ? flags64 : reader.u32('p_flags');
  const alignment = offsetWord(reader, bits, 'p_align');
  if (type === PT_LOAD && fileSize > memorySize) {
    reader.fail('p_filesz', `${fileSize} bytes in the file do not fit ${memorySize} in memory (p_memsz)`);
  }
  return { type, flags, offset, virtualAddress, physicalAddress, fileSize, memorySize, alignment };
}

function plainBytes(
  bytes: Uint8Array,
  section: Pick<ElfSection, 'offset' | 'size' | 'type'>,
  name: string,
): Uint8Array {
  if (section.type === SHT_NOBITS) return new Uint8Array(0);
  if (section.offset + section.size > bytes.length) {
    throw new MalformedFile(
      `${name} sh_offset`,
      section.offset,
      `${section.size} bytes at ${section.offset} reach beyond the end of the file (${bytes.length} bytes)`,
    );
  }
  return bytes.subarray(section.offset, section.offset + section.size);
}

/** The section's bytes as they stand in the file. */
export function rawSection(file: ElfFile, section: ElfSection): Uint8Array {
  return plainBytes(file.bytes, section, section.name || `section ${section.index}`);
}
