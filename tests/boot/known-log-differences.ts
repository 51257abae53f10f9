/** Where a kernel's log here is not QEMU's, and why. */
import type { KnownDifference } from './kernel-log.ts';

export const KNOWN_LOG_DIFFERENCES: readonly KnownDifference[] = [];
