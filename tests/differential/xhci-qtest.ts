/**
 * A PC with an xHCI controller and nothing else, driven as over qtest: every access is made on our machine and noted as
 * a qtest command, so that the same script runs on QEMU and both transcripts can be compared line by line.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gpa } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { TraceBus } from '../../src/base/trace.ts';
import { attachQemuLog } from '../../src/debug/qemu-log.ts';
import {
  AddressSpace,
  ContainerRegion,
  CpuMemoryPort,
  CpuPortIo,
  createIoPortRoot,
  MemorySystem,
  MmioRegion,
  RamRegion,
  WHOLE_ADDRESS_SPACE,
} from '../../src/memory/index.ts';
import { PciBus } from '../../src/pci/bus.ts';
import { RootComplex } from '../../src/pci/root-complex.ts';
import type { UsbDevice } from '../../src/usb/bus.ts';
import { UsbKeyboard } from '../../src/usb/devices/keyboard.ts';
import { XhciFunction } from '../../src/xhci/pci-function.ts';
import { NEC_USB_XHCI, QEMU, QEMU_XHCI } from '../../src/xhci/personality.ts';
import type { DriverBus } from '../../src/xhci/testing/driver.ts';

export const QEMU_BINARY = 'qemu-system-x86_64';
export const BAR = 0xe000_0000;
const RAM_MEGABYTES = 16;

export interface QtestOptions {
  readonly model?: 'qemu-xhci' | 'nec-usb-xhci';
  /** What is plugged in instead of a keyboard, and QEMU's flags for it. */
  readonly device?: UsbDevice;
  readonly deviceFlags?: readonly string[];
  /** Behind QEMU's `-device qemu-xhci,addr=3,id=x`. */
  readonly controllerProperties?: string;
}

/** A line of {@link QtestMachine.script} that is no command: QEMU gets time for what it does behind a doorbell. */
const SETTLE = '# settle';
const SETTLE_SECONDS = 0.03;

export class QtestMachine {
  /** Commands for QEMU. */
  readonly script: string[] = [];
  /** Our answers and log lines, in order. */
  readonly transcript: string[] = [];
  readonly xhci: XhciFunction;
  readonly keyboard = new UsbKeyboard({ serial: '68284-0000:00:03.0-1' });
  readonly #cpu: CpuMemoryPort;
  readonly #io: CpuPortIo;
  #partial = '';

  constructor(readonly options: QtestOptions = {}) {
    const trace = new TraceBus();
    const system = new MemorySystem(trace);
    const root = new ContainerRegion(system, 'system', WHOLE_ADDRESS_SPACE);
    const pci = new ContainerRegion(system, 'pci', WHOLE_ADDRESS_SPACE);
    const ports = createIoPortRoot(system);
    const memory = new AddressSpace(system, 'memory', root);
    this.#cpu = new CpuMemoryPort(memory);
    this.#io = new CpuPortIo(new AddressSpace(system, 'I/O', ports));
    root.addSubregion(0, new RamRegion(system, 'pc.ram', new Uint8Array(RAM_MEGABYTES << 20)));
    root.addSubregion(0, pci, -1);
    const complex = new RootComplex();
    ports.addSubregion(0xcf8, new MmioRegion(system, 'pci-conf-idx', 4, complex.addressPorts()));
    ports.addSubregion(0xcfc, new MmioRegion(system, 'pci-conf-data', 4, complex.dataPorts()));
    const pciBus = new PciBus({ system, trace, memory: pci, io: ports, dmaRoot: root, intx: { setIntx: () => {} } });
    complex.addBus(pciBus);
    attachQemuLog({
      trace,
      items: new Set(['guest_errors', 'unimp']),
      patterns: ['usb_xhci_*'],
      write: (text) => this.#log(text),
    });
    const chip = options.model === 'nec-usb-xhci' ? NEC_USB_XHCI : QEMU_XHCI;
    const model = options.controllerProperties?.includes('p3=0') === true ? { ...chip, usb3Ports: 0 } : chip;
    this.xhci = new XhciFunction({ system, clock: new VirtualClock(), trace, personality: QEMU, model });
    this.xhci.pci.plug(pciBus, 3);
    this.xhci.attach(options.device ?? this.keyboard);
    this.xhci.pci.reset();
    this.#out(0xcf8, 0x8000_1810);
    this.#out(0xcfc, BAR);
    this.configWrite(0x04, 6);
  }

  configWrite(offset: number, value: number): void {
    this.#out(0xcf8, (0x8000_1800 + offset) >>> 0);
    this.#out(0xcfc, value);
  }

