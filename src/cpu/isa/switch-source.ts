/** The interpreter's two switches as AssemblyScript: the hot loop and the cold dispatcher. */
import { CONDITIONS, type Handler } from './handlers.ts';
import { BANNER } from './layout-source.ts';
import { FIXED_OPERATIONS, type HotCase, type ModuleOf, type Operations } from './operations.ts';

function imports(names: Iterable<string>, moduleOf: ModuleOf): string {
  const byModule = new Map<string, Set<string>>();
  for (const name of names) {
    const module = moduleOf(name);
    if (module === undefined) throw new Error(`no module in src/cpu/core exports ${name}`);
    const set = byModule.get(module) ?? new Set();
    byModule.set(module, set.add(name));
  }
  return [...byModule]
    .map(([module, set]) => `import { ${[...set].sort().join(', ')} } from '../${module}';`)
    .join('\n');
}

function constantsOf(cases: readonly { readonly handler: Handler }[]): string[] {
  return cases.flatMap(({ handler }) => handler.args.match(/[A-Z]+_[A-Z]+/g) ?? []);
}

/** The function that runs a hot case. */
function hotName({ handler, form, variant }: HotCase): string {
  if (variant === undefined) return handler.hotCall;
  if (variant === 'quiet') return 'quietArithmetic';
  return form.includes('M') ? 'fusedMemory' : 'fusedRegisters';
}

/** The expression that runs a hot case. */
function hotExpression(hot: HotCase): string {
  const { handler, type, form, variant } = hot;
  const generic = type === '' ? '' : `<${type}>`;
  if (variant !== undefined) {
    const condition = variant === 'quiet' ? '' : `, CONDITION_${variant}`;
    return `${hotName(hot)}${generic}(u, ${handler.args}, FORM_${form}${condition})`;
  }
  const list = ['u', ...(handler.args === '' ? [] : [handler.args])];
  if (handler.hotKind !== 'next' && form !== 'N') list.push(`FORM_${form}`);
  return `${handler.hotCall}${generic}(${list.join(', ')})`;
}

/**
 * Cases without memory become part of the loop. The others stay functions of their own: one function of everything takes
 * minutes to optimise, and runs no faster. The inlining itself is left to scripts/optimize-core.ts, which knows the cases by
 * the names of their functions: the AssemblyScript compiler takes a minute over it.
 */
function isInline({ handler, form, type }: HotCase): boolean {
  if (INLINE_MEMORY.has(`${handler.hotCall}.${form}.${type}`)) return true;
  if (handler.hotKind === 'branch') return false;
  return (
    (form === 'RR' || form === 'RI' || handler.hotCall === 'hotLea' || handler.hotCall === 'hotNop') &&
    type !== 'u8' &&
    type !== 'u16'
  );
}

/** Memory forms so common that the call would show. */
const INLINE_MEMORY = new Set([
  'hotMove.RM.u32',
  'hotMove.RM.u64',
  'hotMove.MR.u32',
  'hotMove.MR.u64',
  'hotExtendZero_u8.RM.u32',
  'hotArithmetic.RM.u32',
  'hotArithmetic.RM.u64',
  'hotPush.R.u64',
  'hotPop.R.u64',
]);

const HOT_RESULTS = { next: 'void', check: 'bool', branch: 'u32' } as const;

function hotCaseName(hot: HotCase): string {
  return `${isInline(hot) ? 'inline' : 'run'}${hot.number}`;
}

function hotFunction(hot: HotCase): string {
  const kind = HOT_RESULTS[hot.handler.hotKind];
  const result =
    hot.variant === undefined ? kind : hot.variant === 'quiet' ? 'void' : hot.form.includes('M') ? 'i32' : 'bool';
  return `function ${hotCaseName(hot)}(u: u32): ${result} {\n  ${result === 'void' ? '' : 'return '}${hotExpression(hot)};\n}`;
}

/** A case `break`s to the branch of a fused pair; everything else goes on or returns. */
function hotCase(hot: HotCase): string {
  const call = `${hotCaseName(hot)}(u)`;
  const start = `      case ${hot.number}:`;
  const goOn = 'u += UOP_SIZE; continue;';
  if (hot.variant === 'quiet') return `${start} ${call}; ${goOn}`;
  if (hot.variant !== undefined) {
    if (!hot.form.includes('M')) return `${start} taken = ${call}; break;`;
    return `${start} pair = ${call}; if (pair >= 0) { taken = pair != 0; break; } if (pair == FUSED_FAULTED) { leaveFaulted(u); return; } ${goOn}`;
  }
  if (hot.handler.hotKind === 'branch')
    return `${start} next = ${call}; if (next) { u = next; continue; } setLeaveUop(u); return;`;
  if (hot.handler.hotKind === 'next') return `${start} ${call}; ${goOn}`;
  return `${start} if (${call}) { ${goOn} } leaveFaulted(u); return;`;
}

