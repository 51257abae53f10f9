/**
 * Which AssemblyScript function runs each handler of the opcode table, and which forms of it stand in the hot switch.
 * A handler is `sized` when it is a generic over the operand type; a hot one is also specialised by operand form.
 */

import { MMX_HANDLERS } from './mmx-handlers.ts';
import { SIZED_VECTOR_HANDLERS, VECTOR_HANDLERS } from './vector-handlers.ts';
import { X87_HANDLERS } from './x87-handlers.ts';

/** Operand forms: register/memory destination, register/memory/immediate source. */
export type Form = 'RR' | 'RM' | 'MR' | 'RI' | 'MI' | 'R' | 'M' | 'N';

/** Condition codes without their lowest bit, which negates (Intel SDM Vol. 1, appendix B). */
export const CONDITIONS = { O: 0, B: 1, Z: 2, BE: 3, S: 4, P: 5, L: 6, LE: 7 } as const;
export type Condition = keyof typeof CONDITIONS;

export interface Handler {
  /** Function in src/cpu/core. */
  readonly call: string;
  /** Module of the function (without `.ts`). */
  readonly from: string;
  readonly sized: boolean;
  /** Further constant arguments. */
  readonly args: string;
  /** Forms that stand in the hot switch, with the function that runs them and how it continues. */
  readonly hot: readonly Form[];
  readonly hotCall: string;
  /** next: cannot fail. check: false means a fault. branch: returns the next µop, 0 to leave. */
  readonly hotKind: 'next' | 'check' | 'branch';
  readonly hotFrom: string;
  /** Operand sizes (log2) that are hot. */
  readonly hotSizes: readonly number[];
  /** Conditions (code >> 1) for which a pair with a following Jcc is one µop. */
  readonly fuses: readonly Condition[];
  /** Functions among {@link args}: handlers that this one runs. */
  readonly inner: readonly string[];
  /** The register forms have a variant for when nobody can see the flags they set. */
  readonly quiet: boolean;
}

const handlers = new Map<string, Handler>();

function define(name: string, call: string, from: string, part: Partial<Handler> = {}): void {
  if (handlers.has(name)) throw new Error(`handler ${name} is defined twice`);
  handlers.set(name, {
    call,
    from,
    sized: false,
    args: '',
    hot: [],
    hotCall: '',
    hotKind: 'check',
    hotFrom: '',
    hotSizes: [0, 1, 2, 3],
    fuses: [],
    quiet: false,
    inner: [],
    ...part,
  });
}

function plain(from: string, names: string): void {
  for (const name of names.split(' ')) define(name, name, from);
}

function sized(from: string, names: string): void {
  for (const name of names.split(' ')) define(name, name, from, { sized: true });
}

// --- Arithmetic ---------------------------------------------------------------------------------------------------

const TWO_OPERANDS: readonly Form[] = ['RR', 'RM', 'MR', 'RI', 'MI'];

/** What compilers branch on after each. */
const FUSED_CONDITIONS: Readonly<Record<string, readonly Condition[]>> = {
  cmp: ['Z', 'B', 'BE', 'L', 'LE'],
  test: ['Z', 'S', 'LE'],
  sub: ['Z', 'B', 'S'],
  add: ['Z', 'B', 'S'],
  and: ['Z'],
};

for (const name of ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp', 'test']) {
  define(name, 'arithmetic', 'arithmetic', {
    sized: true,
    args: `ALU_${name.toUpperCase()}`,
    hot: name === 'adc' || name === 'sbb' ? [] : TWO_OPERANDS,
    hotCall: 'hotArithmetic',
    hotFrom: 'arithmetic',
    hotSizes: name === 'cmp' || name === 'test' ? [0, 1, 2, 3] : [2, 3],
    fuses: FUSED_CONDITIONS[name] ?? [],
    quiet: !['adc', 'sbb', 'cmp', 'test'].includes(name),
  });
}
for (const name of ['inc', 'dec', 'neg', 'not']) {
  define(name, 'unary', 'arithmetic', {
    sized: true,
    args: `UNARY_${name.toUpperCase()}`,
    hot: ['R', 'M'],
    hotCall: 'hotUnary',
    hotFrom: 'arithmetic',
    hotSizes: [2, 3],
  });
}