  configRead(offset: number): number {
    this.#out(0xcf8, (0x8000_1800 + offset) >>> 0);
    this.script.push('inl 0xcfc');
    const value = this.#io.read(0xcfc, 4);
    this.transcript.push(`OK 0x${value.toString(16).padStart(4, '0')}`);
    return value;
  }

  read(offset: number, size = 4): number {
    return this.#read(BAR + offset, size);
  }

  write(offset: number, value: number, size = 4): void {
    this.#write(BAR + offset, value, size);
  }

  write64(offset: number, low: number, high = 0): void {
    const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    this.script.push(`writeq 0x${(BAR + offset).toString(16)} 0x${value.toString(16)}`);
    this.#cpu.write(gpa(BAR + offset), 8, low >>> 0, high >>> 0);
    this.#ok();
  }

  word(address: number): number {
    return this.#read(address, 4);
  }

  setWord(address: number, value: number): void {
    this.#write(address, value, 4);
  }

  /** Virtual time stands still in a stopped QEMU. */
  advance(): void {}

  /** QEMU's disks answer behind the doorbell's back. */
  settle(): void {
    this.script.push(SETTLE);
  }

  get driverBus(): DriverBus {
    return this;
  }

  /** QEMU's transcript of the same script. */
  runQemu(): string[] {
    const {
      model = 'qemu-xhci',
      controllerProperties = '',
      deviceFlags = ['-device', 'usb-kbd,bus=x.0'],
    } = this.options;
    const flags = `-accel tcg -S -display none -nodefaults -machine q35 -m ${RAM_MEGABYTES}
      -device ${model},addr=3,id=x${controllerProperties} ${deviceFlags.join(' ')} -device isa-debug-exit,iobase=0x501 -qtest stdio -qtest-log /dev/null -d guest_errors,unimp -trace usb_xhci_*`;
    // isa-debug-exit ends QEMU, which an end of its input does not.
    const words = flags.split(/\s+/).map((word) => `'${word}'`);
    // Into a file: qtest makes a pipe non-blocking, and log lines are lost when it is full.
    const folder = mkdtempSync(join(tmpdir(), 'dmascope-xhci-'));
    const log = join(folder, 'transcript');
    const parts = `${this.script.join('\n')}\noutb 0x501 0\n`.split(`${SETTLE}\n`);
    for (const [index, part] of parts.entries()) writeFileSync(join(folder, `part${index}`), part);
    const feed = parts.map((_, index) => `cat ${folder}/part${index}`).join(`; sleep ${SETTLE_SECONDS}; `);
    spawnSync('sh', ['-c', `{ ${feed}; } | timeout 60 ${QEMU_BINARY} ${words.join(' ')} >>${log} 2>&1`]);
    const lines = readFileSync(log, 'utf8').split('\n');
    rmSync(folder, { recursive: true });
    return lines.filter((line) => line !== '' && !line.includes('GLib: g_timer_elapsed'));
  }

  #read(address: number, size: number): number {
    const letter = { 1: 'b', 2: 'w', 4: 'l' }[size] ?? 'l';
    this.script.push(`read${letter} 0x${address.toString(16)}`);
    const value = this.#cpu.read(gpa(address), size) >>> 0;
    this.#flush();
    this.transcript.push(`OK 0x${value.toString(16).padStart(16, '0')}`);
    return value;
  }

  #write(address: number, value: number, size: number): void {
    const letter = { 1: 'b', 2: 'w', 4: 'l' }[size] ?? 'l';
    this.script.push(`write${letter} 0x${address.toString(16)} 0x${(value >>> 0).toString(16)}`);
    this.#cpu.write(gpa(address), size, value >>> 0, 0);
    this.#ok();
  }

  #out(port: number, value: number): void {
    this.script.push(`outl 0x${port.toString(16)} 0x${(value >>> 0).toString(16)}`);
    this.#io.write(port, 4, value >>> 0);
    this.#ok();
  }

  #ok(): void {
    this.#flush();
    this.transcript.push('OK');
  }

  /** QEMU's lines without a line end run into the next line. */
  #log(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    this.transcript.push(...lines);
  }

  #flush(): void {
    // The answer that follows on QEMU's line is joined to it by the comparison.
    if (this.#partial !== '') this.transcript.push(`${this.#partial}\\`);
    this.#partial = '';
  }
}

/** Host pointers become P, lines that have no end are joined with their successor. */
export function normalise(lines: readonly string[]): string[] {
  const text = lines.join('\n').replaceAll('\\\n', '');
  return text
    .replace(/usb_xhci_xfer_(\w+) 0x[0-9a-f]+/g, 'usb_xhci_xfer_$1 P')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trimEnd());
}
