/**
 * AVX and AVX2 (Intel SDM Vol. 2; CPUID 1 ECX bit 28, 7 EBX bit 5). Most rows follow from those of SSE: the same opcode
 * with a VEX prefix, a first source in VEX.vvvv, and lanes that the SSE handler runs (core/avx-lanes.ts).
 */
import { CRYPTO_ROWS } from './crypto.ts';
import { type Row, row } from './row.ts';
import { SSE_ROWS } from './sse.ts';
import { SSE3_ROWS } from './sse3.ts';
import { SSE4_ROWS } from './sse4.ts';

const LEGACY: readonly Row[] = [...SSE_ROWS, ...SSE3_ROWS, ...SSE4_ROWS, ...CRYPTO_ROWS].filter(
  (one) => one.options.includes('sse') && one.handler !== 'unimplemented',
);

/** How the row of an SSE instruction becomes that of AVX. */
interface Change {
  /** VEX.L: 1 128 bits, 2 256 bits, 3 either. */
  readonly lengths: number;
  readonly feature: string;
  /** The function of core/avx-lanes.ts that runs the SSE handler, or none. */
  readonly by?: string;
  /** A handler of its own instead. */
  readonly handler?: string;
  /** More arguments of `by`. */
  readonly extra?: string;
  /** VEX.vvvv is the second operand. */
  readonly three?: boolean;
  /** Only the rows for which this holds. */
  readonly only?: (one: Row) => boolean;
}

function rowsOf(mnemonics: string, change: Change): Row[] {
  return mnemonics.split(' ').flatMap((mnemonic) => {
    const found = LEGACY.filter((one) => one.mnemonic === mnemonic && (change.only?.(one) ?? true));
    if (found.length === 0) throw new Error(`opcode table: no SSE instruction ${mnemonic}`);
    return found.map((one) => vexRow(one, change));
  });
}

function vexRow(one: Row, { lengths, feature, by, handler, extra, three }: Change): Row {
  const [first, ...others] = one.operands;
  return {
    ...one,
    vex: { lengths, wide: 3 },
    mnemonic: `V${one.mnemonic}`,
    operands: three && first !== undefined ? [first, 'Hx', ...others] : one.operands,
    handler: handler ?? (by === undefined ? one.handler : `${by}(${[one.handler, extra].filter(Boolean).join(', ')})`),
    options: ['avx', ...one.options.filter((option) => option === 'approximate')],
    feature,
  };
}

/** 128 and 256 bits of AVX. */
function both(mnemonics: string, change: Omit<Change, 'lengths' | 'feature'>): Row[] {
  return rowsOf(mnemonics, { ...change, lengths: 3, feature: 'avx' });
}
function only128(mnemonics: string, change: Omit<Change, 'lengths' | 'feature'>): Row[] {
  return rowsOf(mnemonics, { ...change, lengths: 1, feature: 'avx' });
}
/** Integers: 128 bits are AVX, 256 bits AVX2. */
function integers(mnemonics: string, change: Omit<Change, 'lengths' | 'feature'>): Row[] {
  return [...only128(mnemonics, change), ...rowsOf(mnemonics, { ...change, lengths: 2, feature: 'avx2' })];
}

const PACKED = { by: 'avxPacked', extra: '0' } as const;
const THREE = { ...PACKED, three: true } as const;
const SCALAR = { by: 'avxScalar', three: true } as const;

