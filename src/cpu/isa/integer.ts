/** Integer instructions of the general-purpose set (Intel SDM Vol. 2): arithmetic, moves, control flow, strings. */
import { type Row, row } from './row.ts';

const ALL = 'w:oszapc';
const LOGIC = 'w:oszpc u:a';

const ARITHMETIC = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const;

function arithmeticRows(): Row[] {
  const rows: Row[] = [];
  for (const [number, name] of ARITHMETIC.entries()) {
    const opcode = (low: number) => (number * 8 + low).toString(16).padStart(2, '0');
    const logic = name === 'and' || name === 'or' || name === 'xor';
    const flags = `${logic ? LOGIC : ALL}${name === 'adc' || name === 'sbb' ? ' r:c' : ''}`;
    const lock = name === 'cmp' ? '' : 'lock';
    const mnemonic = name.toUpperCase();
    rows.push(
      row(`${opcode(0)} /r`, mnemonic, 'Eb,Gb', flags, name, lock),
      row(`${opcode(1)} /r`, mnemonic, 'Ev,Gv', flags, name, lock),
      row(`${opcode(2)} /r`, mnemonic, 'Gb,Eb', flags, name),
      row(`${opcode(3)} /r`, mnemonic, 'Gv,Ev', flags, name),
      row(opcode(4), mnemonic, 'AL,Ib', flags, name),
      row(opcode(5), mnemonic, 'rAX,Iz', flags, name),
      row(`80 /${number}`, mnemonic, 'Eb,Ib', flags, name, lock),
      row(`81 /${number}`, mnemonic, 'Ev,Iz', flags, name, lock),
      row(`82 /${number} o32`, mnemonic, 'Eb,Ib', flags, name, lock),
      row(`83 /${number}`, mnemonic, 'Ev,Ibs', flags, name, lock),
    );
  }
  return rows;
}

const SHIFTS = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'shl', 'sar'] as const;

function shiftRows(): Row[] {
  const rows: Row[] = [];
  for (const [number, name] of SHIFTS.entries()) {
    const rotates = number < 4;
    const flags = rotates ? `w:oc${name.startsWith('rc') ? ' r:c' : ''}` : 'w:oszpc u:a';
    // A masked count of zero leaves every flag as it was, so the old flags are read too.
    const kept = `${flags} r:oszapc`;
    const mnemonic = number === 6 ? 'SAL' : name.toUpperCase();
    rows.push(
      row(`c0 /${number}`, mnemonic, 'Eb,Ib', kept, name),
      row(`c1 /${number}`, mnemonic, 'Ev,Ib', kept, name),
      row(`d0 /${number}`, mnemonic, 'Eb,1', kept, name),
      row(`d1 /${number}`, mnemonic, 'Ev,1', kept, name),
      row(`d2 /${number}`, mnemonic, 'Eb,CL', kept, `${name}_cl`),
      row(`d3 /${number}`, mnemonic, 'Ev,CL', kept, `${name}_cl`),
    );
  }
  rows.push(
    row('0f a4 /r', 'SHLD', 'Ev,Gv,Ib', `${LOGIC} r:oszapc`, 'shld'),
    row('0f a5 /r', 'SHLD', 'Ev,Gv,CL', `${LOGIC} r:oszapc`, 'shld_cl'),
    row('0f ac /r', 'SHRD', 'Ev,Gv,Ib', `${LOGIC} r:oszapc`, 'shrd'),
    row('0f ad /r', 'SHRD', 'Ev,Gv,CL', `${LOGIC} r:oszapc`, 'shrd_cl'),
  );
  return rows;
}

/** Condition codes by their number (SDM Vol. 1, appendix B) and the flags each reads. */
export const CONDITIONS = [
  ['O', 'o'],
  ['NO', 'o'],
  ['B', 'c'],
  ['AE', 'c'],
  ['E', 'z'],
  ['NE', 'z'],
  ['BE', 'cz'],
  ['A', 'cz'],
  ['S', 's'],
  ['NS', 's'],
  ['P', 'p'],
  ['NP', 'p'],
  ['L', 'so'],
  ['GE', 'so'],
  ['LE', 'zso'],
  ['G', 'zso'],
] as const;

