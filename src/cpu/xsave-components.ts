/**
 * XSAVE's state components as data (Intel SDM Vol. 1 13.1, 13.4): bit in XCR0, the feature that brings it, its bytes and
 * its offset in the standard form. The legacy region of 512 bytes and the header of 64 hold components 0 and 1.
 */

import { XSAVE_AVX_OFFSET } from './layout.ts';

export interface XsaveComponent {
  readonly bit: number;
  readonly name: string;
  readonly feature: string;
  readonly offset: number;
  readonly bytes: number;
}

export const XSAVE_COMPONENTS: readonly XsaveComponent[] = [
  { bit: 0, name: 'x87', feature: 'fpu', offset: 0, bytes: 160 },
  { bit: 1, name: 'SSE', feature: 'sse', offset: 160, bytes: 256 },
  // Upper halves of ymm0-15.
  { bit: 2, name: 'AVX', feature: 'avx', offset: XSAVE_AVX_OFFSET, bytes: 256 },
];

/** Legacy region and header. */
export const XSAVE_LEGACY_BYTES = 576;

/** Bytes of an area in the standard form for the components in `mask` (XCR0). */
export function xsaveAreaBytes(mask: number): number {
  const ends = XSAVE_COMPONENTS.filter(({ bit }) => (mask & (1 << bit)) !== 0).map(
    ({ offset, bytes }) => offset + bytes,
  );
  return Math.max(XSAVE_LEGACY_BYTES, ...ends);
}
