/** What the command set of a hard disk works on. */
import type { BlockDevice } from '../block/block-device.ts';
import type { AtaCommand, AtaTransfer, TaskFile } from './device.ts';
import type { TransferModes } from './identify.ts';

/** How the bytes of a read or write move. */
export interface TransferWay {
  readonly protocol: 'pio' | 'dma';
  readonly toHost: boolean;
  /** A 48-bit command. */
  readonly wide: boolean;
  /** Sectors for each DRQ data block. */
  readonly block: number;
}

export interface DiskUnit {
  readonly taskFile: TaskFile;
  readonly medium: BlockDevice;
  readonly sectors: number;
  /** Sectors for each DRQ block of READ MULTIPLE; 0: refused. */
  multiple: number;
  readonly modes: TransferModes;
  writeCache: boolean;
  smart: boolean;
  /** Puts the signature of a disk and "diagnostics passed" into the task file. */
  sign(status: number): void;
  identify(): AtaTransfer;
  /** First sector of a 28-bit or a cylinder-head-sector command; `undefined` when there is no such sector number. */
  address28(command: AtaCommand): number | undefined;
  /** Moves `count` sectors from `first`; refuses what does not lie on the disk. */
  transfer(way: TransferWay, first: number | undefined, count: number): AtaTransfer | undefined;
  flush(): undefined;
}
