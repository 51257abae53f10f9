import { describe, expect, it } from 'vitest';
import type { Diagnosis } from '../finding.ts';
import { COMMAND_RING, DIRECT_MAP, DriverScene, ERST, EVENT_RING } from '../testing/driver-scene.ts';
import { checkSchema } from '../testing/json-schema.ts';
import { jsonReport, renderJson } from './json.ts';
import { ANSI } from './palette.ts';
import { REPORT_SCHEMA } from './schema.ts';
import { renderText, summaryLine } from './text.ts';
import { wrap } from './wrap.ts';

const virtual = (physical: number): bigint => DIRECT_MAP + BigInt(physical);

function story(prepare: (scene: DriverScene) => void = () => {}): Diagnosis {
  const scene = new DriverScene();
  prepare(scene);
  const bend = { erst: virtual(ERST), erdp: virtual(EVENT_RING), crcr: BigInt(COMMAND_RING) | 1n };
  scene.setUp(bend).start();
  scene.failedRead(virtual(ERST), 'ERST entry', 'ERSTBA').hostError('ERST');
  return scene.idle().finish();
}

describe('the text report', () => {
  it('has the grammar of a compiler: heading, place, underlined line, labelled evidence, summary', () => {
    expect(renderText(story(), { width: 100 })).toMatchInlineSnapshot(`
      "error[DMA-01]: ERSTBA was given a virtual address (00:03.0)
        --> xhci.c:3:5   init_controller
          |
        2 | {
        3 |     ir->erstba = (uint64_t)erst;
          |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^ writes 0xffffff80002e3080 to ERSTBA
          |
        what failed   00:03.0 read 16 bytes at bus 0xffffff80002e3080 (ERST entry): nothing at that
                      address (MEMTX_DECODE_ERROR)
        when          0.001 ms, instruction 1014; as the controller followed ERSTBA
        why           Bits 63:52 are not all zero, so this cannot be a physical address on any x86-64
                      machine.
                      It is mapped in the page tables in use at the write (CR3 0x103000):
                        va 0xffffff80002e3080 -> pa 0x2e3080   4 KiB page, writable, no-execute
                        PML4[511] PDPT[0] PD[1] PT[227]
                      There stands the variable \`erst\`; it looks like an event ring segment table entry
                      (base 0x2e4000, 256 TRBs).
                      A device does not see the page tables of the CPU: without an IOMMU, bus address =
                      physical address.
        effect        The controller set USBSTS.HSE (Host System Error) and stopped.
                      The driver waits for an event that cannot arrive: it repeats xhci.c:3 in
                      init_controller.
        help          write the physical address 0x2e3080 to ERSTBA (virt_to_phys)
        next          the same mistake stands in 1 more place; mend it too:
                        DMA-01: ERDP was given a virtual address: 0xffffff80002e4000 should be 0x2e4000,
                        xhci.c:3:5 in init_controller
        checked       ERDP 0xffffff80002e4000 BAD (virtual, pa 0x2e4000), DCBAAP 0x2e6000 ok, CRCR
                      0x2e5000 ok, ERST[0].base 0x2e4000 ok, DCBAA[1] 0x2e7000 ok
        elsewhere     QEMU sets USBSTS.HCE, keeps running, and prints nothing unless run with -d
                      guest_errors.
                      Hardware gets an Unsupported Request, sets USBSTS.HSE and stops.
        confidence    certain: observed were the value, the page walk, what answers at the bus address,
                      the instruction that stored it; nothing was inferred
        spec          xHCI 1.2 §6, §5.5.2.3.2, §5.4.2; Intel SDM Vol. 3A §4.5
        more          dmascope explain DMA-01

      stopped: the guest came to rest
      1 root cause, 2 symptoms (1 more finding, 1 hang) folded into it."
    `);
  });

  it('never breaks an address and keeps to the width', () => {
    const text = renderText(story(), { width: 72 });
    expect(text).toContain('0xffffff80002e3080');
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(72);
  });

  it('is the same with colours, once they are taken off', () => {
    const plain = renderText(story());
    const coloured = renderText(story(), { palette: ANSI });
    expect(coloured).not.toBe(plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken off.
    expect(coloured.replace(/\u001b\[[0-9;]*m/g, '')).toBe(plain);
  });

  it('says once that there are no symbols, and gives the address instead', () => {
    const text = renderText(
      story((scene) => {
        scene.guest.hasSymbols = false;
      }),
    );
    expect(text.match(/no symbols/g)).toHaveLength(1);
    expect(text).toMatch(/--> pc 0xffffff80002010/);
    expect(text).not.toContain('xhci.c');
  });

  it('is the same for the same facts', () => {
    expect(renderText(story())).toBe(renderText(story()));
    expect(renderJson(story())).toBe(renderJson(story()));
  });

  it('tells a guess from a fact in its first word', () => {
    const scene = new DriverScene().setUp({ dcbaap: 0x2e_6fc0 }).start();
    expect(renderText(scene.finish())).toMatch(/^portability warning\[RING-10\]: /);
  });

  it('says so when there is nothing to say', () => {
    const diagnosis = new DriverScene().setUp().start().finish();
    expect(summaryLine(diagnosis)).toBe('no findings');
    expect(renderText(diagnosis)).toBe('stopped: the guest came to rest\nno findings.');
  });
});

describe('the JSON report', () => {
  it('keeps to its schema', () => {
    const report = JSON.parse(renderJson(story())) as unknown;
    expect(checkSchema(REPORT_SCHEMA, report)).toEqual([]);
  });

  it('has exactly the promised keys, hex strings for 64-bit values, and ties symptoms to their root', () => {
    const { findings } = jsonReport(story());
    expect(Object.keys(findings[0]!).sort()).toEqual(
      [
        'address',
        'catalogue',
        'causedBy',
        'certainty',
        'device',
        'expected',
        'rule',
        'severity',
        'site',
        'text',
        'where',
      ].sort(),
    );
    const root = findings.findIndex((finding) => finding.where === 'ERSTBA');
    expect(findings[root]).toMatchObject({
      rule: 'dma/virtual-address',
      catalogue: ['DMA-01'],
      severity: 'error',
      certainty: 'certain',
      device: '00:03.0',
      address: '0xffffff80002e3080',
      expected: '0x2e3080',
      causedBy: null,
      site: { symbol: 'init_controller', file: 'xhci.c', line: 3 },
    });
    for (const [index, finding] of findings.entries()) if (index !== root) expect(finding.causedBy).toBe(root);
  });
});

describe('the schema checker', () => {
  // A checker that accepts everything would prove nothing.
  it.each([
    ['a wrong constant', (report: Record<string, unknown>) => ({ ...report, schema: 'other/1' })],
    ['an unknown key', (report: Record<string, unknown>) => ({ ...report, extra: 1 })],
    ['a missing key', ({ outcome: _outcome, ...report }: Record<string, unknown>) => report],
    [
      'a number for an address',
      (report: Record<string, unknown>) => ({ ...report, findings: [{ ...first(report), address: 4 }] }),
    ],
    [
      'grouped hex',
      (report: Record<string, unknown>) => ({ ...report, findings: [{ ...first(report), address: '0x1_0000' }] }),
    ],
    [
      'an unknown severity',
      (report: Record<string, unknown>) => ({ ...report, findings: [{ ...first(report), severity: 'bad' }] }),
    ],
  ])('refuses %s', (_name, spoil) => {
    const report = JSON.parse(renderJson(story())) as Record<string, unknown>;
    expect(checkSchema(REPORT_SCHEMA, spoil(report))).not.toEqual([]);
  });
});

function first(report: Record<string, unknown>): Record<string, unknown> {
  return (report.findings as Record<string, unknown>[])[0]!;
}

describe('wrapping', () => {
  it('breaks at blanks, keeps indentation, never cuts a word', () => {
    expect(wrap('  one two three', 9)).toEqual(['  one two', '  three']);
    expect(wrap('0xffffffff80002e3080 x', 10)).toEqual(['0xffffffff80002e3080', 'x']);
    expect(wrap('', 10)).toEqual(['']);
  });
});
