/** Reading and writing the contexts that a command names (xHCI 1.2 §6.2). */
import { type BusAddress, offsetBus } from '../../base/address.ts';
import type { DmaPurpose } from '../../memory/events.ts';
import type { Host } from '../host.ts';
import { pointerFromWords } from '../wire/pointer.ts';
import type { Trb } from '../wire/trb.ts';

const INPUT: DmaPurpose = { what: 'Input Context' };
const OUTPUT: DmaPurpose = { what: 'Device Context', register: 'DCBAAP' };

/** The Input Context that the command's parameter points to; QEMU takes all 64 bits as they stand. */
export function inputContextOf(host: Host, trb: Trb): BusAddress {
  const low = host.personality.contextChecks === 'strict' ? trb.words[0]! & ~0xf : trb.words[0]!;
  return pointerFromWords(host.personality, low, trb.words[1]!);
}

/** Context `index` of an input context (0: input control, 1: slot, 1 + DCI: endpoint) or of a device context. */
export function contextAt(host: Host, base: BusAddress, index: number): BusAddress {
  return offsetBus(base, index * host.personality.contextSize);
}

/** Reads a context of the input context, and states what it held. `undefined`: memory did not answer and the controller halted. */
export function readInput(
  host: Host,
  base: BusAddress,
  index: number,
  words: number,
  slotId: number,
  commandName: string,
): Uint32Array | undefined {
  const into = new Uint32Array(words);
  const address = contextAt(host, base, index);
  const answered = host.readWords(address, into, INPUT);
  const read = host.facts['xhci.context-read'];
  if (read.active) {
    const { contextSize } = host.personality;
    read.emit({ controller: host.name, slotId, commandName, address, contextSize, words: into.slice() });
  }
  return answered || host.personality.contextChecks === 'qemu' ? into : undefined;
}

/** Reads a context of the output Device Context. */
export function readOutput(host: Host, base: BusAddress, index: number, words: number): Uint32Array {
  const into = new Uint32Array(words);
  host.readWords(contextAt(host, base, index), into, OUTPUT);
  return into;
}

export function writeOutput(host: Host, base: BusAddress, index: number, words: Uint32Array): void {
  host.writeWords(contextAt(host, base, index), words, OUTPUT);
}
