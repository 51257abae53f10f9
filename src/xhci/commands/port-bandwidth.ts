/** Get Port Bandwidth (xHCI 1.2 §4.6.15): one byte a port, in percent. No bandwidth is accounted for: 80 % is free. */
import { MEMTX_OK } from '../../memory/memtx.ts';
import { pointerFromWords } from '../wire/pointer.ts';
import type { Trb } from '../wire/trb.ts';
import { type CommandContext, type CommandOutcome, failed, succeeded } from './outcome.ts';

const FREE_PERCENT = 80;

export function getPortBandwidth({ host, hub }: CommandContext, trb: Trb): CommandOutcome {
  const address = pointerFromWords(host.personality, trb.words[0]!, trb.words[1]!);
  // Byte 0 is reserved (§6.2.6).
  const context = new Uint8Array(hub.count + 1).fill(FREE_PERCENT);
  context[0] = 0;
  const result = host.dma.write(address, context, { what: 'Port Bandwidth Context' });
  if (result === MEMTX_OK) return succeeded;
  if (host.personality.memoryFailure === 'cosmetic-hce') {
    const message = 'DMA memory write failed!';
    host.facts['xhci.guest-error'].emit({ controller: host.name, function: 'xhci_get_port_bandwidth', message });
  } else {
    host.memoryFailed(result, 'Port Bandwidth Context', '');
  }
  return failed('TrbError');
}
