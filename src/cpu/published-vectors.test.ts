import { describe, expect, it } from 'vitest';
import { type Assembler, RAX, RBX, RCX } from './testing/assembler.ts';
import { AT, LongModeMachine } from './testing/test-machine.ts';

/** Where a program finds its input and leaves its output. */
const DATA = 0x5_0000;

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** Runs a program with rbx at its data, SSE switched on, and gives the machine. */
function ran(input: Uint8Array, program: (code: Assembler) => void): LongModeMachine {
  const machine = new LongModeMachine();
  machine.write(DATA, input);
  machine.boot((code) => {
    // mov rax, cr4; or eax, OSFXSR | OSXMMEXCPT; mov cr4, rax
    code.bytes(0x0f, 0x20, 0xe0, 0x0d, 0, 6, 0, 0, 0x0f, 0x22, 0xe0).mov(RBX, DATA);
    program(code);
    code.hlt();
  });
  expect(machine.processor.run(10_000)).toBe('halted');
  return machine;
}

function hexAt(machine: LongModeMachine, address: number, length: number): string {
  return Array.from({ length }, (_, index) =>
    machine.view
      .getUint8(address + index)
      .toString(16)
      .padStart(2, '0'),
  ).join('');
}

describe('CRC32', () => {
  // RFC 3720 B.4, and the check value of CRC-32C.
  it.each([
    ['123456789', 'e3069283'],
    ['\0'.repeat(32), '8a9136aa'],
  ])('of %j is 0x%s', (text, checksum) => {
    const machine = ran(
      Uint8Array.from(text, (one) => one.charCodeAt(0)),
      (code) => {
        code.mov(RAX, 0xffff_ffffn).mov(RCX, text.length);
        // crc32 eax, byte [rbx]; inc rbx; dec ecx; jnz -12; not eax
        code.bytes(0xf2, 0x0f, 0x38, 0xf0, 0x03, 0x48, 0xff, 0xc3, 0xff, 0xc9, 0x75, 0xf4, 0xf7, 0xd0);
      },
    );
    expect(machine.reg('rax').toString(16)).toBe(checksum);
  });
});

describe('AES-128', () => {
  // FIPS 197, appendix C.1.
  const KEY = '000102030405060708090a0b0c0d0e0f';
  const PLAIN = '00112233445566778899aabbccddeeff';
  const CIPHER = '69c4e0d86a7b0430d8cdb78070b4c55a';
  const ROUND_CONSTANTS = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];
  const SCHEDULE = DATA + 0x100;

  /** The next round key from xmm1 into xmm1, by xmm2 and xmm3; stored as number `round`. */
  function expandKey(code: Assembler, constant: number, round: number): void {
    // aeskeygenassist xmm2, xmm1, constant; pshufd xmm2, xmm2, 0xff; movdqa xmm3, xmm1
    code.bytes(0x66, 0x0f, 0x3a, 0xdf, 0xd1, constant, 0x66, 0x0f, 0x70, 0xd2, 0xff, 0x66, 0x0f, 0x6f, 0xd9);
    // pslldq xmm3, 4; pxor xmm1, xmm3, three times
    for (let times = 0; times < 3; times++) code.bytes(0x66, 0x0f, 0x73, 0xfb, 4, 0x66, 0x0f, 0xef, 0xcb);
    // pxor xmm1, xmm2; movdqa [rbx + 0x100 + 16 * round], xmm1
    code.bytes(0x66, 0x0f, 0xef, 0xca, 0x66, 0x0f, 0x7f, 0x8b, (SCHEDULE - DATA + 16 * round) & 0xff, 1, 0, 0);
  }

  it('encrypts the block of FIPS 197, and decrypts it again', () => {
    const machine = ran(bytesOf(KEY + PLAIN), (code) => {
      // movdqa xmm1, [rbx]; movdqa xmm0, [rbx + 16]; pxor xmm0, xmm1
      code.bytes(0x66, 0x0f, 0x6f, 0x0b, 0x66, 0x0f, 0x6f, 0x43, 16, 0x66, 0x0f, 0xef, 0xc1);
      for (const [index, constant] of ROUND_CONSTANTS.entries()) {
        expandKey(code, constant, index + 1);
        // aesenc or aesenclast xmm0, xmm1
        code.bytes(0x66, 0x0f, 0x38, index === 9 ? 0xdd : 0xdc, 0xc1);
      }
      // movdqa [rbx + 32], xmm0; pxor xmm0, xmm1
      code.bytes(0x66, 0x0f, 0x7f, 0x43, 32, 0x66, 0x0f, 0xef, 0xc1);
      for (let round = 9; round > 0; round--) {
        // aesimc xmm1, [schedule]; aesdec xmm0, xmm1
        code.bytes(0x66, 0x0f, 0x38, 0xdb, 0x8b, 16 * round, 1, 0, 0, 0x66, 0x0f, 0x38, 0xde, 0xc1);
      }
      // aesdeclast xmm0, [rbx]; movdqa [rbx + 48], xmm0
      code.bytes(0x66, 0x0f, 0x38, 0xdf, 0x03, 0x66, 0x0f, 0x7f, 0x43, 48);
    });
    expect(hexAt(machine, DATA + 32, 16)).toBe(CIPHER);
    expect(hexAt(machine, DATA + 48, 16)).toBe(PLAIN);
  });
});

