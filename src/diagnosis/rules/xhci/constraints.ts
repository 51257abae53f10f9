/** Checks without memory: alignment and boundaries of every pointer that a controller is given (xHCI 1.2 Table 6-1). */
import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import type { DevicePointer } from '../../../xhci/events.ts';
import { fact } from '../../finding.ts';
import { formatBytes, storeRole, whenFact } from '../../pointers/describe.ts';
import { defineRule, type Rule, type RuleDefinition } from '../../rule.ts';
import { crossing } from './segment-crosses-boundary.ts';

const SEGMENT_BOUNDARY = 0x1_0000;

/** Low bits that carry flags, not address, by the field that holds them (xHCI 1.2 §5.4.5, §5.5.2.3.3, §6.2.3). */
function flagBits(holder: string): number {
  if (/^CRCR/.test(holder)) return 0xf;
  if (/^ERDP/.test(holder)) return 0xf;
  if (/dequeue/i.test(holder) || /stream/i.test(holder)) return 0xf;
  return 0;
}

interface Violation {
  readonly title: string;
  readonly why: string;
  readonly help: string;
  readonly expected: bigint | undefined;
}

type Row = Pick<
  RuleDefinition<unknown>,
  | 'id'
  | 'code'
  | 'summary'
  | 'severity'
  | 'certainty'
  | 'spec'
  | 'what'
  | 'why'
  | 'fix'
  | 'example'
  | 'behaviour'
  | 'explains'
  | 'garbles'
> & { readonly check: (pointer: DevicePointer) => Violation | undefined };

const ROWS: readonly Row[] = [
  {
    id: 'xhci/pointer-misaligned',
    code: 'RING-09',
    summary: 'a structure is not aligned as the controller needs it',
    severity: 'error',
    certainty: 'certain',
    spec: [xhci('6'), xhci('5.4.5'), xhci('5.4.6'), xhci('5.5.2.3.2')],
    what: 'A pointer has bits set below its alignment: TRBs need 16 bytes, rings, ERST, DCBAA and contexts 64.',
    why:
      'The low bits of the register are reserved or hold flags, so they are dropped without a word: the controller uses ' +
      'an address a few bytes lower than the driver does.',
    fix: 'Allocate the structure with the alignment of xHCI Table 6-1.',
    example: {
      bad: `static struct trb command_ring[64];            /* aligned to 4 */`,
      good: `static struct trb command_ring[64] __attribute__((aligned(64)));`,
    },
    behaviour: {
      qemu: 'masks the bits and reads from the lower address',
      hardware: 'does the same',
    },
    garbles: true,
    explains: ['INIT-07', 'INIT-09', 'RING-01', 'RING-15', 'CTX-08', 'RING-02'],
    check: (pointer) => {
      if (pointer.alignment <= 1) return undefined;
      const written = BigInt(pointer.written);
      const flags = BigInt(flagBits(pointer.holder));
      const low = written & BigInt(pointer.alignment - 1) & ~flags;
      if (low === 0n) return undefined;
      const aligned = (written / BigInt(pointer.alignment) + 1n) * BigInt(pointer.alignment);
      return {
        title: `${pointer.holder} is not aligned to ${pointer.alignment} bytes`,
        why:
          `${hex(written & ~flags)} was written; the controller drops the low bits and uses ` +
          `${hex(written - (written % BigInt(pointer.alignment)))}, ${hex(low)} bytes before the ${pointer.target}.`,
        help: `align the ${pointer.target} to ${pointer.alignment} bytes; the next such address is ${hex(aligned)}`,
        expected: undefined,
      };
    },
  },
  {
    id: 'xhci/structure-crosses-page',
    code: 'RING-10',
    summary: 'a structure that must lie within one page crosses into the next',
    severity: 'warning',
    certainty: 'portability',
    spec: [xhci('6'), xhci('5.4.3')],
    what: 'The DCBAA, a context or the scratchpad array spans a PAGESIZE boundary (xHCI Table 6-1 forbids it).',
    why: 'The controller may fetch the structure a page at a time and know only the first page.',
    fix: 'Align the structure to its size rounded up to a power of two, or give it a page of its own.',
    example: {
      bad: `uint64_t *dcbaa = (uint64_t *)(page + 4096 - 64);  /* 256 entries */`,
      good: `uint64_t *dcbaa = alloc_dma(4096, 4096);`,
    },
    behaviour: { qemu: 'does not care', hardware: 'may read or write the wrong page' },
    check: (pointer) => {
      if (pointer.boundary === 0 || pointer.boundary === SEGMENT_BOUNDARY) return undefined;
      const at = crossing(pointer.value, pointer.size, pointer.boundary);
      if (at === undefined) return undefined;
      return {
        title: `the ${pointer.target} of ${pointer.holder} crosses a ${formatBytes(pointer.boundary)} page`,
        why: `It takes ${formatBytes(pointer.size)} from ${hex(pointer.value)} and crosses ${hex(at)}.`,
        help: `allocate the ${pointer.target} within one page`,
        expected: undefined,
      };
    },
  },
];

function ruleOf(row: Row): Rule {
  const { check, ...definition } = row;
  return defineRule({
    ...definition,
    catalogue: [row.code],
    start: () => ({}),
    on: {
      'diagnosis.pointer-judged': (_state, { record }, context) => {
        const { pointer, verdict } = record;
        // A pointer that leads nowhere has a worse fault than its low bits.
        if (verdict?.kind !== 'ok') return;
        const violation = check(pointer);
        if (violation === undefined) return;
        context.report({
          device: pointer.controller,
          where: pointer.holder,
          parent: context.known.parentOf(pointer),
          title: violation.title,
          address: pointer.written,
          expected: violation.expected,
          site: record.site,
          role: storeRole(pointer),
          facts: [whenFact(context.view, undefined), fact('why', violation.why), fact('help', violation.help)],
        });
      },
    },
  });
}

export const CONSTRAINTS: readonly Rule[] = ROWS.map(ruleOf);
