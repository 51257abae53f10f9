/**
 * The display adapter that QEMU calls `VGA` (`-vga std`): an IBM VGA with the Bochs display interface, 1234:1111, 16 MiB
 * of video memory in BAR 0, registers and an EDID in BAR 2, the video BIOS as its expansion ROM.
 *
 * Not modelled: vertical interrupts, CGA's and Hercules' own registers, monitor detection by the DAC's comparator.
 */
import type { VirtualClock } from '../../base/clock.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import {
  createRom,
  type MemoryRegion,
  type MemorySystem,
  type MmioOps,
  MmioRegion,
  RamRegion,
} from '../../memory/index.ts';
import { COMMAND_IO, COMMAND_MEMORY } from '../../pci/config-registers.ts';
import { PciFunction } from '../../pci/function.ts';
import { Dispi } from './dispi.ts';
import { displayEdid } from './edid.ts';
import { drawGraphics } from './graphics-picture.ts';
import { Planes } from './planes.ts';
import { VgaPorts } from './ports.ts';
import { STATUS_DISPLAY_DISABLED, STATUS_VERTICAL_RETRACE } from './registers.ts';
import { beamStatus } from './retrace.ts';
import { captureText, type GraphicsScreen, isGraphics, type Screen } from './screen.ts';
import { VgaState } from './state.ts';
import { loadFont, setTextMode } from './text-mode.ts';
import { drawText } from './text-picture.ts';
import { VgaWindow, WINDOW_BASE } from './window.ts';

export const VIDEO_MEMORY_BYTES = 16 * 1024 * 1024;
const CLASS_VGA = 0x03_0000;
const FRAMEBUFFER_BAR = 0;
const REGISTER_BAR = 2;
const REGISTER_BAR_BYTES = 0x1000;
/** In BAR 2: the EDID, the ports from 0x3c0 on, the Bochs registers, and QEMU's extension. */
const EDID_BYTES = 0x180;
const PORTS_AT = 0x400;
const PORTS_BYTES = 0x20;
const DISPI_AT = 0x500;
const DISPI_BYTES = 0x16;
const EXTENSION_AT = 0x600;
const EXTENSION_BYTES = 8;
const BYTE_ORDER = 4;
const LITTLE_ENDIAN = 0x1e1e_1e1e;
const BIG_ENDIAN = 0xbebe_bebe;
const FIRST_PORT = 0x3c0;
/** In front of what else claims these addresses on PCI, as in QEMU. */
const LEGACY_PRIORITY = 1;
/** First port and count of what the VGA decodes below 0x400, then the Bochs interface's word ports. */
const LEGACY_PORTS = [
  [0x3b4, 2],
  [0x3ba, 1],
  [0x3c0, 16],
  [0x3d4, 2],
  [0x3da, 1],
] as const;
const DISPI_PORTS = 0x1ce;
const DISPI_PORT_COUNT = 3;
/** The 32 KiB at 0xb8000: a blank, light grey on black. */
const TEXT_CELLS = 16_384;
const BLANK_CELL = [0x20, 0x07] as const;

export interface VgaAdapterOptions {
  readonly system: MemorySystem;
  readonly clock: VirtualClock;
  /** Bytes that the processors reach directly. */
  readonly allocate: (bytes: number) => Uint8Array;
  /** Where the legacy ports and the window stand: the PCI side of I/O and memory. */
  readonly io: MemoryRegion;
  readonly memory: MemoryRegion;
  /** The video BIOS. */
  readonly rom?: Uint8Array | undefined;
  /** QEMU's habits: legacy addresses answer whatever Command says, each read of Input Status 1 toggles it. */
  readonly asQemu: boolean;
}

/** Bytes that a {@link VgaAdapter} will allocate. */
export function displayBytes(rom: Uint8Array | undefined): number {
  return VIDEO_MEMORY_BYTES + (rom === undefined ? 0 : romBytes(rom));
}

/** An expansion ROM's BAR has a power of two. */
function romBytes(rom: Uint8Array): number {
  return Math.max(4096, 2 ** Math.ceil(Math.log2(rom.length)));
}

export class VgaAdapter implements StateSource {
  readonly name = 'vga';
  readonly version = 1;
  readonly pci: PciFunction;
  readonly state = new VgaState();
  readonly videoMemory: RamRegion;
  readonly #options: VgaAdapterOptions;
  readonly #window: VgaWindow;
  readonly #ports: VgaPorts;
  readonly #dispi: Dispi;
  readonly #legacyPorts: MmioRegion[] = [];

