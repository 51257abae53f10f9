/** Compilation units of .debug_info and their entries (DWARF 5 sections 7.5.1 and 7.5.2; DWARF 2 to 4 alike). */
import { ByteReader, MalformedFile } from '../bytes.ts';
import { AT, FORM, UT } from './constants.ts';
import {
  type Abbreviation,
  type FormContext,
  readAbbreviations,
  readForm,
  readOffset,
  skipForm,
  type Value,
} from './forms.ts';
import type { DebugSections } from './sections.ts';

/** One debugging information entry with the values of its attributes. */
export class Entry {
  constructor(
    readonly unit: Unit,
    /** Offset in .debug_info. */
    readonly offset: number,
    readonly abbreviation: Abbreviation,
    readonly values: readonly (Value | undefined)[],
    /** Offset just past the values: the first child, or the next sibling when it has no children. */
    readonly end: number,
  ) {}

  get tag(): number {
    return this.abbreviation.tag;
  }

  get(attribute: number): Value | undefined {
    const index = this.abbreviation.attributes.indexOf(attribute);
    return index < 0 ? undefined : this.values[index];
  }

  number(attribute: number): number | undefined {
    const value = this.get(attribute);
    return typeof value === 'number' ? value : undefined;
  }

  string(attribute: number): string | undefined {
    const value = this.get(attribute);
    return typeof value === 'string' ? value : undefined;
  }

  address(attribute: number): bigint | undefined {
    const value = this.get(attribute);
    return typeof value === 'bigint' ? value : undefined;
  }
}

export class Unit implements FormContext {
  readonly sections: DebugSections;
  strOffsetsBase: number;
  addrBase = 0;
  rnglistsBase = 0;
  #root: Entry | undefined;
  readonly #abbreviations: (unit: Unit) => Map<number, Abbreviation>;
  #table: Map<number, Abbreviation> | undefined;

  constructor(
    sections: DebugSections,
    abbreviations: (unit: Unit) => Map<number, Abbreviation>,
    readonly index: number,
    readonly unitOffset: number,
    /** First byte after the header: the root entry. */
    readonly entriesOffset: number,
    /** First byte after the unit. */
    readonly endOffset: number,
    readonly version: number,
    readonly type: number,
    readonly addressSize: number,
    readonly offsetSize: number,
    readonly abbreviationsOffset: number,
  ) {
    this.sections = sections;
    this.#abbreviations = abbreviations;
    // Section 7.26: the contributions of .debug_str_offsets begin with a header; a unit without its own base uses the first.
    this.strOffsetsBase = offsetSize === 8 ? 16 : 8;
  }

  get table(): Map<number, Abbreviation> {
    this.#table ??= this.#abbreviations(this);
    return this.#table;
  }

  reader(offset: number): ByteReader {
    return new ByteReader(
      this.sections.get('.debug_info'),
      '.debug_info',
      this.sections.littleEndian,
      offset,
      this.endOffset,
    );
  }

  /** The entry at `offset`, or `undefined` for the null entry that ends a list of children. */
  entryAt(offset: number): Entry | undefined {
    const reader = this.reader(offset);
    return this.readEntry(reader);
  }

  readEntry(reader: ByteReader): Entry | undefined {
    const offset = reader.offset;
    const abbreviation = this.abbreviationAt(reader);
    if (abbreviation === undefined) return undefined;
    return this.readValues(reader, offset, abbreviation);
  }

  readValues(reader: ByteReader, offset: number, abbreviation: Abbreviation): Entry {
    const { forms, constants } = abbreviation;
    const values: (Value | undefined)[] = [];
    for (let index = 0; index < forms.length; index += 1) {
      values.push(readForm(reader, forms[index]!, this, constants[index]));
    }
    return new Entry(this, offset, abbreviation, values, reader.offset);
  }

  /** Reads an abbreviation code; `undefined` is the null entry. */
  abbreviationAt(reader: ByteReader): Abbreviation | undefined {
    const code = reader.uleb('abbreviation code');
    if (code === 0) return undefined;
    const abbreviation = this.table.get(code);
    if (abbreviation === undefined) reader.fail('abbreviation code', `${code} is not in the unit's table`);
    return abbreviation;
  }

  /** The unit's own entry. Its base attributes are taken first, because its indexed forms need them. */
  get root(): Entry | undefined {
    if (this.#root === undefined) {
      this.#takeBases();
      this.#root = this.entryAt(this.entriesOffset);
    }
    return this.#root;
  }