/** By a constant (RI) or by CL (RR); through CF is rare. */
function hotShift(name: string, form: Form): Partial<Handler> {
  const hot = name === 'rcl' || name === 'rcr' ? [] : [form];
  return { hot, hotCall: 'hotShift', hotKind: 'next', hotFrom: 'shifts', hotSizes: [2, 3] };
}

// --- Shifts -------------------------------------------------------------------------------------------------------

for (const name of ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'sar']) {
  define(name, 'shift', 'shifts', {
    sized: true,
    args: `SHIFT_${name.toUpperCase()}, false`,
    ...hotShift(name, 'RI'),
  });
  define(`${name}_cl`, 'shift', 'shifts', {
    sized: true,
    args: `SHIFT_${name.toUpperCase()}, true`,
    ...hotShift(name, 'RR'),
  });
}
for (const name of ['shld', 'shrd']) {
  const left = name === 'shld';
  define(name, 'doubleShift', 'shifts', { sized: true, args: `${left}, false` });
  define(`${name}_cl`, 'doubleShift', 'shifts', { sized: true, args: `${left}, true` });
}

// --- Moves --------------------------------------------------------------------------------------------------------

define('mov', 'move', 'moves', {
  sized: true,
  hot: TWO_OPERANDS,
  hotCall: 'hotMove',
  hotFrom: 'moves',
});
for (const name of ['movzx8', 'movzx16', 'movsx8', 'movsx16', 'movsxd']) {
  const signed = name.startsWith('movsx');
  const narrow = name.endsWith('16') ? 'u16' : name.endsWith('8') ? 'u8' : 'u32';
  define(name, `extend${signed ? 'Signed' : 'Zero'}_${narrow}`, 'moves', {
    sized: true,
    hot: ['RR', 'RM'],
    hotCall: `hotExtend${signed ? 'Signed' : 'Zero'}_${narrow}`,
    hotFrom: 'moves',
    hotSizes: [2, 3],
  });
}
define('mov_wide', 'moveWide', 'moves', {
  sized: true,
  hot: ['RI'],
  hotCall: 'hotMoveWide',
  hotKind: 'next',
  hotFrom: 'moves',
  hotSizes: [2, 3],
});
define('lea', 'lea', 'moves', {
  sized: true,
  hot: ['RM'],
  hotCall: 'hotLea',
  hotKind: 'next',
  hotFrom: 'moves',
  hotSizes: [2, 3],
});
sized('moves', 'xchg cmpxchg xadd bswap movbe_load movbe_store cbw cwd');
plain('moves', 'cmpxchg_pair xlat mov_from_segment clflush');
define('nop', 'nop', 'moves', {
  hot: ['N', 'R', 'M'],
  hotCall: 'hotNop',
  hotKind: 'next',
  hotFrom: 'moves',
});

// --- Multiply, divide, decimal --------------------------------------------------------------------------------------

sized('multiply', 'mul imul1 div idiv');
define('imul2', 'imul2', 'multiply', {
  sized: true,
  hot: ['RR', 'RM'],
  hotCall: 'hotMultiply',
  hotFrom: 'multiply',
  hotSizes: [2, 3],
});
define('imul3', 'imul3', 'multiply', {
  sized: true,
  hot: ['RR', 'RM'],
  hotCall: 'hotMultiplyBy',
  hotFrom: 'multiply',
  hotSizes: [2, 3],
});
plain('decimal', 'aaa aas daa das aam aad');

// --- Bits -----------------------------------------------------------------------------------------------------------

for (const name of ['bt', 'bts', 'btr', 'btc']) {
  define(name, 'bitTest', 'bits', { sized: true, args: `BIT_${name.toUpperCase()}` });
}
sized('bits', 'tzcnt lzcnt popcnt bsf bsr');

