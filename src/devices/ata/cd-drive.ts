/** What the PACKET commands work on. */
import type { BlockDevice } from '../block/block-device.ts';
import type { DiskIdentity } from './identify.ts';
import type { Sense } from './sense.ts';

export const CD_SECTOR = 2048;

export interface CdDrive {
  readonly identity: DiskIdentity;
  /** Why the last command failed. */
  sense: Sense;
  trayOpen: boolean;
  trayLocked: boolean;
  /** What lies in the closed tray. */
  readonly medium: BlockDevice | undefined;
  /** 2048-byte sectors of the medium; a last one that the image cuts short counts. */
  readonly sectors: number;
}
