import { describe, expect, it } from 'vitest';
import { logComplaints } from './kernel-log.ts';

const log = (...lines: string[]): string =>
  lines.map((line, index) => `[    ${index}.000000] ${line}\r\n`).join('guest# echo\r\n');

describe('a kernel log against QEMU’s', () => {
  it('is silent about the same lines in another order, at other times', () => {
    expect(logComplaints(log('one line', 'another line'), log('another line', 'one line'), [])).toEqual([]);
  });

  it('tells each line that only one of them has', () => {
    expect(logComplaints(log('same', 'hpet: broken'), log('same', 'hpet0: here'), [])).toEqual([
      '- hpet0: here',
      '+ hpet: broken',
    ]);
  });

  it('counts: the same complaint twice is one too many', () => {
    expect(logComplaints(log('lost', 'lost'), log('lost'), [])).toEqual(['+ lost']);
  });

  it('takes a reason for a side only', () => {
    const known = [{ qemu: /^hpet/, why: 'none here' }];
    expect(logComplaints(log('same'), log('same', 'hpet0'), known)).toEqual([]);
    expect(logComplaints(log('same', 'hpet0'), log('same'), known)).toEqual(['+ hpet0']);
  });

  it("puts back up to three characters that QEMU's port lost, in our line never", () => {
    expect(logComplaints(log('ACPI: PM-Timer IO Port: 0x608'), log('ACPI: PMTimer IO Port: 0x608'), [])).toEqual([]);
    expect(logComplaints(log('ACPI: PMTimer'), log('ACPI: PM-Timer'), [])).toEqual([
      '- ACPI: PM-Timer',
      '+ ACPI: PMTimer',
    ]);
    expect(logComplaints(log('IO Port: 0x608'), log('IO Port: 0x609'), [])).toHaveLength(2);
  });

  it('wants a log at all', () => {
    expect(logComplaints(log('same'), '', [])).toEqual(['QEMU printed no kernel log']);
  });
});
