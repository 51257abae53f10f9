/** The x87 (Intel SDM Vol. 2 tables ): one row per encoding, aliases that processors still run included. */
import { type Row, row } from './row.ts';

/** Instructions that came after the 387. */
const featureOf = (mnemonic: string): string =>
  /^(FCMOV|FU?COMI)/.test(mnemonic) ? 'cmov' : mnemonic === 'FISTTP' ? 'pni' : 'fpu';

const x87 = (pattern: string, mnemonic: string, operands: string, handler: string, flags = '', options = ''): Row =>
  row(pattern, mnemonic, operands, flags, handler, `x87 cpuid=${featureOf(mnemonic)} ${options}`.trim());

const ARITHMETIC = ['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'] as const;
/** DC and DE have SUB and SUBR, DIV and DIVR the other way round in their register forms. */
const REVERSED = ['add', 'mul', 'com', 'comp', 'subr', 'sub', 'divr', 'div'] as const;

function arithmeticRows(): Row[] {
  const rows: Row[] = [];
  for (const [ext, name] of ARITHMETIC.entries()) {
    const upper = name.toUpperCase();
    rows.push(
      x87(`d8 /${ext} mem`, `F${upper}`, 'Md', `f${name}_single`),
      x87(`dc /${ext} mem`, `F${upper}`, 'Mq', `f${name}_double`),
      x87(`da /${ext} mem`, `FI${upper}`, 'Md', `f${name}_dword`),
      x87(`de /${ext} mem`, `FI${upper}`, 'Mw', `f${name}_word`),
      x87(`d8 /${ext} reg`, `F${upper}`, 'ST0,STi', `f${name}`),
    );
  }
  for (const [ext, name] of REVERSED.entries()) {
    const upper = name.toUpperCase();
    const compares = name.startsWith('com');
    // DC D0, DC D8 are FCOM and FCOMP again; DE D0 is FCOMP.
    rows.push(
      x87(`dc /${ext} reg`, `F${upper}`, compares ? 'ST0,STi' : 'STi,ST0', compares ? `f${name}` : `f${name}_to`),
    );
    if (!compares) rows.push(x87(`de /${ext} reg`, `F${upper}P`, 'STi,ST0', `f${name}p`));
  }
  return rows;
}

/** D9 E0 to D9 FF: register forms by ModRM alone. */
const D9_BY_MODRM: readonly (readonly [number, string, string, string?])[] = [
  [0xd0, 'FNOP', 'fnop'],
  [0xe0, 'FCHS', 'fchs'],
  [0xe1, 'FABS', 'fabs'],
  [0xe4, 'FTST', 'ftst'],
  [0xe5, 'FXAM', 'fxam'],
  [0xe8, 'FLD1', 'fld1'],
  [0xe9, 'FLDL2T', 'fldl2t'],
  [0xea, 'FLDL2E', 'fldl2e'],
  [0xeb, 'FLDPI', 'fldpi'],
  [0xec, 'FLDLG2', 'fldlg2'],
  [0xed, 'FLDLN2', 'fldln2'],
  [0xee, 'FLDZ', 'fldz'],
  [0xf0, 'F2XM1', 'f2xm1', 'near'],
  [0xf1, 'FYL2X', 'fyl2x', 'near'],
  [0xf2, 'FPTAN', 'fptan', 'near'],
  [0xf3, 'FPATAN', 'fpatan', 'near'],
  [0xf4, 'FXTRACT', 'fxtract'],
  [0xf5, 'FPREM1', 'fprem1'],
  [0xf6, 'FDECSTP', 'fdecstp'],
  [0xf7, 'FINCSTP', 'fincstp'],
  [0xf8, 'FPREM', 'fprem'],
  [0xf9, 'FYL2XP1', 'fyl2xp1', 'near'],
  [0xfa, 'FSQRT', 'fsqrt'],
  [0xfb, 'FSINCOS', 'fsincos', 'near'],
  [0xfc, 'FRNDINT', 'frndint'],
  [0xfd, 'FSCALE', 'fscale'],
  [0xfe, 'FSIN', 'fsin', 'near'],
  [0xff, 'FCOS', 'fcos', 'near'],
];

const byModrm = (byte: string, modrm: number): string => `${byte} /${(modrm >> 3) & 7} reg rm${modrm & 7}`;

