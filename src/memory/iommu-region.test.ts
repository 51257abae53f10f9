import { describe, expect, it } from 'vitest';
import {
  AddressSpace,
  DmaMapper,
  DmaView,
  IommuRegion,
  type IommuTranslation,
  MEMTX_DECODE_ERROR,
  MEMTX_OK,
  WHOLE_ADDRESS_SPACE,
} from './index.ts';
import { at, Fixture } from './testing/fixture.ts';

const PAGE = 4096;

/** A device behind an IOMMU that maps page n to page `pages[n]`. */
function behindIommu(pages: ReadonlyMap<number, number>, permission: IommuTranslation['permission'] = 'read-write') {
  const machine = new Fixture();
  const ram = machine.ram(0, 16 * PAGE);
  const asked: boolean[] = [];
  const iommu = new IommuRegion(machine.system, 'vtd', WHOLE_ADDRESS_SPACE, (address, _write, attrs) => {
    asked.push(attrs.debug === true);
    const page = typeof address === 'number' ? pages.get(Math.floor(address / PAGE)) : undefined;
    const walk = [`root entry of 00:03.0`, `page ${page ?? 'not present'}`];
    const common = { target: machine.space, addressMask: PAGE - 1, walk };
    if (page === undefined) return { ...common, translatedAddress: 0, permission: 'none' };
    return { ...common, translatedAddress: page * PAGE, permission };
  });
  const space = new AddressSpace(machine.system, 'vtd-00:03.0', iommu);
  return { machine, ram, asked, iommu, space, dma: new DmaView(space, '00:03.0') };
}

describe('an IOMMU', () => {
  it('leads each page of one access to its own place', () => {
    const { dma, ram } = behindIommu(
      new Map([
        [100, 3],
        [101, 1],
      ]),
    );
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
    expect(dma.write(at(101 * PAGE - 16), bytes)).toBe(MEMTX_OK);
    expect([...ram.backing.subarray(4 * PAGE - 16, 4 * PAGE)]).toEqual([...bytes.subarray(0, 16)]);
    expect([...ram.backing.subarray(PAGE, PAGE + 16)]).toEqual([...bytes.subarray(16)]);
    const back = new Uint8Array(32);
    expect(dma.read(at(101 * PAGE - 16), back)).toBe(MEMTX_OK);
    expect(back).toEqual(bytes);
  });

  it('faults as a decode error at the untranslated address, and keeps the walk', () => {
    const { dma, machine } = behindIommu(new Map());
    expect(dma.read(at(0x5008), new Uint8Array(8))).toBe(MEMTX_DECODE_ERROR);
    expect(machine.invalid.map(({ address, size, region }) => [address, size, region])).toEqual([
      [0x5008, 4, undefined],
      [0x500c, 4, undefined],
    ]);
    const walk = ['root entry of 00:03.0', 'page not present'];
    expect(dma.lastFailure?.reason).toEqual({ kind: 'iommu-fault', iommu: 'vtd', walk, permission: 'none' });
  });

  it('faults on the direction that a mapping does not permit', () => {
    const { dma } = behindIommu(new Map([[1, 1]]), 'read-only');
    expect(dma.read(at(PAGE), new Uint8Array(4))).toBe(MEMTX_OK);
    expect(dma.write(at(PAGE), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(dma.lastFailure?.reason).toMatchObject({ kind: 'iommu-fault', permission: 'read-only' });
  });

  it('sees addresses with all 64 bits', () => {
    const { dma } = behindIommu(new Map());
    expect(dma.read(at(0xffff_ffff_ffff_f000n), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(dma.lastFailure?.reason.kind).toBe('iommu-fault');
  });

  it('is only probed when somebody asks whether an access would be answered', () => {
    const { dma, asked, machine } = behindIommu(new Map([[1, 1]]));
    expect(dma.wouldAnswer(at(PAGE), 8, true)).toBe(true);
    expect(dma.wouldAnswer(at(2 * PAGE - 4), 8, true)).toBe(false);
    expect(asked).toEqual([true, true, true]);
    expect(machine.invalid).toEqual([]);
  });

  it('ends a loop of IOMMUs as a fault', () => {
    const machine = new Fixture();
    const spaces: AddressSpace[] = [];
    const translate = (): IommuTranslation => {
      return { target: spaces[0]!, translatedAddress: 0, addressMask: PAGE - 1, permission: 'read-write' };
    };
    spaces.push(new AddressSpace(machine.system, 'a', new IommuRegion(machine.system, 'loop', 2 ** 40, translate)));
    const dma = new DmaView(spaces[0]!, 'd');
    expect(dma.read(at(0), new Uint8Array(4))).toBe(MEMTX_DECODE_ERROR);
    expect(dma.lastFailure?.reason).toEqual({ kind: 'iommu-fault', iommu: 'loop', walk: [], permission: 'none' });
  });

  it('ends a mapping where pages stop following each other', () => {
    const pages = new Map([
      [1, 4],
      [2, 5],
      [3, 9],
    ]);
    const { space, ram } = behindIommu(pages);
    const mapper = new DmaMapper(space, { kind: 'device', name: 'd' });
    const mapping = mapper.map(at(PAGE + 0x10), 3 * PAGE - 0x10, 'from-device');
    expect([mapping?.bounced, mapping?.bytes.length]).toEqual([false, 2 * PAGE - 0x10]);
    mapping!.bytes[0] = 7;
    expect(ram.backing[4 * PAGE + 0x10]).toBe(7);
  });

  it('tells who keeps translations when they change', () => {
    const { iommu } = behindIommu(new Map());
    const heard: string[] = [];
    const stop = iommu.onNotification(({ kind, address }) => heard.push(`${kind} ${address}`));
    const notification = { address: 4096, addressMask: 4095, translatedAddress: 0, permission: 'none' } as const;
    iommu.notify({ kind: 'unmap', ...notification });
    stop();
    iommu.notify({ kind: 'unmap', ...notification });
    expect(heard).toEqual(['unmap 4096']);
  });
});
