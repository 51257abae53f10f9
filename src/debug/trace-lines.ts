/**
 * QEMU's trace events from dmascope's facts: name by name and letter by letter (hw/usb/trace-events,
 * hw/pci/trace-events). QEMU 7.2 and later print the bare line; with `-msg timestamp=on` it has `PID@SECONDS:` before it.
 */
import type { BusAddress } from '../base/address.ts';
import { hexPadded } from '../base/address.ts';
import type { TraceEvents } from '../base/trace.ts';
import '../pci/events.ts';
import type { RegisterAccess, TrbWords } from '../xhci/events.ts';
import { completionName, trbTypeName } from './xhci-names.ts';

/** One QEMU event: its name and the text after it. */
export interface TraceLine {
  readonly event: string;
  readonly text: string;
}

type Render = { readonly [N in keyof TraceEvents]?: (event: TraceEvents[N]) => TraceLine | undefined };

const x4 = (value: number) => `0x${hexPadded(value, 4)}`;
const x8 = (value: number) => `0x${hexPadded(value >>> 0, 8)}`;
const x16 = (value: number | bigint) => `0x${hexPadded(value, 16)}`;
const x = (value: number) => `0x${value.toString(16)}`;

function line(event: string, text: string): TraceLine {
  return { event, text };
}

function trbText(trb: TrbWords): string {
  const parameter = hexPadded(trb.parameterHigh >>> 0, 8) + hexPadded(trb.parameterLow >>> 0, 8);
  return `p 0x${parameter}, s ${x8(trb.status)}, c ${x8(trb.control)}`;
}

const SPACES = {
  capability: 'cap',
  operational: 'oper',
  port: 'port',
  runtime: 'runtime',
  doorbell: 'doorbell',
} as const;

/** QEMU has no write event for the capability registers: it ignores such writes. */
function registerLine(access: RegisterAccess, what: 'read' | 'write'): TraceLine | undefined {
  if (what === 'write' && access.space === 'capability') return undefined;
  const port = access.space === 'port' ? `port ${access.portId ?? 0}, ` : '';
  const value = `${what === 'read' ? 'ret' : 'val'} ${x8(access.value)}`;
  return line(`usb_xhci_${SPACES[access.space]}_${what}`, `${port}off ${x4(access.offset)}, ${value}`);
}

/** Stands for the host pointer that QEMU prints: the number of the transfer, in hex. */
function transferPointer(event: TraceEvents['xhci.transfer']): string {
  return x(event.transferId ?? 0);
}

function transferLine(event: TraceEvents['xhci.transfer']): TraceLine {
  const pointer = transferPointer(event);
  const name = `usb_xhci_xfer_${event.what}`;
  switch (event.what) {
    case 'start':
      return line(name, `${pointer}: ${endpoint(event)}, streamid ${event.streamId}`);
    case 'success':
      return line(name, `${pointer}: len ${event.length}`);
    case 'error':
      return line(name, `${pointer}: ret ${event.status}`);
    default:
      return line(name, pointer);
  }
}

function endpoint(event: { readonly slotId: number; readonly endpointId: number }): string {
  return `slotid ${event.slotId}, epid ${event.endpointId}`;
}

function endpointLine(event: TraceEvents['xhci.endpoint-changed']): TraceLine {
  const name = `usb_xhci_ep_${event.what.replace('-', '_')}`;
  const stream = `${endpoint(event)}, streamid ${event.streamId}`;
  if (event.what === 'kick') return line(name, stream);
  if (event.what === 'set-dequeue') return line(name, `${stream}, ptr ${x16(event.pointer ?? (0 as BusAddress))}`);
  return line(name, endpoint(event));
}

/** `00:03.0`, as QEMU prints a function since 7.0. */
const configuration = (event: TraceEvents['pci.config-read']) => `${event.name} ${event.device} @${x(event.offset)}`;

