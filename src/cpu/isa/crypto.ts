/** AES-NI, PCLMULQDQ (CPUID 1 ECX bits 25 and 1) and SHA (CPUID 7 EBX bit 29), Intel SDM Vol. 2. */
import { type Row, row, withFeature } from './row.ts';

const AES: readonly Row[] = withFeature('aes', [
  row('66 0f 38 db /r', 'AESIMC', 'Vx,Wx', '', 'aesimc', 'sse'),
  row('66 0f 38 dc /r', 'AESENC', 'Vx,Wx', '', 'aesenc', 'sse'),
  row('66 0f 38 dd /r', 'AESENCLAST', 'Vx,Wx', '', 'aesenclast', 'sse'),
  row('66 0f 38 de /r', 'AESDEC', 'Vx,Wx', '', 'aesdec', 'sse'),
  row('66 0f 38 df /r', 'AESDECLAST', 'Vx,Wx', '', 'aesdeclast', 'sse'),
  row('66 0f 3a df /r', 'AESKEYGENASSIST', 'Vx,Wx,Ib', '', 'aeskeygenassist', 'sse'),
]);

const PCLMULQDQ: readonly Row[] = withFeature('pclmulqdq', [
  row('66 0f 3a 44 /r', 'PCLMULQDQ', 'Vx,Wx,Ib', '', 'pclmulqdq', 'sse'),
]);

const SHA: readonly Row[] = withFeature('sha-ni', [
  row('np 0f 38 c8 /r', 'SHA1NEXTE', 'Vx,Wx', '', 'sha1nexte', 'sse'),
  row('np 0f 38 c9 /r', 'SHA1MSG1', 'Vx,Wx', '', 'sha1msg1', 'sse'),
  row('np 0f 38 ca /r', 'SHA1MSG2', 'Vx,Wx', '', 'sha1msg2', 'sse'),
  row('np 0f 38 cb /r', 'SHA256RNDS2', 'Vx,Wx', '', 'sha256rnds2', 'sse'),
  row('np 0f 38 cc /r', 'SHA256MSG1', 'Vx,Wx', '', 'sha256msg1', 'sse'),
  row('np 0f 38 cd /r', 'SHA256MSG2', 'Vx,Wx', '', 'sha256msg2', 'sse'),
  row('np 0f 3a cc /r', 'SHA1RNDS4', 'Vx,Wx,Ib', '', 'sha1rnds4', 'sse'),
]);

export const CRYPTO_ROWS: readonly Row[] = [...AES, ...PCLMULQDQ, ...SHA];
