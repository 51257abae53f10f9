/** BMI1, BMI2 and ADX (Intel SDM Vol. 2; CPUID 7 EBX bits 3, 8 and 19). Operands of 64 bits in 64-bit code only. */
import { type Row, row, withFeature } from './row.ts';

const BMI1: readonly Row[] = withFeature('bmi1', [
  row('vex.lz.0f38 f2 /r', 'ANDN', 'Gy,By,Ey', 'w:oszc u:ap', 'andn'),
  row('vex.lz.0f38 f3 /1', 'BLSR', 'By,Ey', 'w:oszc u:ap', 'blsr'),
  row('vex.lz.0f38 f3 /2', 'BLSMSK', 'By,Ey', 'w:oszc u:ap', 'blsmsk'),
  row('vex.lz.0f38 f3 /3', 'BLSI', 'By,Ey', 'w:oszc u:ap', 'blsi'),
  row('vex.lz.0f38 f7 /r', 'BEXTR', 'Gy,Ey,By', 'w:ozc u:sap', 'bextr'),
]);

const BMI2: readonly Row[] = withFeature('bmi2', [
  row('vex.lz.0f38 f5 /r', 'BZHI', 'Gy,Ey,By', 'w:oszc u:ap', 'bzhi'),
  row('vex.lz.f2.0f38 f5 /r', 'PDEP', 'Gy,By,Ey', '', 'pdep'),
  row('vex.lz.f3.0f38 f5 /r', 'PEXT', 'Gy,By,Ey', '', 'pext'),
  row('vex.lz.f2.0f38 f6 /r', 'MULX', 'Gy,By,Ey', '', 'mulx'),
  row('vex.lz.66.0f38 f7 /r', 'SHLX', 'Gy,Ey,By', '', 'shlx'),
  row('vex.lz.f3.0f38 f7 /r', 'SARX', 'Gy,Ey,By', '', 'sarx'),
  row('vex.lz.f2.0f38 f7 /r', 'SHRX', 'Gy,Ey,By', '', 'shrx'),
  row('vex.lz.f2.0f3a f0 /r', 'RORX', 'Gy,Ey,Ib', '', 'rorx'),
]);

const ADX: readonly Row[] = withFeature('adx', [
  row('66 0f 38 f6 /r', 'ADCX', 'Gy,Ey', 'r:c w:c', 'adcx'),
  row('f3 0f 38 f6 /r', 'ADOX', 'Gy,Ey', 'r:o w:o', 'adox'),
]);

export const BIT_MANIPULATION_ROWS: readonly Row[] = [...BMI1, ...BMI2, ...ADX];