function conditionRows(): Row[] {
  return CONDITIONS.flatMap(([name, reads], number) => {
    const nibble = number.toString(16);
    return [
      row(`7${nibble}`, `J${name}`, 'Jb', `r:${reads}`, `jcc${number}`, 'f64 end'),
      row(`0f 8${nibble}`, `J${name}`, 'Jz', `r:${reads}`, `jcc${number}`, 'f64 end'),
      row(`0f 9${nibble} /r`, `SET${name}`, 'Eb', `r:${reads}`, `setcc${number}`),
      row(`0f 4${nibble} /r`, `CMOV${name}`, 'Gv,Ev', `r:${reads}`, `cmov${number}`),
    ];
  });
}

const MOVES: Row[] = [
  row('88 /r', 'MOV', 'Eb,Gb', '', 'mov'),
  row('89 /r', 'MOV', 'Ev,Gv', '', 'mov'),
  row('8a /r', 'MOV', 'Gb,Eb', '', 'mov'),
  row('8b /r', 'MOV', 'Gv,Ev', '', 'mov'),
  row('8c /r', 'MOV', 'Ev,Sw', '', 'mov_from_segment'),
  row('8e /r', 'MOV', 'Sw,Ew', '', 'sys_mov_segment', 'end'),
  row('a0', 'MOV', 'AL,Ob', '', 'mov'),
  row('a1', 'MOV', 'rAX,Ov', '', 'mov'),
  row('a2', 'MOV', 'Ob,AL', '', 'mov'),
  row('a3', 'MOV', 'Ov,rAX', '', 'mov'),
  row('b0+r', 'MOV', 'Zb,Ib', '', 'mov'),
  row('b8+r', 'MOV', 'Zv,Iv', '', 'mov_wide'),
  row('c6 /0', 'MOV', 'Eb,Ib', '', 'mov'),
  row('c7 /0', 'MOV', 'Ev,Iz', '', 'mov'),
  row('0f b6 /r', 'MOVZX', 'Gv,Eb', '', 'movzx8'),
  row('0f b7 /r', 'MOVZX', 'Gv,Ew', '', 'movzx16'),
  row('0f be /r', 'MOVSX', 'Gv,Eb', '', 'movsx8'),
  row('0f bf /r', 'MOVSX', 'Gv,Ew', '', 'movsx16'),
  row('63 /r o64', 'MOVSXD', 'Gv,Ed', '', 'movsxd'),
  row('63 /r o32', 'ARPL', 'Ew,Gw', 'w:z', 'sys_arpl'),
  row('8d /r mem', 'LEA', 'Gv,M', '', 'lea', 'address'),
  row('f3 90', 'PAUSE', '', '', 'sys_pause'),
  row('90', 'NOP', '', '', 'nop'),
  row('90+r', 'XCHG', 'Zv,rAX', '', 'xchg'),
  row('86 /r', 'XCHG', 'Eb,Gb', '', 'xchg', 'lock'),
  row('87 /r', 'XCHG', 'Ev,Gv', '', 'xchg', 'lock'),
  row('0f b0 /r', 'CMPXCHG', 'Eb,Gb', ALL, 'cmpxchg', 'lock'),
  row('0f b1 /r', 'CMPXCHG', 'Ev,Gv', ALL, 'cmpxchg', 'lock'),
  row('0f c7 /1 mem', 'CMPXCHG8B', 'Mx', 'w:z', 'cmpxchg_pair', 'lock'),
  row('0f c0 /r', 'XADD', 'Eb,Gb', ALL, 'xadd', 'lock'),
  row('0f c1 /r', 'XADD', 'Ev,Gv', ALL, 'xadd', 'lock'),
  row('0f c8+r', 'BSWAP', 'Zy', '', 'bswap'),
  row('np 0f c3 /r mem', 'MOVNTI', 'My,Gy', '', 'mov'),
  row('np 0f 38 f0 /r mem', 'MOVBE', 'Gv,Mv', '', 'movbe_load', 'cpuid=movbe'),
  row('66 0f 38 f0 /r mem', 'MOVBE', 'Gv,Mv', '', 'movbe_load', 'cpuid=movbe'),
  row('np 0f 38 f1 /r mem', 'MOVBE', 'Mv,Gv', '', 'movbe_store', 'cpuid=movbe'),
  row('66 0f 38 f1 /r mem', 'MOVBE', 'Mv,Gv', '', 'movbe_store', 'cpuid=movbe'),
  row('98', 'CBW', 'rAX', '', 'cbw'),
  row('99', 'CWD', 'rAX', '', 'cwd'),
  row('d7', 'XLAT', '', '', 'xlat'),
];

