/** Scratchpad Buffers (xHCI 1.2 §4.20): pages of system memory that the controller uses for itself once it runs. */
import { offsetBus } from '../../base/address.ts';
import { MEMTX_OK } from '../../memory/memtx.ts';
import type { Host } from '../host.ts';
import { pointerFromWords } from '../wire/pointer.ts';

/** Bytes that the controller puts into each page when it starts: enough to show a page that was never given to it. */
const SIGNATURE_BYTES = 64;

/**
 * Takes the pages over when the controller starts. A driver that provided none has its memory at DCBAA[0] = 0 taken
 * for the array, as on silicon; an array or a page that does not answer is a Host System Error.
 */
export function takeScratchpads(host: Host): void {
  const { scratchpadBuffers } = host.personality;
  if (scratchpadBuffers === 0) return;
  const words = new Uint32Array(2);
  const entry = { what: 'DCBAA entry', register: 'DCBAAP', index: 0 };
  let result = host.dma.readWords(host.deviceContextArray, words, entry);
  if (result !== MEMTX_OK) {
    host.memoryFailed(result, 'DCBAA[0]', '');
    return;
  }
  const array = pointerFromWords(host.personality, words[0]! & ~0x3f, words[1]!);
  for (let index = 0; index < scratchpadBuffers; index += 1) {
    result = host.dma.readWords(offsetBus(array, 8 * index), words, { what: 'Scratchpad Buffer Array', index });
    if (result === MEMTX_OK) {
      const page = pointerFromWords(host.personality, words[0]! & ~0xfff, words[1]!);
      result = host.dma.set(page, 0, SIGNATURE_BYTES, { what: 'Scratchpad Buffer', index });
    }
    if (result !== MEMTX_OK) {
      host.memoryFailed(result, `scratchpad ${index}`, '');
      return;
    }
  }
}
