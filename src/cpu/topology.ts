/** How processors stand in packages, and the APIC ids that follow (Intel SDM Vol. 3A 8.9). */

/** `cpus` is sockets * cores * threads; cores are those of a socket, threads those of a core. */
export interface ProcessorTopology {
  readonly cpus: number;
  readonly sockets: number;
  readonly cores: number;
  readonly threads: number;
}

/** `cpus` cores of one thread in one package, as QEMU has them unless told otherwise. */
export function coresOfOnePackage(cpus: number): ProcessorTopology {
  return { cpus, sockets: 1, cores: cpus, threads: 1 };
}

/** Bits that number `count` things. */
function widthOf(count: number): number {
  return Math.ceil(Math.log2(count));
}

/** Bits of an APIC id below the core's number, and below the package's (CPUID leaf 0xb EAX of its two levels). */
export function apicIdShifts({ cores, threads }: ProcessorTopology): {
  readonly core: number;
  readonly package: number;
} {
  const core = widthOf(threads);
  return { core, package: core + widthOf(cores) };
}

/** The APIC id of each processor, by its number. */
export function apicIds(topology: ProcessorTopology): readonly number[] {
  const { cpus, cores, threads } = topology;
  const shifts = apicIdShifts(topology);
  return Array.from({ length: cpus }, (_, cpu) => {
    const core = Math.floor(cpu / threads) % cores;
    const socket = Math.floor(cpu / (threads * cores));
    return (socket << shifts.package) | (core << shifts.core) | (cpu % threads);
  });
}
