/** Handlers of the x87 rows: name, function of the core, its module, and its constant arguments. */

export type HandlerEntry = readonly [name: string, call: string, from: string, args: string];

const FORMATS: Readonly<Record<string, string>> = {
  single: 'REAL_SINGLE',
  double: 'REAL_DOUBLE',
  extended: 'REAL_EXTENDED',
  word: 'WHOLE_WORD',
  dword: 'WHOLE_DWORD',
  qword: 'WHOLE_QWORD',
};
const ARITHMETIC_FORMATS = ['single', 'double', 'word', 'dword'] as const;

function* arithmetic(): Generator<HandlerEntry> {
  for (const name of ['add', 'mul', 'sub', 'subr', 'div', 'divr']) {
    const operation = `FOP_${name.toUpperCase()}`;
    yield [`f${name}`, 'x87_to_top', 'x87-operations', operation];
    yield [`f${name}_to`, 'x87_from_top', 'x87-operations', `${operation}, 0`];
    yield [`f${name}p`, 'x87_from_top', 'x87-operations', `${operation}, 1`];
    for (const format of ARITHMETIC_FORMATS) {
      yield [`f${name}_${format}`, 'x87_memory', 'x87-operations', `${operation}, ${FORMATS[format]}`];
    }
  }
  for (const [pops, name] of ['fcom', 'fcomp'].entries()) {
    for (const format of ARITHMETIC_FORMATS) {
      yield [`${name}_${format}`, 'x87_compare_memory', 'x87-operations', `${FORMATS[format]}, ${pops}`];
    }
  }
}

/** Ordered, to EFLAGS, pops. */
const COMPARISONS: Readonly<Record<string, string>> = {
  fcom: 'true, false, 0',
  fcomp: 'true, false, 1',
  fucom: 'false, false, 0',
  fucomp: 'false, false, 1',
  fcomi: 'true, true, 0',
  fcomip: 'true, true, 1',
  fucomi: 'false, true, 0',
  fucomip: 'false, true, 1',
};

function* moves(): Generator<HandlerEntry> {
  for (const [name, format] of Object.entries(FORMATS)) {
    const whole = format.startsWith('WHOLE');
    yield [`${whole ? 'fild' : 'fld'}_${name}`, 'x87_load', 'x87-moves', format];
    const store = whole ? 'fist' : 'fst';
    yield [`${store}_${name}`, 'x87_store', 'x87-moves', `${format}, false, 0`];
    yield [`${store}p_${name}`, 'x87_store', 'x87-moves', `${format}, false, 1`];
    if (whole) yield [`fisttp_${name}`, 'x87_store', 'x87-moves', `${format}, true, 1`];
  }
  yield ['fbld', 'x87_load', 'x87-moves', 'PACKED_DECIMAL'];
  yield ['fbstp', 'x87_store', 'x87-moves', 'PACKED_DECIMAL, false, 1'];
  for (const [index, name] of ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'].entries()) {
    yield [name, 'x87_constant', 'x87-moves', `${index}`];
  }
  const conditions = { b: 'MOVE_BELOW', e: 'MOVE_EQUAL', be: 'MOVE_NOTABOVE', u: 'MOVE_UNORDERED' };
  for (const [name, condition] of Object.entries(conditions)) {
    yield [`fcmov${name}`, 'x87_move_if', 'x87-moves', `${condition}, true`];
    yield [`fcmovn${name}`, 'x87_move_if', 'x87-moves', `${condition}, false`];
  }
}

export const X87_HANDLERS: readonly HandlerEntry[] = [
  ...arithmetic(),
  ...moves(),
  ...Object.entries(COMPARISONS).map(([name, args]): HandlerEntry => [name, 'x87_compare', 'x87-operations', args]),
  ['fucompp', 'x87_compare_both', 'x87-operations', 'false'],
  ['fcompp', 'x87_compare_both', 'x87-operations', 'true'],
  ['ftst', 'x87_test', 'x87-operations', ''],
  ['fxam', 'x87_examine', 'x87-operations', ''],
  ['fxtract', 'x87_extract', 'x87-operations', ''],
  ['fsqrt', 'x87_unary', 'x87-operations', 'OF_ROOT'],
  ['frndint', 'x87_unary', 'x87-operations', 'OF_ROUND'],
  ['fchs', 'x87_unary', 'x87-operations', 'OF_NEGATE'],
  ['fabs', 'x87_unary', 'x87-operations', 'OF_ABSOLUTE'],
  ['fprem', 'x87_pair', 'x87-operations', 'OF_REMAINDER'],
  ['fprem1', 'x87_pair', 'x87-operations', 'OF_NEAREST'],
  ['fscale', 'x87_pair', 'x87-operations', 'OF_SCALE'],
  ['fld', 'x87_load_stack', 'x87-moves', ''],
  ['fst', 'x87_store_stack', 'x87-moves', '0'],
  ['fstp', 'x87_store_stack', 'x87-moves', '1'],
  ['fstpnce', 'x87_store_unchecked', 'x87-moves', ''],
  ['fxch', 'x87_exchange', 'x87-moves', ''],
  ['fincstp', 'x87_rotate', 'x87-moves', '1'],
  ['fdecstp', 'x87_rotate', 'x87-moves', '7'],
  ['ffree', 'x87_free', 'x87-moves', '0'],
  ['ffreep', 'x87_free', 'x87-moves', '1'],
  ['fnop', 'x87_nop', 'x87-moves', ''],
  ...'fninit fnclex fnothing fnstcw fldcw fnstsw fnstsw_ax fnstenv fldenv fnsave frstor'
    .split(' ')
    .map((name): HandlerEntry => [name, name, 'x87-environment', '']),
  ['fwait', 'fwait', 'x87-state', ''],
  ...['f2xm1', 'fyl2x', 'fyl2xp1', 'fpatan'].map((name): HandlerEntry => [name, name, 'x87-transcendental', '']),
  ...['fptan', 'fsin', 'fcos', 'fsincos'].map((name): HandlerEntry => [name, name, 'x87-circular', '']),
];
