/** Writes a qcow2 image (QEMU's docs/interop/qcow2.txt, version 2), its clusters in disorder and empty ones left out. */

const CLUSTER_BITS = 16;
const CLUSTER = 1 << CLUSTER_BITS;
const COPIED = 1n << 63n;
const HEADER_CLUSTERS = 4;
const L1_AT = CLUSTER;
const L2_AT = 2 * CLUSTER;
const REFCOUNT_TABLE_AT = 3 * CLUSTER;
/** Bytes that one L2 table reaches. */
const SIZE_MAX = CLUSTER * (CLUSTER / 8);

/** `raw`: a multiple of 512 bytes, up to 512 MiB. */
export function qcow2Disk(raw: Uint8Array): Uint8Array {
  if (raw.length > SIZE_MAX) throw new Error(`${raw.length} bytes are more than one L2 table reaches`);
  const count = Math.ceil(raw.length / CLUSTER);
  const used = Array.from({ length: count }, (_, index) => index).filter((index) =>
    clusterOf(raw, index).some(Boolean),
  );
  // The last first: what is in order could be read in order by mistake.
  used.reverse();
  const clusters = HEADER_CLUSTERS + 1 + used.length;
  const image = new Uint8Array(clusters * CLUSTER);
  const view = new DataView(image.buffer);
  for (const [at, value] of [
    [0, 0x5146_49fb],
    [4, 2],
    [20, CLUSTER_BITS],
    [36, 1],
    [56, 1],
  ] as const) {
    view.setUint32(at, value);
  }
  view.setBigUint64(24, BigInt(raw.length));
  view.setBigUint64(40, BigInt(L1_AT));
  view.setBigUint64(48, BigInt(REFCOUNT_TABLE_AT));
  view.setBigUint64(L1_AT, BigInt(L2_AT) | COPIED);
  view.setBigUint64(REFCOUNT_TABLE_AT, BigInt(HEADER_CLUSTERS * CLUSTER));
  for (let cluster = 0; cluster < clusters; cluster += 1) view.setUint16(HEADER_CLUSTERS * CLUSTER + 2 * cluster, 1);
  for (const [place, index] of used.entries()) {
    const at = (HEADER_CLUSTERS + 1 + place) * CLUSTER;
    view.setBigUint64(L2_AT + 8 * index, BigInt(at) | COPIED);
    image.set(clusterOf(raw, index), at);
  }
  return image;
}

function clusterOf(raw: Uint8Array, index: number): Uint8Array {
  return raw.subarray(index * CLUSTER, (index + 1) * CLUSTER);
}
