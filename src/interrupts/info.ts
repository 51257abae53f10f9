/** What `info pic` and `info lapic` of QEMU's monitor print, in their shape. */
import { hexPadded } from '../base/address.ts';
import type { InterruptController } from './interrupt-controller.ts';
import { IO_APIC_PINS, type IoApic, REDIRECTION_HIGH, REDIRECTION_LOW } from './io-apic.ts';
import type { LocalApic } from './local-apic.ts';
import { APIC, divisorOf, ICR_LOW, LVT_LINT, LVT_TIMER, SVR } from './local-apic-registers.ts';

const MODES = ['fixed', 'lowest', 'SMI', '...', 'NMI', 'INIT', '...', 'extINT'] as const;
const LVT_MODES = ['Fixed', 'Lowest', 'SMI', '...', 'NMI', 'INIT', 'SIPI', 'ExtINT'] as const;
const SHORTHANDS = ['no-shorthand', 'self', 'all-self', 'all'] as const;
const TIMER_MODES = ['one-shot', 'periodic', 'tsc-deadline', 'reserved'] as const;

/** `info pic`: the I/O APIC's entries, then the two 8259s. One line per element. */
export function describeControllers(controller: InterruptController): string[] {
  const { ioApic, pic } = controller;
  const pins = Array.from({ length: IO_APIC_PINS }, (_, pin) => describePin(ioApic, pin));
  return [
    `ioapic0: ver=0x20 id=0x${hexPadded(ioApic.id, 2)} sel=0x${hexPadded(ioApic.selected, 2)}`,
    ...pins,
    `  IRR      ${pinList(ioApic.requested)}`,
    `  Remote IRR ${pinList(ioApic.remote)}`,
    pic.slave.describe(),
    pic.master.describe(),
  ];
}

function describePin(ioApic: IoApic, pin: number): string {
  const { low, high } = ioApic.entry(pin);
  const vector = REDIRECTION_LOW.get(low, 'vector').toString().padEnd(3);
  const polarity = REDIRECTION_LOW.has(low, 'polarity') ? 'active-lo' : 'active-hi';
  const trigger = REDIRECTION_LOW.has(low, 'levelTriggered') ? 'level' : 'edge ';
  const masked = REDIRECTION_LOW.has(low, 'mask') ? 'masked' : '      ';
  const mode = MODES[REDIRECTION_LOW.get(low, 'deliveryMode')]!.padEnd(6);
  const destination = REDIRECTION_HIGH.get(high, 'destination');
  const kind = REDIRECTION_LOW.has(low, 'logical') ? 'logical' : 'physical';
  const value = hexPadded(high, 8) + hexPadded(low, 8);
  const name = pin.toString().padEnd(2);
  return `  pin ${name} 0x${value} dest=${destination} vec=${vector} ${polarity} ${trigger} ${masked} ${mode} ${kind}`;
}

function pinList(bits: number): string {
  const pins = Array.from({ length: IO_APIC_PINS }, (_, pin) => pin).filter((pin) => (bits & (1 << pin)) !== 0);
  return pins.length === 0 ? '(none)' : pins.join(' ');
}

/** `info lapic` of one processor. */
export function describeApic(apic: LocalApic): string[] {
  const { registers } = apic;
  const timer = apic.timer;
  const entries = [
    ['LVT0\t', APIC.LVT_LINT0],
    ['LVT1\t', APIC.LVT_LINT1],
    ['LVTPC\t', APIC.LVT_PERFORMANCE],
    ['LVTERR\t', APIC.LVT_ERROR],
    ['LVTTHMR\t', APIC.LVT_THERMAL],
    ['LVTT\t', APIC.LVT_TIMER],
  ] as const;
  const enabled = SVR.has(registers.svr, 'enable') ? 'enabled' : 'disabled';
  const hex = (value: number) => `0x${hexPadded(value, 8)}`;
  const short = (value: number) => `0x${hexPadded(value, 2)}`;
  return [
    `dumping local APIC state for CPU ${apic.cpu}`,
    '',
    ...entries.map(([name, index]) => `${name} ${describeLocalVector(index, apic.lvt.read(index)!)}`),
    `Timer\t DCR=0x${timer.divide.toString(16)} (divide by ${divisorOf(timer.divide)})` +
      ` initial_count = ${timer.initialCount} current_count = ${timer.currentCount}`,
    `SPIV\t ${hex(registers.svr)} APIC ${enabled}, focus=${SVR.has(registers.svr, 'focusDisabled') ? 'on' : 'off'},` +
      ` spurious vec ${SVR.get(registers.svr, 'vector')}`,
    `ICR\t ${hex(registers.icrLow)} ${describeCommand(registers.icrLow)}`,
    `ICR2\t ${hex(registers.icrHigh)}${describeDestination(registers.icrLow, registers.icrHigh)}`,
    `ESR\t ${hex(registers.esr)}`,
    `ISR\t ${apic.isr.list().join(' ') || '(none)'}`,
    `IRR\t ${apic.irr.list().join(' ') || '(none)'}`,
    '',
    `APR ${short(apic.arbitrationPriority)} TPR ${short(apic.taskPriority)} DFR ${short(registers.dfr >>> 28)}` +
      ` LDR ${short(registers.ldr >>> 24)} PPR ${short(apic.processorPriority)}`,
  ];
}

function describeLocalVector(index: number, value: number): string {
  const polarity = LVT_LINT.has(value, 'polarity') ? 'active-lo' : 'active-hi';
  const trigger = LVT_LINT.has(value, 'levelTriggered') ? 'level' : 'edge ';
  const masked = LVT_LINT.has(value, 'mask') ? 'masked' : '';
  const timer = index === APIC.LVT_TIMER;
  const mode = timer ? TIMER_MODES[LVT_TIMER.get(value, 'mode')]! : '';
  const delivery = timer || index === APIC.LVT_ERROR ? 'Fixed' : LVT_MODES[LVT_LINT.get(value, 'deliveryMode')]!;
  const vector = delivery === 'NMI' ? '' : ` (vec ${LVT_LINT.get(value, 'vector')})`;
  const status = LVT_LINT.has(value, 'deliveryStatus') ? 'pending' : '';
  const columns = [polarity, trigger, masked.padEnd(6), status.padEnd(7), mode.padEnd(12), delivery.padEnd(6)];
  return `0x${hexPadded(value, 8)} ${columns.join(' ')}${vector}`;
}

function describeCommand(low: number): string {
  return [
    ICR_LOW.has(low, 'logical') ? 'logical' : 'physical',
    ICR_LOW.has(low, 'levelTriggered') ? 'level' : 'edge',
    ICR_LOW.has(low, 'level') ? 'assert' : 'de-assert',
    SHORTHANDS[ICR_LOW.get(low, 'shorthand')],
  ].join(' ');
}

/** Only a command without shorthand has a destination of its own. */
function describeDestination(low: number, high: number): string {
  if (ICR_LOW.get(low, 'shorthand') !== 0) return '';
  const id = high >>> 24;
  return ICR_LOW.has(low, 'logical') ? ` mask ${id.toString(2).padStart(8, '0')} (APIC ID)` : ` cpu ${id} (APIC ID)`;
}
