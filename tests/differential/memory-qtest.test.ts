/**
 * The memory system against Debian's QEMU: the same accesses over qtest on the same map, answer by answer and log line
 * by log line. The map is what q35 has without a display: RAM with its legacy holes, two ROMs, an alias of one of them,
 * and the registers of the `edu` device (4 to 8 bytes wide, so that sizes and alignment matter).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bus } from '../../src/base/address.ts';
import { TraceBus } from '../../src/base/trace.ts';
import {
  AddressSpace,
  AliasRegion,
  ContainerRegion,
  createRom,
  DmaView,
  formatMtree,
  type InvalidAccess,
  MEMTX_OK,
  MemorySystem,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../../src/memory/index.ts';

const QEMU = 'qemu-system-x86_64';
const missing = spawnSync(QEMU, ['--version']).status !== 0;
const RAM_BYTES = 16 << 20;
const EDU = 0xfea0_0000;
const EDU_BYTES = 0x10_0000;
const ACCESSES = 3000;

/** One QEMU that waits for qtest commands. */
class Qtest {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dmascope-qtest-'));
  readonly #process: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor() {
    const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m ${RAM_BYTES >> 20} -device edu,addr=3
      -qtest stdio -qtest-log /dev/null -d guest_errors -D ${this.#log}`.split(/\s+/);
    this.#process = spawn(QEMU, flags, { stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#waiting.shift()?.(line));
  }

  get #log(): string {
    return join(this.#folder, 'log');
  }

