/**
 * What the processors see of memory: physical memory, and in system management mode SMRAM in front of it. The active
 * processor's mode decides which of both is in force.
 */
import { type Gpa, gpa } from '../../base/address.ts';
import type { StateSource, StateValue } from '../../base/state.ts';
import type { ProcessorLike } from '../../cpu/types.ts';
import {
  AddressSpace,
  AliasRegion,
  ContainerRegion,
  CpuMemoryPort,
  directRanges,
  type MemoryRegion,
  type MemorySystem,
  WHOLE_ADDRESS_SPACE,
} from '../../memory/index.ts';

export class ProcessorView implements StateSource {
  /** After the parts of PCI in order of name, which place SMRAM. */
  readonly name = 'processor-view';
  readonly version = 1;
  readonly memory: { read: CpuMemoryPort['read']; write: CpuMemoryPort['write']; readonly high: number };
  readonly #system: MemorySystem;
  readonly #ordinary: AddressSpace;
  readonly #root: ContainerRegion;
  readonly #managementSpace: AddressSpace;
  readonly #ports: readonly [CpuMemoryPort, CpuMemoryPort];
  #processor: ProcessorLike | undefined;
  #managed = false;
  #stale = true;

  constructor(system: MemorySystem, ordinary: AddressSpace) {
    this.#system = system;
    this.#ordinary = ordinary;
    this.#root = new ContainerRegion(system, 'memory', WHOLE_ADDRESS_SPACE);
    this.#root.addSubregion(0, new AliasRegion(system, 'memory', ordinary.root, 0, WHOLE_ADDRESS_SPACE));
    this.#managementSpace = new AddressSpace(system, 'cpu-smm', this.#root);
    this.#ports = [new CpuMemoryPort(ordinary), new CpuMemoryPort(this.#managementSpace)];
    let port: CpuMemoryPort = this.#ports[0];
    const current = (): CpuMemoryPort => {
      port = this.#ports[this.#managed ? 1 : 0];
      return port;
    };
    this.memory = {
      read: (address: Gpa, size: number) => current().read(address, size),
      write: (address: Gpa, size: number, low: number, high: number) => current().write(address, size, low, high),
      get high() {
        return port.high;
      },
    };
  }

  /** SMRAM, in front of everything for a processor in system management mode. */
  addManagementMemory(region: MemoryRegion): void {
    this.#root.addSubregion(0, new AliasRegion(this.#system, 'smram', region, 0, region.size), 1);
  }

  /** The processor learns of every change of its flat view, and of every byte of RAM that somebody else writes. */
  connect(processor: ProcessorLike): void {
    this.#processor = processor;
    for (const space of [this.#ordinary, this.#managementSpace]) {
      const mark = (): void => {
        if (space === this.#space) this.#stale = true;
      };
      const name = space === this.#ordinary ? 'processor' : 'processor-smm';
      this.#system.listen(space, { name, priority: 0, regionAdd: mark, regionDel: mark, commit: () => this.#apply() });
    }
    this.#system.onRamWritten = (_region, _offset, size, address, writer) => {
      if (address === undefined) return;
      processor.noteExternalWrite(gpa(address), size, writer?.kind === 'device' ? writer.name : 'cpu');
    };
  }

  /** The active processor entered or left system management mode, or another one in another mode became active. */
  setManagementMode(managed: boolean): void {
    if (managed === this.#managed) return;
    this.#managed = managed;
    this.#stale = true;
    this.#apply();
  }

  /** Outside of system management mode, as the processors are. */
  reset(): void {
    this.setManagementMode(false);
  }

  save(): { readonly [field: string]: StateValue } {
    return { managed: this.#managed };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.setManagementMode(fields.managed as boolean);
  }

  get #space(): AddressSpace {
    return this.#managed ? this.#managementSpace : this.#ordinary;
  }

  #apply(): void {
    if (!this.#stale || this.#processor === undefined) return;
    this.#stale = false;
    this.#processor.setDirectRanges(directRanges(this.#space.view));
  }
}
