/** Attribute values of debugging information entries: abbreviations and forms (DWARF 5 sections 7.5.3 and 7.5.6). */
import { ByteReader, stringAt } from '../bytes.ts';
import { AT, FORM } from './constants.ts';
import type { DebugSections } from './sections.ts';

/**
 * A value by class: an address is a bigint, every other number (constant, reference as an offset into .debug_info,
 * section offset, flag) a number, a string a string, a block or expression its bytes.
 */
export type Value = bigint | number | string | Uint8Array;

/** What decides the width and the meaning of a form: the unit it stands in. */
export interface FormContext {
  readonly sections: DebugSections;
  /** Offset of the unit's header in .debug_info; unit-relative references start there. */
  readonly unitOffset: number;
  readonly version: number;
  readonly addressSize: number;
  /** 4, or 8 in the 64-bit DWARF format. */
  readonly offsetSize: number;
  strOffsetsBase: number;
  addrBase: number;
  rnglistsBase: number;
}

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly number[];
  readonly forms: readonly number[];
  /** Values of DW_FORM_implicit_const, by attribute position. */
  readonly constants: readonly number[];
  /** Bytes of all values together when every form has a fixed width, else -1: what makes skipping fast. */
  readonly fixedSize: number;
}

/** Attributes of one abbreviation: the standard has some 140, so more is damage. */
const ATTRIBUTES_MAX = 1024;

/** Reads one abbreviation table (DWARF 5 section 7.5.3). */
export function readAbbreviations(
  bytes: Uint8Array,
  offset: number,
  context: Pick<FormContext, 'version' | 'addressSize' | 'offsetSize' | 'sections'>,
): Map<number, Abbreviation> {
  const reader = new ByteReader(bytes, '.debug_abbrev', context.sections.littleEndian, offset);
  const table = new Map<number, Abbreviation>();
  while (!reader.atEnd) {
    const code = reader.uleb('abbreviation code');
    if (code === 0) break;
    const tag = reader.uleb('tag');
    const hasChildren = reader.u8('children flag') !== 0;
    const attributes: number[] = [];
    const forms: number[] = [];
    const constants: number[] = [];
    let fixedSize = 0;
    for (;;) {
      const attribute = reader.uleb('attribute');
      const form = reader.uleb('form');
      if (attribute === 0 && form === 0) break;
      if (attributes.length >= ATTRIBUTES_MAX) reader.fail('attribute', `more than ${ATTRIBUTES_MAX} in one entry`);
      if (form === FORM.implicitConst) constants[attributes.length] = reader.sleb('implicit constant');
      attributes.push(attribute);
      forms.push(form);
      const size = fixedFormSize(form, context);
      fixedSize = size < 0 || fixedSize < 0 ? -1 : fixedSize + size;
    }
    table.set(code, { tag, hasChildren, attributes, forms, constants, fixedSize });
  }
  return table;
}

function fixedFormSize(form: number, context: Pick<FormContext, 'version' | 'addressSize' | 'offsetSize'>): number {
  switch (form) {
    case FORM.flagPresent:
    case FORM.implicitConst:
      return 0;
    case FORM.data1:
    case FORM.ref1:
    case FORM.flag:
    case FORM.strx1:
    case FORM.addrx1:
      return 1;
    case FORM.data2:
    case FORM.ref2:
    case FORM.strx2:
    case FORM.addrx2:
      return 2;
    case FORM.strx3:
    case FORM.addrx3:
      return 3;
    case FORM.data4:
    case FORM.ref4:
    case FORM.strx4:
    case FORM.addrx4:
    case FORM.refSup4:
      return 4;
    case FORM.data8:
    case FORM.ref8:
    case FORM.refSig8:
    case FORM.refSup8:
      return 8;
    case FORM.data16:
      return 16;
    case FORM.addr:
      return context.addressSize;
    case FORM.refAddr:
      return context.version <= 2 ? context.addressSize : context.offsetSize;
    case FORM.strp:
    case FORM.lineStrp:
    case FORM.secOffset:
    case FORM.strpSup:
    case FORM.gnuRefAlt:
    case FORM.gnuStrpAlt:
      return context.offsetSize;
    default:
      return -1;
  }
}

