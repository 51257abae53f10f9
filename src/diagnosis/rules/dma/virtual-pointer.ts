/** What the three rules about virtual addresses (register, structure, Link TRB) have in common. */
import { hex } from '../../../base/address.ts';
import type { TraceEvents } from '../../../base/trace.ts';
import { type Fact, fact } from '../../finding.ts';
import {
  describeWalk,
  failureFact,
  storeRole,
  topBitsSentence,
  variableAt,
  whenFact,
} from '../../pointers/describe.ts';
import type { Verdict } from '../../pointers/verdict.ts';
import type { RuleContext } from '../../rule.ts';

export type VirtualVerdict = Extract<Verdict, { kind: 'virtual' }>;
type Judged = TraceEvents['diagnosis.pointer-judged'];

/** All findings about virtual addresses on one device stem from one habit of its driver. */
export const VIRTUAL_FAMILY = 'virtual-address';

export function isLinkTrb(holder: string): boolean {
  return holder.toLowerCase().includes('link trb');
}

function why(context: RuleContext, judged: Judged, verdict: VirtualVerdict): Fact {
  const { pointer, site } = judged.record;
  const lines: string[] = [];
  const top = topBitsSentence(pointer.value);
  if (top !== undefined) lines.push(top);
  if (verdict.walk !== undefined) {
    lines.push(
      `It is mapped in the page tables in use at the write (CR3 ${hex(verdict.walk.root)}):`,
      `  ${describeWalk(verdict.walk)}`,
    );
  } else {
    lines.push(
      `It is not mapped now, but the guest maps physical memory at offset ${hex(verdict.offset)}, which leads to ` +
        `pa ${hex(verdict.physical)}.`,
    );
  }
  const variable = variableAt(context.view, BigInt(pointer.value));
  const there = [variable === undefined ? undefined : `the variable ${variable}`, verdict.recognised].filter(
    (part) => part !== undefined,
  );
  if (there.length > 0) lines.push(`There stands ${there.join('; it looks like ')}.`);
  lines.push('A device does not see the page tables of the CPU: without an IOMMU, bus address = physical address.');
  if (site?.pageTables === undefined && verdict.walk !== undefined) {
    lines.push('The page tables at the time of the store are not known; those in force now were walked.');
  }
  return fact('why', ...lines);
}

function confidence(verdict: VirtualVerdict, judged: Judged): Fact {
  if (verdict.certainty !== 'certain') {
    return fact('confidence', 'suspected: nothing answers at the address; that it is virtual was inferred');
  }
  const facts = ['the value', 'the page walk', 'what answers at the bus address'];
  if (judged.record.site !== undefined) facts.push('the instruction that stored it');
  return fact('confidence', `certain: observed were ${facts.join(', ')}; nothing was inferred`);
}

/** Reports `judged` in the words of the calling rule. */
export function reportVirtual(
  context: RuleContext,
  judged: Judged,
  words: { readonly title: string; readonly help: readonly string[]; readonly extra?: readonly Fact[] },
): void {
  const { record, failure } = judged;
  const { pointer, verdict } = record;
  if (verdict?.kind !== 'virtual') return;
  context.report(
    {
      device: pointer.controller,
      where: pointer.holder,
      parent: context.known.parentOf(pointer),
      title: words.title,
      address: pointer.value,
      expected: verdict.physical,
      site: record.site,
      role: storeRole(pointer),
      certainty: verdict.certainty,
      family: VIRTUAL_FAMILY,
      key: `${pointer.holder} ${pointer.storedAt === undefined ? '' : hex(pointer.storedAt)} ${hex(pointer.value)}`,
      facts: [
        failureFact(pointer, failure),
        whenFact(context.view, failure === undefined ? undefined : `as the controller followed ${pointer.holder}`),
        why(context, judged, verdict),
        fact('help', ...words.help),
        ...(words.extra ?? []),
        confidence(verdict, judged),
      ],
    },
    { failed: failure !== undefined },
  );
}
