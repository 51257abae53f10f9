import { hex } from '../../../base/address.ts';
import { xhci } from '../../../base/registers.ts';
import { fact } from '../../finding.ts';
import { whenFact } from '../../pointers/describe.ts';
import { ringLabel, ringName, trbWriter } from '../../rings.ts';
import { defineRule } from '../../rule.ts';
import { isTypeOf, NO_OP_COMMAND, NO_OP_TRANSFER, trbType, trbTypeName } from './trb.ts';

function hint(kind: 'command' | 'transfer', type: number): string {
  if (kind === 'command' && type === NO_OP_TRANSFER)
    return `use ${NO_OP_COMMAND} for a No Op Command; ${NO_OP_TRANSFER} is the No Op of transfer rings`;
  if (kind === 'transfer' && type === NO_OP_COMMAND)
    return `use ${NO_OP_TRANSFER} for a No Op on a transfer ring; ${NO_OP_COMMAND} is the command`;
  if (type >= 32 && type < 48) return 'this is the type of an event; check bits 15:10 of the control word';
  if (kind === 'command') return 'command rings take types 9 to 25 and Link (6); check bits 15:10 of the control word';
  return 'transfer rings take types 1 to 8; check bits 15:10 of the control word';
}

export default defineRule({
  id: 'xhci/trb-type-invalid',
  code: 'RING-15',
  catalogue: ['RING-15'],
  summary: 'a TRB has a type that is not allowed on its ring',
  severity: 'error',
  certainty: 'certain',
  spec: [xhci('6.4.6'), xhci('4.11.2')],
  what: 'The controller was handed a TRB whose type is reserved, or belongs to another kind of ring.',
  why: 'The controller answers with a TRB Error instead of doing the work.',
  fix: 'Look the type up in xHCI Table 6-91; it stands in bits 15:10 of the last word.',
  example: {
    bad: `trb->control = (8u << 10) | cycle;              /* No Op of transfer rings */`,
    good: `trb->control = (23u << 10) | cycle;             /* No Op Command */`,
  },
  behaviour: {
    qemu: 'answers a command with TRB Error; on a transfer ring it counts the TRB and moves no data',
    hardware: 'answers with TRB Error',
  },
  consequential: true,
  start: () => ({}),
  on: {
    'diagnosis.trb-consumed': (_state, event, context) => {
      if (isTypeOf(event.kind, event.trb)) return;
      const type = trbType(event.trb);
      const name = ringName(event);
      context.report({
        device: event.controller,
        where: ringLabel(event),
        title: `${trbTypeName(type)} is no TRB for ${name}`,
        address: event.address,
        site: trbWriter(context.view, context.known.controller(event.controller).rings.get(event), event.address),
        role: `stores a TRB of type ${type}`,
        key: `${name} ${type}`,
        facts: [
          fact(
            'found',
            `the controller consumed the TRB at ${hex(event.address)}: control word ${hex(event.trb.control)}, type ${type}`,
          ),
          whenFact(context.view, undefined),
          fact('why', `Type ${type} is ${trbTypeName(type)}; the controller answers with TRB Error.`),
          fact('help', hint(event.kind, type)),
        ],
      });
    },
  },
});