export const TRACE_LINES: Render = {
  'xhci.reset': () => line('usb_xhci_reset', '=== RESET ==='),
  'xhci.run': () => line('usb_xhci_run', ''),
  'xhci.stop': () => line('usb_xhci_stop', ''),
  'xhci.register-read': (event) => registerLine(event, 'read'),
  'xhci.register-written': (event) => registerLine(event, 'write'),
  'xhci.trb-fetched': (event) =>
    line('usb_xhci_fetch_trb', `addr ${x16(event.address)}, ${trbTypeName(event.trb)}, ${trbText(event.trb)}`),
  'xhci.event-posted': ({ interrupter, index, trb }) =>
    line(
      'usb_xhci_queue_event',
      `v ${interrupter}, idx ${index}, ${trbTypeName(trb)}, ${completionName(trb)}, ${trbText(trb)}`,
    ),
  'xhci.msix-use': ({ vector, used }) =>
    line(used ? 'usb_xhci_irq_msix_use' : 'usb_xhci_irq_msix_unuse', `nr ${vector}`),
  'xhci.port-reset': ({ portId, warm }) => line('usb_xhci_port_reset', `port ${portId}, warm ${warm ? 1 : 0}`),
  'xhci.port-link': ({ portId, pls }) => line('usb_xhci_port_link', `port ${portId}, pls ${pls}`),
  'xhci.port-notify': ({ portId, bits }) => line('usb_xhci_port_notify', `port ${portId}, bits ${x(bits >>> 0)}`),
  'xhci.slot-changed': ({ what, slotId, port }) =>
    line(`usb_xhci_slot_${what}`, `slotid ${slotId}${what === 'address' ? `, port ${port ?? ''}` : ''}`),
  'xhci.endpoint-changed': endpointLine,
  'xhci.endpoint-state': (event) =>
    line('usb_xhci_ep_state', `${endpoint(event)}, ${event.from.toLowerCase()} -> ${event.to.toLowerCase()}`),
  'xhci.transfer': transferLine,
  'xhci.unimplemented': ({ what, offset }) => line('usb_xhci_unimplemented', `${what} (${x(offset)})`),
  'xhci.limit-enforced': ({ what }) => line('usb_xhci_enforced_limit', what),
  'pci.config-read': (event) => line('pci_cfg_read', `${configuration(event)} -> ${x(event.value)}`),
  'pci.config-written': (event) => line('pci_cfg_write', `${configuration(event)} <- ${x(event.value)}`),
  'pci.bar-mapped': (event) =>
    line(
      event.mapped ? 'pci_update_mappings_add' : 'pci_update_mappings_del',
      `${event.name} ${event.device} ${event.bar},${x(event.address)}+${x(event.size)}`,
    ),
};

/** Every QEMU event that dmascope can print, for `-trace help` and for saying that a pattern matches nothing. */
export const TRACE_EVENT_NAMES: readonly string[] = [
  'usb_xhci_reset',
  'usb_xhci_run',
  'usb_xhci_stop',
  'usb_xhci_cap_read',
  'usb_xhci_oper_read',
  'usb_xhci_port_read',
  'usb_xhci_runtime_read',
  'usb_xhci_doorbell_read',
  'usb_xhci_oper_write',
  'usb_xhci_port_write',
  'usb_xhci_runtime_write',
  'usb_xhci_doorbell_write',
  'usb_xhci_irq_msix_use',
  'usb_xhci_irq_msix_unuse',
  'usb_xhci_queue_event',
  'usb_xhci_fetch_trb',
  'usb_xhci_port_reset',
  'usb_xhci_port_link',
  'usb_xhci_port_notify',
  'usb_xhci_slot_enable',
  'usb_xhci_slot_disable',
  'usb_xhci_slot_address',
  'usb_xhci_slot_configure',
  'usb_xhci_slot_evaluate',
  'usb_xhci_slot_reset',
  'usb_xhci_ep_enable',
  'usb_xhci_ep_disable',
  'usb_xhci_ep_set_dequeue',
  'usb_xhci_ep_kick',
  'usb_xhci_ep_stop',
  'usb_xhci_ep_reset',
  'usb_xhci_ep_state',
  'usb_xhci_xfer_start',
  'usb_xhci_xfer_async',
  'usb_xhci_xfer_nak',
  'usb_xhci_xfer_retry',
  'usb_xhci_xfer_success',
  'usb_xhci_xfer_error',
  'usb_xhci_unimplemented',
  'usb_xhci_enforced_limit',
  'pci_cfg_read',
  'pci_cfg_write',
  'pci_update_mappings_add',
  'pci_update_mappings_del',
];
