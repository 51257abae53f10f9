/** docs/device-registers.md, from the register tables of the PC's other devices. */
import { formatSpec, Register32, type RegisterField } from '../../src/base/registers.ts';
import * as acpiPm from '../../src/devices/acpi-pm-registers.ts';
import * as ahci from '../../src/devices/ahci/registers.ts';
import * as hpet from '../../src/devices/hpet-registers.ts';
import * as i8042 from '../../src/devices/i8042-registers.ts';
import * as rtc from '../../src/devices/rtc-registers.ts';
import * as smbus from '../../src/devices/smbus/registers.ts';
import * as uart from '../../src/devices/uart-registers.ts';

const DEVICES: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
  ['Keyboard controller', 'Ports 0x60 and 0x64.', i8042],
  ['Serial port', 'Ports 0x3f8 to 0x3ff.', uart],
  ['Real-time clock', 'Ports 0x70 and 0x71.', rtc],
  ['High precision event timers', 'Memory from 0xfed00000.', hpet],
  ['ACPI power management', 'Ports from PMBASE.', acpiPm],
  ['SMBus host', 'Ports of BAR 4 of 00:1f.3.', smbus],
  ['AHCI adapter', 'BAR 5 of 00:1f.2.', ahci],
];

const INTRODUCTION = `<!-- Generated from src/devices by \`npm run docs\`. Do not edit. -->

# Registers of the PC's devices

Those that the source describes as tables; [registers.md](registers.md) has the xHCI controller's. \`RO\` is read-only,
\`RW1C\` is cleared by writing 1, \`RW1S\` is set by writing 1, \`WO\` reads 0. Bits that are not listed are reserved and zero.`;

function span({ high, low }: RegisterField): string {
  return high === low ? `${high}` : `${high}:${low}`;
}

function registerLines(register: Register32): string[] {
  const rows = Object.values<RegisterField>(register.fields)
    .sort((a, b) => a.low - b.low)
    .map((field) => `| ${span(field)} | ${field.access} | ${field.title.replaceAll('|', '\\|')} |`);
  const reset = `Reset 0x${register.reset.toString(16)}. ${formatSpec(register.spec)}.`;
  return [`### ${register.name}`, '', reset, '', '| bits | access | meaning |', '|---|---|---|', ...rows, ''];
}

export function devicePages(): { readonly path: string; readonly text: string }[] {
  const lines = [INTRODUCTION, ''];
  for (const [title, where, module] of DEVICES) {
    lines.push(`## ${title}`, '', where, '');
    for (const entry of Object.values(module)) if (entry instanceof Register32) lines.push(...registerLines(entry));
  }
  return [{ path: 'docs/device-registers.md', text: `${lines.join('\n').trimEnd()}\n` }];
}
