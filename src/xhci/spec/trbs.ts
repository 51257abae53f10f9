/** The Transfer Request Blocks, one layout each (xHCI 1.2 §6.4). The types are those of Table 6-91. */
import { xhci } from '../../base/registers.ts';
import { at, type TrbLayout, type TrbRing } from './layout.ts';

/** Bytes of a TRB (xHCI 1.2 §4.11.1). */
export const TRB_BYTES = 16;

/** Fields that every TRB has (xHCI 1.2 §4.11.1). */
export const TrbType = at(3, 15, 10);
export const Cycle = at(3, 0);

const common = { trbType: TrbType, cycle: Cycle } as const;
const pointer = { pointerLow: at(0, 31, 0), pointerHigh: at(1, 31, 0) } as const;
const transferFlags = {
  chain: at(3, 4),
  interruptOnCompletion: at(3, 5),
  immediateData: at(3, 6),
} as const;
const length = { trbTransferLength: at(2, 16, 0), tdSize: at(2, 21, 17), interrupterTarget: at(2, 31, 22) } as const;
const commandTarget = { slotId: at(3, 31, 24) } as const;
const endpointTarget = { slotId: at(3, 31, 24), endpointId: at(3, 20, 16) } as const;

function transfer<const T extends Omit<TrbLayout, 'rings' | 'spec'>>(section: string, layout: T) {
  return { ...layout, rings: ['transfer'] as readonly TrbRing[], spec: xhci(section) };
}
function command<const T extends Omit<TrbLayout, 'rings' | 'spec'>>(section: string, layout: T) {
  return { ...layout, rings: ['command'] as readonly TrbRing[], spec: xhci(section) };
}
function event<const T extends Omit<TrbLayout, 'rings' | 'spec'>>(section: string, layout: T) {
  return { ...layout, rings: ['event'] as readonly TrbRing[], spec: xhci(section) };
}

export const Normal = transfer('6.4.1.1', {
  type: 1,
  name: 'Normal',
  fields: {
    ...common,
    ...pointer,
    ...length,
    evaluateNextTrb: at(3, 1),
    interruptOnShortPacket: at(3, 2),
    noSnoop: at(3, 3),
    ...transferFlags,
    blockEventInterrupt: at(3, 9),
  },
});
export const SetupStage = transfer('6.4.1.2.1', {
  type: 2,
  name: 'Setup Stage',
  fields: {
    ...common,
    bmRequestType: at(0, 7, 0),
    bRequest: at(0, 15, 8),
    wValue: at(0, 31, 16),
    wIndex: at(1, 15, 0),
    wLength: at(1, 31, 16),
    trbTransferLength: at(2, 16, 0),
    interrupterTarget: at(2, 31, 22),
    interruptOnCompletion: at(3, 5),
    immediateData: at(3, 6),
    transferType: at(3, 17, 16),
  },
});
export const DataStage = transfer('6.4.1.2.2', {
  type: 3,
  name: 'Data Stage',
  fields: {
    ...common,
    ...pointer,
    ...length,
    evaluateNextTrb: at(3, 1),
    interruptOnShortPacket: at(3, 2),
    noSnoop: at(3, 3),
    ...transferFlags,
    direction: at(3, 16),
  },
});
export const StatusStage = transfer('6.4.1.2.3', {
  type: 4,
  name: 'Status Stage',
  fields: {
    ...common,
    interrupterTarget: at(2, 31, 22),
    evaluateNextTrb: at(3, 1),
    chain: at(3, 4),
    interruptOnCompletion: at(3, 5),
    direction: at(3, 16),
  },
});
export const Isoch = transfer('6.4.1.3', {
  type: 5,
  name: 'Isoch',
  fields: {
    ...common,
    ...pointer,
    ...length,
    interruptOnShortPacket: at(3, 2),
    ...transferFlags,
    blockEventInterrupt: at(3, 9),
    frameId: at(3, 30, 20),
    startIsochAsap: at(3, 31),
  },
});
export const Link = {
  type: 6,
  name: 'Link',
  spec: xhci('6.4.4.1'),
  rings: ['transfer', 'command'] as readonly TrbRing[],
  fields: {
    ...common,
    ...pointer,
    interrupterTarget: at(2, 31, 22),
    toggleCycle: at(3, 1),
    chain: at(3, 4),
    interruptOnCompletion: at(3, 5),
  },
} as const satisfies TrbLayout;
export const EventData = transfer('6.4.4.2', {
  type: 7,
  name: 'Event Data',
  fields: {
    ...common,
    ...pointer,
    interrupterTarget: at(2, 31, 22),
    evaluateNextTrb: at(3, 1),
    chain: at(3, 4),
    interruptOnCompletion: at(3, 5),
    blockEventInterrupt: at(3, 9),
  },
});
export const NoOp = transfer('6.4.1.4', {
  type: 8,
  name: 'No Op',
  fields: {
    ...common,
    interrupterTarget: at(2, 31, 22),
    evaluateNextTrb: at(3, 1),
    chain: at(3, 4),
    interruptOnCompletion: at(3, 5),
  },
});