const UNARY: Row[] = [
  row('fe /0', 'INC', 'Eb', 'w:oszap', 'inc', 'lock'),
  row('ff /0', 'INC', 'Ev', 'w:oszap', 'inc', 'lock'),
  row('fe /1', 'DEC', 'Eb', 'w:oszap', 'dec', 'lock'),
  row('ff /1', 'DEC', 'Ev', 'w:oszap', 'dec', 'lock'),
  row('40+r o32', 'INC', 'Zv', 'w:oszap', 'inc'),
  row('48+r o32', 'DEC', 'Zv', 'w:oszap', 'dec'),
  row('f6 /2', 'NOT', 'Eb', '', 'not', 'lock'),
  row('f7 /2', 'NOT', 'Ev', '', 'not', 'lock'),
  row('f6 /3', 'NEG', 'Eb', ALL, 'neg', 'lock'),
  row('f7 /3', 'NEG', 'Ev', ALL, 'neg', 'lock'),
  row('84 /r', 'TEST', 'Eb,Gb', LOGIC, 'test'),
  row('85 /r', 'TEST', 'Ev,Gv', LOGIC, 'test'),
  row('a8', 'TEST', 'AL,Ib', LOGIC, 'test'),
  row('a9', 'TEST', 'rAX,Iz', LOGIC, 'test'),
  row('f6 /0', 'TEST', 'Eb,Ib', LOGIC, 'test'),
  row('f7 /0', 'TEST', 'Ev,Iz', LOGIC, 'test'),
  row('f6 /1', 'TEST', 'Eb,Ib', LOGIC, 'test'),
  row('f7 /1', 'TEST', 'Ev,Iz', LOGIC, 'test'),
];

const MULTIPLY: Row[] = [
  row('f6 /4', 'MUL', 'Eb', 'w:oc u:szap', 'mul'),
  row('f7 /4', 'MUL', 'Ev', 'w:oc u:szap', 'mul'),
  row('f6 /5', 'IMUL', 'Eb', 'w:oc u:szap', 'imul1'),
  row('f7 /5', 'IMUL', 'Ev', 'w:oc u:szap', 'imul1'),
  row('f6 /6', 'DIV', 'Eb', 'u:oszapc', 'div'),
  row('f7 /6', 'DIV', 'Ev', 'u:oszapc', 'div'),
  row('f6 /7', 'IDIV', 'Eb', 'u:oszapc', 'idiv'),
  row('f7 /7', 'IDIV', 'Ev', 'u:oszapc', 'idiv'),
  row('0f af /r', 'IMUL', 'Gv,Ev', 'w:oc u:szap', 'imul2'),
  row('69 /r', 'IMUL', 'Gv,Ev,Iz', 'w:oc u:szap', 'imul3'),
  row('6b /r', 'IMUL', 'Gv,Ev,Ibs', 'w:oc u:szap', 'imul3'),
  row('37 o32', 'AAA', '', 'w:ac u:oszp', 'aaa'),
  row('3f o32', 'AAS', '', 'w:ac u:oszp', 'aas'),
  row('27 o32', 'DAA', '', 'w:szapc u:o r:ac', 'daa'),
  row('2f o32', 'DAS', '', 'w:szapc u:o r:ac', 'das'),
  row('d4 o32', 'AAM', 'Ib', 'w:szp u:oac', 'aam'),
  row('d5 o32', 'AAD', 'Ib', 'w:szp u:oac', 'aad'),
];

