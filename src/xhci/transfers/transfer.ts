/** A Transfer Descriptor on its way to a device: its TRBs, what became of it, and where it stands. */
import type { Trb } from '../wire/trb.ts';

export class Transfer {
  /** Device to host. */
  in = false;
  /** Waiting for the device (NAK) or for its microframe. */
  waiting = false;
  /** Microframe before which an interrupt transfer is not started; `undefined`: at once. */
  startsAt: number | undefined;
  complete = false;
  /** Completion code. */
  status = 0;
  /** Bytes moved. */
  length = 0;

  constructor(
    /** Counts from 1 over the controller's life. */
    readonly id: number,
    readonly trbs: readonly Trb[],
  ) {}
}
