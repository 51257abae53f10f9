/** Where bytes come from and go: `-serial stdio` and its like, and the named ones of `-chardev`. */
import { UsageError } from '../usage-error.ts';
import type { CharacterTarget, QemuConfiguration } from './configuration.ts';
import { parseOptionList } from './option-list.ts';

/** What an option says, before every `-chardev` was read. */
export type CharacterRequest = CharacterTarget | NamedCharacter;

export interface NamedCharacter {
  readonly kind: 'named';
  readonly id: string;
  /** `-serial chardev:x`, for the message. */
  readonly option: string;
}

/** One `-chardev`. */
export interface CharacterDevice {
  readonly target: CharacterTarget;
  /** Several may use it (`mux=on`). */
  readonly shared: boolean;
}

const FORMS = 'use stdio, mon:stdio, file:PATH, null, none or chardev:ID';
const BACKENDS = '-chardev stdio,id=ID, file,id=ID,path=PATH or null,id=ID';

/** The argument of `-serial`, `-debugcon` or `-monitor`. */
export function parseCharacter(option: string, argument: string): CharacterRequest {
  if (argument === 'stdio' || argument === 'mon:stdio') {
    return { kind: 'stdio', multiplexed: argument === 'mon:stdio' };
  }
  if (argument === 'none' || argument === 'null') return { kind: 'none' };
  const [, scheme, rest] = /^(file|chardev):(.+)$/.exec(argument) ?? [];
  if (scheme === 'file') return { kind: 'file', path: rest! };
  if (scheme === 'chardev') return { kind: 'named', id: rest!, option: `-${option} ${argument}` };
  throw new UsageError(`-${option} ${argument}: this character device is not supported`, FORMS);
}

const PROPERTIES: Readonly<Record<string, Readonly<Record<string, readonly string[] | 'any'>>>> = {
  stdio: { mux: ['on', 'off'], signal: ['on', 'off'] },
  file: { path: 'any', append: ['off'], mux: ['off'] },
  null: { mux: ['on', 'off'] },
};

/** `-chardev`: its name and what it is. */
export function parseCharacterDevice(argument: string): readonly [id: string, device: CharacterDevice] {
  const refuse = (why: string, hint = BACKENDS): never => {
    throw new UsageError(`-chardev ${argument}: ${why}`, hint);
  };
  const list = parseOptionList(argument, 'backend');
  const backend = list.get('backend') ?? '';
  const properties = Object.hasOwn(PROPERTIES, backend) ? PROPERTIES[backend]! : undefined;
  if (properties === undefined) return refuse(`the character device "${backend}" is not supported`);
  for (const [key, value] of list.entries) {
    if (key === 'backend' || key === 'id') continue;
    const values = Object.hasOwn(properties, key) ? properties[key]! : undefined;
    if (values === undefined) refuse(`"${key}" is not supported with ${backend}`);
    else if (values !== 'any' && !values.includes(value)) refuse(`${key}=${value} is not supported with ${backend}`);
  }
  const id = list.get('id');
  if (id === undefined || id === '') return refuse('it has no id');
  const shared = list.get('mux') === 'on';
  if (backend === 'stdio') {
    return [id, { target: { kind: 'stdio', multiplexed: shared || list.get('signal') === 'off' }, shared }];
  }
  if (backend === 'null') return [id, { target: { kind: 'none' }, shared }];
  const path = list.get('path');
  if (path === undefined || path === '') return refuse('it has no path');
  return [id, { target: { kind: 'file', path }, shared }];
}

export interface ResolvedCharacters {
  /** COM1 is the first. */
  readonly serials: readonly CharacterTarget[];
  readonly debugConsole: CharacterTarget | undefined;
  readonly monitorOnStdio: boolean;
}

/** Once the whole command line is read: the named ones are looked up, and each has the users that it may have. */
export function resolveCharacters(configuration: QemuConfiguration): ResolvedCharacters {
  const { characterDevices, serials, debugConsole, monitors } = configuration;
  const users = new Map<string, string>();
  const resolve = (request: CharacterRequest): CharacterTarget => {
    if (request.kind !== 'named') return request;
    const { id, option } = request;
    const device = characterDevices.get(id);
    if (device === undefined) {
      throw new UsageError(`${option}: there is no character device "${id}"`, `-chardev stdio,id=${id}`);
    }
    const other = users.get(id);
    if (other !== undefined && !device.shared) {
      throw new UsageError(`${option}: "${id}" is in use by ${other}`, `-chardev ...,id=${id},mux=on may have several`);
    }
    users.set(id, option);
    return device.target;
  };
  const ports = serials.map(resolve);
  const log = debugConsole === undefined ? undefined : resolve(debugConsole);
  let monitorOnStdio = false;
  for (const request of monitors) {
    const target = resolve(request);
    if (target.kind === 'file') throw new UsageError('the monitor cannot be on a file', 'use stdio or none');
    // With the serial port behind Ctrl-A, the monitor needs nothing of its own.
    const shared = request.kind === 'named' && serials.some((port) => port.kind === 'named' && port.id === request.id);
    monitorOnStdio = target.kind === 'stdio' && !shared;
  }
  return { serials: ports, debugConsole: log, monitorOnStdio };
}

/** `-mon chardev=ID`. */
export function parseMonitor(argument: string): CharacterRequest {
  const list = parseOptionList(argument, 'chardev');
  for (const [key, value] of list.entries) {
    if (key !== 'chardev' && !(key === 'mode' && value === 'readline')) {
      throw new UsageError(`-mon ${argument}: ${key}=${value} is not supported`, '-mon chardev=ID,mode=readline is');
    }
  }
  const id = list.get('chardev');
  if (id === undefined) throw new UsageError(`-mon ${argument}: it names no chardev`, '-mon chardev=ID');
  return { kind: 'named', id, option: `-mon ${argument}` };
}
