/** SSE3 and SSSE3 on xmm registers (Intel SDM Vol. 2; CPUID 1 ECX bits 0 and 9). */
import { type Row, row, withFeature } from './row.ts';

const SSE3: readonly Row[] = withFeature('pni', [
  row('f2 0f 12 /r', 'MOVDDUP', 'Vx,Wx', '', 'movddup', 'sse'),
  row('f3 0f 12 /r', 'MOVSLDUP', 'Vx,Wx', '', 'movsldup', 'sse'),
  row('f3 0f 16 /r', 'MOVSHDUP', 'Vx,Wx', '', 'movshdup', 'sse'),
  row('f2 0f f0 /r mem', 'LDDQU', 'Vx,Wx', '', 'movups_load', 'sse'),
  row('66 0f 7c /r', 'HADDPD', 'Vx,Wx', '', 'haddpd', 'sse'),
  row('f2 0f 7c /r', 'HADDPS', 'Vx,Wx', '', 'haddps', 'sse'),
  row('66 0f 7d /r', 'HSUBPD', 'Vx,Wx', '', 'hsubpd', 'sse'),
  row('f2 0f 7d /r', 'HSUBPS', 'Vx,Wx', '', 'hsubps', 'sse'),
  row('66 0f d0 /r', 'ADDSUBPD', 'Vx,Wx', '', 'addsubpd', 'sse'),
  row('f2 0f d0 /r', 'ADDSUBPS', 'Vx,Wx', '', 'addsubps', 'sse'),
]);

const SSSE3: readonly Row[] = withFeature('ssse3', [
  row('66 0f 38 00 /r', 'PSHUFB', 'Vx,Wx', '', 'pshufb', 'sse'),
  row('66 0f 38 01 /r', 'PHADDW', 'Vx,Wx', '', 'phaddw', 'sse'),
  row('66 0f 38 02 /r', 'PHADDD', 'Vx,Wx', '', 'phaddd', 'sse'),
  row('66 0f 38 03 /r', 'PHADDSW', 'Vx,Wx', '', 'phaddsw', 'sse'),
  row('66 0f 38 04 /r', 'PMADDUBSW', 'Vx,Wx', '', 'pmaddubsw', 'sse'),
  row('66 0f 38 05 /r', 'PHSUBW', 'Vx,Wx', '', 'phsubw', 'sse'),
  row('66 0f 38 06 /r', 'PHSUBD', 'Vx,Wx', '', 'phsubd', 'sse'),
  row('66 0f 38 07 /r', 'PHSUBSW', 'Vx,Wx', '', 'phsubsw', 'sse'),
  row('66 0f 38 08 /r', 'PSIGNB', 'Vx,Wx', '', 'psignb', 'sse'),
  row('66 0f 38 09 /r', 'PSIGNW', 'Vx,Wx', '', 'psignw', 'sse'),
  row('66 0f 38 0a /r', 'PSIGND', 'Vx,Wx', '', 'psignd', 'sse'),
  row('66 0f 38 0b /r', 'PMULHRSW', 'Vx,Wx', '', 'pmulhrsw', 'sse'),
  row('66 0f 38 1c /r', 'PABSB', 'Vx,Wx', '', 'pabsb', 'sse'),
  row('66 0f 38 1d /r', 'PABSW', 'Vx,Wx', '', 'pabsw', 'sse'),
  row('66 0f 38 1e /r', 'PABSD', 'Vx,Wx', '', 'pabsd', 'sse'),
  row('66 0f 3a 0f /r', 'PALIGNR', 'Vx,Wx,Ib', '', 'palignr', 'sse'),
]);

export const SSE3_ROWS: readonly Row[] = [...SSE3, ...SSSE3];