export const X87_ROWS: readonly Row[] = [
  row('9b', 'FWAIT', '', '', 'fwait'),
  ...arithmeticRows(),
  ...D9_BY_MODRM.map(([modrm, mnemonic, handler, options]) =>
    x87(byModrm('d9', modrm), mnemonic, '', handler, '', options),
  ),
  x87('d9 /0 mem', 'FLD', 'Md', 'fld_single'),
  x87('dd /0 mem', 'FLD', 'Mq', 'fld_double'),
  x87('db /5 mem', 'FLD', 'Mt', 'fld_extended'),
  x87('d9 /0 reg', 'FLD', 'STi', 'fld'),
  x87('df /0 mem', 'FILD', 'Mw', 'fild_word'),
  x87('db /0 mem', 'FILD', 'Md', 'fild_dword'),
  x87('df /5 mem', 'FILD', 'Mq', 'fild_qword'),
  x87('df /4 mem', 'FBLD', 'Mt', 'fbld'),
  x87('d9 /2 mem', 'FST', 'Md', 'fst_single'),
  x87('d9 /3 mem', 'FSTP', 'Md', 'fstp_single'),
  x87('dd /2 mem', 'FST', 'Mq', 'fst_double'),
  x87('dd /3 mem', 'FSTP', 'Mq', 'fstp_double'),
  x87('db /7 mem', 'FSTP', 'Mt', 'fstp_extended'),
  x87('dd /2 reg', 'FST', 'STi', 'fst'),
  x87('dd /3 reg', 'FSTP', 'STi', 'fstp'),
  // Undocumented aliases of FSTP.
  x87('d9 /3 reg', 'FSTPNCE', 'STi', 'fstpnce'),
  x87('df /2 reg', 'FSTP', 'STi', 'fstp'),
  x87('df /3 reg', 'FSTP', 'STi', 'fstp'),
  x87('df /2 mem', 'FIST', 'Mw', 'fist_word'),
  x87('db /2 mem', 'FIST', 'Md', 'fist_dword'),
  x87('df /3 mem', 'FISTP', 'Mw', 'fistp_word'),
  x87('db /3 mem', 'FISTP', 'Md', 'fistp_dword'),
  x87('df /7 mem', 'FISTP', 'Mq', 'fistp_qword'),
  x87('df /1 mem', 'FISTTP', 'Mw', 'fisttp_word'),
  x87('db /1 mem', 'FISTTP', 'Md', 'fisttp_dword'),
  x87('dd /1 mem', 'FISTTP', 'Mq', 'fisttp_qword'),
  x87('df /6 mem', 'FBSTP', 'Mt', 'fbstp'),
  x87('d9 /1 reg', 'FXCH', 'ST0,STi', 'fxch'),
  x87('dd /1 reg', 'FXCH', 'ST0,STi', 'fxch'),
  x87('df /1 reg', 'FXCH', 'ST0,STi', 'fxch'),
  ...['fcmovb', 'fcmove', 'fcmovbe', 'fcmovu'].flatMap((name, ext) => {
    const reads = ['r:c', 'r:z', 'r:cz', 'r:p'][ext] ?? '';
    return [
      x87(`da /${ext} reg`, name.toUpperCase(), 'ST0,STi', name, reads),
      x87(
        `db /${ext} reg`,
        name.toUpperCase().replace('CMOV', 'CMOVN'),
        'ST0,STi',
        name.replace('cmov', 'cmovn'),
        reads,
      ),
    ];
  }),
  x87('dd /4 reg', 'FUCOM', 'ST0,STi', 'fucom'),
  x87('dd /5 reg', 'FUCOMP', 'ST0,STi', 'fucomp'),
  x87('da /5 reg rm1', 'FUCOMPP', '', 'fucompp'),
  x87('de /3 reg rm1', 'FCOMPP', '', 'fcompp'),
  x87('de /2 reg', 'FCOMP', 'ST0,STi', 'fcomp'),
  x87('db /5 reg', 'FUCOMI', 'ST0,STi', 'fucomi', 'w:oszapc'),
  x87('db /6 reg', 'FCOMI', 'ST0,STi', 'fcomi', 'w:oszapc'),
  x87('df /5 reg', 'FUCOMIP', 'ST0,STi', 'fucomip', 'w:oszapc'),
  x87('df /6 reg', 'FCOMIP', 'ST0,STi', 'fcomip', 'w:oszapc'),
  x87('dd /0 reg', 'FFREE', 'STi', 'ffree'),
  x87('df /0 reg', 'FFREEP', 'STi', 'ffreep'),
  // Control.
  x87('d9 /4 mem', 'FLDENV', 'M', 'fldenv'),
  x87('d9 /6 mem', 'FNSTENV', 'M', 'fnstenv'),
  x87('dd /4 mem', 'FRSTOR', 'M', 'frstor'),
  x87('dd /6 mem', 'FNSAVE', 'M', 'fnsave'),
  x87('d9 /5 mem', 'FLDCW', 'Mw', 'fldcw'),
  x87('d9 /7 mem', 'FNSTCW', 'Mw', 'fnstcw'),
  x87('dd /7 mem', 'FNSTSW', 'Mw', 'fnstsw'),
  x87(byModrm('df', 0xe0), 'FNSTSW', 'AX', 'fnstsw_ax'),
  x87(byModrm('db', 0xe2), 'FNCLEX', '', 'fnclex'),
  x87(byModrm('db', 0xe3), 'FNINIT', '', 'fninit'),
  // Of the 8087 and the 287; nothing happens since the 387.
  x87(byModrm('db', 0xe0), 'FNENI', '', 'fnothing'),
  x87(byModrm('db', 0xe1), 'FNDISI', '', 'fnothing'),
  x87(byModrm('db', 0xe4), 'FNSETPM', '', 'fnothing'),
];
