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
    'mmio_w32',
    'rd64',
    'readl',
    'pci_config_read32',
    'Register<unsigned int>::operator=',
    'core::ptr::write_volatile<u64>',
  ])('%s only carries a value', (name) => expect(isAccessor(name)).toBe(true));

  it.each([
    'init_event_ring',
    'write_erst_base',
    'xhci_start',
    'ring_doorbell',
    'setup',
    'rewrite_history',
    'thread',
    'spread',
    'draw',
    'plugin',
    'submit',
  ])('%s decides something', (name) => expect(isAccessor(name)).toBe(false));
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

  it('is the call of an accessor that the compiler inlined, with or without a backtrace', () => {
    const fake = guest().inlined(0x2010n, 'w32', 'mmio.h', 3).inlined(0x2010n, 'write64', 'xhci.c', 42).at(0x2010n);
    for (const backtrace of [undefined, fake.framesAt(gva(0x2010n))]) {
      const report = describeSite(fake, fake.site!, 'writes', backtrace);
      expect(report.symbol?.name).toBe('init_event_ring');
      expect(report.location).toMatchObject({ file: 'xhci.c', line: 42 });
      expect(report.through.map((frame) => [frame.symbol?.name, frame.location?.line])).toEqual([
        ['w32', 42],
        ['write64', 3],
      ]);
    }
    expect(formatPlace(fake, gva(0x2010n))).toBe('xhci.c:42 in init_event_ring');
  });

  it('is an inlined function itself when that decides something, and its caller follows', () => {
    const fake = guest().inlined(0x2010n, 'program_erst', 'xhci.c', 49).at(0x2010n);
    const report = describeSite(fake, fake.site!, 'writes', undefined);
    expect(report.symbol?.name).toBe('program_erst');
    expect(report.location).toMatchObject({ file: 'xhci.c', line: 42 });
    expect(report.callers.map((frame) => [frame.symbol?.name, frame.location?.line])).toEqual([
      ['init_event_ring', 49],
    ]);
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
