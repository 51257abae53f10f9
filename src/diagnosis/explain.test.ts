import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { explainRule, findRule, listRules, suggestRules } from './explain.ts';
import { generatedFiles } from './rule-pages.ts';

describe('explain', () => {
  it.each(['DMA-01', 'dma-01', 'dma01', 'dma/virtual-address'])('knows %s', (name) => {
    expect(findRule(name)?.code).toBe('DMA-01');
  });

  it('has a text with a wrong and a right example for every rule', () => {
    for (const rule of listRules()) {
      const text = explainRule(rule.code)!;
      for (const part of ['Why it matters', 'What to do', 'Wrong', 'Right', 'Elsewhere', 'Specification']) {
        expect(text, rule.code).toContain(part);
      }
      for (const line of text.split('\n').filter((entry) => !entry.startsWith('    '))) {
        expect(line.length, `${rule.code}: ${line}`).toBeLessThanOrEqual(90);
      }
    }
  });

  it('guesses what was meant', () => {
    expect(suggestRules('DMA-1')).toContain('DMA-01');
    expect(suggestRules('RNG-01')).toContain('RING-01');
    expect(suggestRules('virtual-adress')).toContain('dma/virtual-address');
    expect(suggestRules('qqqqqqqqqqqqqqqqqqqq')).toEqual([]);
    expect(explainRule('DMA-99')).toBeUndefined();
  });
});

describe('the generated pages', () => {
  it.each(generatedFiles().map((file) => [file.path, file.text] as const))('%s is what the rules say', (path, text) => {
    // If this fails: node --import tsx scripts/generate-docs.ts
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('has no page for a rule that is gone', () => {
    const known = new Set(generatedFiles().map((file) => file.path));
    expect(readdirSync('docs/rules').filter((name) => !known.has(`docs/rules/${name}`))).toEqual([]);
  });
});
