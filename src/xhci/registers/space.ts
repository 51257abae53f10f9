/** The register spaces of BAR 0 as ranges with access rules, ready to be put into a memory region each. */
import type { RegisterSpace } from '../events.ts';

/** Bytes; `valid` decides what is refused, `impl` what is split or widened before it gets here. */
export interface AccessSizes {
  readonly minimum: number;
  readonly maximum: number;
}

export interface RegisterRange {
  /** QEMU's region name, as its log lines print it. */
  readonly name: string;
  readonly space: RegisterSpace;
  /** Offset in BAR 0. */
  readonly base: number;
  readonly size: number;
  readonly valid: AccessSizes;
  readonly impl: AccessSizes;
  /** `offset` is from the range's start. */
  read(offset: number, size: number): number;
  write(offset: number, value: number, size: number): void;
}
