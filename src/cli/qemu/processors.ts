/** `-smp`: how many processors, as QEMU counts them (hw/core/machine-smp.c of 7.2). */
import type { ProcessorTopology } from '../../cpu/topology.ts';
import { didYouMean } from '../suggestion.ts';
import { UsageError } from '../usage-error.ts';
import { parseOptionList } from './option-list.ts';

const PROCESSORS_MAX = 64;
const KEYS = ['cpus', 'maxcpus', 'sockets', 'dies', 'clusters', 'cores', 'threads'] as const;
type Key = (typeof KEYS)[number];

/** Reads `4`, `cpus=4`, `4,sockets=2,cores=2,threads=1` ...; what is not given follows, cores before sockets. */
export function parseProcessors(argument: string): ProcessorTopology {
  const given = new Map<Key, number>();
  for (const [key, value] of parseOptionList(argument, 'cpus').entries) {
    if (!KEYS.includes(key as Key)) refuse(argument, `there is no "${key}"${didYouMean(key, KEYS)}`);
    if (!/^\d+$/.test(value)) refuse(argument, `${key} must be a number`);
    if (Number(value) === 0) refuse(argument, 'the parameters must be greater than zero');
    given.set(key as Key, Number(value));
  }
  if ((given.get('dies') ?? 1) !== 1) refuse(argument, 'one die in a package is all there is');
  if ((given.get('clusters') ?? 1) !== 1) refuse(argument, 'one cluster in a package is all there is');
  return complete(argument, given);
}

function complete(argument: string, given: ReadonlyMap<Key, number>): ProcessorTopology {
  let [sockets, cores, threads] = [given.get('sockets'), given.get('cores'), given.get('threads')];
  const most = given.get('maxcpus') ?? given.get('cpus');
  const wanted = most ?? (sockets ?? 1) * (cores ?? 1) * (threads ?? 1);
  if (cores === undefined) {
    sockets ??= 1;
    threads ??= 1;
    cores = Math.floor(wanted / (sockets * threads));
  } else if (sockets === undefined) {
    threads ??= 1;
    sockets = Math.floor(wanted / (cores * threads));
  } else threads ??= Math.floor(wanted / (sockets * cores));
  const product = sockets * cores * threads;
  if (product !== wanted) {
    refuse(argument, `sockets (${sockets}) * cores (${cores}) * threads (${threads}) is not ${wanted}`);
  }
  const cpus = given.get('cpus') ?? wanted;
  if (cpus !== wanted) refuse(argument, `maxcpus (${wanted}) is not cpus (${cpus}): processors cannot be added later`);
  if (cpus > PROCESSORS_MAX) refuse(argument, `${PROCESSORS_MAX} processors are the most`);
  return { cpus, sockets, cores, threads };
}

function refuse(argument: string, why: string): never {
  throw new UsageError(`-smp ${argument}: ${why}`, 'for example -smp 4, or -smp 4,sockets=1,cores=2,threads=2');
}
