/**
 * How firmware and machine agree on what a system management interrupt does: three fw_cfg files (QEMU, docs/specs and
 * hw/isa/lpc_ich9; OVMF is who asks). Selecting `features-ok` judges what was requested, once.
 */
import type { StateSource, StateValue } from '../base/state.ts';
import type { FwCfg } from './fw-cfg.ts';

/** Bit 0: a write to the APM control port interrupts every processor, not only the writer. */
export const SMI_BROADCAST = 0x01;

export class SmiFeatures implements StateSource {
  readonly name = 'smi-features';
  readonly version = 1;
  readonly #requested = new Uint8Array(8);
  readonly #ok = new Uint8Array(1);
  readonly #supported: number;
  #negotiated = 0;

  /** @param supported bits of the low word that the machine has. */
  constructor(fwCfg: FwCfg, supported: number) {
    this.#supported = supported;
    fwCfg.addFile('etc/smi/supported-features', Uint8Array.of(supported, 0, 0, 0, 0, 0, 0, 0));
    fwCfg.addFile('etc/smi/requested-features', this.#requested, { writable: true });
    fwCfg.addFile('etc/smi/features-ok', this.#ok, { prepare: () => this.#judge() });
  }

  /** What firmware asked for and the machine granted; 0 before. */
  get negotiated(): number {
    return this.#negotiated;
  }

  reset(): void {
    this.#requested.fill(0);
    this.#ok.fill(0);
    this.#negotiated = 0;
  }

  /** The files' contents are saved with fw_cfg. */
  save(): { readonly [field: string]: StateValue } {
    return { negotiated: this.#negotiated };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.#negotiated = fields.negotiated as number;
  }

  #judge(): void {
    if (this.#ok[0] !== 0) return;
    const [low, ...rest] = this.#requested;
    if ((low! & ~this.#supported) !== 0 || rest.some((byte) => byte !== 0)) return;
    this.#negotiated = low!;
    this.#ok[0] = 1;
  }
}
