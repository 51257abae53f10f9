/** What stands in front of a case's opcode. */
import { AT, type CaseView } from './case-layout.ts';

const PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);

/** Whether REX.W is set. */
export function isWide(before: CaseView): boolean {
  for (let at = AT.code; at < AT.code + 15; at++) {
    const byte = before.bytes[at]!;
    if (!PREFIXES.has(byte)) return before.is64 && (byte & 0xf8) === 0x48;
  }
  return false;
}

/** Whether one of the bytes in front of the opcode is this one: legacy prefixes only. */
export function hasPrefix(before: CaseView, prefix: number): boolean {
  for (let at = AT.code; at < AT.code + 15 && PREFIXES.has(before.bytes[at]!); at++)
    if (before.bytes[at] === prefix) return true;
  return false;
}
