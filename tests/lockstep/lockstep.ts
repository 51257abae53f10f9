/**
 * Runs a guest on QEMU and on our processor, instruction by instruction, and ends at the first difference.
 *
 * QEMU runs one instruction per translation block and logs all registers before each. For each dump that arrives, our
 * registers are compared with it, and then our processor runs the same instruction. What only a board can know is taken
 * from QEMU: what a device answered, when an interrupt came. RAM is compared whole at intervals, with QEMU stopped
 * through its gdb stub.
 */
import { gpa, gva } from '../../src/base/address.ts';
import '../../src/cpu/events.ts';
import {
  GDT_BASE,
  MODE,
  MODE_CODE_SIZE_MASK,
  SEG_CS,
  SEG_ES,
  SEG_LDTR,
  SEG_SS,
  SEGMENT_BASE,
  SEGMENT_SELECTOR,
  SEGMENT_SIZE,
  SEGMENTS,
} from '../../src/cpu/layout.ts';
import type { Board, DeviceStore } from './board.ts';
import { type Delivery, DumpStream } from './dump-stream.ts';
import { codeBase, codeBytes, History } from './history.ts';
import { disassemble, stringStore, undefinedFlags } from './instruction.ts';
import { knownDifference } from './known-differences.ts';
import type { QemuProcess } from './qemu-process.ts';
import type { RegisterDump } from './register-dump.ts';
import { type Difference, Registers } from './registers.ts';
import type { Ending, LockstepOptions, LockstepResult, MemoryDifference } from './result.ts';

const HISTORY = 20;
const FLAG_IF = 0x200;
const CHUNK = 1 << 20;
/** Longest wait for the log's next piece, in milliseconds. */
const SILENCE_MILLISECONDS = 60_000;
const VECTORS = 256;
const RCX_NUMBER = 1;
const RDI_NUMBER = 7;
/** Iterations of a REP that are followed one by one, and the most that are left to one go. */
const REPEAT_FOLLOWED = 20_000;
const REPEAT_MAX = 2 ** 30;
/** Offset of the type byte in a descriptor. */
const DESCRIPTOR_TYPE = 5;
const CODE_BITS = [16, 32, 64] as const;

export class Lockstep {
  readonly registers: Registers;
  readonly #board: Board;
  readonly #qemu: QemuProcess;
  readonly #options: LockstepOptions;
  readonly #history = new History(HISTORY);
  readonly #adopted = new Map<string, number>();
  readonly #stream: DumpStream;
  #ending: Ending | undefined;
  #started = false;
  /** The comparison begins where the log stands next time that QEMU is stopped. */
  #waitingForStart = false;
  #passed = 0;
  #steps = 0;
  /** How often in a row the same instruction ran. */
  #iterations = 0;
  readonly #places = new Set<bigint>();
  #nextMemory: number;
  #memoryComparisons = 0;
  #dump: RegisterDump | undefined;
  /** The instruction that {@link #dump} stands before has not run here. */
  #pending = false;
  #theirs: Delivery[] = [];
  #ours: number[] = [];
  #wake: (() => void) | undefined;

