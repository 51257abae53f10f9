/** The capability space: read-only words that follow from model and personality (xHCI 1.2 §5.3, §7.2). */
import type { XhciModel, XhciPersonality } from '../personality.ts';
import { CAPABILITY_BYTES, DOORBELL_BASE, EXTENDED_CAPABILITIES, RUNTIME_BASE } from '../spec/bar.ts';
import { CAPABILITY_OFFSETS, HCCPARAMS1, HCSPARAMS1, HCSPARAMS2 } from '../spec/registers.ts';

/** "USB " (§7.2.2). */
const NAME_STRING = 0x2042_5355;
const SUPPORTED_PROTOCOL = 2;

/** One Supported Protocol Capability (§7.2): four words. */
function supportedProtocol(next: number, major: number, firstPort: number, ports: number): number[] {
  return [((major << 24) | (next << 8) | SUPPORTED_PROTOCOL) >>> 0, NAME_STRING, (ports << 8) | firstPort, 0];
}

/** The words of the space from offset 0. `undefined`: no register there. */
export function capabilityWords(model: XhciModel, personality: XhciPersonality): readonly (number | undefined)[] {
  const words: (number | undefined)[] = new Array(CAPABILITY_BYTES / 4).fill(undefined);
  const place = (offset: number, values: readonly number[]): void => {
    for (const [index, value] of values.entries()) words[offset / 4 + index] = value >>> 0;
  };
  const buffers = personality.scratchpadBuffers;
  let params1 = HCSPARAMS1.with(0, 'MaxSlots', model.slots);
  params1 = HCSPARAMS1.with(params1, 'MaxIntrs', model.interrupters);
  params1 = HCSPARAMS1.with(params1, 'MaxPorts', model.usb2Ports + model.usb3Ports);
  let params2 = HCSPARAMS2.with(0x0f, 'ERSTMax', personality.erstMaxExponent);
  params2 = HCSPARAMS2.with(params2, 'MaxScratchpadBufsHi', buffers >> 5);
  params2 = HCSPARAMS2.with(params2, 'MaxScratchpadBufsLo', buffers & 0x1f);
  let hccparams = HCCPARAMS1.with(0, 'AC64', personality.addressing64 ? 1 : 0);
  hccparams = HCCPARAMS1.with(hccparams, 'CSZ', personality.contextSize === 64 ? 1 : 0);
  hccparams = HCCPARAMS1.with(hccparams, 'MaxPSASize', personality.maxPrimaryStreamArraySize);
  hccparams = HCCPARAMS1.with(hccparams, 'xECP', EXTENDED_CAPABILITIES / 4);
  place(CAPABILITY_OFFSETS.CAPLENGTH, [(personality.hciVersion << 16) | CAPABILITY_BYTES]);
  place(CAPABILITY_OFFSETS.HCSPARAMS1, [params1, params2, 0, hccparams, DOORBELL_BASE, RUNTIME_BASE]);
  if (personality.hasHccparams2) place(CAPABILITY_OFFSETS.HCCPARAMS2, [0]);
  place(EXTENDED_CAPABILITIES, supportedProtocol(4, 2, model.usb3Ports + 1, model.usb2Ports));
  place(EXTENDED_CAPABILITIES + 0x10, supportedProtocol(0, 3, 1, model.usb3Ports));
  return words;
}
