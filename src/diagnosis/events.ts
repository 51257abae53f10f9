/** Facts that the diagnosis derives for its own rules; they travel inside the engine, never on the machine's bus. */
import type { AccessFailure } from '../memory/events.ts';
import type { PointerRecord } from './knowledge.ts';

declare module '../base/trace.ts' {
  interface TraceEvents {
    /** A pointer that a device was given has been looked up: where it leads, and what the driver probably meant. */
    'diagnosis.pointer-judged': {
      readonly record: PointerRecord;
      /** The access that failed because of it, if the device has used it already. */
      readonly failure: AccessFailure | undefined;
    };
    /** A TRB was fetched and was the controller's to use (`xhci.trb-fetched` also reports those that were not). */
    'diagnosis.trb-consumed': TraceEvents['xhci.trb-fetched'];
    /** The run is over; provisional judgements become final after this. */
    'diagnosis.run-ended': { readonly kind: string };
  }
}
