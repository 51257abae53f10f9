/** Follows an address to what answers it: through the flat view and, page by page, through IOMMUs. */
import { type BusAddress, busLow, PHYSICAL_ADDRESS_LIMIT } from '../base/address.ts';
import type { AddressSpace } from './address-space.ts';
import type { AccessFailureReason } from './events.ts';
import type { FlatRange } from './flat-view.ts';
import type { IommuPermission, IommuRegion, IommuTranslation } from './iommu-region.ts';
import type { MemTxAttrs } from './memtx.ts';

/** IOMMUs behind IOMMUs: a nested set-up has two. More is a loop, and counts as a fault. */
const IOMMU_HOPS_MAX = 8;

function permits(permission: IommuPermission, write: boolean): boolean {
  return permission === 'read-write' || permission === (write ? 'write-only' : 'read-only');
}

/**
 * The answer to the last {@link resolve} stands in the fields, so that the common case allocates nothing. Read them
 * before anything else runs: a callback may resolve another address.
 */
export class Resolver {
  /** What answers, or `undefined`: nothing does. Never an IOMMU. */
  range: FlatRange | undefined;
  /** The address within {@link space}; after an IOMMU fault, the address that it could not translate. */
  at: BusAddress = 0 as BusAddress;
  /** The address space that was asked last. */
  space: AddressSpace | undefined;
  /** Bytes from {@link at} to the end of the smallest IOMMU page on the way; infinite without one. */
  limit = Number.POSITIVE_INFINITY;
  iommu: IommuRegion | undefined;
  translation: IommuTranslation | undefined;

  resolve(space: AddressSpace, address: BusAddress, write: boolean, attrs: MemTxAttrs): void {
    let at = address;
    let current = space;
    let limit = Number.POSITIVE_INFINITY;
    let iommu: IommuRegion | undefined;
    let translation: IommuTranslation | undefined;
    for (let hop = 0; hop <= IOMMU_HOPS_MAX; hop += 1) {
      const range = findRange(current, at);
      if (range === undefined || range.region.kind !== 'iommu') {
        this.#answer(range, at, current, limit, undefined, undefined);
        return;
      }
      iommu = range.region as IommuRegion;
      at = shifted(at, range.offsetDelta);
      translation = iommu.translate(at, write, attrs);
      if (!permits(translation.permission, write)) break;
      const pageSize = translation.addressMask + 1;
      const inPage = typeof at === 'number' ? at % pageSize : Number((at as bigint) % BigInt(pageSize));
      at = (translation.translatedAddress - (translation.translatedAddress % pageSize) + inPage) as BusAddress;
      limit = Math.min(limit, pageSize - inPage);
      current = translation.target;
    }
    this.#answer(undefined, at, current, limit, iommu, translation);
  }

  /** Why nothing answered; only right after a {@link resolve} that left {@link range} undefined. */
  explain(origin: AddressSpace, write: boolean): AccessFailureReason {
    const { at, iommu, translation } = this;
    if (iommu !== undefined && translation !== undefined) {
      const { permission, walk } = translation;
      const granted = permission === 'read-write' ? 'none' : permission;
      return { kind: 'iommu-fault', iommu: iommu.name, walk: walk ?? [], permission: granted };
    }
    const space = this.space ?? origin;
    const known = space.explainUnassigned?.(at, write) ?? origin.explainUnassigned?.(at, write);
    if (known !== undefined) return known;
    if (typeof at !== 'number') return { kind: 'beyond-physical' };
    const { below, above } = space.view.neighbours(at);
    return { kind: 'unassigned', below: below?.neighbour(), above: above?.neighbour() };
  }

  #answer(
    range: FlatRange | undefined,
    at: BusAddress,
    space: AddressSpace,
    limit: number,
    iommu: IommuRegion | undefined,
    translation: IommuTranslation | undefined,
  ): void {
    this.range = range;
    this.at = at;
    this.space = space;
    this.limit = limit;
    this.iommu = iommu;
    this.translation = translation;
  }
}

/** Above the physical limit only an IOMMU can answer: it alone may be that large. */
function findRange(space: AddressSpace, at: BusAddress): FlatRange | undefined {
  if (typeof at === 'number') return space.view.find(at);
  const last = space.view.ranges.at(-1);
  return last?.region.kind === 'iommu' && at < BigInt(last.end) && at >= BigInt(last.start) ? last : undefined;
}

function shifted(at: BusAddress, delta: number): BusAddress {
  if (delta === 0) return at;
  if (typeof at === 'number') return (at + delta) as BusAddress;
  const sum = (at as bigint) + BigInt(delta);
  return (sum < BigInt(PHYSICAL_ADDRESS_LIMIT) ? Number(sum) : sum) as BusAddress;
}

/** The low 32 bits of an address: enough to see its alignment. */
export function alignmentBits(at: BusAddress): number {
  return typeof at === 'number' ? at : busLow(at);
}
