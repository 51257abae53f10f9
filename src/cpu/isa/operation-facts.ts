/**
 * What a compiler needs to know of a µop besides its operands, by the number in UOP_PLAIN: which flags it reads and writes,
 * whether its block ends there, and what it does to memory. Several rows may share a number; the facts hold for all of them.
 */
import { handlerOf } from './handlers.ts';
import type { Operations } from './operations.ts';
import type { Row } from './row.ts';

export interface OperationFacts {
  /** Flags that it may read: EFLAGS bits as {@link Row.reads} has them. */
  readonly reads: number;
  /** Flags that it may change, undefined ones included. */
  readonly writes: number;
  /** Flags that it surely overwrites, whatever the row. */
  readonly overwrites: number;
  /** It is the last of its block. */
  readonly endsBlock: boolean;
  /** none: registers only. address: computed, not accessed. implicit: the handler knows (strings, stack, tables). */
  readonly memory: 'none' | 'address' | 'read' | 'write' | 'modify' | 'implicit';
}

const SIZES = 4;
/** ModRM may name memory; `O` is an absolute address. */
const MEMORY_OPERAND = /^[EMWQOT]/;
/** Handlers that access memory without a memory operand. */
const IMPLICIT =
  /^(push|pop|pusha|popa|push_imm|push_segment|pushf|popf|call|ret|leave|enter|movs|cmps|stos|lods|scas|ins|outs|xlat|sys_.*|x87_.*|masked.*)$/;
/** They write their memory destination without reading it. */
const STORES = /^(mov|movbe_store|setcc\d+|pop|.*_store|mov_from_segment|sys_(sgdt|sidt|sldt|str|smsw))$/;
/** They only read it, although it is the first operand. */
const LOADS = /^(cmp|test|bt|push|call_indirect|jmp_indirect|mul|imul1|div|idiv|.*_load|ldmxcsr)$/;

function memoryOf(row: Row, memory: boolean): OperationFacts['memory'] {
  const absolute = row.operands.some((text) => text.startsWith('O'));
  if (!memory && !absolute) return IMPLICIT.test(row.handler) ? 'implicit' : 'none';
  if (row.options.includes('address')) return 'address';
  if (row.handler.startsWith('sys_') || row.handler.startsWith('x87')) return 'implicit';
  const first = row.operands[0] ?? '';
  if (!/^[EMWQO]/.test(first)) return 'read';
  if (LOADS.test(row.handler)) return 'read';
  return STORES.test(row.handler) ? 'write' : 'modify';
}

/** Facts by number. Numbers without a row (leaving a block, refusals) have none. */
export function operationFacts(operations: Operations, rows: readonly Row[]): ReadonlyMap<number, OperationFacts> {
  const facts = new Map<number, OperationFacts>();
  for (const row of rows) {
    for (const memory of [false, true]) {
      if ((row.mod & (memory ? 2 : 1)) === 0 || !operations.implements(row)) continue;
      if (memory && !row.operands.some((text) => MEMORY_OPERAND.test(text))) continue;
      const first = operations.numberOf(row, memory);
      const count = handlerOf(row.handler).sized ? SIZES : 1;
      const own: OperationFacts = {
        reads: row.reads,
        writes: row.writes,
        overwrites: row.writes & ~row.reads,
        endsBlock: row.options.includes('end'),
        memory: memoryOf(row, memory),
      };
      for (let number = first; number < first + count; number += 1) facts.set(number, join(facts.get(number), own));
    }
  }
  return facts;
}

function join(one: OperationFacts | undefined, other: OperationFacts): OperationFacts {
  if (one === undefined) return other;
  return {
    reads: one.reads | other.reads,
    writes: one.writes | other.writes,
    overwrites: one.overwrites & other.overwrites,
    endsBlock: one.endsBlock || other.endsBlock,
    memory: one.memory === other.memory ? one.memory : 'implicit',
  };
}
