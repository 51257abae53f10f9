/** Types of variables (DWARF 5 chapter 5): sizes, names, and the path from a variable to a byte inside of it. */
import { ByteReader } from '../bytes.ts';
import { AT, OP, TAG } from './constants.ts';
import { skipValues } from './forms.ts';
import type { EntryFinder } from './functions.ts';
import type { Entry } from './units.ts';

/** Qualifiers, typedefs and nested members followed in a row; real types need some ten. */
const DEPTH_MAX = 64;
/** Direct children of one type that are looked at. */
const CHILDREN_MAX = 1 << 16;

/**
 * Entries looked at for one question. Real ones need thousands; a damaged file could make every member of a structure
 * another structure of as many.
 */
const STEPS_MAX = 1 << 20;

const TRANSPARENT = new Set<number>([TAG.typedef, TAG.constType, TAG.volatileType, TAG.restrictType, TAG.atomicType]);
const POINTERS = new Set<number>([TAG.pointerType, TAG.referenceType, TAG.rvalueReferenceType]);
const RECORDS = new Set<number>([TAG.structureType, TAG.classType, TAG.unionType, TAG.interfaceType]);

/** One byte of a variable, named. */
export interface TypePath {
  /** What to append to the variable's name: `[0].base`; empty for the variable itself. */
  readonly path: string;
  /** Bytes from the start of what `path` names. */
  readonly offset: number;
  /** The type of what `path` names; `?` when the file does not say. */
  readonly typeName: string;
  /** Bytes of what `path` names, when known. */
  readonly size: number | undefined;
}

/** The direct children of an entry; deeper ones are passed over. */
export function* children(parent: Entry): Generator<Entry> {
  if (!parent.abbreviation.hasChildren) return;
  const { unit } = parent;
  const reader = unit.reader(parent.end);
  let depth = 0;
  for (let count = 0; count < CHILDREN_MAX && !reader.atEnd; count += 1) {
    const offset = reader.offset;
    const abbreviation = unit.abbreviationAt(reader);
    if (abbreviation === undefined) {
      if (depth === 0) return;
      depth -= 1;
      continue;
    }
    if (depth === 0) yield unit.readValues(reader, offset, abbreviation);
    else skipValues(reader, abbreviation, unit);
    if (abbreviation.hasChildren) depth += 1;
  }
}

export class TypeReader {
  readonly find: EntryFinder;
  #steps = 0;

  constructor(find: EntryFinder) {
    this.find = find;
  }

  /** Begins another question: its bound counts anew. */
  begin(): void {
    this.#steps = 0;
  }

  *#children(parent: Entry): Generator<Entry> {
    for (const child of children(parent)) {
      this.#steps += 1;
      if (this.#steps > STEPS_MAX) return;
      yield child;
    }
  }

  typeOf(entry: Entry): Entry | undefined {
    const reference = entry.number(AT.type);
    return reference === undefined ? undefined : this.find(reference);
  }

