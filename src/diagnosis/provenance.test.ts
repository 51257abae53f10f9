import { describe, expect, it } from 'vitest';
import { gva } from '../base/address.ts';
import { describeSite, formatPlace, isAccessor } from './provenance.ts';
import { FakeGuest } from './testing/fake-guest.ts';

describe('an accessor', () => {
  it.each([
    'mmio_write32',
    'writel',
    'writeq',
    'iowrite32',
    'outl',
    'reg_write',
    'xhci_write_64',
    'write_volatile',
    'memcpy',
    'core::ptr::write_volatile<u64>',
  ])('%s only carries a value', (name) => expect(isAccessor(name)).toBe(true));

  it.each(['init_event_ring', 'write_erst_base', 'xhci_start', 'ring_doorbell', 'setup', 'rewrite_history', 'submit'])(
    '%s decides something',
    (name) => expect(isAccessor(name)).toBe(false),
  );
});

function guest(): FakeGuest {
  return new FakeGuest()
    .variable('mmio_write64', 0x1000n, 0x20, 'function')
    .variable('init_event_ring', 0x2000n, 0x100, 'function')
    .line(0x1000n, 0x1020n, 'mmio.h', 7)
    .line(0x2000n, 0x2100n, 'xhci.c', 42)
    .source('xhci.c', Array.from({ length: 50 }, (_, index) => `line ${index + 1}`).join('\n'))
    .at(0x1008n);
}

describe('the place to blame', () => {
  it('is the caller of an accessor, and the accessor is named', () => {
    const fake = guest();
    const frame = (pc: bigint) => ({
      pc: gva(pc),
      symbol: fake.symbolAt(gva(pc)),
      location: fake.locationOf(gva(pc)),
      guessed: false,
    });
    const report = describeSite(fake, fake.site!, 'writes', [frame(0x1008n), frame(0x2010n)]);
    expect(report.symbol?.name).toBe('init_event_ring');
    expect(report.location).toMatchObject({ file: 'xhci.c', line: 42 });
    expect(report.excerpt).toEqual([
      { line: 41, text: 'line 41' },
      { line: 42, text: 'line 42' },
    ]);
    expect(report.through.map((entry) => entry.symbol?.name)).toEqual(['mmio_write64']);
  });

  it('is the instruction itself when no backtrace belongs to it', () => {
    const fake = guest();
    expect(describeSite(fake, fake.site!, 'writes', undefined).symbol?.name).toBe('mmio_write64');
  });

  it('is a symbol with its offset, or a bare address, when there is nothing better', () => {
    const fake = guest();
    expect(formatPlace(fake, gva(0x2010n))).toBe('xhci.c:42 in init_event_ring');
    fake.variable('strange', 0x5000n, 16, 'function');
    expect(formatPlace(fake, gva(0x5004n))).toBe('strange+0x4');
    fake.hasSymbols = false;
    expect(formatPlace(fake, gva(0x2010n))).toBe('0x2010');
  });
});
