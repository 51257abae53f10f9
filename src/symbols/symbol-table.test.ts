import { describe, expect, it } from 'vitest';
import { gva } from '../base/address.ts';
import { SHF_EXECINSTR } from './elf/file.ts';
import type { SymbolTable } from './symbol-table.ts';
import { ask, fixturePath, hasTool, table } from './testing/fixture.ts';

const C_FILES = ['kernel-dwarf5.elf', 'kernel-dwarf4.elf', 'kernel-compressed.elf', 'kernel-32.elf'];
const DEBUG_FILES = [...C_FILES, 'driver-cpp.elf'];

function address(symbols: SymbolTable, name: string): bigint {
  const found = symbols.findSymbol(name);
  if (found === undefined) throw new Error(`no symbol ${name}`);
  return found.address;
}

/** Every byte of code: what a pc can be. */
function codeAddresses(symbols: SymbolTable): bigint[] {
  const addresses: bigint[] = [];
  for (const { flags, address, size } of symbols.file.sections) {
    if ((flags & SHF_EXECINSTR) === 0) continue;
    for (let at = address; at < address + BigInt(size); at += 1n) addresses.push(at);
  }
  return addresses;
}

describe.each(DEBUG_FILES)('%s', (name) => {
  it.skipIf(!hasTool('addr2line'))('gives the file, line and chain of functions that addr2line gives', () => {
    const symbols = table(name);
    const addresses = codeAddresses(symbols);
    const lines = ask(
      'addr2line',
      ['-e', fixturePath(name), '-fiaC'],
      addresses.map((each) => `0x${each.toString(16)}`),
    );
    const answers: string[][] = [];
    for (const line of lines) {
      if (/^0x[0-9a-f]+$/.test(line)) answers.push([]);
      else answers.at(-1)!.push(line.replace(/ \(discriminator \d+\)$/, ''));
    }
    expect(answers).toHaveLength(addresses.length);
    for (const [index, at] of addresses.entries()) {
      const location = symbols.locationOf(gva(at));
      const ours = symbols.functionsAt(gva(at)).map((scope) => scope.name);
      const theirs = answers[index]!;
      expect(`${at.toString(16)} ${location?.file ?? '??'}:${location?.line ?? '?'}`).toBe(
        `${at.toString(16)} ${theirs[1]}`,
      );
      const functions = theirs.filter((_, position) => position % 2 === 0);
      // addr2line gives a lambda inlined into a function that function's name; only the depth is comparable there.
      if (name === 'driver-cpp.elf') expect(ours).toHaveLength(functions.length);
      else expect(ours).toEqual(functions);
    }
    expect(symbols.problems).toEqual([]);
  });

  it('knows where a function begins', () => {
    const symbols = table(name);
    const start = address(symbols, '_start');
    expect(symbols.functionAt(gva(start + 3n))).toEqual({ name: '_start', start });
    expect(symbols.isCode(gva(start))).toBe(true);
  });
});

describe.each(C_FILES)('variables of %s', (name) => {
  const symbols = table(name);
  const pointer = name === 'kernel-32.elf' ? 4n : 8n;
  const path = (base: string, offset: bigint) => symbols.variablePathAt(gva(address(symbols, base) + offset));

  it('prints an address inside an array of structures as a path', () => {
    expect(path('ERST_TABLE', 0n)).toMatchObject({
      path: 'ERST_TABLE[0].base',
      variable: 'ERST_TABLE',
      variableSize: 32,
      offset: 0,
      size: 8,
    });
    expect(path('ERST_TABLE', 16n + 8n)).toMatchObject({ path: 'ERST_TABLE[1].size', offset: 0, size: 4 });
    expect(path('ERST_TABLE', 16n + 10n)).toMatchObject({ path: 'ERST_TABLE[1].size', offset: 2 });
    expect(path('ERST_TABLE', 0n)?.declared).toMatchObject({ file: '/src/kernel.c', line: 4 });
  });

  it('goes through unions, anonymous structures, bit fields, pointers and arrays of arrays', () => {
    expect(path('EVENT_RING', 0n)?.path).toBe('EVENT_RING[0].parameter.whole');
    expect(path('EVENT_RING', 5n * 16n + 12n)?.path).toBe('EVENT_RING[5].cycle');
    expect(path('xhci0', pointer)).toMatchObject({ path: 'xhci0.command.ring', typeName: 'struct trb *' });
    const matrix = pointer === 8n ? 24n : 12n;
    expect(path('xhci0', matrix + (3n + 2n) * 16n + 8n)?.path).toBe('xhci0.matrix[1][2].status');
    expect(path('ticks', 1n)).toMatchObject({ path: 'ticks', offset: 1, typeName: 'tick_t', size: 8 });
  });

  it('finds statics of files and of functions', () => {
    expect(path('LOCAL_TABLE', 3n * 16n)?.path).toBe('LOCAL_TABLE[3].base');
    expect(path('times_called', 0n)).toMatchObject({ path: 'times_called', typeName: 'u32' });
    expect(path('scratch', 4095n)?.path).toBe('scratch[4095]');
  });

  it('has nothing to say between and beyond variables', () => {
    expect(symbols.variablePathAt(gva(address(symbols, '_start')))).toBeUndefined();
    expect(symbols.variablePathAt(gva(0n))).toBeUndefined();
    expect(symbols.variablePathAt(gva(0xffff_ffff_ffff_ffffn))).toBeUndefined();
  });
});

