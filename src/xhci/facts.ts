/** The controller's trace channels, looked up once. */
import type { TraceBus, TraceChannel, TraceName } from '../base/trace.ts';
import './events.ts';

type XhciFactName = Extract<TraceName, `xhci.${string}`>;
type Channels = { readonly [N in XhciFactName]: TraceChannel<N> };

const NAMES = {
  'xhci.reset': true,
  'xhci.run': true,
  'xhci.stop': true,
  'xhci.register-read': true,
  'xhci.register-written': true,
  'xhci.register-misused': true,
  'xhci.pointer-set': true,
  'xhci.pointers-audited': true,
  'xhci.started': true,
  'xhci.trb-fetched': true,
  'xhci.ring-empty': true,
  'xhci.ring-failed': true,
  'xhci.ring-wrapped': true,
  'xhci.command-completed': true,
  'xhci.event-posted': true,
  'xhci.event-lost': true,
  'xhci.event-ring-full': true,
  'xhci.event-ring-reset': true,
  'xhci.erdp-written': true,
  'xhci.doorbell': true,
  'xhci.host-error': true,
  'xhci.guest-error': true,
  'xhci.limit-enforced': true,
  'xhci.unimplemented': true,
  'xhci.interrupt': true,
  'xhci.interrupt-blocked': true,
  'xhci.msix-use': true,
  'xhci.port-reset': true,
  'xhci.port-link': true,
  'xhci.port-notify': true,
  'xhci.slot-changed': true,
  'xhci.endpoint-changed': true,
  'xhci.endpoint-state': true,
  'xhci.context-read': true,
  'xhci.transfer': true,
} as const satisfies Record<XhciFactName, true>;

/** Every channel of the controller, by its fact's name. */
export type XhciFacts = Channels;

export function xhciFacts(trace: TraceBus): XhciFacts {
  const channels: Record<string, unknown> = {};
  for (const name of Object.keys(NAMES)) channels[name] = trace.channel(name as XhciFactName);
  return channels as unknown as XhciFacts;
}