  /** The type behind typedefs and qualifiers. */
  #strip(type: Entry | undefined): Entry | undefined {
    let current = type;
    for (let step = 0; step < DEPTH_MAX && current !== undefined && TRANSPARENT.has(current.tag); step += 1) {
      current = this.typeOf(current);
    }
    return current;
  }

  /** Bytes of a value of this type, or `undefined` when the file does not say. */
  sizeOf(type: Entry | undefined, depth = 0): number | undefined {
    const actual = this.#strip(type);
    this.#steps += 1;
    if (actual === undefined || depth > DEPTH_MAX || this.#steps > STEPS_MAX) return undefined;
    const stated = actual.number(AT.byteSize);
    if (stated !== undefined) return stated;
    if (POINTERS.has(actual.tag)) return actual.unit.addressSize;
    if (actual.tag !== TAG.arrayType) return undefined;
    const element = this.sizeOf(this.typeOf(actual), depth + 1);
    if (element === undefined) return undefined;
    let size = element;
    for (const dimension of this.#dimensions(actual)) {
      if (dimension === undefined) return undefined;
      size *= dimension;
    }
    return size;
  }

  nameOf(type: Entry | undefined, depth = 0): string {
    if (type === undefined) return 'void';
    if (depth > DEPTH_MAX) return '?';
    const name = type.string(AT.name);
    if (name !== undefined) return type.tag === TAG.structureType && isC(type) ? `struct ${name}` : name;
    const inner = () => this.nameOf(this.typeOf(type), depth + 1);
    if (type.tag === TAG.constType) return `const ${inner()}`;
    if (type.tag === TAG.volatileType) return `volatile ${inner()}`;
    if (TRANSPARENT.has(type.tag)) return inner();
    if (type.tag === TAG.pointerType) return `${inner()} *`;
    if (type.tag === TAG.referenceType) return `${inner()} &`;
    if (type.tag === TAG.rvalueReferenceType) return `${inner()} &&`;
    if (type.tag === TAG.arrayType)
      return (
        inner() +
        this.#dimensions(type)
          .map((size) => `[${size ?? ''}]`)
          .join('')
      );
    if (type.tag === TAG.subroutineType) return 'function';
    return RECORDS.has(type.tag) ? '(anonymous)' : '?';
  }

  /** Follows members and array elements down to the byte at `offset` of a value of `type`. */
  pathTo(type: Entry | undefined, offset: number): TypePath {
    let path = '';
    let [current, rest] = [type, offset];
    for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
      const actual = this.#strip(current);
      const step = actual === undefined ? undefined : this.#stepInto(actual, rest);
      if (step === undefined) break;
      path += step.path;
      current = step.type;
      rest = step.offset;
    }
    return { path, offset: rest, typeName: this.nameOf(current), size: this.sizeOf(current) };
  }

  #stepInto(type: Entry, offset: number): { path: string; type: Entry | undefined; offset: number } | undefined {
    if (type.tag === TAG.arrayType) return this.#element(type, offset);
    if (!RECORDS.has(type.tag)) return undefined;
    for (const member of this.#children(type)) {
      if (member.tag !== TAG.member && member.tag !== TAG.inheritance) continue;
      const start = memberOffset(member);
      if (start === undefined || offset < start) continue;
      const memberType = this.typeOf(member);
      const size = this.sizeOf(memberType);
      if (size === undefined || offset >= start + size) continue;
      const name = member.tag === TAG.member ? member.string(AT.name) : undefined;
      return { path: name === undefined ? '' : `.${name}`, type: memberType, offset: offset - start };
    }
    return undefined;
  }

  #element(type: Entry, offset: number): { path: string; type: Entry | undefined; offset: number } | undefined {
    const element = this.typeOf(type);
    const size = this.sizeOf(element);
    if (size === undefined || size === 0) return undefined;
    const counts = this.#dimensions(type);
    let stride = size;
    for (const count of counts.slice(1)) stride *= count ?? 0;
    if (stride === 0) return undefined;
    let path = '';
    let rest = offset;
    for (let index = 0; index < counts.length; index += 1) {
      const position = Math.floor(rest / stride);
      const count = counts[index];
      if (count !== undefined && position >= count) return undefined;
      path += `[${position}]`;
      rest -= position * stride;
      stride /= counts[index + 1] ?? 1;
    }
    return { path, type: element, offset: rest };
  }

  /** The number of elements in each dimension, outermost first; `undefined` for a flexible one. */
  #dimensions(array: Entry): (number | undefined)[] {
    const counts: (number | undefined)[] = [];
    for (const child of this.#children(array)) {
      if (child.tag !== TAG.subrangeType) continue;
      const count = child.number(AT.count);
      const last = child.number(AT.upperBound);
      // gcc writes -1 (as an unsigned 32 or 64-bit constant) for an array without elements.
      const fromLast = last === undefined || last >= 2 ** 32 - 1 ? undefined : last + 1;
      counts.push(count ?? fromLast);
    }
    return counts;
  }
}

/** Byte offset of a member; a bit field counts from the byte that its first bit stands in. */
function memberOffset(member: Entry): number | undefined {
  const location = member.get(AT.dataMemberLocation);
  if (typeof location === 'number') return location;
  if (location instanceof Uint8Array) {
    const reader = new ByteReader(location, 'DW_AT_data_member_location');
    return location[0] === OP.plusUconst && reader.u8('op') >= 0 ? reader.uleb('offset') : undefined;
  }
  const bits = member.number(AT.dataBitOffset);
  if (bits !== undefined) return Math.floor(bits / 8);
  // DWARF 5 section 5.7.6: no location means that the member starts where the type does (always so in a union).
  return member.tag === TAG.member &&
    member.get(AT.declaration) === undefined &&
    member.get(AT.specification) === undefined
    ? 0
    : undefined;
}

/** DW_LANG codes of C (section 7.12), where a structure's name needs its keyword. */
const C_LANGUAGES = new Set([0x01, 0x02, 0x0c, 0x1d, 0x2c]);
const AT_LANGUAGE = 0x13;

function isC(entry: Entry): boolean {
  const language = entry.unit.root?.number(AT_LANGUAGE);
  return language !== undefined && C_LANGUAGES.has(language);
}