const FLOATS: readonly Row[] = [
  ...both(
    'ADDPS ADDPD MULPS MULPD SUBPS SUBPD MINPS MINPD DIVPS DIVPD MAXPS MAXPD ANDPS ANDPD ANDNPS ANDNPD ORPS ORPD XORPS XORPD ' +
      'UNPCKLPS UNPCKLPD UNPCKHPS UNPCKHPD HADDPS HADDPD HSUBPS HSUBPD ADDSUBPS ADDSUBPD SHUFPS DPPS',
    THREE,
  ),
  ...both('BLENDPS', { by: 'avxPacked', extra: '4', three: true }),
  ...both('BLENDPD SHUFPD', { by: 'avxPacked', extra: '2', three: true }),
  ...only128('DPPD', THREE),
  ...both('SQRTPS SQRTPD RCPPS RSQRTPS MOVSLDUP MOVSHDUP CVTDQ2PS CVTPS2DQ CVTTPS2DQ ROUNDPS ROUNDPD', PACKED),
  ...only128('MOVDDUP', { by: 'avxUpper' }),
  ...rowsOf('MOVDDUP', { ...PACKED, lengths: 2, feature: 'avx' }),
  ...both('CVTDQ2PD CVTPS2PD', { by: 'avxWiden8' }),
  ...both('CVTPD2PS CVTPD2DQ CVTTPD2DQ', { by: 'avxNarrow' }),
  ...both(
    'ADDSS ADDSD MULSS MULSD SUBSS SUBSD MINSS MINSD DIVSS DIVSD MAXSS MAXSD SQRTSS SQRTSD RCPSS RSQRTSS CVTSS2SD CVTSD2SS ' +
      'ROUNDSS ROUNDSD CVTSI2SS CVTSI2SD',
    SCALAR,
  ),
  ...both('CVTSS2SI CVTTSS2SI CVTSD2SI CVTTSD2SI COMISS COMISD UCOMISS UCOMISD', {}),
  ...both('CMPPS', { by: 'avxPacked', extra: '0', three: true }).map((one) => withInner(one, 'vcmpps')),
  ...both('CMPPD', { by: 'avxPacked', extra: '0', three: true }).map((one) => withInner(one, 'vcmppd')),
  ...both('CMPSS', SCALAR).map((one) => withInner(one, 'vcmpss')),
  ...both('CMPSD', SCALAR).map((one) => withInner(one, 'vcmpsd')),
];