describe('C++ names', () => {
  const symbols = table('driver-cpp.elf');

  it('prints variables in namespaces, anonymous ones too', () => {
    const path = (base: string, offset: bigint) => symbols.variablePathAt(gva(address(symbols, base) + offset))?.path;
    expect(path('usb::endpoints', 24n + 8n)).toBe('usb::endpoints.entries[1].ring');
    expect(path('usb::(anonymous namespace)::hidden', 0n)).toContain('usb::(anonymous namespace)::hidden.entries[0]');
  });
});

describe.each(['driver-rust-v0.elf', 'driver-rust-dwarf5.elf'])('Rust names of %s', (name) => {
  const symbols = table(name);

  it('prints statics by their path', () => {
    const start = address(symbols, 'driver::xhci::ERST_TABLE');
    expect(symbols.variablePathAt(gva(start + 72n))?.path).toBe('driver::xhci::ERST_TABLE[1].size');
    const ring = address(symbols, 'driver::xhci::EVENT_RING');
    expect(symbols.variablePathAt(gva(ring + 16n * 2n + 4n))?.path).toBe('driver::xhci::EVENT_RING[2][1]');
  });

  it('shows what was inlined, and where it was called', () => {
    const chains = codeAddresses(symbols).map((at) => symbols.functionsAt(gva(at)));
    const filled = chains.find((chain) => chain.length === 2 && chain[0]!.name.includes('fill'));
    expect(filled).toBeDefined();
    expect(filled![0]).toMatchObject({ inlined: true, call: { file: '/src/driver.rs', line: 29, column: 18 } });
    expect(filled![1]).toMatchObject({ inlined: false, declared: { file: '/src/driver.rs', line: 27 } });
    expect(filled![1]!.name).toMatch(/xhci::Xhci.*::init_event_ring$/);
  });

  it('names the line of a volatile write', () => {
    const write = codeAddresses(symbols).find((at) => symbols.locationOf(gva(at))?.line === 48);
    expect(symbols.locationOf(gva(write!))).toMatchObject({ file: '/src/driver.rs', line: 48 });
  });
});

describe('less and less information', () => {
  const symbols = table('kernel-nodebug.elf');

  it('falls back to symbol and offset', () => {
    const start = address(symbols, 'handle');
    expect(symbols.hasDebugInformation).toBe(false);
    expect(symbols.locationOf(gva(start))).toBeUndefined();
    expect(symbols.symbolAt(gva(start + 4n))).toMatchObject({ name: 'handle', offset: 4, kind: 'function' });
    expect(symbols.functionAt(gva(start + 4n))).toEqual({ name: 'handle', start });
    expect(symbols.symbolAt(gva(address(symbols, 'ERST_TABLE') + 17n))).toMatchObject({
      name: 'ERST_TABLE',
      offset: 17,
      kind: 'object',
      module: 'kernel-nodebug.elf',
      size: 32,
    });
  });

  it('falls back to section and to module, and says nothing of other addresses', () => {
    const note = symbols.file.sections.find((section) => section.name === '.note.gnu.build-id')!;
    expect(symbols.symbolAt(gva(note.address + 2n))).toMatchObject({ name: note.name, offset: 2, kind: 'section' });
    expect(symbols.symbolAt(gva(0xffff_ffff_8020_0010n))).toMatchObject({
      name: symbols.module,
      kind: 'module',
      offset: 16,
    });
    expect(symbols.symbolAt(gva(0x1000n))).toBeUndefined();
    expect(symbols.contains(gva(0x1000n))).toBe(false);
  });

  it('reads the build id', () => {
    expect(symbols.buildId).toMatch(/^[0-9a-f]{40}$/);
  });
});

describe('a relocated kernel', () => {
  it('moves every answer by the bias', () => {
    const bias = 0x1ac0_0000n;
    const [still, moved] = [table('kernel-dwarf5.elf'), table('kernel-dwarf5.elf', { bias })];
    const start = address(still, 'handle');
    expect(moved.findSymbol('handle')?.address).toBe(start + bias);
    expect(moved.locationOf(gva(start + bias))).toEqual(still.locationOf(gva(start)));
    expect(moved.functionsAt(gva(start + bias))[0]?.low).toBe(start + bias);
    const variable = moved.variablePathAt(gva(address(still, 'ERST_TABLE') + bias));
    expect(variable).toMatchObject({ path: 'ERST_TABLE[0].base', address: address(still, 'ERST_TABLE') + bias });
  });
});

describe('compressed debug sections', () => {
  it('count as missing, with a problem that says so, when no zlib was given', () => {
    const read = table('kernel-compressed.elf', { inflate: () => undefined });
    expect(read.locationOf(gva(address(read, 'handle')))).toBeUndefined();
    expect(read.problems[0]?.field).toBe('.debug_info ch_size');
  });
});
