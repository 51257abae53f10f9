import { describe, expect, it } from 'vitest';
import { FakeGuest } from '../testing/fake-guest.ts';
import { describeRamBelow } from './describe.ts';

describe('where RAM ends, below a hole', () => {
  const guest = new FakeGuest()
    .region('ram', 'pc.ram', 0, 0x7ff_ffff)
    .region('mmio', 'ioapic', 0xfec0_0000, 0xfec0_0fff)
    .region('mmio', 'apic-msi', 0xfee0_0000, 0xfeef_ffff);

  it('is said when devices lie between them', () => {
    expect(describeRamBelow(guest, 0x1_0010_c000)).toEqual(['RAM ends at 0x7ffffff.']);
    expect(describeRamBelow(guest, 0xfed0_0000)).toEqual(['RAM ends at 0x7ffffff.']);
  });

  it('is not repeated when RAM is what lies below', () => {
    expect(describeRamBelow(guest, 0x800_0000)).toEqual([]);
  });

  it('is not known where there is none', () => {
    expect(
      describeRamBelow(new FakeGuest().region('mmio', 'apic-msi', 0xfee0_0000, 0xfeef_ffff), 0x1_0000_0000),
    ).toEqual([]);
  });
});