/** The row with another handler for each lane. */
function withInner(one: Row, inner: string): Row {
  return { ...one, handler: one.handler.replace(/\((\w+)/, `(${inner}`) };
}

const SHIFTS = 'PSLLW PSLLD PSLLQ PSRLW PSRLD PSRLQ PSRAW PSRAD';
const isImmediate = (one: Row): boolean => one.operands.includes('Ib');
const shiftBy = { by: 'avxShift', three: true, only: (one: Row) => !isImmediate(one) } as const;
const shiftImmediate = { by: 'avxShiftImmediate', only: isImmediate } as const;

const INTEGERS: readonly Row[] = [
  ...integers(
    'PADDB PADDW PADDD PADDQ PSUBB PSUBW PSUBD PSUBQ PADDSB PADDSW PADDUSB PADDUSW PSUBSB PSUBSW PSUBUSB PSUBUSW PMULLW ' +
      'PMADDWD PAVGB PAVGW PMINUB PMAXUB PMINSW PMAXSW PCMPEQB PCMPEQW PCMPEQD PCMPGTB PCMPGTW PCMPGTD PAND POR PXOR PANDN ' +
      'PACKSSWB PACKUSWB PACKSSDW PUNPCKLBW PUNPCKLWD PUNPCKLDQ PUNPCKLQDQ PUNPCKHBW PUNPCKHWD PUNPCKHDQ PUNPCKHQDQ PMULHW ' +
      'PMULHUW PMULUDQ PSADBW PSHUFB PHADDW PHADDD PHADDSW PHSUBW PHSUBD PHSUBSW PMADDUBSW PMULHRSW PSIGNB PSIGNW PSIGND ' +
      'PALIGNR PMINSB PMAXSB PMINUW PMAXUW PMINSD PMAXSD PMINUD PMAXUD PMULLD PCMPEQQ PCMPGTQ PACKUSDW PMULDQ PBLENDW',
    THREE,
  ),
  ...integers('MPSADBW', { by: 'avxPacked', extra: '3', three: true }),
  ...integers('PABSB PABSW PABSD PSHUFD PSHUFLW PSHUFHW', PACKED),
  ...integers(SHIFTS, shiftBy),
  ...integers(`${SHIFTS} PSLLDQ PSRLDQ`, shiftImmediate).map((one) => ({ ...one, operands: ['Hx', 'Ux', 'Ib'] })),
  ...integers('PMOVSXBW PMOVZXBW PMOVSXWD PMOVZXWD PMOVSXDQ PMOVZXDQ', { by: 'avxWiden8' }),
  ...integers('PMOVSXBD PMOVZXBD PMOVSXWQ PMOVZXWQ', { by: 'avxWiden4' }),
  ...integers('PMOVSXBQ PMOVZXBQ', { by: 'avxWiden2' }),
  ...only128('PHMINPOSUW AESIMC AESKEYGENASSIST', PACKED),
  ...only128('AESENC AESENCLAST AESDEC AESDECLAST PCLMULQDQ', THREE),
  ...only128('PCMPESTRI PCMPISTRI', {}),
  ...only128('PCMPESTRM PCMPISTRM', { by: 'avxUpper0' }),
];

const isLoad = (one: Row): boolean => one.operands[0] === 'Vx';
const isStore = (one: Row): boolean => !isLoad(one);
const inMemory = (one: Row): Row => ({ ...one, mod: 2 });
const inRegister = (one: Row): Row => ({ ...one, mod: 1 });

const MOVES: readonly Row[] = [
  ...both('MOVUPS MOVUPD MOVDQU', { handler: 'vmovups' }),
  ...both('MOVAPS MOVAPD MOVDQA MOVNTPS MOVNTPD MOVNTDQ', { handler: 'vmovaps' }),
  ...both('LDDQU', { handler: 'vmovups' }),
  ...integers('MOVNTDQA', { handler: 'vmovaps' }),
  ...both('MOVSS MOVSD', { by: 'avxUpper', only: isLoad }).map(inMemory),
  ...both('MOVSS MOVSD', { only: isStore }).map(inMemory),
  ...both('MOVSS MOVSD', SCALAR).map(inRegister),
  ...only128('MOVD MOVQ', { by: 'avxUpper', only: isLoad }),
  ...only128('MOVD', { only: isStore }),
  ...only128('MOVQ', { by: 'avxUpper', only: isStore }),
  ...only128('MOVLPS MOVLPD MOVHPS MOVHPD', { ...SCALAR, only: isLoad }),
  ...only128('MOVLPS MOVLPD MOVHPS MOVHPD', { only: isStore }),
  ...both('MOVMSKPS', { handler: 'vmovmskps', only: () => true }).map((one) => ofLength(one, 2)),
  ...both('MOVMSKPD', { handler: 'vmovmskpd' }).map((one) => ofLength(one, 2)),
  ...only128('MOVMSKPS MOVMSKPD PMOVMSKB', {}),
  ...rowsOf('PMOVMSKB', { handler: 'vpmovmskb', lengths: 2, feature: 'avx2' }),
  ...only128('PEXTRB PEXTRW PEXTRD EXTRACTPS', {}),
  ...only128('PINSRB PINSRW PINSRD INSERTPS', SCALAR),
  ...both('PTEST', { handler: 'vptest' }),
  ...only128('MASKMOVDQU LDMXCSR STMXCSR', {}),
];

function ofLength(one: Row, lengths: number): Row {
  return { ...one, vex: { lengths, wide: 3 } };
}

const avx = (pattern: string, mnemonic: string, operands: string, handler: string, flags = ''): Row =>
  row(pattern, mnemonic, operands, flags, handler, 'avx cpuid=avx');
const avx2 = (pattern: string, mnemonic: string, operands: string, handler: string): Row =>
  row(pattern, mnemonic, operands, '', handler, 'avx cpuid=avx2');

/** Without a counterpart in SSE. */
const NEW: readonly Row[] = [
  avx('vex.128.0f 77', 'VZEROUPPER', '', 'vzeroupper'),
  avx('vex.256.0f 77', 'VZEROALL', '', 'vzeroall'),
  avx('vex.lig.66.0f38.w0 0c /r', 'VPERMILPS', 'Vx,Hx,Wx', 'vpermilps'),
  avx('vex.lig.66.0f38.w0 0d /r', 'VPERMILPD', 'Vx,Hx,Wx', 'vpermilpd'),
  avx('vex.lig.66.0f3a.w0 04 /r', 'VPERMILPS', 'Vx,Wx,Ib', 'vpermilps_imm'),
  avx('vex.lig.66.0f3a.w0 05 /r', 'VPERMILPD', 'Vx,Wx,Ib', 'vpermilpd_imm'),
  avx('vex.lig.66.0f38.w0 0e /r', 'VTESTPS', 'Vx,Wx', 'vtestps', 'w:oszapc'),
  avx('vex.lig.66.0f38.w0 0f /r', 'VTESTPD', 'Vx,Wx', 'vtestpd', 'w:oszapc'),
  avx('vex.lig.66.0f38.w0 18 /r mem', 'VBROADCASTSS', 'Vx,Wx', 'vpbroadcastd'),
  avx('vex.256.66.0f38.w0 19 /r mem', 'VBROADCASTSD', 'Vx,Wx', 'vpbroadcastq'),
  avx('vex.256.66.0f38.w0 1a /r mem', 'VBROADCASTF128', 'Vx,Wx', 'vbroadcast128'),
  avx('vex.lig.66.0f38.w0 2c /r mem', 'VMASKMOVPS', 'Vx,Hx,Wx', 'vmaskmov32_load'),
  avx('vex.lig.66.0f38.w0 2d /r mem', 'VMASKMOVPD', 'Vx,Hx,Wx', 'vmaskmov64_load'),
  avx('vex.lig.66.0f38.w0 2e /r mem', 'VMASKMOVPS', 'Wx,Hx,Vx', 'vmaskmov32_store'),
  avx('vex.lig.66.0f38.w0 2f /r mem', 'VMASKMOVPD', 'Wx,Hx,Vx', 'vmaskmov64_store'),
  avx('vex.256.66.0f3a.w0 06 /r', 'VPERM2F128', 'Vx,Hx,Wx,Ib', 'vperm2x128'),
  avx('vex.256.66.0f3a.w0 18 /r', 'VINSERTF128', 'Vx,Hx,Wx,Ib', 'vinsert128'),
  avx('vex.256.66.0f3a.w0 19 /r', 'VEXTRACTF128', 'Wx,Vx,Ib', 'vextract128'),
  avx('vex.lig.66.0f3a.w0 4a /r', 'VBLENDVPS', 'Vx,Hx,Wx,Lx', 'vblendvps'),
  avx('vex.lig.66.0f3a.w0 4b /r', 'VBLENDVPD', 'Vx,Hx,Wx,Lx', 'vblendvpd'),
  avx('vex.128.66.0f3a.w0 4c /r', 'VPBLENDVB', 'Vx,Hx,Wx,Lx', 'vpblendvb'),
  avx2('vex.256.66.0f3a.w0 4c /r', 'VPBLENDVB', 'Vx,Hx,Wx,Lx', 'vpblendvb'),
  avx2('vex.lig.66.0f38.w0 18 /r reg', 'VBROADCASTSS', 'Vx,Ux', 'vpbroadcastd'),
  avx2('vex.256.66.0f38.w0 19 /r reg', 'VBROADCASTSD', 'Vx,Ux', 'vpbroadcastq'),
  avx2('vex.256.66.0f38.w0 5a /r mem', 'VBROADCASTI128', 'Vx,Wx', 'vbroadcast128'),
  avx2('vex.lig.66.0f38.w0 78 /r', 'VPBROADCASTB', 'Vx,Wx', 'vpbroadcastb'),
  avx2('vex.lig.66.0f38.w0 79 /r', 'VPBROADCASTW', 'Vx,Wx', 'vpbroadcastw'),
  avx2('vex.lig.66.0f38.w0 58 /r', 'VPBROADCASTD', 'Vx,Wx', 'vpbroadcastd'),
  avx2('vex.lig.66.0f38.w0 59 /r', 'VPBROADCASTQ', 'Vx,Wx', 'vpbroadcastq'),
  avx2('vex.256.66.0f38.w0 16 /r', 'VPERMPS', 'Vx,Hx,Wx', 'vpermd'),
  avx2('vex.256.66.0f38.w0 36 /r', 'VPERMD', 'Vx,Hx,Wx', 'vpermd'),
  avx2('vex.256.66.0f3a.w1 00 /r', 'VPERMQ', 'Vx,Wx,Ib', 'vpermq'),
  avx2('vex.256.66.0f3a.w1 01 /r', 'VPERMPD', 'Vx,Wx,Ib', 'vpermq'),
  avx2('vex.lig.66.0f3a.w0 02 /r', 'VPBLENDD', 'Vx,Hx,Wx,Ib', 'vpblendd'),
  avx2('vex.256.66.0f3a.w0 46 /r', 'VPERM2I128', 'Vx,Hx,Wx,Ib', 'vperm2x128'),
  avx2('vex.256.66.0f3a.w0 38 /r', 'VINSERTI128', 'Vx,Hx,Wx,Ib', 'vinsert128'),
  avx2('vex.256.66.0f3a.w0 39 /r', 'VEXTRACTI128', 'Wx,Vx,Ib', 'vextract128'),
  avx2('vex.lig.66.0f38.w0 45 /r', 'VPSRLVD', 'Vx,Hx,Wx', 'vpsrlvd'),
  avx2('vex.lig.66.0f38.w1 45 /r', 'VPSRLVQ', 'Vx,Hx,Wx', 'vpsrlvq'),
  avx2('vex.lig.66.0f38.w0 46 /r', 'VPSRAVD', 'Vx,Hx,Wx', 'vpsravd'),
  avx2('vex.lig.66.0f38.w0 47 /r', 'VPSLLVD', 'Vx,Hx,Wx', 'vpsllvd'),
  avx2('vex.lig.66.0f38.w1 47 /r', 'VPSLLVQ', 'Vx,Hx,Wx', 'vpsllvq'),
  avx2('vex.lig.66.0f38.w0 8c /r mem', 'VPMASKMOVD', 'Vx,Hx,Wx', 'vmaskmov32_load'),
  avx2('vex.lig.66.0f38.w1 8c /r mem', 'VPMASKMOVQ', 'Vx,Hx,Wx', 'vmaskmov64_load'),
  avx2('vex.lig.66.0f38.w0 8e /r mem', 'VPMASKMOVD', 'Wx,Hx,Vx', 'vmaskmov32_store'),
  avx2('vex.lig.66.0f38.w1 8e /r mem', 'VPMASKMOVQ', 'Wx,Hx,Vx', 'vmaskmov64_store'),
  avx2('vex.lig.66.0f38.w0 90 /r mem', 'VPGATHERDD', 'Vx,Tx,Hx', 'vgatherdd'),
  avx2('vex.lig.66.0f38.w1 90 /r mem', 'VPGATHERDQ', 'Vx,Tx,Hx', 'vgatherdq'),
  avx2('vex.lig.66.0f38.w0 91 /r mem', 'VPGATHERQD', 'Vx,Tx,Hx', 'vgatherqd'),
  avx2('vex.lig.66.0f38.w1 91 /r mem', 'VPGATHERQQ', 'Vx,Tx,Hx', 'vgatherqq'),
  avx2('vex.lig.66.0f38.w0 92 /r mem', 'VGATHERDPS', 'Vx,Tx,Hx', 'vgatherdd'),
  avx2('vex.lig.66.0f38.w1 92 /r mem', 'VGATHERDPD', 'Vx,Tx,Hx', 'vgatherdq'),
  avx2('vex.lig.66.0f38.w0 93 /r mem', 'VGATHERQPS', 'Vx,Tx,Hx', 'vgatherqd'),
  avx2('vex.lig.66.0f38.w1 93 /r mem', 'VGATHERQPD', 'Vx,Tx,Hx', 'vgatherqq'),
];

export const AVX_ROWS: readonly Row[] = [...FLOATS, ...INTEGERS, ...MOVES, ...NEW];
