/** NEC's vendor commands on the uPD720200: firmware revision, and a challenge that its Windows driver sends. */
import { CompletionCode } from '../spec/completion-codes.ts';
import { NecCommandReply } from '../spec/trbs.ts';
import type { Trb } from '../wire/trb.ts';
import type { CommandOutcome } from './outcome.ts';

/** Firmware 3034, as QEMU answers. */
const FIRMWARE_REVISION = 0x3034;
/** "IHCH". */
const KEY = 0x49434878;

export function necFirmware(): CommandOutcome {
  return { code: CompletionCode.Success, parameter: FIRMWARE_REVISION, eventType: NecCommandReply.type };
}

function rotateLeft(value: number, by: number): number {
  const count = by & 31;
  return ((value << count) | (value >>> ((32 - count) & 31))) >>> 0;
}

/** The reply spreads over the completion parameter, the endpoint id and the slot id. */
export function necChallenge(trb: Trb): CommandOutcome {
  const [low = 0, high = 0] = trb.words;
  const first = rotateLeft((low - KEY) >>> 0, 32 - ((high >>> 8) & 0x1f));
  const second = rotateLeft((low + KEY) >>> 0, high & 0x1f);
  const third = rotateLeft((high ^ KEY) >>> 0, (low >>> 16) & 0x1f);
  const reply = ~(first + second - third) >>> 0;
  return {
    code: CompletionCode.Success,
    parameter: reply & 0xffff,
    slotId: reply >>> 24,
    endpointId: (reply >>> 16) & 0xff,
    eventType: NecCommandReply.type,
  };
}
