import { hex } from '../../../base/address.ts';
import { spec, xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import {
  describeHole,
  describeRamBelow,
  failureFact,
  formatBytes,
  storeRole,
  topBitsSentence,
  whenFact,
} from '../../pointers/describe.ts';
import { defineRule } from '../../rule.ts';

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
/** Patterns that allocators and debuggers leave behind; such a pointer was never set. */
const UNSET_PATTERNS: readonly [RegExp, string][] = [
  [/^(ff)+$/, 'all ones, as a read from an absent device or a memset gives'],
  [/^(cc)+$|^(cd)+$|^(aa)+$|^(a5)+$|^(5a)+$|^(6b)+$/, 'a fill pattern of uninitialised or freed memory'],
  [/deadbeef|baadf00d|cafebabe|feeefeee/, 'a marker for memory that was never set'],
];

function unsetHint(value: number | bigint): string | undefined {
  const digits = value.toString(16);
  if (BigInt(value) === ALL_ONES) return UNSET_PATTERNS[0]![1];
  if (digits.length < 8) return undefined;
  return UNSET_PATTERNS.find(([pattern]) => pattern.test(digits))?.[1];
}

export default defineRule({
  id: 'dma/outside-memory',
  code: 'DMA-09',
  catalogue: ['DMA-09'],
  summary: 'the device was sent to an address where no memory answers',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('5.4.2'), spec('PCI Express Base 3.0', '2.3.1')],
  what: 'The address lies past the end of RAM, in a hole between regions, or in ROM that the device wants to write.',
  why: 'Nothing on the bus claims the request, so it ends as an Unsupported Request; a write to ROM is discarded.',
  fix: 'Compare the pointer and its length with the memory map that the firmware reports; look for an index or size that ran over.',
  example: {
    bad: `uint64_t ring = ram_end - 0x80;                /* 256 bytes do not fit in 128 */
op->crcr = ring | CRCR_RCS;`,
    good: `uint64_t ring = alloc_dma(256, 64);            /* from usable RAM of the memory map */
op->crcr = ring | CRCR_RCS;`,
  },
  behaviour: {
    qemu: 'reads zeros and drops writes; sets USBSTS.HCE for structures, nothing at all for data buffers',
    hardware: 'gets an Unsupported Request, sets USBSTS.HSE and stops',
  },
  start: () => ({}),
  on: {
    'diagnosis.pointer-judged': (_state, { record, failure }, context) => {
      const { pointer, verdict } = record;
      if (verdict?.kind !== 'outside' && verdict?.kind !== 'rom') return;
      const lines: string[] = [];
      const top = topBitsSentence(pointer.value);
      if (top !== undefined) lines.push(top);
      if (verdict.kind === 'rom')
        lines.push(`The address is in ROM ("${verdict.region}"): what a device writes there is lost.`);
      else {
        const start = BigInt(pointer.value);
        const inside = BigInt(verdict.firstMissing) - start;
        if (inside > 0n) {
          lines.push(
            `The ${pointer.target} starts in RAM at ${hex(start)}, but only ${formatBytes(Number(inside))} of its ` +
              `${formatBytes(pointer.size)} fit: ${hex(verdict.firstMissing)} is the first address where nothing answers.`,
          );
        }
        lines.push(...describeHole(verdict.hole, verdict.firstMissing));
        lines.push(...describeRamBelow(context.view, verdict.firstMissing));
      }
      const unset = unsetHint(pointer.value);
      if (unset !== undefined) lines.push(`The value is ${unset}: the pointer was probably never set.`);
      else if (verdict.kind === 'outside')
        lines.push('The page tables in use at the write do not map it either, so it is no virtual address.');
      context.report(
        {
          device: pointer.controller,
          where: pointer.holder,
          parent: context.known.parentOf(pointer),
          title:
            verdict.kind === 'rom'
              ? `${pointer.holder} sends the controller's writes to ROM`
              : `${pointer.holder} leads to an address where no memory answers`,
          address: pointer.value,
          site: record.site,
          role: storeRole(pointer),
          facts: [
            failureFact(pointer, failure),
            whenFact(context.view, undefined),
            fact('why', ...lines),
            fact('help', `give ${pointer.holder} an address in usable RAM, with room for the whole ${pointer.target}`),
          ],
        },
        { failed: failure !== undefined },
      );
    },
  },
});