const BITS: Row[] = [
  row('0f a3 /r', 'BT', 'Ev,Gv', 'w:c', 'bt'),
  row('0f ab /r', 'BTS', 'Ev,Gv', 'w:c', 'bts', 'lock'),
  row('0f b3 /r', 'BTR', 'Ev,Gv', 'w:c', 'btr', 'lock'),
  row('0f bb /r', 'BTC', 'Ev,Gv', 'w:c', 'btc', 'lock'),
  row('0f ba /4', 'BT', 'Ev,Ib', 'w:c', 'bt'),
  row('0f ba /5', 'BTS', 'Ev,Ib', 'w:c', 'bts', 'lock'),
  row('0f ba /6', 'BTR', 'Ev,Ib', 'w:c', 'btr', 'lock'),
  row('0f ba /7', 'BTC', 'Ev,Ib', 'w:c', 'btc', 'lock'),
  row('f3 0f bc /r', 'TZCNT', 'Gv,Ev', 'w:zc u:osap', 'tzcnt', 'cpuid=bmi1'),
  row('f3 0f bd /r', 'LZCNT', 'Gv,Ev', 'w:zc u:osap', 'lzcnt', 'cpuid=abm'),
  row('f3 0f b8 /r', 'POPCNT', 'Gv,Ev', ALL, 'popcnt', 'cpuid=popcnt'),
  row('0f bc /r', 'BSF', 'Gv,Ev', 'w:z u:osapc', 'bsf'),
  row('0f bd /r', 'BSR', 'Gv,Ev', 'w:z u:osapc', 'bsr'),
];

const STACK: Row[] = [
  row('50+r', 'PUSH', 'Zv', '', 'push', 'd64'),
  row('58+r', 'POP', 'Zv', '', 'pop', 'd64'),
  row('68', 'PUSH', 'Iz', '', 'push_imm', 'd64'),
  row('6a', 'PUSH', 'Ibs', '', 'push_imm', 'd64'),
  row('ff /6', 'PUSH', 'Ev', '', 'push', 'd64'),
  row('8f /0', 'POP', 'Ev', '', 'pop', 'd64'),
  row('60 o32', 'PUSHA', '', '', 'pusha'),
  row('61 o32', 'POPA', '', '', 'popa'),
  row('9c', 'PUSHF', '', 'r:oszapc', 'pushf', 'd64'),
  row('9d', 'POPF', '', ALL, 'popf', 'd64 end'),
  row('c8', 'ENTER', 'Iw,Ib', '', 'enter', 'd64'),
  row('c9', 'LEAVE', '', '', 'leave', 'd64'),
  row('06 o32', 'PUSH', 'ES', '', 'push_segment'),
  row('0e o32', 'PUSH', 'CS', '', 'push_segment'),
  row('16 o32', 'PUSH', 'SS', '', 'push_segment'),
  row('1e o32', 'PUSH', 'DS', '', 'push_segment'),
  row('0f a0', 'PUSH', 'FS', '', 'push_segment', 'd64'),
  row('0f a8', 'PUSH', 'GS', '', 'push_segment', 'd64'),
  row('07 o32', 'POP', 'ES', '', 'sys_pop_segment', 'end'),
  row('17 o32', 'POP', 'SS', '', 'sys_pop_segment', 'end'),
  row('1f o32', 'POP', 'DS', '', 'sys_pop_segment', 'end'),
  row('0f a1', 'POP', 'FS', '', 'sys_pop_segment', 'd64 end'),
  row('0f a9', 'POP', 'GS', '', 'sys_pop_segment', 'd64 end'),
];

