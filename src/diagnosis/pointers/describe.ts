/** The sentences that rules about addresses share. */
import { type Gpa, gva, hex } from '../../base/address.ts';
import type { AccessFailure } from '../../memory/events.ts';
import { MEMTX_ACCESS_ERROR, MEMTX_DECODE_ERROR } from '../../memory/memtx.ts';
import type { DevicePointer } from '../../xhci/events.ts';
import { type Fact, fact } from '../finding.ts';
import type { GuestView, PageWalk, PhysicalTarget } from '../guest-view.ts';

const KIB = 1024;

/** "128 MiB", "4 KiB", "24 bytes": the largest unit that divides evenly. */
export function formatBytes(bytes: number): string {
  const units: readonly [number, string][] = [
    [KIB ** 3, 'GiB'],
    [KIB ** 2, 'MiB'],
    [KIB, 'KiB'],
  ];
  for (const [size, name] of units) if (bytes >= size && bytes % size === 0) return `${bytes / size} ${name}`;
  return `${bytes} byte${bytes === 1 ? '' : 's'}`;
}

/** "1 doorbell", "2 doorbells". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Milliseconds with microseconds: virtual time is exact, so all three decimals are meant. */
export function formatTime(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(3)} ms`;
}

export function whenFact(view: GuestView, by: string | undefined): Fact {
  const { time, instruction } = view.now();
  return fact('when', `${formatTime(time)}, instruction ${instruction}${by === undefined ? '' : `; ${by}`}`);
}

function resultName(failure: AccessFailure): string {
  if ((failure.result & MEMTX_DECODE_ERROR) !== 0) return 'nothing at that address (MEMTX_DECODE_ERROR)';
  if ((failure.result & MEMTX_ACCESS_ERROR) !== 0) return 'the access was refused (MEMTX_ACCESS_ERROR)';
  return 'the target answered with an error (MEMTX_ERROR)';
}

/** "00:03.0 read 16 bytes at bus 0x... (ERST entry 0): no target answered", or how the audit met the pointer. */
export function failureFact(pointer: DevicePointer, failure: AccessFailure | undefined): Fact {
  if (failure === undefined) {
    const use = pointer.holder.startsWith('ERDP')
      ? 'it takes it for the place up to which the driver has read the event ring'
      : `it is to ${pointer.write ? 'write' : 'read'} the ${pointer.target} there`;
    return fact('found', `before ${pointer.controller} used it, by looking up every pointer it was given: ${use}`);
  }
  const { purpose } = failure;
  const index = purpose?.index === undefined ? '' : ` ${purpose.index}`;
  const what = purpose === undefined ? '' : ` (${purpose.what}${index})`;
  return fact(
    'what failed',
    `${pointer.controller} ${failure.write ? 'wrote' : 'read'} ${formatBytes(failure.size)} at bus ` +
      `${hex(failure.address)}${what}: ${resultName(failure)}`,
  );
}

export function describeWalk(walk: PageWalk): string {
  const entries = walk.steps.map((step) => `${step.level}[${step.index}]`).join(' ');
  const rights = [walk.writable ? 'writable' : 'read-only', walk.executable ? 'executable' : 'no-execute'].join(', ');
  return (
    `va ${hex(walk.address)} -> pa ${hex(walk.physical ?? 0)}   ` +
    `${formatBytes(walk.pageSize ?? 4096)} page, ${rights}   ${entries}`
  );
}

/** "`erst` (kernel.elf)": the variable at a linear address, or `undefined`. */
export function variableAt(view: GuestView, address: bigint): string | undefined {
  const symbol = view.symbolAt(gva(address));
  if (symbol === undefined || symbol.kind === 'section' || symbol.kind === 'module') return undefined;
  // `ring`, not `ring[0].parameter`: an address at its beginning means the whole.
  const { name, offset } = symbol.enclosing?.offset === 0 ? symbol.enclosing : symbol;
  return offset === 0 ? `\`${name}\`` : `\`${name}\`+${hex(offset)}`;
}

/** The variable that stands at a physical address, found through the guest's own mapping. */
function variableAtPhysical(view: GuestView, address: Gpa, pageTables?: Gpa): string | undefined {
  const linear = view.linearFor(address, pageTables);
  return linear === undefined ? undefined : variableAt(view, linear);
}

/** One sentence on what is behind an address: the variable if symbols name one, and what it looks like. */
export function standsThere(view: GuestView, address: Gpa, evidence: string | undefined): string {
  const variable = variableAtPhysical(view, address);
  const parts = [variable === undefined ? undefined : `the variable ${variable}`, evidence].filter(
    (part) => part !== undefined,
  );
  return parts.length === 0 ? 'RAM answers there.' : `There stands ${parts.join('; ')}.`;
}

/** Regions looked at on the way down to RAM: the flat view has a few dozen. */
const REGIONS_BELOW_MAX = 64;

/** "RAM ends at 0x7ffffff.", where something else lies between it and a hole; a device above RAM says little. */
export function describeRamBelow(view: GuestView, address: number | bigint): string[] {
  let at = BigInt(address);
  for (let count = 0; count < REGIONS_BELOW_MAX && at >= 0n; count += 1) {
    const target = view.describePhysical(Number(at) as Gpa);
    if (target.kind === 'ram') return count < 2 ? [] : [`RAM ends at ${hex(target.last)}.`];
    if (target.kind !== 'nothing') at = BigInt(target.start) - 1n;
    else if (target.below !== undefined) at = BigInt(target.below.last);
    else return [];
  }
  return [];
}

/** "RAM `ram` ends at 0x7ffffff, 0x80 below; next above is MMIO `ioapic` at 0xfec00000". */
export function describeHole(hole: Extract<PhysicalTarget, { kind: 'nothing' }>, address: number | bigint): string[] {
  const lines: string[] = [];
  const value = BigInt(address);
  if (hole.below !== undefined) {
    const { region, kind, last } = hole.below;
    const beyond = value - BigInt(last) - 1n;
    const distance = beyond === 0n ? 'the first one' : `${hex(beyond)} bytes`;
    lines.push(`Below it, ${label(kind)} "${region}" ends at ${hex(last)}: the address is ${distance} beyond its end.`);
  }
  if (hole.above !== undefined) {
    const { region, kind, start } = hole.above;
    lines.push(`Above it, ${label(kind)} "${region}" begins at ${hex(start)}, ${hex(BigInt(start) - value)} further.`);
  }
  if (lines.length === 0) lines.push('No memory and no device of this machine answers anywhere near it.');
  return lines;
}

function label(kind: string): string {
  switch (kind) {
    case 'ram':
      return 'RAM';
    case 'rom':
    case 'romd':
      return 'ROM';
    case 'mmio':
      return 'device memory';
    default:
      return kind;
  }
}

/** What the top bits say: no x86-64 machine has more than 52 physical address bits. */
export function topBitsSentence(value: number | bigint): string | undefined {
  if (BigInt(value) < 0x10_0000_0000_0000n) return undefined;
  return 'Bits 63:52 are not all zero, so this cannot be a physical address on any x86-64 machine.';
}

/** "writes 0xffffff80002e3080 to ERSTBA", for the underline. */
export function storeRole(pointer: DevicePointer): string {
  if (pointer.storedAt === undefined) return `writes ${hex(pointer.written)} to ${pointer.holder}`;
  // A field is what is stored (`DCBAA[1]`); a TRB is where.
  const how = /TRB/.test(pointer.holder) ? 'in the' : 'as';
  return `stores ${hex(pointer.written)} ${how} ${pointer.holder}`;
}
