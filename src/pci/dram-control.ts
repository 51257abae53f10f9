/**
 * Where the Q35's memory controller hub sends addresses below 1 MiB and the system management RAM: the programmable
 * attribute map (PAM0-6), SMRAM control, TSEG (Intel 3 Series Express Chipset datasheet §5.1.18 to
 * §5.1.26), and two registers of QEMU's own that OVMF uses.
 */
import { gpa } from '../base/address.ts';
import { bit, bits, register32, spec } from '../base/registers.ts';
import {
  AddressSpace,
  AliasRegion,
  ContainerRegion,
  CpuMemoryPort,
  type MemoryRegion,
  type MemorySystem,
  MmioRegion,
} from '../memory/index.ts';
import { ConfigSpace } from './config-space.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Configuration offsets, one byte each. */
export const PAM0 = 0x90;
/** QEMU's own: 0xff asks whether SMRAM can stand at the default SMBASE (1: yes), 2 puts it there until the next reset. */
export const F_SMBASE = 0x9c;
/** QEMU's own, 16 bits; 0xffff asks for the size, which then stands there in MiB. */
export const EXT_TSEG_MBYTES = 0x50;

export const PAM_REGISTERS = 7;
const PAM_SEGMENT = 16 * KIB;
const PAM_SEGMENTS_FROM = 0xc_0000;
const SYSTEM_BIOS = 0xf_0000;
const SYSTEM_BIOS_SIZE = 64 * KIB;
const COMPATIBLE_SMRAM = 0xa_0000;
const COMPATIBLE_SMRAM_SIZE = 128 * KIB;
const HIGH_SMRAM = 0xfeda_0000;
const DEFAULT_SMBASE = 0x3_0000;
const DEFAULT_SMBASE_SIZE = 128 * KIB;
const SMBASE_QUERY = 0xff;
const SMBASE_IN_RAM = 1;
const SMBASE_LOCKED = 2;
const EXT_TSEG_QUERY = 0xffff;
const EXT_TSEG_SIZE_MIB = 16;

/** SMRAM (0x9d) and ESMRAMC (0x9e) with the byte before and after them: one aligned double word. */
export const SMRAM_CONTROL = register32({
  name: 'SMRAM/ESMRAMC',
  spec: spec('Intel 3 Series Express Chipset', '5.1.25'),
  reset: 0x0038_0200,
  fields: {
    compatibleBase: bits(10, 8, 'RO', 'C_BASE_SEG'),
    global: bit(11, 'RW', 'G_SMRAME'),
    lock: bit(12, 'RW', 'D_LCK'),
    closed: bit(13, 'RW', 'D_CLS'),
    open: bit(14, 'RW', 'D_OPEN'),
    tsegEnable: bit(16, 'RW', 'T_EN'),
    tsegSize: bits(18, 17, 'RW', 'TSEG_SZ'),
    cached: bits(21, 19, 'RO', 'SM_L2, SM_L1, SM_CACHE'),
    error: bit(22, 'RO', 'E_SMERR'),
    high: bit(23, 'RW', 'H_SMRAME'),
  },
});
const SMRAM_DWORD = 0x9c;
/** While D_LCK is set only D_CLS can change. */
const LOCKED_MASK = 1 << 13;
const TSEG_SIZES_MIB = [1, 2, 8, EXT_TSEG_SIZE_MIB] as const;

export interface DramControlOptions {
  readonly system: MemorySystem;
  readonly config: ConfigSpace;
  /** The root of physical memory: DRAM and PCI stand in it. */
  readonly memory: MemoryRegion;
  /** All of DRAM, by offset. */
  readonly ram: MemoryRegion;
  readonly pci: MemoryRegion;
  /** Bytes of DRAM from address 0. */
  readonly below4g: number;
  /** QEMU serves "read from PCI, write to DRAM" wholly by DRAM. Default false: reads come from PCI. */
  readonly writeOnlyReadsRam?: boolean;
}

/** One PAM field's area: four ways to be served, of which one is enabled. By code: bit 0 reads, bit 1 writes to DRAM. */
class Segment {
  readonly #ways: readonly MemoryRegion[];
  #current = -1;

