/** Every guest under `--personality qemu`: QEMU's kindness and its oddities must not hide a mistake, nor invent one. */
import { describe, expect, it } from 'vitest';
import { rootsOf, run, summary, TIMEOUT } from './dmascope.ts';
import { guests, silent } from './guests.ts';

describe('on a controller that behaves as QEMU does', { timeout: TIMEOUT }, () => {
  it.each(guests.filter((guest) => guest.kind === 'mistake'))('$name is found as $rules', async (guest) => {
    const { report } = await run(guest, ['--personality', 'qemu']);
    const allowed = [...guest.rules, ...(guest.also ?? [])];
    const [root, ...others] = rootsOf(report);
    expect(root?.catalogue, summary(report).join('; ')).toContain(guest.rules[0]);
    expect(root!.where).toContain(guest.rootWhere);
    expect(others.filter((each) => !each.catalogue.some((id) => allowed.includes(id)))).toEqual([]);
  });

  it.each(silent)('$name is no mistake', async (guest) => {
    const { report, serial } = await run(guest, ['--personality', 'qemu']);
    expect(rootsOf(report).flatMap((root) => root.catalogue)).toEqual(guest.qemuFinds ?? []);
    expect(report.findings.filter((finding) => finding.severity === 'error')).toEqual([]);
    // As on QEMU itself: 33 is what `done` ends with.
    if (guest.expectQemuExit !== undefined) {
      expect(serial.includes('\ndone\n')).toBe(guest.expectQemuExit === 33);
    }
  });
});
