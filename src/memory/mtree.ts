/** The memory map as text, in the shape of QEMU's `info mtree` and `info mtree -f`. */
import type { AddressSpace } from './address-space.ts';
import type { AliasRegion } from './alias-region.ts';
import type { FlatRange, FlatView } from './flat-view.ts';
import type { MemoryRegion } from './region.ts';

export interface MtreeOptions {
  /** Flat views instead of trees (`-f`). */
  readonly flat?: boolean;
  /** Also disabled regions, marked (`-D`). */
  readonly disabled?: boolean;
  /** Also who owns each region (`-o`). */
  readonly owner?: boolean;
}

/** `spaces` in the order in which they shall appear; those with one root (or one view) appear together. */
export function formatMtree(spaces: readonly AddressSpace[], options: MtreeOptions = {}): string {
  return options.flat === true ? formatFlat(spaces, options) : new TreeText(options).format(spaces);
}

function hex64(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16).padStart(16, '0');
}

function span(start: bigint, size: number): string {
  return `${hex64(start)}-${hex64(start + (size === 0 ? 0n : BigInt(size) - 1n))}`;
}

function ownerText(region: MemoryRegion, options: MtreeOptions): string {
  return options.owner === true && region.owner !== undefined ? ` owner:{dev id=${region.owner.name}}` : '';
}

class TreeText {
  readonly #lines: string[] = [];
  /** Targets of aliases: printed after the address spaces, and their own aliases' targets after them. */
  readonly #targets: MemoryRegion[] = [];

  constructor(readonly options: MtreeOptions) {}

  format(spaces: readonly AddressSpace[]): string {
    const byRoot = new Map<MemoryRegion, string[]>();
    for (const space of spaces) byRoot.set(space.root, [...(byRoot.get(space.root) ?? []), space.name]);
    for (const [root, names] of byRoot) {
      for (const name of names.sort()) this.#lines.push(`address-space: ${name}`);
      this.#region(root, 1, 0n);
      this.#lines.push('');
    }
    for (let index = 0; index < this.#targets.length; index += 1) {
      const target = this.#targets[index]!;
      this.#lines.push(`memory-region: ${target.name}`);
      this.#region(target, 1, 0n);
      this.#lines.push('');
    }
    return `${this.#lines.join('\n')}\n`;
  }

  #region(region: MemoryRegion, level: number, base: bigint): void {
    const start = base + BigInt(region.address);
    const shown = region.enabled || this.options.disabled === true;
    const volatility = region.nonvolatile ? 'nv-' : '';
    const head = `${'  '.repeat(level)}${span(start, region.size)} (prio ${region.priority}, ${volatility}${region.typeWord})`;
    const tail = (region.enabled ? '' : ' [disabled]') + ownerText(region, this.options);
    if (region.kind === 'alias') {
      const { target, offset, size } = region as AliasRegion;
      if (!this.#targets.includes(target)) this.#targets.push(target);
      const window = span(BigInt(offset), size);
      if (shown) this.#lines.push(`${head}: alias ${region.name} @${target.name} ${window}${tail}`);
    } else if (shown) this.#lines.push(`${head}: ${region.name}${tail}`);
    for (const child of byPlace(region.subregions)) this.#region(child, level + 1, start);
  }
}

/** By address, then the one in front first. */
function byPlace(regions: readonly MemoryRegion[]): MemoryRegion[] {
  return [...regions].sort((a, b) => a.address - b.address || b.priority - a.priority);
}

function formatFlat(spaces: readonly AddressSpace[], options: MtreeOptions): string {
  const byView = new Map<FlatView, AddressSpace[]>();
  for (const space of spaces) byView.set(space.view, [...(byView.get(space.view) ?? []), space]);
  const lines: string[] = [];
  let number = 0;
  for (const [view, users] of byView) {
    lines.push(`FlatView #${number++}`);
    for (const user of users) lines.push(` AS "${user.name}", root: ${user.root.name}`);
    lines.push(` Root memory region: ${view.root?.name ?? '(none)'}`);
    if (view.ranges.length === 0) lines.push('  No rendered FlatView');
    for (const range of view.ranges) lines.push(flatLine(range, options));
    lines.push('');
  }
  return `${lines.join('\n')}\n`;
}

function flatLine(range: FlatRange, options: MtreeOptions): string {
  const { region, start, end, offsetInRegion, readonly, nonvolatile } = range;
  const place = `${hex64(BigInt(start))}-${hex64(BigInt(end) - 1n)}`;
  const word = (nonvolatile ? 'nv-' : '') + (readonly ? 'rom' : region.typeWord);
  const offset = offsetInRegion === 0 ? '' : ` @${hex64(BigInt(offsetInRegion))}`;
  return `  ${place} (prio ${region.priority}, ${word}): ${region.name}${offset}${ownerText(region, options)}`;
}
