import { busToGpa, gpa, hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { readPointer } from '../../pointers/recognise.ts';
import { trbWriter } from '../../rings.ts';
import { defineRule, type RuleContext } from '../../rule.ts';
import { ADDRESS_DEVICE, trbType } from './trb.ts';

const FOUR_GIB = 0x1_0000_0000;
/** RAM is searched for the array that was meant up to this many times 4 GiB above. */
const UPPER_HALVES_MAX = 16;

/** An entry that stands whole multiples of 4 GiB above: the upper half of DCBAAP may have been lost. */
function above(context: RuleContext, at: number): string[] {
  for (let half = 1; half <= UPPER_HALVES_MAX; half += 1) {
    const entry = readPointer(context.view, gpa(at + half * FOUR_GIB));
    if (entry === undefined || entry === 0 || context.view.describePhysical(gpa(at)).kind !== 'ram') continue;
    return [`At ${hex(at + half * FOUR_GIB)} stands ${hex(entry)}: the upper half of DCBAAP may have been lost.`];
  }
  return [];
}

export default defineRule({
  id: 'xhci/output-context-missing',
  code: 'CTX-08',
  catalogue: ['CTX-08'],
  summary: 'Address Device was issued while the DCBAA entry of the slot is 0',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('4.3.3'), xhci('4.6.5'), xhci('6.1')],
  what: 'The slot has no output Device Context: its entry in the Device Context Base Address Array is 0.',
  why: 'Address Device writes the Slot and Endpoint 0 Contexts through that entry; with 0 it writes to physical address 0.',
  fix: 'Before Address Device, allocate a zeroed Device Context and store its physical address in DCBAA[Slot ID]. Slot IDs start at 1.',
  example: {
    bad: `dcbaa[slot_id - 1] = virt_to_phys(device_context);  /* one too low */
address_device(slot_id, input_context);`,
    good: `dcbaa[slot_id] = virt_to_phys(device_context);
address_device(slot_id, input_context);`,
  },
  behaviour: {
    qemu: 'writes the contexts to physical address 0 and reports success',
    hardware: 'does the same, or stops with an error when an IOMMU refuses it',
  },
  consequential: true,
  start: () => ({}),
  on: {
    'diagnosis.trb-consumed': (_state, event, context) => {
      if (event.kind !== 'command' || trbType(event.trb) !== ADDRESS_DEVICE) return;
      const slotId = event.trb.control >>> 24;
      const record = context.known.controller(event.controller).byHolder('DCBAAP');
      const table = record === undefined ? undefined : busToGpa(record.pointer.value);
      if (slotId === 0 || table === undefined || table === 0) return;
      const at = gpa(table + slotId * 8);
      if (readPointer(context.view, at) !== 0) return;
      const below = readPointer(context.view, gpa(table + (slotId - 1) * 8));
      const command = trbWriter(
        context.view,
        context.known.controller(event.controller).rings.get(event),
        event.address,
      );
      const shifted = slotId === 1 && below !== undefined && below !== 0;
      context.report({
        device: event.controller,
        where: `DCBAA[${slotId}]`,
        title: `Address Device for slot ${slotId}, but DCBAA[${slotId}] is 0`,
        address: 0,
        expected: shifted ? below : undefined,
        site: (shifted ? context.view.whoWrote(gpa(at - 8)) : command) ?? context.view.currentSite(),
        role: shifted
          ? `stores the Device Context of slot ${slotId} in DCBAA[0]`
          : command === undefined
            ? 'rings the doorbell for Address Device'
            : 'stores the Address Device Command',
        key: `slot ${slotId}`,
        facts: [
          fact(
            'found',
            `the entry at pa ${hex(at)} (DCBAAP ${hex(table)} + 8 * ${slotId}) is 0 when the command is run`,
          ),
          whenFact(context.view, undefined),
          fact(
            'why',
            'The controller writes the output contexts to physical address 0.',
            ...above(context, at),
            ...(shifted
              ? [
                  `DCBAA[0] holds ${hex(below)}: it looks as if the array was filled from 0. Entry 0 is for the scratchpad buffers.`,
                ]
              : []),
          ),
          fact('help', `store the physical address of a zeroed Device Context in DCBAA[${slotId}] before the command`),
        ],
      });
    },
  },
});
