/** Port 0x80: firmware and kernels write progress codes there, and use a write as a delay of about a microsecond. */
import type { StateSource, StateValue } from '../base/state.ts';
import type { TraceBus } from '../base/trace.ts';
import type { MmioOps } from '../memory/mmio-ops.ts';

export class PostPort implements StateSource {
  readonly name = 'post-port';
  readonly version = 1;
  readonly ops: MmioOps;
  /** The code written last. */
  code = 0;

  constructor(trace: TraceBus) {
    const codes = trace.channel('devices.post-code');
    this.ops = {
      read: () => this.code,
      write: (_offset, _size, value) => {
        this.code = value & 0xff;
        if (codes.active) codes.emit({ code: this.code });
      },
      impl: { minimum: 1, maximum: 1 },
    };
  }

  save(): { readonly [field: string]: StateValue } {
    return { code: this.code };
  }

  load(fields: { readonly [field: string]: StateValue }): void {
    this.code = fields.code as number;
  }
}