// --- Conditions -----------------------------------------------------------------------------------------------------

for (let number = 0; number < 16; number++) {
  define(`jcc${number}`, 'jumpIf', 'control', {
    args: `${number}`,
    hot: ['N'],
    hotCall: 'hotJumpIf',
    hotKind: 'branch',
    hotFrom: 'control',
  });
  define(`setcc${number}`, 'setIf', 'conditions', {
    args: `${number}`,
    hot: ['R'],
    hotCall: 'hotSetIf',
    hotKind: 'next',
    hotFrom: 'conditions',
  });
  define(`cmov${number}`, 'moveIf', 'conditions', {
    sized: true,
    args: `${number}`,
    hot: ['RR'],
    hotCall: 'hotMoveIf',
    hotKind: 'next',
    hotFrom: 'conditions',
    hotSizes: [2, 3],
  });
}

// --- Stack and control ------------------------------------------------------------------------------------------------

define('push', 'push', 'stack', { sized: true, hot: ['R'], hotCall: 'hotPush', hotFrom: 'stack', hotSizes: [3] });
define('pop', 'pop', 'stack', { sized: true, hot: ['R'], hotCall: 'hotPop', hotFrom: 'stack', hotSizes: [3] });
define('leave', 'leave', 'stack', { sized: true, hot: ['N'], hotCall: 'hotLeave', hotFrom: 'stack', hotSizes: [3] });
sized('stack', 'push_imm pusha popa enter push_segment pushf popf');
define('call', 'call', 'control', {
  sized: true,
  hot: ['N'],
  hotCall: 'hotCall',
  hotKind: 'branch',
  hotFrom: 'control',
  hotSizes: [3],
});
define('ret', 'ret', 'control', {
  sized: true,
  hot: ['N'],
  hotCall: 'hotRet',
  hotKind: 'branch',
  hotFrom: 'control',
  hotSizes: [3],
});
define('jmp', 'jump', 'control', { hot: ['N'], hotCall: 'hotJump', hotKind: 'branch', hotFrom: 'control' });
define('call_indirect', 'callIndirect', 'control', {
  sized: true,
  hot: ['R', 'M'],
  hotCall: 'hotCallIndirect',
  hotKind: 'branch',
  hotFrom: 'control',
  hotSizes: [3],
});
define('jmp_indirect', 'jumpIndirect', 'control', {
  sized: true,
  hot: ['R', 'M'],
  hotCall: 'hotJumpIndirect',
  hotKind: 'branch',
  hotFrom: 'control',
  hotSizes: [3],
});
for (const [number, name] of ['loopne', 'loope', 'loop', 'jrcxz'].entries()) {
  define(name, 'loop', 'control', { args: `${number}` });
}
plain('control', 'ud bound sse_refused avx_refused x87_refused mmx_refused too_long');
define('unimplemented', 'unimplemented', 'control');
plain('flag-instructions', 'sahf lahf cmc clc stc cld std salc');
sized('strings', 'movs cmps stos lods scas');
sized('string-ports', 'ins outs');

// --- SSE --------------------------------------------------------------------------------------------------------------

