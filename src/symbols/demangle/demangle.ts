/** Names as they stand in the source, from the names that the linker sees. */
import { demangleItanium } from './itanium.ts';
import { demangleRustLegacy, isRustLegacy } from './rust-legacy.ts';
import { demangleRustV0 } from './rust-v0.ts';
import { NotMangled } from './text.ts';

/** Mangled names beyond this are shown as they are. */
const INPUT_MAX = 1 << 15;

/**
 * The readable form of a Rust (legacy or v0, hashes hidden) or C++ (Itanium) symbol. A name that is neither, that does
 * not follow its scheme or that would become absurdly long comes back unchanged.
 */
export function demangle(name: string): string {
  if (name.length > INPUT_MAX) return name;
  try {
    if (name.startsWith('_R') || name.startsWith('__R')) return demangleRustV0(name);
    if (isRustLegacy(name)) return demangleRustLegacy(name);
    if (name.startsWith('_Z') || name.startsWith('__Z')) return demangleItanium(name);
  } catch (error) {
    if (!(error instanceof NotMangled)) throw error;
  }
  return name;
}