  #takeBases(): void {
    const reader = this.reader(this.entriesOffset);
    const abbreviation = this.abbreviationAt(reader);
    if (abbreviation === undefined) return;
    for (let index = 0; index < abbreviation.forms.length; index += 1) {
      const attribute = abbreviation.attributes[index]!;
      const isBase = abbreviation.forms[index] === FORM.secOffset;
      const at = reader.offset;
      if (isBase && attribute === AT.strOffsetsBase) this.strOffsetsBase = this.#offsetAt(at);
      if (isBase && attribute === AT.addrBase) this.addrBase = this.#offsetAt(at);
      if (isBase && attribute === AT.rnglistsBase) this.rnglistsBase = this.#offsetAt(at);
      skipForm(reader, abbreviation.forms[index]!, this);
    }
  }

  #offsetAt(offset: number): number {
    return readOffset(this.reader(offset), this.offsetSize, 'base');
  }
}

/** Abbreviations of all tables together: a large kernel has some 10^5; damage could make every unit read them all again. */
const ABBREVIATIONS_MAX = 1 << 22;

/** The header of every unit of .debug_info. A damaged unit ends the list; what came before stays usable. */
export function readUnits(sections: DebugSections): Unit[] {
  const bytes = sections.get('.debug_info');
  const tables = new Map<string, Map<number, Abbreviation>>();
  let total = 0;
  const abbreviations = (unit: Unit): Map<number, Abbreviation> => {
    const key = `${unit.abbreviationsOffset}/${unit.addressSize}/${unit.offsetSize}/${unit.version <= 2}`;
    let table = tables.get(key);
    if (table === undefined) {
      if (total > ABBREVIATIONS_MAX) {
        throw new MalformedFile('.debug_abbrev', unit.abbreviationsOffset, 'the tables are larger than any program');
      }
      table = readAbbreviations(sections.get('.debug_abbrev'), unit.abbreviationsOffset, unit);
      total += table.size;
      tables.set(key, table);
    }
    return table;
  };
  const units: Unit[] = [];
  sections.guard(() => {
    for (let offset = 0; offset < bytes.length; ) {
      const reader = new ByteReader(bytes, '.debug_info', sections.littleEndian, offset);
      const unit = readUnitHeader(reader, sections, abbreviations, units.length);
      if (unit !== undefined) units.push(unit);
      offset = reader.end;
    }
  });
  return units;
}

/** Reads one header and leaves `reader.end` at the end of the unit. `undefined`: a kind this reader passes over. */
function readUnitHeader(
  reader: ByteReader,
  sections: DebugSections,
  abbreviations: (unit: Unit) => Map<number, Abbreviation>,
  index: number,
): Unit | undefined {
  const start = reader.offset;
  const { length, offsetSize } = readInitialLength(reader);
  reader.end = reader.offset + length;
  const version = reader.u16('version');
  if (version < 2 || version > 5) reader.fail('version', `is ${version}; 2 to 5 are supported`);
  const type = version >= 5 ? reader.u8('unit_type') : UT.compile;
  const early = version >= 5 ? reader.u8('address_size') : 0;
  const abbreviationsOffset = readOffset(reader, offsetSize, 'debug_abbrev_offset');
  const addressSize = version >= 5 ? early : reader.u8('address_size');
  if (addressSize !== 4 && addressSize !== 8) reader.fail('address_size', `is ${addressSize}; 4 and 8 are supported`);
  if (type === UT.skeleton || type === UT.splitCompile) reader.skip(8, 'dwo_id');
  if (type === UT.type || type === UT.splitType) return undefined;
  return new Unit(
    sections,
    abbreviations,
    index,
    start,
    reader.offset,
    reader.end,
    version,
    type,
    addressSize,
    offsetSize,
    abbreviationsOffset,
  );
}

/** The length that begins every contribution, and with it the format (DWARF 5 section 7.4). */
export function readInitialLength(reader: ByteReader): { length: number; offsetSize: 4 | 8 } {
  const first = reader.u32('unit_length');
  if (first >= 0xffff_fff0 && first !== 0xffff_ffff) reader.fail('unit_length', `0x${first.toString(16)} is reserved`);
  const wide = first === 0xffff_ffff;
  const length = wide ? reader.size64('unit_length') : first;
  if (length > reader.end - reader.offset) {
    reader.fail('unit_length', `${length} bytes reach beyond the section (${reader.end - reader.offset} are left)`);
  }
  return { length, offsetSize: wide ? 8 : 4 };
}