/** Moves past all values of an entry. */
export function skipValues(reader: ByteReader, abbreviation: Abbreviation, context: FormContext): void {
  if (abbreviation.fixedSize >= 0) {
    reader.skip(abbreviation.fixedSize, 'entry');
    return;
  }
  for (const form of abbreviation.forms) skipForm(reader, form, context);
}

/** Moves past one value. */
export function skipForm(reader: ByteReader, form: number, context: FormContext): void {
  const size = fixedFormSize(form, context);
  if (size >= 0) {
    reader.skip(size, 'value');
    return;
  }
  switch (form) {
    case FORM.udata:
    case FORM.sdata:
    case FORM.refUdata:
    case FORM.strx:
    case FORM.addrx:
    case FORM.loclistx:
    case FORM.rnglistx:
      reader.skipLeb('value');
      return;
    case FORM.string:
      while (reader.u8('DW_FORM_string') !== 0);
      return;
    case FORM.block1:
      reader.skip(reader.u8('block length'), 'DW_FORM_block1');
      return;
    case FORM.block2:
      reader.skip(reader.u16('block length'), 'DW_FORM_block2');
      return;
    case FORM.block4:
      reader.skip(reader.u32('block length'), 'DW_FORM_block4');
      return;
    case FORM.block:
    case FORM.exprloc:
      reader.skip(reader.uleb('block length'), 'DW_FORM_exprloc');
      return;
    case FORM.indirect: {
      const actual = reader.uleb('DW_FORM_indirect');
      if (actual === FORM.indirect || actual === FORM.implicitConst) reader.fail('DW_FORM_indirect', 'names itself');
      skipForm(reader, actual, context);
      return;
    }
    default:
      reader.fail('form', `0x${form.toString(16)} is not a form of DWARF 2 to 5`);
  }
}

/** Reads one value. `undefined`: the value lives in another file (supplementary) or is not a value this reader needs. */
export function readForm(
  reader: ByteReader,
  form: number,
  context: FormContext,
  constant: number | undefined,
): Value | undefined {
  switch (form) {
    case FORM.addr:
      return readAddress(reader, context.addressSize, 'DW_FORM_addr');
    case FORM.addrx:
      return addressAt(context, reader.uleb('DW_FORM_addrx'));
    case FORM.addrx1:
      return addressAt(context, reader.u8('DW_FORM_addrx1'));
    case FORM.addrx2:
      return addressAt(context, reader.u16('DW_FORM_addrx2'));
    case FORM.addrx3:
      return addressAt(context, reader.u24('DW_FORM_addrx3'));
    case FORM.addrx4:
      return addressAt(context, reader.u32('DW_FORM_addrx4'));
    case FORM.flagPresent:
      return 1;
    case FORM.implicitConst:
      return constant ?? 0;
    case FORM.flag:
    case FORM.data1:
      return reader.u8('DW_FORM_data1');
    case FORM.data2:
      return reader.u16('DW_FORM_data2');
    case FORM.data4:
      return reader.u32('DW_FORM_data4');
    case FORM.data8:
      return Number(reader.u64('DW_FORM_data8'));
    case FORM.udata:
      return reader.uleb('DW_FORM_udata');
    case FORM.sdata:
      return reader.sleb('DW_FORM_sdata');
    case FORM.secOffset:
      return readOffset(reader, context.offsetSize, 'DW_FORM_sec_offset');
    case FORM.rnglistx:
      return rangeListOffset(context, reader.uleb('DW_FORM_rnglistx'));
    case FORM.exprloc:
    case FORM.block:
      return reader.take(reader.uleb('block length'), 'DW_FORM_exprloc');
    case FORM.block1:
      return reader.take(reader.u8('block length'), 'DW_FORM_block1');
    case FORM.block2:
      return reader.take(reader.u16('block length'), 'DW_FORM_block2');
    case FORM.block4:
      return reader.take(reader.u32('block length'), 'DW_FORM_block4');
    default:
      return readReference(reader, form, context) ?? readString(reader, form, context);
  }
}

