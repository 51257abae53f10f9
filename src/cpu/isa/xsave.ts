/** XSAVE and its relatives, the segment bases from user code, RDPID, WBNOINVD (Intel SDM Vol. 2). */
import { type Row, row } from './row.ts';

export const XSAVE_ROWS: readonly Row[] = [
  row('np 0f ae /4 mem', 'XSAVE', 'M', '', 'sys_xsave', 'address cpuid=xsave'),
  row('np 0f ae /5 mem', 'XRSTOR', 'M', '', 'sys_xrstor', 'address cpuid=xsave'),
  row('np 0f ae /6 mem', 'XSAVEOPT', 'M', '', 'sys_xsaveopt', 'address cpuid=xsaveopt'),
  row('np 0f c7 /4 mem', 'XSAVEC', 'M', '', 'sys_xsavec', 'address cpuid=xsavec'),
  row('np 0f c7 /5 mem', 'XSAVES', 'M', '', 'sys_xsaves', 'priv address cpuid=xsaves'),
  row('np 0f c7 /3 mem', 'XRSTORS', 'M', '', 'sys_xrstors', 'priv address cpuid=xsaves'),
  row('f3 0f ae /0 reg o64', 'RDFSBASE', 'Ry', '', 'sys_rdfsbase', 'cpuid=fsgsbase'),
  row('f3 0f ae /1 reg o64', 'RDGSBASE', 'Ry', '', 'sys_rdgsbase', 'cpuid=fsgsbase'),
  row('f3 0f ae /2 reg o64', 'WRFSBASE', 'Ry', '', 'sys_wrfsbase', 'cpuid=fsgsbase'),
  row('f3 0f ae /3 reg o64', 'WRGSBASE', 'Ry', '', 'sys_wrgsbase', 'cpuid=fsgsbase'),
  row('f3 0f c7 /7 reg', 'RDPID', 'Rq', '', 'sys_rdpid', 'cpuid=rdpid'),
  row('f3 0f 09', 'WBNOINVD', '', '', 'sys_wbinvd', 'priv cpuid=wbnoinvd'),
];
