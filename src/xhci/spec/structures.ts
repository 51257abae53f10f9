/** xHCI 1.2 Table 6-1: size limits, boundaries and alignment of the structures that software allocates. Bytes. */
export interface StructureRule {
  readonly target: string;
  readonly alignment: number;
  /** The structure must not cross a multiple of this; 0: no such rule. */
  readonly boundary: number;
}

const PAGE = 4096;
const SEGMENT_BOUNDARY = 0x1_0000;

export const Structure = {
  dcbaa: { target: 'Device Context Base Address Array', alignment: 64, boundary: PAGE },
  deviceContext: { target: 'Device Context', alignment: 64, boundary: PAGE },
  inputContext: { target: 'Input Context', alignment: 16, boundary: PAGE },
  transferRing: { target: 'Transfer Ring segment', alignment: 16, boundary: SEGMENT_BOUNDARY },
  commandRing: { target: 'Command Ring segment', alignment: 64, boundary: SEGMENT_BOUNDARY },
  eventRingSegment: { target: 'Event Ring segment', alignment: 64, boundary: SEGMENT_BOUNDARY },
  erst: { target: 'Event Ring Segment Table', alignment: 64, boundary: 0 },
  eventRingDequeue: { target: 'Event Ring TRB', alignment: 16, boundary: 0 },
  scratchpadArray: { target: 'Scratchpad Buffer Array', alignment: 64, boundary: PAGE },
  scratchpad: { target: 'Scratchpad Buffer', alignment: PAGE, boundary: PAGE },
  dataBuffer: { target: 'data buffer', alignment: 1, boundary: SEGMENT_BOUNDARY },
} as const satisfies Record<string, StructureRule>;

/** An Event Ring Segment holds 16 to 4096 TRBs (xHCI 1.2 §6.5). */
export const EVENT_SEGMENT_TRBS_MIN = 16;
export const EVENT_SEGMENT_TRBS_MAX = 4096;
/** Bytes of one Event Ring Segment Table entry (xHCI 1.2 §6.5). */
export const ERST_ENTRY_BYTES = 16;
