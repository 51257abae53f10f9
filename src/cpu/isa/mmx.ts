/** MMX and what later extensions added to its registers (Intel SDM Vol. 2, Vol. 1 chapter 9). */
import { type Row, row } from './row.ts';

/** Rows `mm, mm/m64` by opcode byte: each is the lower half of the xmm instruction of that name. */
const MMX = {
  '60': 'PUNPCKLBW',
  '61': 'PUNPCKLWD',
  '62': 'PUNPCKLDQ',
  '63': 'PACKSSWB',
  '64': 'PCMPGTB',
  '65': 'PCMPGTW',
  '66': 'PCMPGTD',
  '67': 'PACKUSWB',
  '68': 'PUNPCKHBW',
  '69': 'PUNPCKHWD',
  '6a': 'PUNPCKHDQ',
  '6b': 'PACKSSDW',
  '74': 'PCMPEQB',
  '75': 'PCMPEQW',
  '76': 'PCMPEQD',
  d1: 'PSRLW',
  d2: 'PSRLD',
  d3: 'PSRLQ',
  d5: 'PMULLW',
  d8: 'PSUBUSB',
  d9: 'PSUBUSW',
  db: 'PAND',
  dc: 'PADDUSB',
  dd: 'PADDUSW',
  df: 'PANDN',
  e1: 'PSRAW',
  e2: 'PSRAD',
  e5: 'PMULHW',
  e8: 'PSUBSB',
  e9: 'PSUBSW',
  eb: 'POR',
  ec: 'PADDSB',
  ed: 'PADDSW',
  ef: 'PXOR',
  f1: 'PSLLW',
  f2: 'PSLLD',
  f3: 'PSLLQ',
  f5: 'PMADDWD',
  f8: 'PSUBB',
  f9: 'PSUBW',
  fa: 'PSUBD',
  fc: 'PADDB',
  fd: 'PADDW',
  fe: 'PADDD',
};
const SSE = {
  da: 'PMINUB',
  de: 'PMAXUB',
  e0: 'PAVGB',
  e3: 'PAVGW',
  e4: 'PMULHUW',
  ea: 'PMINSW',
  ee: 'PMAXSW',
  f6: 'PSADBW',
};
const SSE2 = { d4: 'PADDQ', f4: 'PMULUDQ', fb: 'PSUBQ' };
const SSSE3 = {
  '38 00': 'PSHUFB',
  '38 01': 'PHADDW',
  '38 02': 'PHADDD',
  '38 03': 'PHADDSW',
  '38 04': 'PMADDUBSW',
  '38 05': 'PHSUBW',
  '38 06': 'PHSUBD',
  '38 07': 'PHSUBSW',
  '38 08': 'PSIGNB',
  '38 09': 'PSIGNW',
  '38 0a': 'PSIGND',
  '38 0b': 'PMULHRSW',
  '38 1c': 'PABSB',
  '38 1d': 'PABSW',
  '38 1e': 'PABSD',
};

function binary(names: Readonly<Record<string, string>>, feature: string): Row[] {
  return Object.entries(names).map(([opcode, name]) =>
    row(`np 0f ${opcode} /r`, name, 'Pq,Qq', '', `mmx_${name.toLowerCase()}`, `mmx cpuid=${feature}`),
  );
}

function shifts(): Row[] {
  const rows: (readonly [string, string])[] = [
    ['71 /2', 'PSRLW'],
    ['71 /4', 'PSRAW'],
    ['71 /6', 'PSLLW'],
    ['72 /2', 'PSRLD'],
    ['72 /4', 'PSRAD'],
    ['72 /6', 'PSLLD'],
    ['73 /2', 'PSRLQ'],
    ['73 /6', 'PSLLQ'],
  ];
  return rows.map(([opcode, name]) =>
    row(`np 0f ${opcode} reg`, name, 'Nq,Ib', '', `mmx_${name.toLowerCase()}_imm`, 'mmx cpuid=mmx'),
  );
}

export const MMX_ROWS: readonly Row[] = [
  ...binary(MMX, 'mmx'),
  ...binary(SSE, 'sse'),
  ...binary(SSE2, 'sse2'),
  ...binary(SSSE3, 'ssse3'),
  ...shifts(),
  row('np 0f 3a 0f /r', 'PALIGNR', 'Pq,Qq,Ib', '', 'mmx_palignr', 'mmx cpuid=ssse3'),
  row('np 0f 77', 'EMMS', '', '', 'emms', 'mmx cpuid=mmx'),
  row('np 0f 6e /r', 'MOVD', 'Pq,Ey', '', 'mmx_movd_load', 'mmx cpuid=mmx'),
  row('np 0f 7e /r', 'MOVD', 'Ey,Pq', '', 'mmx_movd_store', 'mmx cpuid=mmx'),
  row('np 0f 6f /r', 'MOVQ', 'Pq,Qq', '', 'mmx_movq_load', 'mmx cpuid=mmx'),
  row('np 0f 7f /r', 'MOVQ', 'Qq,Pq', '', 'mmx_movq_store', 'mmx cpuid=mmx'),
  row('np 0f e7 /r mem', 'MOVNTQ', 'Qq,Pq', '', 'mmx_movq_store', 'mmx cpuid=sse'),
  row('np 0f f7 /r reg', 'MASKMOVQ', 'Pq,Nq', '', 'maskmovq', 'mmx cpuid=sse'),
  row('np 0f 70 /r', 'PSHUFW', 'Pq,Qq,Ib', '', 'pshufw', 'mmx cpuid=sse'),
  row('np 0f c4 /r', 'PINSRW', 'Pq,Ey,Ib', '', 'mmx_pinsrw', 'mmx cpuid=sse'),
  row('np 0f c5 /r reg', 'PEXTRW', 'Gy,Nq,Ib', '', 'mmx_pextrw', 'mmx cpuid=sse'),
  row('np 0f d7 /r reg', 'PMOVMSKB', 'Gy,Nq', '', 'mmx_pmovmskb', 'mmx cpuid=sse'),
  row('f3 0f d6 /r reg', 'MOVQ2DQ', 'Vx,Nq', '', 'movq2dq', 'sse mmx cpuid=sse2'),
  row('f2 0f d6 /r reg', 'MOVDQ2Q', 'Pq,Ux', '', 'movdq2q', 'sse mmx cpuid=sse2'),
  row('np 0f 2a /r', 'CVTPI2PS', 'Vx,Qq', '', 'cvtpi2ps', 'sse mmx cpuid=sse'),
  row('66 0f 2a /r', 'CVTPI2PD', 'Vx,Qq', '', 'cvtpi2pd', 'sse mmx cpuid=sse2'),
  row('np 0f 2c /r', 'CVTTPS2PI', 'Pq,Wx', '', 'cvttps2pi', 'sse mmx cpuid=sse'),
  row('np 0f 2d /r', 'CVTPS2PI', 'Pq,Wx', '', 'cvtps2pi', 'sse mmx cpuid=sse'),
  row('66 0f 2c /r', 'CVTTPD2PI', 'Pq,Wx', '', 'cvttpd2pi', 'sse mmx cpuid=sse2'),
  row('66 0f 2d /r', 'CVTPD2PI', 'Pq,Wx', '', 'cvtpd2pi', 'sse mmx cpuid=sse2'),
];
