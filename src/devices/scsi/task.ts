/** A SCSI command on its way: plain data, so that saved state can hold one in the middle. */
import type { StateValue } from '../../base/state.ts';

/** SAM-5 Table 41. */
export const ScsiStatus = { Good: 0x00, CheckCondition: 0x02 } as const;
export type ScsiStatusCode = (typeof ScsiStatus)[keyof typeof ScsiStatus];

const KINDS = ['none', 'reply', 'read', 'write', 'verify', 'mode-select-6', 'mode-select-10'] as const;
export type TaskKind = (typeof KINDS)[number];

export interface ScsiTask {
  /** `reply` sends {@link bytes}; `read`, `write` and `verify` move bytes of the medium. */
  readonly kind: TaskKind;
  /** As it stands: it is the command's once {@link left} is 0. */
  status: ScsiStatusCode;
  /** Where the next byte stands: on the medium, or in {@link bytes}. */
  position: number;
  /** Bytes that are still to move. */
  left: number;
  readonly bytes: Uint8Array;
}

/** Which way a task moves its data, as seen from the host. */
export function directionOf({ kind }: ScsiTask): 'none' | 'in' | 'out' {
  if (kind === 'none') return 'none';
  return kind === 'reply' || kind === 'read' ? 'in' : 'out';
}

/** A command without data, or one that failed before any moved. */
export function emptyTask(status: ScsiStatusCode = ScsiStatus.Good): ScsiTask {
  return { kind: 'none', status, position: 0, left: 0, bytes: new Uint8Array(0) };
}

/** A command that answers with bytes, cut to the host's allocation length. */
export function replyTask(bytes: Uint8Array, allocation: number): ScsiTask {
  const left = Math.min(bytes.length, allocation);
  return { kind: left === 0 ? 'none' : 'reply', status: ScsiStatus.Good, position: 0, left, bytes };
}

export function saveTask(task: ScsiTask): StateValue {
  return { numbers: [KINDS.indexOf(task.kind), task.status, task.position, task.left], bytes: task.bytes.slice() };
}

export function loadTask(saved: StateValue): ScsiTask {
  const { numbers, bytes } = saved as { numbers: number[]; bytes: Uint8Array };
  const [kind, status, position, left] = numbers;
  return {
    kind: KINDS[kind!]!,
    status: status as ScsiStatusCode,
    position: position!,
    left: left!,
    bytes: bytes.slice(),
  };
}