export const EnableSlot = command('6.4.3.2', {
  type: 9,
  name: 'Enable Slot Command',
  fields: { ...common, slotType: at(3, 20, 16) },
});
export const DisableSlot = command('6.4.3.3', {
  type: 10,
  name: 'Disable Slot Command',
  fields: { ...common, ...commandTarget },
});
export const AddressDevice = command('6.4.3.4', {
  type: 11,
  name: 'Address Device Command',
  fields: { ...common, ...pointer, ...commandTarget, blockSetAddressRequest: at(3, 9) },
});
export const ConfigureEndpoint = command('6.4.3.5', {
  type: 12,
  name: 'Configure Endpoint Command',
  fields: { ...common, ...pointer, ...commandTarget, deconfigure: at(3, 9) },
});
export const EvaluateContext = command('6.4.3.6', {
  type: 13,
  name: 'Evaluate Context Command',
  fields: { ...common, ...pointer, ...commandTarget },
});
export const ResetEndpoint = command('6.4.3.7', {
  type: 14,
  name: 'Reset Endpoint Command',
  fields: { ...common, ...endpointTarget, transferStatePreserve: at(3, 9) },
});
export const StopEndpoint = command('6.4.3.8', {
  type: 15,
  name: 'Stop Endpoint Command',
  fields: { ...common, ...endpointTarget, suspend: at(3, 23) },
});
export const SetTrDequeuePointer = command('6.4.3.9', {
  type: 16,
  name: 'Set TR Dequeue Pointer Command',
  fields: {
    ...common,
    ...pointer,
    dequeueCycleState: at(0, 0),
    streamContextType: at(0, 3, 1),
    streamId: at(2, 31, 16),
    ...endpointTarget,
  },
});
export const ResetDevice = command('6.4.3.10', {
  type: 17,
  name: 'Reset Device Command',
  fields: { ...common, ...commandTarget },
});
export const ForceEvent = command('6.4.3.11', { type: 18, name: 'Force Event Command', fields: common });
export const NegotiateBandwidth = command('6.4.3.12', {
  type: 19,
  name: 'Negotiate Bandwidth Command',
  fields: { ...common, ...commandTarget },
});
export const SetLatencyTolerance = command('6.4.3.13', {
  type: 20,
  name: 'Set Latency Tolerance Value Command',
  fields: { ...common, bestEffortLatency: at(3, 27, 16) },
});
export const GetPortBandwidth = command('6.4.3.14', {
  type: 21,
  name: 'Get Port Bandwidth Command',
  fields: { ...common, ...pointer, hubSlotId: at(3, 31, 24), devSpeed: at(3, 19, 16) },
});
export const ForceHeader = command('6.4.3.15', { type: 22, name: 'Force Header Command', fields: common });
export const NoOpCommand = command('6.4.3.1', { type: 23, name: 'No Op Command', fields: common });
export const GetExtendedProperty = command('6.4.3.16', {
  type: 24,
  name: 'Get Extended Property Command',
  fields: { ...common, ...pointer, ...commandTarget },
});
export const SetExtendedProperty = command('6.4.3.17', {
  type: 25,
  name: 'Set Extended Property Command',
  fields: { ...common, ...commandTarget },
});