describe('what cannot be seen from one instruction on a processor', () => {
  const FAULTED_AT = AT.handlers;

  function vectorOf(vector: number, program: (code: Assembler) => void): boolean {
    const machine = new LongModeMachine();
    machine.haltingHandler(vector, { ist: 1 });
    machine.boot(program);
    machine.processor.run(1000);
    const rip = Number(machine.reg('rip'));
    return rip > FAULTED_AT + vector * 16 && rip <= FAULTED_AT + vector * 16 + 3;
  }

  it('raises #UD, not #XM, for an unmasked exception while CR4.OSXMMEXCPT is clear', () => {
    const divide = (cr4: number) => (code: Assembler) => {
      code.bytes(0x0f, 0x20, 0xe0, 0x0d, 0, cr4, 0, 0, 0x0f, 0x22, 0xe0).mov(RBX, DATA).mov(RAX, 0x1d80);
      // mov [rbx], eax; ldmxcsr [rbx]; xorps xmm0, xmm0; mov eax, 1; cvtsi2ss xmm1, eax; divss xmm1, xmm0
      code.bytes(0x89, 0x03, 0x0f, 0xae, 0x13, 0x0f, 0x57, 0xc0, 0xb8, 1, 0, 0, 0, 0xf3, 0x0f, 0x2a, 0xc8);
      code.bytes(0xf3, 0x0f, 0x5e, 0xc8).hlt();
    };
    expect(vectorOf(6, divide(2))).toBe(true);
    expect(vectorOf(19, divide(6))).toBe(true);
  });

  it('refuses VEX with LOCK, 66, F2, F3 or REX before it, and a register in VEX.vvvv that is no operand', () => {
    const rorx = [0xc4, 0xe3, 0x7b, 0xf0, 0xc0, 4];
    for (const prefix of [0xf0, 0x66, 0xf2, 0xf3, 0x48]) {
      expect(vectorOf(6, (code) => code.bytes(prefix, ...rorx).hlt())).toBe(true);
    }
    expect(vectorOf(6, (code) => code.bytes(0xc4, 0xe3, 0x73, 0xf0, 0xc0, 4).hlt())).toBe(true);
    expect(vectorOf(6, (code) => code.bytes(...rorx).hlt())).toBe(false);
  });

  it('needs 16-byte alignment of SHA operands, as Intel says; AMD does not', () => {
    const load = (displacement: number) => (code: Assembler) => {
      code.bytes(0x0f, 0x20, 0xe0, 0x0d, 0, 6, 0, 0, 0x0f, 0x22, 0xe0).mov(RBX, DATA);
      code.bytes(0x0f, 0x38, 0xc8, 0x43, displacement).hlt();
    };
    expect(vectorOf(13, load(1))).toBe(true);
    expect(vectorOf(13, load(16))).toBe(false);
  });
});
