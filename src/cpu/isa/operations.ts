/** Numbers the handlers: every operand size, hot form, fused pair and quiet variant has its own, hot ones first. */
import { type Condition, type Form, type Handler, handlerOf } from './handlers.ts';
import type { Row } from './row.ts';

/** Handler numbers that the run loop knows by name. */
export const FIXED_OPERATIONS = { LEAVE: 0, END: 1 } as const;

/** Handlers that no row names: the decoder chooses them. */
export const DECODER_HANDLERS = ['sse_refused', 'avx_refused', 'x87_refused', 'mmx_refused', 'too_long'] as const;

const TYPES = ['u8', 'u16', 'u32', 'u64'] as const;
/** Finds the module that exports an AssemblyScript function; undefined when nobody has written it. */
export type ModuleOf = (functionName: string) => string | undefined;

export interface HotCase {
  readonly number: number;
  readonly handler: Handler;
  readonly type: string;
  readonly form: Form;
  /** The pair with a branch on this condition, or the form without flags. */
  readonly variant?: Condition | 'quiet';
}

export interface ColdCase {
  readonly number: number;
  readonly handler: Handler;
  readonly type: string;
  /** The row may end a block, so RIP already holds the next instruction. */
  readonly system: boolean;
}

/** Everything that is numbered: which number runs which function. */
export class Operations {
  readonly hot: HotCase[] = [];
  readonly cold: ColdCase[] = [];
  /** Names of functions that no module exports: their rows are refused as unimplemented. */
  readonly missing = new Set<string>();
  private readonly numbers = new Map<string, number>();
  private next: number = Object.keys(FIXED_OPERATIONS).length;

  private readonly moduleOf: ModuleOf;

  constructor(moduleOf: ModuleOf, rows: readonly Row[]) {
    this.moduleOf = moduleOf;
    // Hot numbers come first, so that the hot switch is dense.
    for (const row of rows) for (const memory of [false, true]) this.number(row, memory, true);
    this.#variants();
    for (const row of rows) for (const memory of [false, true]) this.number(row, memory, false);
    for (const name of DECODER_HANDLERS) this.coldOnly(name);
    this.hot.sort((a, b) => a.number - b.number);
    this.cold.sort((a, b) => a.number - b.number);
  }

  /** Fused and quiet variants of the hot cases; hot as well. */
  #variants(): void {
    for (const hot of [...this.hot]) {
      const { handler, form, type } = hot;
      const isRegister = form === 'RR' || form === 'RI';
      const fuses = type !== 'u16' && (isRegister || handler.args === 'ALU_CMP' || handler.args === 'ALU_TEST');
      for (const variant of fuses ? handler.fuses : []) this.hot.push({ ...hot, number: this.next++, variant });
      if (handler.quiet && isRegister) this.hot.push({ ...hot, number: this.next++, variant: 'quiet' });
    }
  }

  get unimplemented(): number {
    return this.numbers.get('unimplemented') ?? 0;
  }

  /** Number of a handler for a form; for a sized handler that of 8 bits, the other sizes follow. */
  find(handler: string, form: Form): number | undefined {
    return this.numbers.get(`${handler}.${form}`) ?? this.numbers.get(handler);
  }

  /** First number of the handler for the row's register or memory form; a sized handler takes four. */
  numberOf(row: Row, memory: boolean): number {
    const name = this.known(row.handler) ? row.handler : 'unimplemented';
    return this.find(name, formOf(row, memory)) ?? this.unimplemented;
  }

  /** True when the core has the row's handler. */
  implements(row: Row): boolean {
    return this.moduleOf(handlerOf(row.handler).call) !== undefined;
  }

  private known(name: string): boolean {
    const handler = handlerOf(name);
    if (this.moduleOf(handler.call) !== undefined) return true;
    this.missing.add(handler.call);
    return false;
  }

  private coldOnly(name: string): void {
    this.numbers.set(name, this.next);
    this.cold.push({ number: this.next, handler: handlerOf(name), type: '', system: false });
    this.next += 1;
  }

  private number(row: Row, memory: boolean, hotOnly: boolean): void {
    if (memory ? (row.mod & 2) === 0 : (row.mod & 1) === 0) return;
    const name = this.known(row.handler) ? row.handler : 'unimplemented';
    const handler = handlerOf(name);
    const form = formOf(row, memory);
    const isHot = handler.hot.includes(form) && this.moduleOf(handler.hotCall) !== undefined;
    if (isHot !== hotOnly) return;
    const key = isHot ? `${name}.${form}` : name;
    if (this.numbers.has(key)) return;
    this.numbers.set(key, this.next);
    if (!handler.sized) {
      if (isHot) this.hot.push({ number: this.next, handler, type: '', form });
      else this.cold.push({ number: this.next, handler, type: '', system: name.startsWith('sys_') });
      this.next += 1;
      return;
    }
    for (const [log2, type] of TYPES.entries()) {
      const number = this.next + log2;
      if (isHot && handler.hotSizes.includes(log2)) this.hot.push({ number, handler, type, form });
      else this.cold.push({ number, handler, type, system: false });
    }
    this.next += 4;
  }
}

/** The form of a row's operands when ModRM names a register, or memory. */
export function formOf(row: Row, memory: boolean): Form {
  const [first, second, third] = row.operands.map((text) => text[0]);
  if (first === undefined || first === 'J') return 'N';
  if (first === 'I' && second === undefined) return row.handler === 'ret' ? 'N' : 'RI';
  const isMemory = (letter: string | undefined) =>
    letter === 'O' || (memory && letter !== undefined && 'EMWQ'.includes(letter));
  if (second === undefined) return isMemory(first) ? 'M' : 'R';
  if (second === 'I' || second === '1') return isMemory(first) ? 'MI' : 'RI';
  if (isMemory(first)) return 'MR';
  if (isMemory(second)) return 'RM';
  return third === undefined || third === 'I' || third === 'C' ? 'RR' : 'N';
}
