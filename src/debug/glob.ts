/** Event patterns as `-trace` takes them: `*` is any text, `?` any one character (GLib's simple patterns). */

/** True when all of `text` matches `pattern`. Linear in the worst case of one star; two pointers, no recursion. */
export function matchesGlob(pattern: string, text: string): boolean {
  let [at, star, resume] = [0, -1, 0];
  let position = 0;
  while (position < text.length) {
    const wanted = pattern.charAt(at);
    if (wanted === '*') {
      star = at;
      resume = position;
      at += 1;
    } else if (wanted === '?' || wanted === text.charAt(position)) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      // The last star takes one character more.
      at = star + 1;
      resume += 1;
      position = resume;
    } else {
      return false;
    }
  }
  while (pattern.charAt(at) === '*') at += 1;
  return at === pattern.length;
}

/** Which events are on after `patterns` were applied in order; one that starts with `-` turns events off again. */
export function selectEvents(names: readonly string[], patterns: readonly string[]): Set<string> {
  const on = new Set<string>();
  for (const pattern of patterns) {
    const off = pattern.startsWith('-');
    const wanted = off ? pattern.slice(1) : pattern;
    for (const name of names) {
      if (!matchesGlob(wanted, name)) continue;
      if (off) on.delete(name);
      else on.add(name);
    }
  }
  return on;
}