const eventFields = { ...common, completionCode: at(2, 31, 24) } as const;
export const TransferEvent = event('6.4.2.1', {
  type: 32,
  name: 'Transfer Event',
  fields: { ...eventFields, ...pointer, trbTransferLength: at(2, 23, 0), eventData: at(3, 2), ...endpointTarget },
});
export const CommandCompletionEvent = event('6.4.2.2', {
  type: 33,
  name: 'Command Completion Event',
  fields: { ...eventFields, ...pointer, commandCompletionParameter: at(2, 23, 0), ...commandTarget },
});
export const PortStatusChangeEvent = event('6.4.2.3', {
  type: 34,
  name: 'Port Status Change Event',
  fields: { ...eventFields, portId: at(0, 31, 24) },
});
export const BandwidthRequestEvent = event('6.4.2.4', {
  type: 35,
  name: 'Bandwidth Request Event',
  fields: { ...eventFields, ...commandTarget },
});
export const DoorbellEvent = event('6.4.2.5', { type: 36, name: 'Doorbell Event', fields: eventFields });
export const HostControllerEvent = event('6.4.2.6', { type: 37, name: 'Host Controller Event', fields: eventFields });
export const DeviceNotificationEvent = event('6.4.2.7', {
  type: 38,
  name: 'Device Notification Event',
  fields: { ...eventFields, ...commandTarget },
});
export const MfindexWrapEvent = event('6.4.2.8', { type: 39, name: 'MFINDEX Wrap Event', fields: eventFields });

/** Vendor-defined commands and their reply on NEC's uPD720200 (types 48-63 are the vendor's, Table 6-91). */
export const NecFirmwareRequest = command('6.4.6', { type: 49, name: 'NEC Get Firmware Command', fields: common });
export const NecChallengeResponse = command('6.4.6', {
  type: 50,
  name: 'NEC Challenge Response Command',
  fields: common,
});
export const NecCommandReply = event('6.4.6', { type: 48, name: 'NEC Command Reply', fields: eventFields });

/** Every TRB of the specification, and NEC's. */
export const ALL_TRBS: readonly TrbLayout[] = [
  Normal,
  SetupStage,
  DataStage,
  StatusStage,
  Isoch,
  Link,
  EventData,
  NoOp,
  EnableSlot,
  DisableSlot,
  AddressDevice,
  ConfigureEndpoint,
  EvaluateContext,
  ResetEndpoint,
  StopEndpoint,
  SetTrDequeuePointer,
  ResetDevice,
  ForceEvent,
  NegotiateBandwidth,
  SetLatencyTolerance,
  GetPortBandwidth,
  ForceHeader,
  NoOpCommand,
  GetExtendedProperty,
  SetExtendedProperty,
  TransferEvent,
  CommandCompletionEvent,
  PortStatusChangeEvent,
  BandwidthRequestEvent,
  DoorbellEvent,
  HostControllerEvent,
  DeviceNotificationEvent,
  MfindexWrapEvent,
  NecFirmwareRequest,
  NecChallengeResponse,
  NecCommandReply,
];

const byType = new Map<number, TrbLayout>(ALL_TRBS.map((layout) => [layout.type, layout]));

/** The specification's words for a TRB type: "Address Device Command", or "reserved TRB type 0". */
export function trbName(type: number): string {
  return byType.get(type)?.name ?? (type >= 48 ? `vendor TRB type ${type}` : `reserved TRB type ${type}`);
}
