/** Every guest on dmascope: its mistake is found as exactly that rule, at its line; a near miss gives no finding. */
import { describe, expect, it } from 'vitest';
import { rootsOf, run, summary, TIMEOUT } from './dmascope.ts';
import { guests, markedLines, named, silent } from './guests.ts';

describe('a mistake is found as its rule', { timeout: TIMEOUT }, () => {
  it.each(guests.filter((guest) => guest.kind === 'mistake'))('$name: $rules at $rootWhere', async (guest) => {
    const { status, serial, report } = await run(guest);
    expect(serial).toContain(`dmascope guest: ${guest.name}\n`);
    const [root] = rootsOf(report);
    expect(root, 'nothing was found').toBeDefined();
    expect(root!.catalogue, summary(report).join('; ')).toContain(guest.rules[0]);
    expect(root!.where).toContain(guest.rootWhere);
    // Nothing else stands beside it, except what the manifest allows.
    const allowed = [...guest.rules, ...(guest.also ?? [])];
    const strangers = rootsOf(report).filter((each) => !each.catalogue.some((id) => allowed.includes(id)));
    expect(strangers.map((each) => `${each.catalogue} ${each.where}`)).toEqual([]);
    expect(status).toBe(root!.severity === 'error' ? 1 : 0);

    if (guest.stripped === true) {
      expect(root!.site?.file ?? null).toBeNull();
      return;
    }
    const lines = markedLines(guest).map(({ file, line }) => `${file}:${line}`);
    expect(lines).toContain(`${root!.site?.file?.replace(/^\.\//, '')}:${root!.site?.line}`);
  });
});

describe('a driver without a mistake gives no finding', { timeout: TIMEOUT }, () => {
  it.each(silent)('$name', async (guest) => {
    const { status, serial, report } = await run(guest);
    expect(summary(report)).toEqual([]);
    expect(serial).toMatch(/^usb: slot 1: device [0-9a-f]{4}:[0-9a-f]{4}/m);
    expect(serial).toMatch(/^done$/m);
    expect(report.outcome).toMatchObject({ kind: 'exited', text: expect.stringContaining('status 33') });
    expect(status).toBe(0);
  });
});

describe('the story', { timeout: TIMEOUT }, () => {
  it('names the table, the address given and the one that belongs there', async () => {
    const { report, talk } = await run(named('story'));
    const [root] = rootsOf(report);
    expect(root).toMatchObject({ where: 'ERSTBA', address: '0xffffff80002e3080', expected: '0x2e3080' });
    expect(root!.site).toMatchObject({ symbol: expect.stringContaining('write_segment_table_address') });
    // The other pointers of that driver are named too, with it or beside it.
    const said = report.findings.map((finding) => JSON.stringify(finding)).join('\n') + talk;
    for (const other of ['DCBAAP', 'CRCR', 'ERDP', 'ERST[0].base']) expect(said).toContain(other);
    const next = /\n {2}next .*?(?=\n {2}\w)/s.exec(talk)?.[0] ?? '';
    const checked = /\n {2}checked .*?(?=\n {2}\w)/s.exec(talk)?.[0].replaceAll(/\s+/g, ' ') ?? '';
    for (const other of ['DMA-03: ERST[0].base', 'DMA-04: the Link TRB', 'CRCR', 'ERDP', 'DCBAAP']) {
      expect(next).toContain(other);
    }
    expect(checked).toContain('ERST[0].base 0xffffff800032b000 BAD (virtual, pa 0x32b000)');
    expect(checked).toContain('Link TRB of the command ring 0xffffff800032a000 BAD (virtual, pa 0x32a000)');
  });

  it('names the functions that an optimising compiler inlined, each at its call, with and without frame pointers', async () => {
    const callers = async (name: string) => {
      const { talk } = await run(named(name));
      const block = /\n {2}called from (.*?)\n {2}\w/s.exec(talk)?.[1] ?? '';
      return block.split('\n').map((line) => line.trim());
    };
    expect(await callers('story-o2')).toEqual([
      'guests/xhci-kernel/xhci.c:215:5   program_event_ring',
      'guests/xhci-kernel/xhci.c:274:5   xhci_bring_up',
      'guests/xhci-kernel/main.c:46:5   kernel_main',
      'guests/lib/boot.S:101   high_half',
    ]);
    expect(await callers('story')).toEqual(await callers('story-o2'));
    // Without frame pointers, by call frame information: nothing is guessed.
    expect(await callers('story-no-frame-pointer')).toEqual(await callers('story-o2'));
  });

  it('is told the same way twice', async () => {
    const [first, second] = [await run(named('story')), await run(named('story'))];
    expect(second.json).toBe(first.json);
    expect(second.serial).toBe(first.serial);
    expect(second.talk.replaceAll(/\d+\.json/g, 'N.json')).toBe(first.talk.replaceAll(/\d+\.json/g, 'N.json'));
  });

  it('ends by itself when the driver waits for ever', async () => {
    const { report, talk } = await run(named('story'), ['--append', 'patience=forever']);
    const [root, ...others] = rootsOf(report);
    expect(root!.catalogue).toContain('DMA-01');
    expect(others).toEqual([]);
    expect(report.outcome.kind).toBe('idle');
    // The hang is a symptom of it, and named with the wait that the delay loop belongs to.
    const hang = report.findings.find((finding) => finding.where === 'processor');
    expect(hang?.causedBy).not.toBeNull();
    const said = talk.replaceAll(/\s+/g, ' ');
    expect(said).toMatch(
      /driver waits for an event that cannot arrive: it repeats .* in spin, called from .* in wait_for_bits/,
    );
  });
});

describe('a driver that waits for ever', { timeout: TIMEOUT }, () => {
  const names = ['port-05', 'ring-01', 'ring-11', 'init-11', 'dma-13', 'dma-10'];
  it.each(names)('ends by itself, and the hang is a symptom: %s', async (name) => {
    const { report, status } = await run(named(name), ['--append', 'patience=forever']);
    const [root, ...others] = rootsOf(report);
    expect(root!.catalogue).toContain(named(name).rules[0]);
    expect(root!.severity).toBe('error');
    expect(others).toEqual([]);
    expect(report.findings.some((finding) => finding.where === 'processor' && finding.causedBy !== null)).toBe(true);
    expect(report.outcome.kind).toBe('idle');
    expect(status).toBe(1);
  });
});
