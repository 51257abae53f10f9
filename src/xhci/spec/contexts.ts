/** The contexts that software and controller share in memory (xHCI 1.2 §6.2). Word numbers are 32-bit words. */
import { xhci } from '../../base/registers.ts';
import { at, type Layout } from './layout.ts';

export const SlotContext = {
  name: 'Slot Context',
  spec: xhci('6.2.2'),
  fields: {
    routeString: at(0, 19, 0),
    speed: at(0, 23, 20),
    multiTt: at(0, 25),
    hub: at(0, 26),
    contextEntries: at(0, 31, 27),
    maxExitLatency: at(1, 15, 0),
    rootHubPortNumber: at(1, 23, 16),
    numberOfPorts: at(1, 31, 24),
    parentHubSlotId: at(2, 7, 0),
    parentPortNumber: at(2, 15, 8),
    ttThinkTime: at(2, 17, 16),
    interrupterTarget: at(2, 31, 22),
    usbDeviceAddress: at(3, 7, 0),
    slotState: at(3, 31, 27),
  },
} as const satisfies Layout;

export const EndpointContext = {
  name: 'Endpoint Context',
  spec: xhci('6.2.3'),
  fields: {
    endpointState: at(0, 2, 0),
    mult: at(0, 9, 8),
    maxPrimaryStreams: at(0, 14, 10),
    linearStreamArray: at(0, 15),
    interval: at(0, 23, 16),
    maxEsitPayloadHigh: at(0, 31, 24),
    errorCount: at(1, 2, 1),
    endpointType: at(1, 5, 3),
    hostInitiateDisable: at(1, 7),
    maxBurstSize: at(1, 15, 8),
    maxPacketSize: at(1, 31, 16),
    dequeueCycleState: at(2, 0),
    trDequeuePointerLow: at(2, 31, 4),
    trDequeuePointerHigh: at(3, 31, 0),
    averageTrbLength: at(4, 15, 0),
    maxEsitPayloadLow: at(4, 31, 16),
  },
} as const satisfies Layout;

export const InputControlContext = {
  name: 'Input Control Context',
  spec: xhci('6.2.5.1'),
  fields: {
    dropContextFlags: at(0, 31, 0),
    addContextFlags: at(1, 31, 0),
    configurationValue: at(7, 7, 0),
    interfaceNumber: at(7, 15, 8),
    alternateSetting: at(7, 23, 16),
  },
} as const satisfies Layout;

/** 32-bit words that the controller reads of each kind of context; the rest of the 32 or 64 bytes is reserved. */
export const SLOT_CONTEXT_WORDS = 4;
export const ENDPOINT_CONTEXT_WORDS = 5;
export const INPUT_CONTROL_WORDS = 2;

/** Device Context Index 1 is the default control endpoint; 31 is endpoint 15 IN (xHCI 1.2 §4.8.1). */
export const DCI_CONTROL = 1;
export const DCI_LAST = 31;

/** xHCI 1.2 Table 6-7, Slot State. */
export const SlotState = { DisabledEnabled: 0, Default: 1, Addressed: 2, Configured: 3 } as const;

/** xHCI 1.2 Table 6-8, EP State. */
export const EndpointState = { Disabled: 0, Running: 1, Halted: 2, Stopped: 3, Error: 4 } as const;
export type EndpointStateCode = (typeof EndpointState)[keyof typeof EndpointState];
export const ENDPOINT_STATE_NAMES = ['disabled', 'running', 'halted', 'stopped', 'error'] as const;

/** xHCI 1.2 Table 6-9, EP Type. */
export const EndpointType = {
  NotValid: 0,
  IsochOut: 1,
  BulkOut: 2,
  InterruptOut: 3,
  Control: 4,
  IsochIn: 5,
  BulkIn: 6,
  InterruptIn: 7,
} as const;