  constructor(options: DramControlOptions, start: number, size: number) {
    const { system, memory, ram, pci } = options;
    const readOnly = new AliasRegion(system, 'pam-rom', ram, start, size);
    readOnly.setReadonly(true);
    this.#ways = [
      new AliasRegion(system, 'pam-pci', pci, start, size),
      readOnly,
      options.writeOnlyReadsRam === true
        ? new AliasRegion(system, 'pam-pci', ram, start, size)
        : writeOnly(options, start, size),
      new AliasRegion(system, 'pam-ram', ram, start, size),
    ];
    for (const way of this.#ways) {
      way.setEnabled(false);
      memory.addSubregion(start, way, 1);
    }
  }

  set(attribute: number): void {
    if (attribute === this.#current) return;
    this.#current = attribute;
    for (const [code, way] of this.#ways.entries()) way.setEnabled(code === attribute);
  }
}

/** Shadowing: firmware reads its ROM and writes the bytes back to the same addresses, where they land in DRAM. */
function writeOnly(options: DramControlOptions, start: number, size: number): MemoryRegion {
  const { system, ram, pci } = options;
  const source = new CpuMemoryPort(new AddressSpace(system, 'pam-read', pci));
  const target = new CpuMemoryPort(new AddressSpace(system, 'pam-write', ram));
  const region = new MmioRegion(system, 'pam-shadow', size, {
    read: (offset, bytes) => source.read(gpa(start + offset), bytes),
    write: (offset, bytes, value) => target.write(gpa(start + offset), bytes, value, 0),
  });
  region.reentrant = true;
  return region;
}

/** What everybody else finds where SMRAM is: ones, and writes go nowhere. */
function blackHole(system: MemorySystem, name: string, size: number): MmioRegion {
  return new MmioRegion(system, name, size, { read: () => 0xffff_ffff, write: () => {} });
}

export class DramControl {
  /** What only a processor in system management mode sees; to be placed in front of physical memory for it. */
  readonly managementMemory: ContainerRegion;
  readonly #options: DramControlOptions;
  readonly #segments: readonly Segment[];
  readonly #compatible: AliasRegion;
  readonly #openHigh: AliasRegion;
  readonly #low: AliasRegion;
  readonly #high: AliasRegion;
  readonly #tseg: AliasRegion;
  readonly #tsegHidden: MmioRegion;
  readonly #smbase: AliasRegion;
  readonly #smbaseHidden: MmioRegion;

  constructor(options: DramControlOptions) {
    this.#options = options;
    const { system, memory, ram, pci, config, below4g } = options;
    const compatible = (name: string, target: MemoryRegion) =>
      new AliasRegion(system, name, target, COMPATIBLE_SMRAM, COMPATIBLE_SMRAM_SIZE);
    this.#compatible = compatible('smram-region', pci);
    this.#openHigh = compatible('smram-open-high', ram);
    this.#low = compatible('smram-low', ram);
    this.#high = compatible('smram-high', ram);
    this.#tseg = new AliasRegion(system, 'tseg-window', ram, below4g, 0);
    this.#tsegHidden = blackHole(system, 'tseg-blackhole', 0);
    this.#smbase = new AliasRegion(system, 'smbase-window', ram, DEFAULT_SMBASE, DEFAULT_SMBASE_SIZE);
    this.#smbaseHidden = blackHole(system, 'smbase-blackhole', DEFAULT_SMBASE_SIZE);
    this.managementMemory = new ContainerRegion(system, 'smram', 2 ** 32);
    const segments: Segment[] = [];
    system.transaction(() => {
      memory.addSubregion(COMPATIBLE_SMRAM, this.#compatible, 1);
      memory.addSubregion(HIGH_SMRAM, this.#openHigh, 1);
      memory.addSubregion(below4g, this.#tsegHidden, 1);
      memory.addSubregion(DEFAULT_SMBASE, this.#smbaseHidden, 1);
      this.managementMemory.addSubregion(DEFAULT_SMBASE, this.#smbase);
      this.managementMemory.addSubregion(COMPATIBLE_SMRAM, this.#low);
      this.managementMemory.addSubregion(HIGH_SMRAM, this.#high);
      this.managementMemory.addSubregion(below4g, this.#tseg);
      segments.push(new Segment(options, SYSTEM_BIOS, SYSTEM_BIOS_SIZE));
      for (let start = PAM_SEGMENTS_FROM; start < SYSTEM_BIOS; start += PAM_SEGMENT) {
        segments.push(new Segment(options, start, PAM_SEGMENT));
      }
    });
    this.#segments = segments;
    config.declare(PAM0, 4, 0, 0x3333_3330);
    config.declare(PAM0 + 4, 3, 0, 0x33_3333);
    config.declare(EXT_TSEG_MBYTES, 2, EXT_TSEG_SIZE_MIB, 0xffff);
    this.reset();
  }

  reset(): void {
    const { config } = this.#options;
    for (let index = 0; index < PAM_REGISTERS; index += 1) config.set(PAM0 + index, 1, 0);
    config.set(EXT_TSEG_MBYTES, 2, EXT_TSEG_SIZE_MIB);
    config.declare(SMRAM_DWORD, 4, SMRAM_CONTROL.reset, SMRAM_CONTROL.writeMask | 0xff);
    this.apply();
  }

  /** A guest wrote `size` bytes at `offset` of the configuration space. */
  written(offset: number, size: number): void {
    const { config } = this.#options;
    if (ConfigSpace.touches(offset, size, EXT_TSEG_MBYTES, 2)) {
      const value = config.read(EXT_TSEG_MBYTES, 2);
      config.set(EXT_TSEG_MBYTES, 2, value === EXT_TSEG_QUERY ? EXT_TSEG_SIZE_MIB : value);
    }
    if (ConfigSpace.touches(offset, size, F_SMBASE, 1) && config.read(F_SMBASE, 1) === SMBASE_QUERY) {
      config.set(F_SMBASE, 1, SMBASE_IN_RAM);
    }
    if (ConfigSpace.touches(offset, size, PAM0, PAM_REGISTERS) || ConfigSpace.touches(offset, size, F_SMBASE, 3)) {
      this.apply();
    }
  }

  /** Applies the configuration space, for example after it was loaded. */
  apply(): void {
    this.#options.system.transaction(() => {
      for (const [index, segment] of this.#segments.entries()) {
        const value = this.#options.config.read(PAM0 + Math.ceil(index / 2), 1);
        segment.set((index % 2 === 0 ? value >> 4 : value) & 3);
      }
      this.#applyManagement();
    });
  }

  #applyManagement(): void {
    const { config, below4g } = this.#options;
    let control = config.read(SMRAM_DWORD, 4);
    const smbaseLocked = (control & 0xff) === SMBASE_LOCKED;
    const locked = SMRAM_CONTROL.has(control, 'lock');
    if (locked) control = SMRAM_CONTROL.with(control, 'open', 0);
    const writable = (locked ? LOCKED_MASK : SMRAM_CONTROL.writeMask) | (smbaseLocked ? 0 : 0xff);
    config.declare(SMRAM_DWORD, 4, control, writable);
    this.#smbase.setEnabled(smbaseLocked);
    this.#smbaseHidden.setEnabled(smbaseLocked);
    const high = SMRAM_CONTROL.has(control, 'high');
    const open = SMRAM_CONTROL.has(control, 'open');
    const global = SMRAM_CONTROL.has(control, 'global');
    this.#compatible.setEnabled(!open || high);
    this.#openHigh.setEnabled(open && high);
    this.#low.setEnabled(global && !high);
    this.#high.setEnabled(global && high);
    const size =
      global && SMRAM_CONTROL.has(control, 'tsegEnable')
        ? TSEG_SIZES_MIB[SMRAM_CONTROL.get(control, 'tsegSize') as 0 | 1 | 2 | 3] * MIB
        : 0;
    // A segment as large as all of memory would leave nothing to take it from.
    const fits = size <= below4g ? size : 0;
    for (const region of [this.#tseg, this.#tsegHidden]) {
      region.setEnabled(fits > 0);
      region.setSize(fits);
      region.setAddress(below4g - fits);
    }
    this.#tseg.setOffset(below4g - fits);
  }
}
