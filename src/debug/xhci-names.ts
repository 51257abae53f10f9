/** The names that QEMU's xHCI traces give to TRB types, completion codes and endpoint states. */
import type { TrbWords } from '../xhci/events.ts';

/** By TRB type (xHCI 1.2 Table 6-91), 48 and 49 being NEC's. */
const TRB_TYPES: Readonly<Record<number, string>> = {
  0: 'TRB_RESERVED',
  1: 'TR_NORMAL',
  2: 'TR_SETUP',
  3: 'TR_DATA',
  4: 'TR_STATUS',
  5: 'TR_ISOCH',
  6: 'TR_LINK',
  7: 'TR_EVDATA',
  8: 'TR_NOOP',
  9: 'CR_ENABLE_SLOT',
  10: 'CR_DISABLE_SLOT',
  11: 'CR_ADDRESS_DEVICE',
  12: 'CR_CONFIGURE_ENDPOINT',
  13: 'CR_EVALUATE_CONTEXT',
  14: 'CR_RESET_ENDPOINT',
  15: 'CR_STOP_ENDPOINT',
  16: 'CR_SET_TR_DEQUEUE',
  17: 'CR_RESET_DEVICE',
  18: 'CR_FORCE_EVENT',
  19: 'CR_NEGOTIATE_BW',
  20: 'CR_SET_LATENCY_TOLERANCE',
  21: 'CR_GET_PORT_BANDWIDTH',
  22: 'CR_FORCE_HEADER',
  23: 'CR_NOOP',
  32: 'ER_TRANSFER',
  33: 'ER_COMMAND_COMPLETE',
  34: 'ER_PORT_STATUS_CHANGE',
  35: 'ER_BANDWIDTH_REQUEST',
  36: 'ER_DOORBELL',
  37: 'ER_HOST_CONTROLLER',
  38: 'ER_DEVICE_NOTIFICATION',
  39: 'ER_MFINDEX_WRAP',
  49: 'CR_VENDOR_NEC_FIRMWARE_REVISION',
  50: 'CR_VENDOR_NEC_CHALLENGE_RESPONSE',
};

/** By completion code (xHCI 1.2 Table 6-90). */
const COMPLETIONS: Readonly<Record<number, string>> = {
  0: 'CC_INVALID',
  1: 'CC_SUCCESS',
  2: 'CC_DATA_BUFFER_ERROR',
  3: 'CC_BABBLE_DETECTED',
  4: 'CC_USB_TRANSACTION_ERROR',
  5: 'CC_TRB_ERROR',
  6: 'CC_STALL_ERROR',
  7: 'CC_RESOURCE_ERROR',
  8: 'CC_BANDWIDTH_ERROR',
  9: 'CC_NO_SLOTS_ERROR',
  10: 'CC_INVALID_STREAM_TYPE_ERROR',
  11: 'CC_SLOT_NOT_ENABLED_ERROR',
  12: 'CC_EP_NOT_ENABLED_ERROR',
  13: 'CC_SHORT_PACKET',
  14: 'CC_RING_UNDERRUN',
  15: 'CC_RING_OVERRUN',
  16: 'CC_VF_ER_FULL',
  17: 'CC_PARAMETER_ERROR',
  18: 'CC_BANDWIDTH_OVERRUN',
  19: 'CC_CONTEXT_STATE_ERROR',
  20: 'CC_NO_PING_RESPONSE_ERROR',
  21: 'CC_EVENT_RING_FULL_ERROR',
  22: 'CC_INCOMPATIBLE_DEVICE_ERROR',
  23: 'CC_MISSED_SERVICE_ERROR',
  24: 'CC_COMMAND_RING_STOPPED',
  25: 'CC_COMMAND_ABORTED',
  26: 'CC_STOPPED',
  27: 'CC_STOPPED_LENGTH_INVALID',
  29: 'CC_MAX_EXIT_LATENCY_TOO_LARGE_ERROR',
  31: 'CC_ISOCH_BUFFER_OVERRUN',
  32: 'CC_EVENT_LOST_ERROR',
  33: 'CC_UNDEFINED_ERROR',
  34: 'CC_INVALID_STREAM_ID_ERROR',
  35: 'CC_SECONDARY_BANDWIDTH_ERROR',
  36: 'CC_SPLIT_TRANSACTION_ERROR',
};

/** QEMU's name of a TRB's type; `???` for a number that it does not know. */
export function trbTypeName(trb: TrbWords): string {
  return TRB_TYPES[(trb.control >>> 10) & 0x3f] ?? '???';
}

/** QEMU's name of the completion code in an event TRB. */
export function completionName(trb: TrbWords): string {
  return COMPLETIONS[trb.status >>> 24] ?? '???';
}
