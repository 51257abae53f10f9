/** How a function interrupts: INTx, MSI or MSI-X, whichever the guest enabled (PCI Local Bus 3.0 §2.2.6, §6.8). */
import { COMMAND, COMMAND_INTERRUPT_DISABLE, STATUS, STATUS_INTERRUPT } from './config-registers.ts';
import type { ConfigSpace } from './config-space.ts';
import type { InterruptPort } from './interrupt-port.ts';
import type { MsiCapability } from './msi.ts';
import type { MsixCapability } from './msix.ts';

export class FunctionInterrupts implements InterruptPort {
  msi: MsiCapability | undefined;
  msix: MsixCapability | undefined;
  readonly #config: ConfigSpace;
  readonly #drive: (asserted: boolean) => void;
  /** What the device wants, and what stands on the wire. */
  #wanted = false;
  #driven = false;

  /** `drive` hears each change of the INTx wire. */
  constructor(config: ConfigSpace, drive: (asserted: boolean) => void) {
    this.#config = config;
    this.#drive = drive;
  }

  get mode(): 'msix' | 'msi' | 'intx' {
    if (this.msix?.enabled) return 'msix';
    return this.msi?.enabled ? 'msi' : 'intx';
  }

  /** The level that the device drives, whether or not it reaches the wire. */
  get level(): boolean {
    return this.#wanted;
  }

  setLevel(asserted: boolean): void {
    this.#wanted = asserted;
    this.update();
  }

  sendMessage(vector: number): void {
    const { mode } = this;
    if (mode === 'msix') this.msix?.send(vector);
    else if (mode === 'msi') this.msi?.send(vector);
  }

  /** After a guest's write to the configuration space: messages or the wire may have become possible. */
  configWritten(): void {
    this.msi?.configWritten();
    this.msix?.configWritten();
    this.update();
  }

  /** Interrupt Status shows the level in any case; Interrupt Disable and MSI keep it off the wire (§6.2.2, §6.8.2). */
  update(): void {
    const config = this.#config;
    const status = config.read(STATUS, 2);
    config.set(STATUS, 2, this.#wanted ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT);
    const disabled = (config.read(COMMAND, 2) & COMMAND_INTERRUPT_DISABLE) !== 0;
    const drive = this.#wanted && !disabled && this.mode === 'intx';
    if (drive === this.#driven) return;
    this.#driven = drive;
    this.#drive(drive);
  }

  reset(): void {
    this.msi?.reset();
    this.msix?.reset();
    this.setLevel(false);
  }

  save(): { readonly wanted: boolean; readonly driven: boolean } {
    return { wanted: this.#wanted, driven: this.#driven };
  }

  load(state: { readonly wanted: boolean; readonly driven: boolean }): void {
    this.#wanted = state.wanted;
    this.#driven = state.driven;
  }
}
