import type { SpecRef } from '../../base/registers.ts';

/** "xHCI 1.2 §6, §5.4.2; PCI 3.0 §6.2.2": each document is named once. */
export function formatSpecs(refs: readonly SpecRef[]): string {
  const documents = new Map<string, string[]>();
  for (const { document, section } of refs) {
    const sections = documents.get(document);
    if (sections === undefined) documents.set(document, [`§${section}`]);
    else sections.push(`§${section}`);
  }
  return [...documents].map(([document, sections]) => `${document} ${sections.join(', ')}`).join('; ');
}
