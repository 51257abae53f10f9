/** Addresses as one writes them to the monitor: `0x1000`, `$rsp+8`, `$rip - 4*2`. */
import type { RegisterView } from '../../cpu/types.ts';
import type { MonitorContext } from './commands.ts';

const GENERAL = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

/** The value modulo 2^64, or what is wrong. */
export function evaluate(
  text: string,
  { machine, selected }: Pick<MonitorContext, 'machine' | 'selected'>,
): bigint | string {
  const tokens = text.match(/0x[0-9a-f]+|\d+|\$\w+|[-+*()]|\S/gi) ?? [];
  if (tokens.length === 0) return 'an address is missing';
  const reader = new ExpressionReader(tokens, machine.processor.registers(selected.cpu));
  try {
    return BigInt.asUintN(64, reader.whole());
  } catch (error) {
    if (error instanceof ExpressionMistake) return error.message;
    throw error;
  }
}

class ExpressionMistake extends Error {}

/** Sums of products of numbers, registers and parentheses. */
class ExpressionReader {
  #at = 0;

  constructor(
    readonly tokens: readonly string[],
    readonly registers: RegisterView,
  ) {}

  whole(): bigint {
    const value = this.#sum();
    if (this.#at < this.tokens.length) throw new ExpressionMistake(`"${this.tokens[this.#at]}" is not expected there`);
    return value;
  }

  #sum(): bigint {
    let value = this.#product();
    for (;;) {
      if (this.#accept('+')) value += this.#product();
      else if (this.#accept('-')) value -= this.#product();
      else return value;
    }
  }

  #product(): bigint {
    let value = this.#term();
    while (this.#accept('*')) value *= this.#term();
    return value;
  }

  #term(): bigint {
    const token = this.tokens[this.#at];
    this.#at += 1;
    if (token === undefined) throw new ExpressionMistake('a number is missing at the end');
    if (/^(0x[0-9a-f]+|\d+)$/i.test(token)) return BigInt(token);
    if (token.startsWith('$')) return this.#register(token.slice(1).toLowerCase());
    if (token === '-') return -this.#term();
    if (token !== '(') throw new ExpressionMistake(`"${token}" is not expected there`);
    const value = this.#sum();
    if (!this.#accept(')')) throw new ExpressionMistake('")" is missing');
    return value;
  }

  #accept(token: string): boolean {
    if (this.tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #register(name: string): bigint {
    const { gpr, rip, rflags, segments, cr } = this.registers;
    const general = GENERAL.indexOf(name.replace(/^e/, 'r'));
    if (general >= 0) return gpr[general]!;
    const segment = SEGMENTS.indexOf(name);
    if (segment >= 0) return BigInt(segments[segment]!.selector);
    if (name === 'rip' || name === 'pc' || name === 'eip') return rip;
    if (name === 'eflags' || name === 'rflags') return rflags;
    if (Object.hasOwn(cr, name)) return cr[name as keyof RegisterView['cr']];
    throw new ExpressionMistake('unknown register');
  }
}