function readReference(reader: ByteReader, form: number, context: FormContext): number | undefined {
  switch (form) {
    case FORM.ref1:
      return context.unitOffset + reader.u8('DW_FORM_ref1');
    case FORM.ref2:
      return context.unitOffset + reader.u16('DW_FORM_ref2');
    case FORM.ref4:
      return context.unitOffset + reader.u32('DW_FORM_ref4');
    case FORM.ref8:
      return context.unitOffset + reader.size64('DW_FORM_ref8');
    case FORM.refUdata:
      return context.unitOffset + reader.uleb('DW_FORM_ref_udata');
    case FORM.refAddr:
      return readOffset(reader, context.version <= 2 ? context.addressSize : context.offsetSize, 'DW_FORM_ref_addr');
    default:
      return undefined;
  }
}

function readString(reader: ByteReader, form: number, context: FormContext): Value | undefined {
  switch (form) {
    case FORM.string:
      return reader.cstring('DW_FORM_string');
    case FORM.strp:
      return stringAt(context.sections.get('.debug_str'), readOffset(reader, context.offsetSize, 'DW_FORM_strp'));
    case FORM.lineStrp:
      return stringAt(
        context.sections.get('.debug_line_str'),
        readOffset(reader, context.offsetSize, 'DW_FORM_line_strp'),
      );
    case FORM.strx:
      return indexedString(context, reader.uleb('DW_FORM_strx'));
    case FORM.strx1:
      return indexedString(context, reader.u8('DW_FORM_strx1'));
    case FORM.strx2:
      return indexedString(context, reader.u16('DW_FORM_strx2'));
    case FORM.strx3:
      return indexedString(context, reader.u24('DW_FORM_strx3'));
    case FORM.strx4:
      return indexedString(context, reader.u32('DW_FORM_strx4'));
    case FORM.indirect: {
      const actual = reader.uleb('DW_FORM_indirect');
      if (actual === FORM.indirect || actual === FORM.implicitConst) reader.fail('DW_FORM_indirect', 'names itself');
      return readForm(reader, actual, context, undefined);
    }
    default:
      // data16, ref_sig8, loclistx, supplementary files: nothing that this reader needs.
      skipForm(reader, form, context);
      return undefined;
  }
}

export function readAddress(reader: ByteReader, addressSize: number, field: string): bigint {
  return addressSize === 8 ? reader.u64(field) : BigInt(reader.u32(field));
}

export function readOffset(reader: ByteReader, offsetSize: number, field: string): number {
  return offsetSize === 8 ? reader.size64(field) : reader.u32(field);
}

/** Entry `index` of the unit's part of .debug_addr (DWARF 5 section 7.27). */
export function addressAt(context: FormContext, index: number): bigint {
  const at = context.addrBase + index * context.addressSize;
  const reader = new ByteReader(context.sections.get('.debug_addr'), '.debug_addr', context.sections.littleEndian, at);
  return readAddress(reader, context.addressSize, `entry ${index}`);
}

function indexedString(context: FormContext, index: number): string | undefined {
  const at = context.strOffsetsBase + index * context.offsetSize;
  const table = context.sections.get('.debug_str_offsets');
  const reader = new ByteReader(table, '.debug_str_offsets', context.sections.littleEndian, at);
  return stringAt(context.sections.get('.debug_str'), readOffset(reader, context.offsetSize, `entry ${index}`));
}

function rangeListOffset(context: FormContext, index: number): number {
  const at = context.rnglistsBase + index * context.offsetSize;
  const table = context.sections.get('.debug_rnglists');
  const reader = new ByteReader(table, '.debug_rnglists', context.sections.littleEndian, at);
  return context.rnglistsBase + readOffset(reader, context.offsetSize, `offset ${index}`);
}

/** True for the two attributes that carry a mangled name. */
export function isLinkageName(attribute: number): boolean {
  return attribute === AT.linkageName || attribute === AT.mipsLinkageName;
}
