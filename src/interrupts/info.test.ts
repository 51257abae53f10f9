import { expect, it } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { TraceBus } from '../base/trace.ts';
import { describeApic, describeControllers } from './info.ts';
import { InterruptController } from './interrupt-controller.ts';

function build(): InterruptController {
  const lines = { setInterruptLine: () => {}, raiseNmi: () => {} };
  return new InterruptController({ apicIds: [0], clock: new VirtualClock(), trace: new TraceBus(), lines });
}

it('prints the reset state of a local APIC as QEMU 7.2 does', () => {
  expect(describeApic(build().apics[0]!)).toEqual([
    'dumping local APIC state for CPU 0',
    '',
    'LVT0\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
    'LVT1\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
    'LVTPC\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
    'LVTERR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
    'LVTTHMR\t 0x00010000 active-hi edge  masked                      Fixed  (vec 0)',
    'LVTT\t 0x00010000 active-hi edge  masked         one-shot     Fixed  (vec 0)',
    'Timer\t DCR=0x0 (divide by 2) initial_count = 0 current_count = 0',
    'SPIV\t 0x000000ff APIC disabled, focus=off, spurious vec 255',
    'ICR\t 0x00000000 physical edge de-assert no-shorthand',
    'ICR2\t 0x00000000 cpu 0 (APIC ID)',
    'ESR\t 0x00000000',
    'ISR\t (none)',
    'IRR\t (none)',
    '',
    'APR 0x00 TPR 0x00 DFR 0x0f LDR 0x00 PPR 0x00',
  ]);
});

it('prints virtual wire mode as QEMU does under SeaBIOS', () => {
  const controller = build();
  controller.setUpVirtualWire();
  const lines = describeApic(controller.apics[0]!);
  expect(lines[2]).toBe('LVT0\t 0x00008700 active-hi level                             ExtINT (vec 0)');
  expect(lines[3]).toBe('LVT1\t 0x00008400 active-hi level                             NMI   ');
  expect(lines[9]).toBe('SPIV\t 0x000001ff APIC enabled, focus=off, spurious vec 255');
});

it('prints the I/O APIC and the two 8259s as QEMU does after reset', () => {
  const lines = describeControllers(build());
  expect(lines).toHaveLength(29);
  expect(lines[0]).toBe('ioapic0: ver=0x20 id=0x00 sel=0x00');
  expect(lines[3]).toBe('  pin 2  0x0000000000010000 dest=0 vec=0   active-hi edge  masked fixed  physical');
  expect(lines.slice(25)).toEqual([
    '  IRR      (none)',
    '  Remote IRR (none)',
    'pic1: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0',
    'pic0: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0',
  ]);
});
