/**
 * Optimises the compiled core. asc's own -O1 to -O3 inline before they let locals share slots (`coalesce-locals`), and that
 * pass grows with the square of a function's locals: minutes for the interpreter's loop. In this order (share, inline what is
 * small, share again) the loop never has more than a few thousand locals, and the same code takes seconds.
 */
import binaryen from 'binaryen';

/** Instructions of a function that is inlined wherever it is called. */
const INLINE_MAX = 20;

const TIDY = [
  'dce',
  'remove-unused-brs',
  'remove-unused-names',
  'optimize-instructions',
  'simplify-locals',
  'vacuum',
  'reorder-locals',
];
const PASSES = [
  'remove-unused-module-elements',
  ...TIDY,
  'coalesce-locals',
  'simplify-locals',
  'vacuum',
  'reorder-locals',
  'inlining',
  'precompute',
  'pick-load-signs',
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
];

export function optimizeCore(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  binaryen.setAlwaysInlineMaxSize(INLINE_MAX);
  binaryen.setFlexibleInlineMaxSize(INLINE_MAX);
  binaryen.setOneCallerInlineMaxSize(INLINE_MAX);
  module.runPasses(PASSES);
  const optimized = module.emitBinary();
  module.dispose();
  return optimized;
}
