/** The kernels without a driver, on dmascope: exceptions and arithmetic as on a real processor, and how a run may end. */
import { describe, expect, it } from 'vitest';
import { run, TIMEOUT } from './dmascope.ts';
import { FAULTS, named, WORKLOAD_SUMS, WORKLOADS } from './guests.ts';

describe('the fault kernel', { timeout: TIMEOUT }, () => {
  it.each(FAULTS)('catches and prints: $word', async ({ word, vector, says }) => {
    const { serial, report } = await run(named('fault'), ['--append', word]);
    expect(serial).toContain(`exception ${vector} `);
    expect(serial).toMatch(says);
    expect(report.outcome).toMatchObject({ kind: 'exited', text: expect.stringContaining('status 37') });
  });

  it('crashes on a triple fault', async () => {
    const { status, report } = await run(named('fault'), ['--append', 'triple-fault']);
    expect(report.outcome.kind).toBe('crashed');
    expect(status).toBe(3);
  });

  it('comes to rest when it halts for good', async () => {
    const { report } = await run(named('fault'), ['--append', 'hang']);
    expect(report.outcome.kind).toBe('idle');
  });
});

describe('the bench kernel', { timeout: TIMEOUT }, () => {
  it('computes what the host computes', async () => {
    const { serial, report } = await run(named('bench'), ['--append', WORKLOADS]);
    expect(serial).toContain(WORKLOAD_SUMS);
    expect(report.outcome).toMatchObject({ kind: 'exited', text: expect.stringContaining('status 33') });
    expect(report.findings).toEqual([]);
  });
});