  /** Sends one command and waits for its answer, without the `OK `. */
  async send(command: string): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#process.stdin!.write(`${command}\n`);
    const line = await answer;
    expect(line, command).toMatch(/^OK/);
    return line.slice(3);
  }

  async bytes(address: number, size: number): Promise<Uint8Array> {
    return Uint8Array.from(Buffer.from((await this.send(`read ${address} ${size}`)).slice(2), 'hex'));
  }

  logLines(): string[] {
    return readFileSync(this.#log, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  }

  close(): void {
    this.#process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** QEMU's documented registers of edu that a read does not change and a 4-byte write may. */
class EduRegisters {
  #liveness = 0;

  read(offset: number, size: number): bigint {
    if ((offset < 0x80 && size !== 4) || offset > 0xa0) return 0xffff_ffff_ffff_ffffn;
    if (offset === 0) return 0x0100_00edn;
    if (offset === 4) return BigInt(this.#liveness);
    return [0x08, 0x20, 0x24, 0x80, 0x88, 0x90, 0x98].includes(offset) ? 0n : 0xffff_ffff_ffff_ffffn;
  }

  write(offset: number, size: number, value: number): void {
    if (offset === 4 && size === 4) this.#liveness = ~value >>> 0;
  }
}

function eduRegion(system: MemorySystem): MmioRegion {
  const edu = new EduRegisters();
  return new MmioRegion(system, 'edu-mmio', EDU_BYTES, {
    readWithAttrs: (offset, size, _attrs, out) => {
      const value = edu.read(offset, size);
      out.low = Number(value & 0xffff_ffffn);
      out.high = Number(value >> 32n);
      return MEMTX_OK;
    },
    writeWithAttrs: (offset, size, low) => {
      edu.write(offset, size, low);
      return MEMTX_OK;
    },
    valid: { minimum: 4, maximum: 8 },
    impl: { minimum: 4, maximum: 8 },
  });
}

class Ours {
  readonly invalid: InvalidAccess[] = [];
  readonly memory: AddressSpace;
  readonly dma: DmaView;

  constructor(romLow: Uint8Array, bios: Uint8Array) {
    const trace = new TraceBus();
    trace.on('memory.invalid-access', (event) => this.invalid.push(event));
    const system = new MemorySystem(trace, { readonlyAliases: 'qemu' });
    const root = new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE);
    this.memory = new AddressSpace(system, 'memory', root);
    this.dma = new DmaView(this.memory, 'qtest');
    const ram = new RamRegion(system, 'pc.ram', new Uint8Array(RAM_BYTES));
    const pci = new ContainerRegion(system, 'pci', WHOLE_ADDRESS_SPACE);
    const rom = createRom(system, 'pc.bios', bios);
    root.addSubregion(0, new AliasRegion(system, 'ram-below-4g', ram, 0, RAM_BYTES));
    root.addSubregion(0, pci, -1);
    pci.addSubregion(0x1_0000_0000 - bios.length, rom);
    const isa = new AliasRegion(system, 'isa-bios', rom, bios.length - 0x2_0000, 0x2_0000);
    pci.addSubregion(0xe0000, isa, 1);
    pci.addSubregion(0xc0000, createRom(system, 'pc.rom', romLow), 1);
    pci.addSubregion(EDU, eduRegion(system), 1);
    root.addSubregion(0xa0000, new AliasRegion(system, 'smram-region', pci, 0xa0000, 0x2_0000), 1);
    root.addSubregion(0xc0000, new AliasRegion(system, 'pam-pci', pci, 0xc0000, 0x4_0000), 1);
  }

  logLines(): string[] {
    return this.invalid.map(({ write, address, size, region, reason, minimum, maximum }) => {
      const why = reason === 'invalid-size' ? `invalid size (min:${minimum} max:${maximum})` : reason;
      const place = `addr 0x${address.toString(16).toUpperCase()}, size ${size}, region '${region ?? '(null)'}'`;
      return `Invalid ${write ? 'write' : 'read'} at ${place}, reason: ${why}`;
    });
  }
}

/** A small generator of our own, so that a failure names a seed that repeats it (Numerical Recipes' constants). */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Where something begins or ends, and some places far from everything. */
const EDGES = [
  0xa0000,
  0xc0000,
  0xe0000,
  0x10_0000,
  RAM_BYTES,
  EDU,
  EDU + 0x80,
  EDU + EDU_BYTES,
  0xfffc_0000,
  2 ** 32,
].map(BigInt);
const FAR = [0xffff_ff80_002e_3080n, 0xc0_0000_0000n, 0xf_ffff_ffff_fff8n, 0x5000n];

describe.skipIf(missing)(`memory on QEMU${missing ? ` (skipped: ${QEMU} is not installed)` : ''}`, () => {
  let qemu: Qtest;
  let ours: Ours;

  beforeAll(async () => {
    qemu = new Qtest();
    // PCI 3.0 §3.2.2.3.2: function 00:03.0, BAR 0, then Command.MEM.
    await qemu.send('outl 0xcf8 0x80001810');
    await qemu.send(`outl 0xcfc ${EDU}`);
    await qemu.send('outl 0xcf8 0x80001804');
    await qemu.send('outw 0xcfc 0x2');
    ours = new Ours(await qemu.bytes(0xc0000, 0x2_0000), await qemu.bytes(0xfffc_0000, 0x4_0000));
  });

  afterAll(() => qemu?.close());

  it(`gives the same bytes and the same refusals for ${ACCESSES} accesses at every edge of the map`, async () => {
    const next = random(2);
    for (let count = 0; count < ACCESSES; count += 1) {
      const edge = next(4) === 0 ? FAR[next(FAR.length)]! : EDGES[next(EDGES.length)]!;
      const address = edge + BigInt(next(24)) - 12n;
      const size = next(3) === 0 ? 1 + next(24) : 2 ** next(4);
      // Of edu's registers only the liveness register may be written in 4 bytes or more: others start something.
      const first = address - BigInt(EDU);
      const touchesEdu = first + BigInt(size) > 0n && first < BigInt(EDU_BYTES);
      const write = next(2) === 0 && (!touchesEdu || size < 4 || (size === 4 && first === 4n));
      const command = `${write ? 'write' : 'read'} 0x${address.toString(16)} ${size}`;
      const data = Uint8Array.from({ length: size }, () => next(256));
      if (write) {
        await qemu.send(`${command} 0x${Buffer.from(data).toString('hex')}`);
        ours.dma.write(bus(address), data);
      } else {
        const expected = (await qemu.send(command)).slice(2);
        ours.dma.read(bus(address), data);
        expect(Buffer.from(data).toString('hex'), command).toBe(expected);
      }
    }
    const lines = qemu.logLines();
    expect(lines.length).toBeGreaterThan(ACCESSES / 4);
    expect(ours.logLines()).toEqual(lines);
  });

  it('has the same flat view as `info mtree -f`, outside of what is not modelled', async () => {
    const text = await qemuFlatView();
    const wanted = text.filter((line) => /: pc\.(ram|rom|bios)( |$)/.test(line));
    const mine = formatMtree([ours.memory], { flat: true }).split('\n');
    expect(mine.filter((line) => /: pc\./.test(line))).toEqual(wanted);
    expect(wanted).toHaveLength(5);
  });
});

/** The system address space's ranges as another QEMU of the same kind prints them. */
function qemuFlatView(): Promise<string[]> {
  return new Promise((resolve) => {
    const flags = ['-accel', 'tcg', '-S', '-display', 'none', '-nodefaults', '-machine', 'q35'];
    const monitor = spawn(QEMU, [...flags, '-m', `${RAM_BYTES >> 20}`, '-monitor', 'stdio'], { timeout: 60_000 });
    let text = '';
    monitor.stdout.on('data', (data) => (text += data));
    monitor.on('close', () => {
      const lines = text.split(/\r?\n/);
      const start = lines.findIndex((line) => line.startsWith(' AS "memory"') || line.startsWith(' AS "cpu-memory-0"'));
      resolve(lines.slice(start, lines.indexOf('', start)));
    });
    monitor.stdin.end('info mtree -f\nquit\n');
  });
}