plain(
  'sse-moves',
  'movaps_load movups_load movaps_store movups_store movss_load movsd_load movss_store movsd_store ' +
    'movd_load movd_store movq_load movq_store movlps_load movhps_load movlps_store movhps_store',
);
plain(
  'sse-integer',
  'paddb paddw paddd paddq psubb psubw psubd psubq paddsb paddsw paddusb paddusw psubsb psubsw psubusb ' +
    'psubusw pmullw pmaddwd pavgb pavgw pminub pmaxub pminsw pmaxsw pcmpeqb pcmpeqw pcmpeqd pcmpgtb ' +
    'pcmpgtw pcmpgtd pand por pxor packsswb packuswb packssdw pandn punpcklbw punpcklwd punpckldq ' +
    'punpcklqdq punpckhbw punpckhwd punpckhdq punpckhqdq pmulhw pmulhuw pmuludq',
);
plain(
  'sse-shuffles',
  'psllw psllw_imm pslld pslld_imm psllq psllq_imm psrlw psrlw_imm psrld psrld_imm psrlq psrlq_imm ' +
    'psraw psraw_imm psrad psrad_imm psrldq_imm pslldq_imm pshufd pshuflw pshufhw shufps shufpd psadbw ' +
    'pmovmskb movmskps movmskpd pextrw pinsrw',
);
plain(
  'sse-float',
  'addps addpd addss addsd subps subpd subss subsd mulps mulpd mulss mulsd divps divpd divss divsd ' +
    'sqrtps sqrtpd sqrtss sqrtsd minps minpd minss minsd maxps maxpd maxss maxsd cmpps cmppd cmpss cmpsd ' +
    'comiss comisd ucomiss ucomisd',
);
plain(
  'sse-convert',
  'cvtsi2sd cvtsi2ss cvtdq2ps cvtdq2pd cvtss2si cvttss2si cvtsd2si cvttsd2si cvtps2dq cvttps2dq ' +
    'cvtpd2dq cvttpd2dq cvtss2sd cvtsd2ss cvtps2pd cvtpd2ps',
);
plain('sse-state', 'ldmxcsr stmxcsr fxsave fxrstor');
for (const [from, names] of Object.entries(VECTOR_HANDLERS)) plain(from, names);
for (const [from, names] of Object.entries(SIZED_VECTOR_HANDLERS)) sized(from, names);
plain('crc32', 'crc32_byte');

for (const [name, call, from, args] of [...X87_HANDLERS, ...MMX_HANDLERS]) define(name, call, from, { args });

// --- System (src/cpu/core/system.ts and its neighbours) -----------------------------------------------------------------

/** Modules of the `sys_` handlers that do not stand in `system.ts`. */
const SYSTEM_MODULE_LISTS: Readonly<Record<string, string>> = {
  'control-registers':
    'clac clts invd invlpg invpcid lmsw mov_from_control mov_from_debug mov_to_control mov_to_debug smsw stac wbinvd',
  msr: 'rdmsr rdpmc rdtsc rdtscp wrmsr',
  'descriptor-tables': 'arpl lar lgdt lidt lldt lsl ltr sgdt sidt sldt str verr verw',
  'far-control': 'call_far call_far_indirect jmp_far jmp_far_indirect',
  'segment-loads': 'load_far mov_segment pop_segment',
  'far-return': 'iret ret_far',
  init: 'pause',
  xsave: 'xgetbv xrstor xrstors xsave xsavec xsaveopt xsaves xsetbv',
  'segment-bases': 'rdfsbase rdgsbase rdpid wrfsbase wrgsbase',
  smm: 'rsm',
  monitor: 'monitor mwait',
  syscalls: 'swapgs syscall sysenter sysexit sysret',
};
const SYSTEM_MODULES = new Map(
  Object.entries(SYSTEM_MODULE_LISTS).flatMap(([from, names]) => names.split(' ').map((name) => [`sys_${name}`, from])),
);

/** The handler of that name; `avx...(inner)` runs another one's function, `sys_` handlers are plain functions of the system modules. */
export function handlerOf(name: string): Handler {
  const handler = handlers.get(name);
  if (handler) return handler;
  const lanes = /^(avx\w+)\((\w+)(.*)\)$/.exec(name);
  if (lanes) {
    const [, call = '', inner = '', rest = ''] = lanes;
    define(name, call, 'avx-lanes', { args: `${handlerOf(inner).call}${rest}`, inner: [handlerOf(inner).call] });
    return handlerOf(name);
  }
  if (!name.startsWith('sys_')) throw new Error(`opcode table: no handler '${name}'`);
  define(name, name, SYSTEM_MODULES.get(name) ?? 'system');
  return handlerOf(name);
}
