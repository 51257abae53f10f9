/** The facts that PCI states on the trace bus. `device` is `bus:device.function` in hex, `00:03.0`. */
declare module '../base/trace.ts' {
  interface TraceEvents {
    'pci.config-read': {
      readonly device: string;
      readonly name: string;
      readonly offset: number;
      readonly size: number;
      readonly value: number;
    };
    'pci.config-written': {
      readonly device: string;
      readonly name: string;
      readonly offset: number;
      readonly size: number;
      readonly value: number;
    };
    /** A BAR began or ceased to decode. */
    'pci.bar-mapped': {
      readonly device: string;
      readonly name: string;
      readonly bar: number;
      readonly address: number;
      readonly size: number;
      readonly mapped: boolean;
    };
    'pci.command-changed': {
      readonly device: string;
      readonly name: string;
      readonly previous: number;
      readonly command: number;
    };
    /**
     * The CPU touched an address where a BAR of `device` would be if its decoding were on (Command.MEM = 0), or a BAR
     * left at 0 (then also stated, with offset and address 0, when decoding is enabled over such a BAR).
     */
    'pci.bar-access-while-off': {
      readonly device: string;
      readonly name: string;
      readonly bar: number;
      readonly offset: number;
      readonly address: number;
      readonly write: boolean;
      /** `power-state`: the function is in D3hot, where only its configuration space answers. */
      readonly because: 'memory-space-off' | 'bar-unassigned' | 'power-state';
    };
    /** PMCSR moved the function to another D-state (0 is D0, 3 is D3hot). */
    'pci.power-state-changed': {
      readonly device: string;
      readonly name: string;
      readonly from: number;
      readonly to: number;
    };
    /** The guest wrote MSI-X Message Control. */
    'pci.msix-control': {
      readonly device: string;
      readonly name: string;
      readonly enabled: boolean;
      readonly masked: boolean;
    };
    /** A message could not leave: its vector stays pending. */
    'pci.message-held': {
      readonly device: string;
      readonly vector: number;
      readonly by: 'function-mask' | 'vector-mask';
    };
    'pci.message': {
      readonly device: string;
      readonly address: number;
      readonly data: number;
      readonly delivered: boolean;
    };
  }
}

export {};