const CONTROL: Row[] = [
  row('e8', 'CALL', 'Jz', '', 'call', 'f64 end'),
  row('e9', 'JMP', 'Jz', '', 'jmp', 'f64 end'),
  row('eb', 'JMP', 'Jb', '', 'jmp', 'f64 end'),
  row('ff /2', 'CALL', 'Ev', '', 'call_indirect', 'f64 end'),
  row('ff /4', 'JMP', 'Ev', '', 'jmp_indirect', 'f64 end'),
  row('c3', 'RET', '', '', 'ret', 'f64 end'),
  row('c2', 'RET', 'Iw', '', 'ret', 'f64 end'),
  row('e0', 'LOOPNE', 'Jb', 'r:z', 'loopne', 'f64 end'),
  row('e1', 'LOOPE', 'Jb', 'r:z', 'loope', 'f64 end'),
  row('e2', 'LOOP', 'Jb', '', 'loop', 'f64 end'),
  row('e3', 'JRCXZ', 'Jb', '', 'jrcxz', 'f64 end'),
  row('0f 0b', 'UD2', '', '', 'ud', 'end'),
  row('0f b9 /r', 'UD1', 'Gv,Ev', '', 'ud', 'end address'),
  row('0f ff /r', 'UD0', 'Gv,Ev', '', 'ud', 'end address'),
  row('62 /r mem o32', 'BOUND', 'Gv,M', '', 'bound'),
];

const FLAGS: Row[] = [
  row('9e', 'SAHF', '', 'w:szapc', 'sahf'),
  row('9f', 'LAHF', '', 'r:szapc', 'lahf'),
  row('f5', 'CMC', '', 'w:c r:c', 'cmc'),
  row('f8', 'CLC', '', 'w:c', 'clc'),
  row('f9', 'STC', '', 'w:c', 'stc'),
  row('fc', 'CLD', '', '', 'cld'),
  row('fd', 'STD', '', '', 'std'),
  row('d6 o32', 'SALC', '', 'r:c', 'salc'),
];

const STRINGS: Row[] = [
  row('a4', 'MOVS', 'Yb,Xb', '', 'movs', 'rep end'),
  row('a5', 'MOVS', 'Yv,Xv', '', 'movs', 'rep end'),
  row('a6', 'CMPS', 'Yb,Xb', ALL, 'cmps', 'rep end'),
  row('a7', 'CMPS', 'Yv,Xv', ALL, 'cmps', 'rep end'),
  row('aa', 'STOS', 'Yb,AL', '', 'stos', 'rep end'),
  row('ab', 'STOS', 'Yv,rAX', '', 'stos', 'rep end'),
  row('ac', 'LODS', 'AL,Xb', '', 'lods', 'rep end'),
  row('ad', 'LODS', 'rAX,Xv', '', 'lods', 'rep end'),
  row('ae', 'SCAS', 'Yb,AL', ALL, 'scas', 'rep end'),
  row('af', 'SCAS', 'Yv,rAX', ALL, 'scas', 'rep end'),
];

/** Hints and fences: every address is accepted, nothing is accessed. */
const HINTS: Row[] = [
  row('0f 18 /r', 'PREFETCH', 'Ev', '', 'nop', 'address'),
  row('0f 0d /r', 'PREFETCHW', 'Ev', '', 'nop', 'address'),
  ...['19', '1a', '1b', '1c', '1d', '1e', '1f'].map((byte) => row(`0f ${byte} /r`, 'NOP', 'Ev', '', 'nop', 'address')),
  row('np 0f ae /5 reg', 'LFENCE', '', '', 'nop'),
  row('np 0f ae /6 reg', 'MFENCE', '', '', 'nop'),
  row('np 0f ae /7 reg', 'SFENCE', '', '', 'nop'),
  row('np 0f ae /7 mem', 'CLFLUSH', 'Mb', '', 'clflush', 'cpuid=clflush'),
  row('66 0f ae /7 mem', 'CLFLUSHOPT', 'Mb', '', 'clflush', 'cpuid=clflushopt'),
  row('66 0f ae /6 mem', 'CLWB', 'Mb', '', 'clflush', 'cpuid=clwb'),
];

export const INTEGER_ROWS: readonly Row[] = [
  ...arithmeticRows(),
  ...shiftRows(),
  ...conditionRows(),
  ...MOVES,
  ...UNARY,
  ...MULTIPLY,
  ...BITS,
  ...STACK,
  ...CONTROL,
  ...FLAGS,
  ...STRINGS,
  ...HINTS,
];
