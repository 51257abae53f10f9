/** Variables that stand at a fixed address: globals, statics of files and of functions (DWARF 5 section 4.1). */
import { ByteReader } from '../bytes.ts';
import { AT, OP, TAG } from './constants.ts';
import { addressAt, readAddress, skipValues } from './forms.ts';
import type { Entry, Unit } from './units.ts';

export interface StaticVariable {
  readonly entry: Entry;
  readonly address: bigint;
  /** Names of the namespaces (C++) or modules (Rust) it stands in, outermost first. */
  readonly scope: readonly string[];
}

const DEPTH_MAX = 512;

/** All static variables of a unit, in the order of the file. */
export function readVariables(unit: Unit): StaticVariable[] {
  const variables: StaticVariable[] = [];
  unit.sections.guard(() => {
    const reader = unit.reader(unit.entriesOffset);
    // Read the root first: indexed names and addresses need its bases.
    if (unit.root === undefined) return;
    const scope: string[] = [];
    /** For each open entry, whether it added a name to `scope`. */
    const named: boolean[] = [];
    while (!reader.atEnd) {
      const offset = reader.offset;
      const abbreviation = unit.abbreviationAt(reader);
      if (abbreviation === undefined) {
        if (named.pop() === true) scope.pop();
        continue;
      }
      let added = false;
      if (abbreviation.tag === TAG.variable && abbreviation.attributes.includes(AT.location)) {
        const entry = unit.readValues(reader, offset, abbreviation);
        const address = staticAddress(entry);
        if (address !== undefined) variables.push({ entry, address, scope: [...scope] });
      } else if (abbreviation.tag === TAG.namespace && abbreviation.hasChildren) {
        const name = unit.readValues(reader, offset, abbreviation).string(AT.name);
        scope.push(name ?? '(anonymous namespace)');
        added = true;
      } else {
        skipValues(reader, abbreviation, unit);
      }
      if (!abbreviation.hasChildren) continue;
      if (named.length >= DEPTH_MAX) reader.fail('entry', `nested more than ${DEPTH_MAX} deep`);
      named.push(added);
    }
  });
  return variables;
}

/** The address in a location expression that is nothing but an address. */
function staticAddress(entry: Entry): bigint | undefined {
  const location = entry.get(AT.location);
  if (!(location instanceof Uint8Array) || location.length < 2) return undefined;
  const { unit } = entry;
  const reader = new ByteReader(location, 'DW_AT_location', unit.sections.littleEndian);
  const operation = reader.u8('operation');
  if (operation !== OP.addr && operation !== OP.addrx && operation !== OP.gnuAddrIndex) return undefined;
  const address =
    operation === OP.addr
      ? readAddress(reader, unit.addressSize, 'DW_OP_addr')
      : addressAt(unit, reader.uleb('DW_OP_addrx'));
  return reader.atEnd ? address : undefined;
}
