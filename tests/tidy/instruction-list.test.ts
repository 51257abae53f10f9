import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cpuPages } from '../../scripts/docs/cpu-pages.ts';

describe('docs/instructions.md', () => {
  const [page] = cpuPages();

  it('is what the opcode table says', () => {
    // If this fails: npm run docs
    expect(readFileSync(page!.path, 'utf8')).toBe(page!.text);
  });

  it('writes encodings as the manual does, and says what is refused', () => {
    const { text } = page!;
    expect(text).toMatch(/^\| ADD \| .*`01 \/r {2}Ev,Gv`.* \| CF PF AF ZF SF OF \| {2}\| LOCK \|$/m);
    expect(text).toMatch(/^\| CPUID \| `0f a2` /m);
    expect(text).toMatch(/^\| MOVDQA \| .*`66 0f 6f \/r {2}Vx,Wx`/m);
    const [, refused] = text.split('## Known and not implemented');
    expect(text).toMatch(/^\| FSQRT \| `d9 \/7 rm2 reg`/m);
    expect(refused).toContain('The run ends with the bytes');
    expect(text).toMatch(/^\| ANDN \| .*`vex\.128\.np\.0f38\.wig f2 \/r {2}Gy,By,Ey`/m);
    expect(refused).not.toContain('- ADD');
  });
});
