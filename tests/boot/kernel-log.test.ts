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

  it('finds a line that the kernel printed behind the prompt', () => {
    expect(logComplaints(log('same', 'late'), `${log('same')}guest# ${log('late')}`, [])).toEqual([]);
  });

  it('does not mind which input device was first', () => {
    const input = (name: string, number: number): string => `input: ${name} as /devices/${name}/input/input${number}`;
    expect(logComplaints(log(input('a', 0), input('b', 1)), log(input('b', 0), input('a', 1)), [])).toEqual([]);
    expect(logComplaints(log(input('a', 0)), log(input('b', 0)), [])).toHaveLength(2);
  });

  it('takes a reason for a side only', () => {
    const known = [{ qemu: /^hpet/, why: 'none here' }];
    expect(logComplaints(log('same'), log('same', 'hpet0'), known)).toEqual([]);
    expect(logComplaints(log('same', 'hpet0'), log('same'), known)).toEqual(['+ hpet0']);
  });

  it('wants a log at all', () => {
    expect(logComplaints(log('same'), '', [])).toEqual(['QEMU printed no kernel log']);
  });
});
