/**
 * Optimises the compiled core. asc's own -O1 to -O3 run `coalesce-locals`, whose time grows with the square of a
 * function's locals: minutes for the interpreter's loop, into which every hot handler is inlined (some 10 000 locals).
 * The engine's own compiler assigns registers anyway, so the pass is left out where it costs and kept where it pays (code size).
 */
import binaryen from 'binaryen';

/** Locals from which `coalesce-locals` is left out. */
const COALESCE_LOCALS_MAX = 400;

const TIDY = ['dce', 'remove-unused-brs', 'remove-unused-names', 'optimize-instructions'];
const BEFORE_INLINING = ['remove-unused-module-elements', ...TIDY, 'simplify-locals', 'vacuum'];
const AFTER_INLINING = [...TIDY, 'precompute', 'pick-load-signs', 'local-cse', 'simplify-locals', 'vacuum', 'reorder-locals'];
const LAST = ['simplify-locals', 'vacuum', 'reorder-locals', 'remove-unused-module-elements'];

export function optimizeCore(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  module.runPasses([...BEFORE_INLINING, 'inlining', ...AFTER_INLINING]);
  for (let index = 0; index < module.getNumFunctions(); index += 1) {
    const reference = module.getFunctionByIndex(index);
    const { module: importedFrom, vars } = binaryen.getFunctionInfo(reference);
    if (importedFrom || vars.length > COALESCE_LOCALS_MAX) continue;
    module.runPassesOnFunction(reference, ['coalesce-locals']);
  }
  module.runPasses(LAST);
  const optimized = module.emitBinary();
  module.dispose();
  return optimized;
}
