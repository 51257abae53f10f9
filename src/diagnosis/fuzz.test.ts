/** Whatever facts arrive, in whatever order: no rule fails, memory stays bounded, the report can be written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bus } from '../base/address.ts';
import type { TraceEvents, TraceName } from '../base/trace.ts';
import { renderJson } from './report/json.ts';
import { REPORT_SCHEMA } from './report/schema.ts';
import { renderText } from './report/text.ts';
import { DEVICE, DIRECT_MAP, DriverScene } from './testing/driver-scene.ts';
import { checkSchema } from './testing/json-schema.ts';

type Fact = { [N in TraceName]: { readonly name: N; readonly event: TraceEvents[N] } }[TraceName];

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const address = fc
  .oneof(
    fc.integer({ min: 0, max: 0x800_0000 }).map(BigInt),
    fc.integer({ min: 0, max: 0x800_0000 }).map((offset) => DIRECT_MAP + BigInt(offset)),
    fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  )
  .map((value) => bus(value));
const controller = fc.constant(DEVICE);
const trb = fc.record({ parameterLow: word, parameterHigh: word, status: word, control: word });
const small = fc.integer({ min: 0, max: 33 });
const cycle = fc.constantFrom<(0 | 1)[]>(0, 1);
const ring = {
  controller,
  kind: fc.constantFrom<('command' | 'transfer')[]>('command', 'transfer'),
  slotId: small,
  endpointId: small,
  streamId: fc.constant(0),
};
const pointer = fc.record({
  controller,
  target: fc.constantFrom(
    'Event Ring Segment Table',
    'Command Ring segment',
    'Transfer Ring segment',
    'Input Context',
    'data buffer',
  ),
  holder: fc.constantFrom('ERSTBA', 'CRCR', 'DCBAAP', 'ERDP', 'DCBAA[1]', 'Link TRB of the command ring'),
  value: address,
  storedAt: fc.option(address, { nil: undefined }),
  size: fc.integer({ min: 0, max: 0x2_0000 }),
  alignment: fc.constantFrom(1, 16, 64, 4096),
  boundary: fc.constantFrom(0, 4096, 0x1_0000),
  written: address,
  write: fc.boolean(),
});
const register = fc.record({
  controller,
  space: fc.constantFrom<('operational' | 'runtime' | 'doorbell' | 'port' | 'capability')[]>(
    'operational',
    'runtime',
    'doorbell',
    'port',
    'capability',
  ),
  offset: fc.integer({ min: 0, max: 0x400 }),
  barOffset: fc.integer({ min: 0, max: 0x3fff }),
  size: fc.constantFrom(1, 2, 4, 8),
  value: word,
  register: fc.constantFrom(undefined, 'ERSTBA.lo', 'ERSTBA.hi', 'ERSTSZ', 'CRCR.lo', 'CRCR.hi', 'DCBAAP.lo', 'USBCMD'),
});

function of<N extends TraceName>(name: N, event: fc.Arbitrary<TraceEvents[N]>): fc.Arbitrary<Fact> {
  return event.map((value) => ({ name, event: value }) as unknown as Fact);
}

const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  of('xhci.reset', fc.record({ controller })),
  of('xhci.run', fc.record({ controller })),
  of('xhci.stop', fc.record({ controller })),
  of('xhci.register-written', register),
  of(
    'xhci.register-misused',
    fc
      .tuple(register, fc.constantFrom<('read-only' | 'width' | 'no-register')[]>('read-only', 'width', 'no-register'))
      .map(([access, problem]) => ({ ...access, problem, bits: 1 })),
  ),
  of('xhci.pointer-set', pointer),
  of(
    'xhci.pointers-audited',
    fc.record({ controller, cause: fc.constant('R/S'), pointers: fc.array(pointer, { maxLength: 6 }) }),
  ),
  of(
    'xhci.started',
    fc.record({
      controller,
      dcbaap: address,
      crcr: address,
      maxSlotsEnabled: small,
      interrupters: fc.array(fc.record({ index: small, erstba: address, erstsz: small, erdp: address }), {
        maxLength: 3,
      }),
      lostByReset: fc.subarray(['CRCR', 'DCBAAP', 'ERSTBA[0]']),
    }),
  ),
  of('xhci.trb-fetched', fc.record({ ...ring, address, trb, typeName: fc.constant('TRB') })),
  of('xhci.ring-empty', fc.record({ ...ring, address, trb, consumerCycle: cycle, consumed: small })),
  of('xhci.ring-wrapped', fc.record({ ...ring, link: address, target: address, toggled: fc.boolean() })),
  of(
    'xhci.doorbell',
    fc.record({
      controller,
      slotId: small,
      target: small,
      streamId: fc.constant(0),
      value: word,
      outcome: fc.constantFrom<TraceEvents['xhci.doorbell']['outcome'][]>(
        'rung',
        'halted',
        'bad-target',
        'slot-disabled',
        'no-such-slot',
      ),
    }),
  ),
  of(
    'xhci.event-ring-reset',
    fc.record({
      controller,
      interrupter: small,
      erstba: address,
      erstsz: small,
      segments: fc.array(fc.record({ base: address, size: word }), { maxLength: 3 }),
      outcome: fc.constantFrom<TraceEvents['xhci.event-ring-reset']['outcome'][]>(
        'ok',
        'dma',
        'size-zero',
        'segment-size',
        'reserved-bits',
      ),
    }),
  ),
  of(
    'xhci.host-error',
    fc.record({
      controller,
      bit: fc.constantFrom<('HSE' | 'HCE')[]>('HSE', 'HCE'),
      result: fc.constant(2),
      where: fc.constant('x'),
    }),
  ),
  of(
    'memory.access-failed',
    fc.record({
      initiator: fc.constant({ kind: 'device' as const, name: DEVICE }),
      address,
      size: fc.integer({ min: 1, max: 64 }),
      write: fc.boolean(),
      result: fc.constantFrom(1, 2, 4),
      offset: fc.constant(0),
      reason: fc.constantFrom<TraceEvents['memory.access-failed']['reason'][]>(
        { kind: 'unassigned', below: undefined, above: undefined },
        { kind: 'beyond-physical' },
        { kind: 'bus-master-off', device: DEVICE },
      ),
      purpose: fc.option(
        fc.record({
          what: fc.constantFrom('Command TRB', 'Event TRB'),
          register: fc.constantFrom('CRCR', 'ERSTBA'),
          trb: address,
        }),
        { nil: undefined },
      ),
    }),
  ),
);

describe('any stream of facts', () => {
  it('is digested without a fault and ends in a report that keeps to its schema', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 60 }), (facts) => {
        const scene = new DriverScene();
        for (const { name, event } of facts) scene.step().see(name, event as never);
        const diagnosis = scene.idle().finish();
        expect(diagnosis.problems).toEqual([]);
        expect(renderText(diagnosis, { width: 80 })).toContain('stopped: ');
        expect(checkSchema(REPORT_SCHEMA, JSON.parse(renderJson(diagnosis)))).toEqual([]);
        for (const finding of diagnosis.findings) expect(finding.causedBy?.causedBy).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});