  constructor(board: Board, qemu: QemuProcess, options: LockstepOptions) {
    this.#board = board;
    this.#qemu = qemu;
    this.#options = options;
    this.registers = new Registers(board.processor.core);
    this.#nextMemory = Math.min(options.memoryEvery, options.steps);
    this.#waitingForStart = options.from > 0;
    this.#stream = new DumpStream({
      dump: (dump) => this.#onDump(dump),
      delivery: (delivery) => this.#theirs.push(delivery),
    });
    // A delivery is compared before the handler's first instruction.
    board.trace.on('cpu.interrupt', ({ vector, kind }) => {
      if (kind === 'exception') this.#ours.push(vector);
      if (kind !== 'software') board.processor.requestExit();
    });
  }

  async run(): Promise<LockstepResult> {
    const { log, gdb } = this.#qemu;
    log.on('data', (bytes: Buffer) => {
      if (this.#ending !== undefined) return;
      this.#stream.feed(bytes);
      if (this.#ending !== undefined || this.#stopWanted()) this.#wake?.();
    });
    if (this.#options.adoptStart && this.#options.from === 0) await this.#start();
    await this.#qemu.logInstructions();
    while (this.#ending === undefined) {
      gdb.resume();
      const stopped = gdb.next().then(
        (packet) => packet,
        () => 'W',
      );
      const early = await Promise.race([stopped, this.#stopNeeded()]);
      if (this.#ending !== undefined) break;
      if (early === undefined) gdb.interrupt();
      const packet = await stopped;
      await this.#drain();
      if (packet.startsWith('W')) this.#ending ??= { kind: 'guest-ended', how: this.#qemu.complaints.trim() };
      if (this.#ending === undefined) await this.#atStop();
    }
    return {
      ending: this.#ending,
      steps: this.#steps,
      places: this.#places.size,
      history: this.#history,
      dump: this.#dump,
      adopted: this.#adopted,
      memoryComparisons: this.#memoryComparisons,
    };
  }

  #stopWanted(): boolean {
    return this.#started ? this.#steps >= this.#nextMemory || this.#repeatsLong() : this.#passed >= this.#options.from;
  }

  /** Resolves when a stop is wanted or the comparison has ended. */
  #stopNeeded(): Promise<undefined> {
    return new Promise((resolve, reject) => {
      let seen = -1;
      const watch = setInterval(() => {
        const count = this.#steps + this.#passed;
        if (count === seen) finish(() => reject(new Error('QEMU logs no more instructions: is the guest halted?')));
        seen = count;
        this.#options.progress?.(this.#steps);
      }, SILENCE_MILLISECONDS);
      const finish = (what: () => void) => {
        clearInterval(watch);
        this.#wake = undefined;
        what();
      };
      this.#wake = () => finish(() => resolve(undefined));
      if (this.#stopWanted()) this.#wake();
    });
  }

  /** QEMU has stopped: reads what it had logged. */
  async #drain(): Promise<void> {
    const { log } = this.#qemu;
    for (let quiet = 0, before = log.bytesRead; quiet < 3; ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = log.bytesRead === before ? quiet + 1 : 0;
      before = log.bytesRead;
    }
  }

  async #atStop(): Promise<void> {
    if (this.#waitingForStart && this.#passed >= this.#options.from) await this.#start();
    else if (this.#started && this.#steps >= this.#nextMemory) await this.#compareMemory();
    else if (this.#repeatsLong()) await this.#skipRepeat();
  }

  /** A REP STOS or MOVS that has been followed for long, has long to go, and is not interrupted. */
  #repeatsLong(): boolean {
    return (
      this.#iterations >= REPEAT_FOLLOWED &&
      this.registers.general(RCX_NUMBER) > REPEAT_FOLLOWED &&
      this.registers.general(RCX_NUMBER) < REPEAT_MAX &&
      (this.registers.flags & FLAG_IF) === 0 &&
      /^rep (stos|movs)/.test(this.#textOfLast())
    );
  }

  /** Both sides do the rest of a long REP in one go; everything is compared behind it. */
  async #skipRepeat(): Promise<void> {
    this.#onDump(await this.#qemu.dump());
    const last = this.#history.last;
    if (this.#ending !== undefined || last === undefined || !this.#repeatsLong()) return;
    const { gdb } = this.#qemu;
    const { length } = disassemble(last.bytes, last.ip, last.bits);
    const left = Number(this.registers.general(RCX_NUMBER));
    await gdb.monitor('log none');
    await gdb.monitor('singlestep off');
    await gdb.runTo(BigInt.asUintN(64, codeBase(this.#board) + last.ip + BigInt(length)));
    this.#board.processor.run(left);
    await this.#qemu.logInstructions();
    this.#iterations = 0;
    this.#pending = false;
    this.#dump = undefined;
    this.#count('long REPs finished at once');
    this.#onDump(await this.#qemu.dump());
  }

  /** Begins with what QEMU has now. */
  async #start(): Promise<void> {
    const dump = await this.#qemu.dump();
    this.registers.load(dump);
    this.#qemu.readRam(0, this.#board.ram);
    this.#board.processor.noteExternalWrite(gpa(0), this.#board.ram.length, 'start');
    const { pam, configAddress } = await this.#qemu.hostBridge();
    this.#board.setHostBridge(pam, configAddress);
    this.#waitingForStart = false;
    this.#theirs = [];
  }

  // --- One instruction ----------------------------------------------------------------------------------------------

  /**
   * QEMU's registers before an instruction. Ours runs an instruction only when the next dump shows that QEMU did: QEMU
   * may log one, be kept from starting it, and log it again.
   */
  #onDump(dump: RegisterDump): void {
    if (this.#ending !== undefined) return;
    if (this.#waitingForStart) {
      this.#passed += 1;
      return;
    }
    const previous = this.#dump;
    if (previous?.sameAs(dump) === true) return;
    if (this.#pending) this.#execute();
    if (this.#ending !== undefined) return;
    this.#takeDeviceStores();
    let differences = this.registers.differences(dump);
    if (differences.length > 0) {
      if (previous !== undefined && this.#repeatEnds(previous, dump, differences)) return;
      differences = this.#resolve(dump, differences);
    }
    const exceptions = this.#exceptionsDiffer(dump);
    this.#dump = dump;
    this.#theirs = [];
    this.#ours = [];
    this.#pending = true;
    this.#started = true;
    if (differences.length > 0 || exceptions !== '') this.#diverge(differences, exceptions);
  }

  /** After a REP's last iteration QEMU stands at the instruction once more, with nothing left to repeat. */
  #repeatEnds(previous: RegisterDump, dump: RegisterDump, differences: readonly Difference[]): boolean {
    return (
      differences.length === 1 &&
      differences[0]!.name === 'rip' &&
      dump.ip === previous.ip &&
      /^rep/.test(this.#textOfLast())
    );
  }

  #textOfLast(): string {
    const last = this.#history.last;
    return last === undefined ? '' : disassemble(last.bytes, last.ip, last.bits).text;
  }

  #execute(): void {
    const { processor } = this.#board;
    this.#pending = false;
    const { ip } = this.registers;
    const bits = CODE_BITS[processor.core.word(MODE) & MODE_CODE_SIZE_MASK]!;
    const selector = processor.core.word(SEGMENTS + SEG_CS * SEGMENT_SIZE + SEGMENT_SELECTOR);
    const bytes = codeBytes(this.#board, ip);
    this.#history.push({ step: this.#steps, selector, ip, bits, bytes });
    this.#places.add(ip);
    const stored = this.#stringDestination(bytes, bits);
    const { traffic, deviceStores } = this.#board;
    this.#board.clearTraffic();
    this.#steps += 1;
    const exit = processor.run(1);
    this.#iterations = this.registers.ip === ip ? this.#iterations + 1 : 0;
    if (stored !== undefined && (traffic.portRead || traffic.memoryRead)) deviceStores.push(stored);
    if (exit === 'unimplemented') this.#diverge([], 'Our processor does not implement the last instruction.');
    if (exit === 'triple-fault') this.#ending = { kind: 'guest-ended', how: 'a triple fault on our processor' };
  }

  /** Where the next iteration of INS or MOVS stores, in RAM: what it stores may come from a device. */
  #stringDestination(bytes: Uint8Array, bits: 16 | 32 | 64): DeviceStore | undefined {
    const string = stringStore(bytes, bits);
    if (string === undefined) return undefined;
    const { core } = this.#board.processor;
    const base = bits === 64 ? 0n : core.quad(SEGMENTS + SEG_ES * SEGMENT_SIZE + SEGMENT_BASE);
    const offset = BigInt.asUintN(string.addressBits, this.registers.general(RDI_NUMBER));
    const physical = this.#board.processor.translate(gva(BigInt.asUintN(64, base + offset)));
    if (physical === undefined || physical + string.size > this.#board.ram.length) return undefined;
    return { address: physical, size: string.size };
  }

  #diverge(differences: readonly Difference[], note: string): void {
    this.#ending = { kind: 'divergence', differences, note };
  }

  // --- What only the board knows ------------------------------------------------------------------------------------

  #count(what: string): void {
    this.#adopted.set(what, (this.#adopted.get(what) ?? 0) + 1);
  }

  /** Bytes that a device put into RAM in the instruction that ran last. */
  #takeDeviceStores(): void {
    for (const { address, size } of this.#board.deviceStores) {
      const bytes = new Uint8Array(size);
      this.#qemu.readRam(address, bytes);
      this.#board.store(address, bytes);
      this.#count('device stores to RAM');
    }
    this.#board.deviceStores.length = 0;
  }

  /** Takes over what a device, a timer or the manual's freedom explains; returns what is left. */
  #resolve(dump: RegisterDump, differences: Difference[]): Difference[] {
    if (differences.some(({ name }) => name === 'rip') && this.#interrupted(dump)) {
      return this.registers.differences(dump);
    }
    const left = differences.filter((difference) => !this.#explained(difference));
    return left.length > 0 ? left : this.registers.differences(dump);
  }

  #explained(difference: Difference): boolean {
    const { traffic } = this.#board;
    const { name, ours, theirs } = difference;
    const last = this.#history.last;
    if (last !== undefined && name === 'rflags') {
      const differing = Number(ours ^ theirs);
      if ((differing & ~undefinedFlags(last.bytes, last.bits)) === 0) {
        return this.#take(difference, `undefined flags after ${disassemble(last.bytes, last.ip, last.bits).mnemonic}`);
      }
    }
    if (traffic.portRead && name === 'rax') return this.#take(difference, 'port reads');
    if (traffic.clockRead && (name === 'rax' || name === 'rdx')) return this.#take(difference, 'time stamps');
    if (traffic.msrRead && (name === 'rax' || name === 'rdx')) return this.#take(difference, 'MSRs of the board');
    if (traffic.memoryRead && (name === 'rflags' || /^r[0-9a-d]/.test(name))) {
      return this.#take(difference, 'device memory reads');
    }
    const after = last === undefined ? 'reset' : disassemble(last.bytes, last.ip, last.bits).mnemonic;
    const known = knownDifference(difference, after, this.#dump);
    if (known === undefined) return false;
    if (known.id === 'accessed-bit') this.#clearAccessed(name.slice(0, 2));
    return this.#take(difference, `known difference "${known.id}"`);
  }

  /** The accessed bit stands in the descriptor, too. */
  #clearAccessed(segment: string): void {
    const { core } = this.#board.processor;
    const at = SEGMENTS + (segment === 'cs' ? SEG_CS : SEG_SS) * SEGMENT_SIZE;
    const selector = core.word(at + SEGMENT_SELECTOR);
    const table = selector & 4 ? core.quad(SEGMENTS + SEG_LDTR * SEGMENT_SIZE + SEGMENT_BASE) : core.quad(GDT_BASE);
    const physical = this.#board.processor.translate(gva(table + BigInt((selector & 0xfff8) + DESCRIPTOR_TYPE)));
    if (physical === undefined || physical >= this.#board.ram.length) return;
    this.#board.store(physical, Uint8Array.of(this.#board.ram[physical]! & ~1));
  }

  #take(difference: Difference, why: string): boolean {
    this.registers.adopt(difference);
    this.#count(why);
    return true;
  }

  /** QEMU took an interrupt before this instruction: ours takes the same one. */
  #interrupted(dump: RegisterDump): boolean {
    if ((this.registers.flags & FLAG_IF) === 0) return false;
    const delivery = this.#theirs.find(({ software }) => !software);
    const vector = delivery?.vector ?? this.#realModeVector(dump);
    if (vector === undefined) return false;
    this.#board.vector = vector;
    this.#board.processor.setInterruptLine(0, true);
    this.#board.processor.run(1);
    this.#board.processor.setInterruptLine(0, false);
    this.#theirs = [];
    this.#count(`interrupts`);
    return true;
  }

  /** In real mode QEMU logs no delivery: the vector whose handler begins where QEMU stands. */
  #realModeVector(dump: RegisterDump): number | undefined {
    const system = dump.system();
    if (system.cr0 & 1n) return undefined;
    const handler = (system.segments[SEG_CS]!.selector << 16) | Number(dump.ip & 0xffffn);
    const { ram } = this.#board;
    const table = new DataView(ram.buffer, ram.byteOffset + Number(system.idt.base), VECTORS * 4);
    for (let vector = 0; vector < VECTORS; vector++) {
      if (table.getInt32(vector * 4, true) === handler) return vector;
    }
    return undefined;
  }

  /** In protected mode QEMU says which exceptions it delivered. */
  #exceptionsDiffer(dump: RegisterDump): string {
    if (this.#theirs.length + this.#ours.length === 0 || this.#dump === undefined) return '';
    const theirs = this.#theirs.filter(({ software }) => !software).map(({ vector }) => vector);
    const text = (vectors: readonly number[]) => vectors.map((vector) => `#${vector}`).join(', ') || 'none';
    if (theirs.at(-1) === this.#ours.at(-1)) return '';
    if (theirs.length === 0 && (dump.system().cr0 & 1n) === 0n) return '';
    return `Exceptions of this instruction: ours ${text(this.#ours)}, QEMU's ${text(theirs)}.`;
  }

  // --- RAM ----------------------------------------------------------------------------------------------------------

  async #compareMemory(): Promise<void> {
    this.#onDump(await this.#qemu.dump());
    if (this.#ending !== undefined) return;
    this.#memoryComparisons += 1;
    this.#nextMemory = Math.min(this.#steps + this.#options.memoryEvery, this.#options.steps);
    const { ram } = this.#board;
    const theirs = Buffer.alloc(CHUNK);
    for (let at = 0; at < ram.length; at += CHUNK) {
      this.#qemu.readRam(at, theirs);
      if (theirs.compare(ram, at, at + CHUNK) === 0) continue;
      const offset = theirs.findIndex((byte, index) => byte !== ram[at + index]);
      this.#ending = { kind: 'memory', difference: this.#memoryDifference(at + offset, theirs.subarray(offset)) };
      return;
    }
    if (this.#steps >= this.#options.steps) this.#ending = { kind: 'done' };
  }

  #memoryDifference(address: number, theirs: Uint8Array): MemoryDifference {
    const writer = this.#board.processor.whoWrote(gpa(address));
    const who =
      writer === undefined ? 'nobody' : writer.kind === 'device' ? writer.name : `0x${writer.pc.toString(16)}`;
    return {
      address,
      ours: this.#board.ram.slice(address, address + 16),
      theirs: theirs.slice(0, 16),
      writer: who,
    };
  }
}