  constructor(options: VgaAdapterOptions) {
    this.#options = options;
    const { system, allocate, rom, asQemu } = options;
    this.pci = new PciFunction({
      name: 'VGA',
      identity: {
        vendor: 0x1234,
        device: 0x1111,
        revision: 2,
        classCode: CLASS_VGA,
        subsystemVendor: 0x1af4,
        subsystem: 0x1100,
      },
      system,
    });
    const { state } = this;
    const { owner } = this.pci;
    const bytes = allocate(VIDEO_MEMORY_BYTES);
    this.videoMemory = new RamRegion(system, 'vga.vram', bytes, { owner });
    const planes = new Planes({ state, memory: bytes, pipelineAlways: !asQemu });
    this.#window = new VgaWindow({ system, owner, state, planes, memory: this.videoMemory });
    const remap = (): void => this.#window.update();
    this.#dispi = new Dispi({ state, memory: bytes, remap, clear: (count) => this.#clear(count) });
    this.#ports = new VgaPorts({
      state,
      remap,
      status1: () => this.#status1(),
      modeWritten: () => this.#dispi.applyToVga(),
      wholePaletteBytes: asQemu,
    });
    this.pci.addMemoryBar(FRAMEBUFFER_BAR, { region: this.videoMemory, prefetchable: true });
    this.pci.addMemoryBar(REGISTER_BAR, { region: this.#registerBar() });
    if (rom !== undefined) {
      const image = allocate(romBytes(rom));
      image.set(rom);
      this.pci.addRomBar(createRom(system, 'vga.rom', image, { owner }));
    }
    this.#placeLegacy();
    this.pci.onReset = () => this.#reset();
    this.pci.onConfigWritten = () => this.#decode();
    this.#reset();
  }

  save(): { readonly [field: string]: StateValue } {
    return this.state.save();
  }

  /** After the PCI function's own state, whose Command register decides what answers. */
  load(fields: { readonly [field: string]: StateValue }): void {
    this.state.load(fields);
    this.#window.update();
    this.#decode();
  }

  /** What the screen shows now. */
  screen(): Screen {
    return isGraphics(this.state) ? this.picture() : captureText(this.state, this.videoMemory.backing);
  }

  /** What the screen shows now as pixels, text with the font that the guest loaded. */
  picture(): GraphicsScreen {
    const { state } = this;
    const { backing } = this.videoMemory;
    const { asQemu } = this.#options;
    return isGraphics(state) ? drawGraphics(state, backing, asQemu) : drawText(state, backing, asQemu);
  }

  /** Leaves an empty screen in text mode 3, as firmware does before it enters a kernel, with a font of code page 437. */
  handOver(): void {
    const ports = this.#ports;
    setTextMode(
      (port, value) => ports.write(port, value),
      (port) => ports.read(port),
    );
    const { backing } = this.videoMemory;
    for (let cell = 0; cell < TEXT_CELLS; cell += 1) backing.set(BLANK_CELL, 4 * cell);
    loadFont(backing);
  }

  #reset(): void {
    this.state.reset();
    this.#window.update();
    this.#decode();
  }

  #status1(): number {
    const { state } = this;
    if (!this.#options.asQemu) return beamStatus(state, this.#options.clock.now());
    state.status1 ^= STATUS_VERTICAL_RETRACE | STATUS_DISPLAY_DISABLED;
    return state.status1;
  }

  #clear(count: number): void {
    const { videoMemory } = this;
    videoMemory.backing.fill(0, 0, count);
    videoMemory.noteWritten(0, Math.min(count, videoMemory.size));
  }

  /** The legacy addresses answer while Command lets the function decode I/O and memory (PCI Local Bus 3.0 §6.2.2). */
  #decode(): void {
    const { command } = this.pci;
    const { asQemu, system } = this.#options;
    system.transaction(() => {
      for (const region of this.#legacyPorts) region.setEnabled(asQemu || (command & COMMAND_IO) !== 0);
      this.#window.region.setEnabled(asQemu || (command & COMMAND_MEMORY) !== 0);
    });
  }

  #placeLegacy(): void {
    const { system, io, memory } = this.#options;
    const { owner } = this.pci;
    system.transaction(() => {
      for (const [first, count] of LEGACY_PORTS) {
        const region = new MmioRegion(system, 'vga', count, this.#portOps(first, count), { owner });
        this.#legacyPorts.push(region);
        io.addSubregion(first, region);
      }
      const dispi = new MmioRegion(system, 'vbe', DISPI_PORT_COUNT, this.#dispiPortOps(), { owner });
      this.#legacyPorts.push(dispi);
      io.addSubregion(DISPI_PORTS, dispi);
      memory.addSubregion(WINDOW_BASE, this.#window.region, LEGACY_PRIORITY);
    });
  }

  /** Bytes, and words as two bytes; nobody takes a double word. */
  #portOps(first: number, count: number): MmioOps {
    const ports = this.#ports;
    return {
      read: (offset, size) => {
        if (size > 2) return 0xffff_ffff;
        const low = ports.read(first + offset);
        if (size === 1) return low;
        return low | ((offset + 1 < count ? ports.read(first + offset + 1) : 0xff) << 8);
      },
      write: (offset, size, value) => {
        if (size > 2) return;
        ports.write(first + offset, value & 0xff);
        if (size === 2 && offset + 1 < count) ports.write(first + offset + 1, value >> 8);
      },
      valid: { unaligned: true },
      impl: { unaligned: true },
    };
  }

  /** Index at 0x1ce; data at 0x1cf (and, where odd words do not exist, 0x1d0): words only. */
  #dispiPortOps(): MmioOps {
    return {
      read: (offset, size) => {
        if (size !== 2) return 2 ** (8 * size) - 1;
        return offset === 0 ? this.state.dispiIndex : this.#dispi.read();
      },
      write: (offset, size, value) => {
        if (size !== 2) return;
        if (offset === 0) this.state.dispiIndex = value;
        else this.#dispi.write(value);
      },
      valid: { unaligned: true },
      impl: { unaligned: true },
    };
  }

  #registerBar(): MmioRegion {
    const { system } = this.#options;
    const { owner } = this.pci;
    // Between the parts nothing is decoded, but the function claims the access: ones, and no error.
    const bar = new MmioRegion(
      system,
      'vga.mmio',
      REGISTER_BAR_BYTES,
      { read: () => 0xffff_ffff, write: () => {} },
      { owner },
    );
    const part = (at: number, name: string, size: number, ops: MmioOps): void =>
      bar.addSubregion(at, new MmioRegion(system, name, size, ops, { owner }));
    const edid = displayEdid();
    part(0, 'edid', EDID_BYTES, {
      read: (offset) => edid[offset] ?? 0,
      write: () => {},
      valid: { minimum: 1, maximum: 4 },
      impl: { minimum: 1, maximum: 1 },
    });
    part(PORTS_AT, 'vga ioports remapped', PORTS_BYTES, {
      read: (offset, size) => {
        const low = this.#ports.read(FIRST_PORT + offset);
        return size === 1 ? low : low | (this.#ports.read(FIRST_PORT + offset + 1) << 8);
      },
      write: (offset, size, value) => {
        this.#ports.write(FIRST_PORT + offset, value & 0xff);
        if (size === 2) this.#ports.write(FIRST_PORT + offset + 1, value >> 8);
      },
      valid: { minimum: 1, maximum: 4 },
      impl: { minimum: 1, maximum: 2 },
    });
    part(DISPI_AT, 'bochs dispi interface', DISPI_BYTES, {
      read: (offset) => {
        this.state.dispiIndex = offset >> 1;
        return this.#dispi.read();
      },
      write: (offset, _size, value) => {
        this.state.dispiIndex = offset >> 1;
        this.#dispi.write(value);
      },
      valid: { minimum: 1, maximum: 4 },
      impl: { minimum: 2, maximum: 2 },
    });
    part(EXTENSION_AT, 'qemu extended regs', EXTENSION_BYTES, {
      read: (offset) => {
        if (offset === 0) return EXTENSION_BYTES;
        return this.state.bigEndian ? BIG_ENDIAN : LITTLE_ENDIAN;
      },
      write: (offset, _size, value) => {
        if (offset !== BYTE_ORDER) return;
        if (value === BIG_ENDIAN) this.state.bigEndian = true;
        if (value === LITTLE_ENDIAN) this.state.bigEndian = false;
      },
      valid: { minimum: 4, maximum: 4 },
    });
    return bar;
  }
}