/** `execute`: the interpreter's loop over µops. */
export function hotSource(operations: Operations, moduleOf: ModuleOf): string {
  const names = new Set<string>(operations.hot.map(hotName));
  for (const name of constantsOf(operations.hot)) names.add(name);
  for (const { form } of operations.hot) if (form !== 'N') names.add(`FORM_${form}`);
  names.delete('FORM_R');
  names.delete('FORM_M');
  for (const name of ['FORM_R', 'FORM_M', 'FUSED_FAULTED', 'setLeave', 'setLeaveUop', 'endBlock', 'branch'])
    names.add(name);
  return `${BANNER}
import { FAULTED, UOP_OP, UOP_SIZE } from './layout';
import { ${Object.keys(CONDITIONS)
    .map((name) => `CONDITION_${name}`)
    .join(', ')} } from './operations';
import { executeCold } from './cold';
import { LEFT_BEFORE } from '../operands';
${imports(names, moduleOf)}

${operations.hot.map(hotFunction).join('\n')}

function leaveFaulted(u: u32): void {
  setLeave(FAULTED);
  setLeaveUop(u);
}

/** Runs µops from \`first\` until something has to be done between instructions; see \`setLeave\`. */
export function execute(first: u32): void {
  let u = first;
  let next: u32 = 0;
  let pair: i32 = 0;
  let taken = false;
  for (;;) {
    const operation = <u32>load<u16>(u, UOP_OP);
    switch (operation) {
      case ${FIXED_OPERATIONS.LEAVE}: setLeave(LEFT_BEFORE); setLeaveUop(u); return;
      case ${FIXED_OPERATIONS.END}: next = endBlock(u); if (next) { u = next; continue; } setLeaveUop(u); return;
${operations.hot.map(hotCase).join('\n')}
      default: {
        next = executeCold(u, operation);
        if (next) { u = next; continue; }
        setLeaveUop(u);
        return;
      }
    }
    // The second half of a fused pair.
    u += UOP_SIZE;
    next = branch(u, taken);
    if (next) { u = next; continue; }
    setLeaveUop(u);
    return;
  }
}
`;
}

/** Cases of one switch: V8 compiles functions of this size well, and one of two thousand cases badly. */
const COLD_GROUP = 64;

/** `executeCold`: everything that is not worth inlining. */
export function coldSource(operations: Operations, moduleOf: ModuleOf): string {
  const names = new Set<string>(operations.cold.flatMap(({ handler }) => [handler.call, ...handler.inner]));
  for (const name of constantsOf(operations.cold)) names.add(name);
  names.add('finishCold');
  const first = operations.cold[0]?.number ?? 0;
  const groups: string[][] = [];
  for (const { number, handler, type } of operations.cold) {
    const generic = type === '' ? '' : `<${type}>`;
    const list = ['u', ...(handler.args === '' ? [] : [handler.args])].join(', ');
    const group = Math.floor((number - first) / COLD_GROUP);
    groups[group] ??= [];
    groups[group].push(`    case ${(number - first) % COLD_GROUP}: return ${handler.call}${generic}(${list});`);
  }
  const functions = groups.map(
    (lines, group) => `function dispatch${group}(u: u32, index: u32): i32 {
  switch (index) {
${lines.join('\n')}
  }
  unreachable();
  return 0;
}`,
  );
  return `${BANNER}
import { setCurrentUop } from '../state';
${imports(names, moduleOf)}

${functions.join('\n')}

function dispatch(u: u32, operation: u32): i32 {
  const number = operation - ${first};
  const index = number & ${COLD_GROUP - 1};
  switch (number / ${COLD_GROUP}) {
${groups.map((_, group) => `    case ${group}: return dispatch${group}(u, index);`).join('\n')}
  }
  unreachable();
  return 0;
}

/** Runs a cold handler; returns the next µop, or 0 after \`setLeave\`. */
export function executeCold(u: u32, operation: u32): u32 {
  setCurrentUop(u);
  return finishCold(u, dispatch(u, operation));
}
`;
}
