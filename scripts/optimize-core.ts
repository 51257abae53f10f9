/**
 * Optimises the compiled core. Two orders matter. Locals share slots (`coalesce-locals`) before and after each inlining: that
 * pass grows with the square of a function's locals, and the interpreter's loop would have tens of thousands. And the cases
 * of the loop (`inline123` of the generated hot.ts, see src/cpu/isa/switch-source.ts) are inlined last and alone, whatever
 * their size; elsewhere only small functions are.
 */
import binaryen from 'binaryen';

/** Instructions of a function that is inlined wherever it is called. */
const INLINE_MAX = 20;
/** Of a case of the interpreter's loop: each is called once. */
const CASE_MAX = 4000;
const CASE = /hot\/inline\d+$/;

const TIDY = [
  'dce',
  'remove-unused-brs',
  'remove-unused-names',
  'optimize-instructions',
  'simplify-locals',
  'vacuum',
  'reorder-locals',
];
const SHARE = ['coalesce-locals', 'simplify-locals', 'vacuum', 'reorder-locals'];
const BEFORE_INLINING = ['remove-unused-module-elements', ...TIDY, ...SHARE];
const AFTER_INLINING = ['precompute', 'pick-load-signs', ...TIDY, ...SHARE];
const LAST = [
  ...TIDY,
  'coalesce-locals',
  'local-cse',
  'simplify-locals',
  'vacuum',
  'coalesce-locals',
  'reorder-locals',
  'merge-blocks',
  'remove-unused-brs',
  'optimize-instructions',
  'vacuum',
  'duplicate-function-elimination',
  'remove-unused-module-elements',
  ...(process.env.DMASCOPE_CORE_NAMES === '1' ? [] : ['strip-debug']),
];

function inline(module: binaryen.Module, size: number, oneCallerSize: number): void {
  binaryen.setAlwaysInlineMaxSize(size);
  binaryen.setFlexibleInlineMaxSize(size);
  binaryen.setOneCallerInlineMaxSize(oneCallerSize);
  module.runPasses(['inlining']);
}

/** Keeps every function but the loop's cases from being inlined. */
function keepAllButCases(module: binaryen.Module): void {
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const { name } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (CASE.test(name)) continue;
    binaryen.setPassArgument('no-inline', name);
    module.runPasses(['no-inline']);
  }
}

export function optimizeCore(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  module.runPasses(BEFORE_INLINING);
  inline(module, INLINE_MAX, INLINE_MAX);
  module.runPasses(AFTER_INLINING);
  keepAllButCases(module);
  inline(module, INLINE_MAX, CASE_MAX);
  module.runPasses(LAST);
  const optimized = module.emitBinary();
  module.dispose();
  return optimized;
}
