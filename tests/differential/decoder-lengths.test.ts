/** Our decoder and objdump must see the same instruction lengths in real programs. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPCODE_TABLE } from '../../src/cpu/isa/table.ts';
import { AT, LongModeMachine } from '../../src/cpu/testing/test-machine.ts';

const PROGRAMS = ['/bin/bash', '/lib/x86_64-linux-gnu/libc.so.6'].filter((path) => existsSync(path));
const missing = spawnSync('objdump', ['--version']).status !== 0 || PROGRAMS.length === 0;
const MIB = 1024 * 1024;

/** objdump's names for what the table names after the operand size, or files under NOP. */
const ALIASES = 'cwde cdqe cdq cqo movabs endbr64 pause prefetcht0 prefetcht1 prefetchnta movhlps movlhps'.split(' ');
const KNOWN = new Set([
  ...OPCODE_TABLE.filter((row) => row.handler !== 'unimplemented').map((row) => row.mnemonic.toLowerCase()),
  ...ALIASES,
]);
const PREFIXES = /^(?:(?:data16|rex\.?\w*|lock|rep[nz]*|bnd|notrack|[cdefgs]s) +)*/;
/** Control leaves, or repeats: our block ends behind these. */
const ENDS = new Set(
  OPCODE_TABLE.filter((row) => row.options.includes('end') || row.options.includes('rep')).map((row) =>
    row.mnemonic.toLowerCase(),
  ),
);

interface Instruction {
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly text: string;
}

/** Every different encoding in a program that the core claims to implement; and how many others there are. */
function instructionsOf(path: string): { readonly known: Instruction[]; readonly others: number } {
  const { stdout } = spawnSync('objdump', ['-d', '-w', '-M', 'intel', path], {
    encoding: 'latin1',
    maxBuffer: 512 * MIB,
  });
  const seen = new Set<string>();
  const known: Instruction[] = [];
  let others = 0;
  for (const line of stdout.split('\n')) {
    const [, hex, text] = line.split('\t');
    if (hex === undefined || text === undefined || text.startsWith('(bad)') || seen.has(hex)) continue;
    seen.add(hex);
    const mnemonic = /^\w+/.exec(text.replace(PREFIXES, ''))?.[0] ?? '';
    // EVEX is not there, and MMX has mnemonics of its own in the table.
    if (!KNOWN.has(mnemonic) || /^(?:(?:2e|36|3e|26|64|65|66|67|f2|f3) )*62 /.test(hex) || /\bmm\d/.test(text)) {
      others += 1;
      continue;
    }
    const bytes = Uint8Array.from(hex.trim().split(' '), (byte) => Number.parseInt(byte, 16));
    known.push({ bytes, mnemonic, text });
  }
  return { known, others };
}

/** Decodes NOP, the instruction, and UD2s; only the NOP is executed. Returns how far the block reaches behind the NOP. */
function decodedLengths(instructions: readonly Instruction[]): number[] {
  const machine = new LongModeMachine();
  let length = 0;
  machine.boot((code) => code.nop());
  machine.trace.on('cpu.block-decoded', ({ bytes }) => {
    length = bytes.length - 1;
  });
  const window = new Uint8Array(32);
  return instructions.map(({ bytes }) => {
    for (let at = 0; at < window.length; at += 2) window.set([0x0f, 0x0b], at);
    window[0] = 0x90;
    window.set(bytes, 1);
    window.set([0x0f, 0x0b], 1 + bytes.length);
    machine.write(AT.code, window);
    machine.processor.setRegister('rip', BigInt(AT.code));
    length = -1;
    machine.processor.run(1);
    return length;
  });
}

describe.skipIf(missing)(`decoder and objdump${missing ? ' (skipped: binutils is not installed)' : ''}`, () => {
  it.each(PROGRAMS)(
    'agree on the length of every instruction in %s that is implemented',
    { timeout: 120_000 },
    (path) => {
      const { known, others } = instructionsOf(path);
      expect(known.length).toBeGreaterThan(10_000);
      // Mostly AVX and x87: the C library carries variants for every processor.
      expect(others / known.length).toBeLessThan(0.2);
      const wrong = decodedLengths(known).flatMap((length, index) => {
        const { bytes, mnemonic, text } = known[index]!;
        const rest = length - bytes.length;
        // A string instruction and an SSE move may share a name: then both ends are right.
        const right = rest === 2 || (rest === 0 && ENDS.has(mnemonic));
        return right ? [] : [`${text}: ${bytes.length} bytes, decoded as ${length - 2}`];
      });
      expect(wrong).toEqual([]);
    },
  );
});
