/** Handlers of the MMX rows, by the module of the core that has them. */
import type { HandlerEntry } from './x87-handlers.ts';

const SHIFTS = ['psllw', 'pslld', 'psllq', 'psrlw', 'psrld', 'psrlq', 'psraw', 'psrad'];

const MODULES: Readonly<Record<string, string>> = {
  'mmx-integer':
    'paddb paddw paddd paddq psubb psubw psubd psubq paddsb paddsw paddusb paddusw psubsb psubsw psubusb psubusw ' +
    'pmullw pmaddwd pmuludq pavgb pavgw pminub pmaxub pminsw pmaxsw pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd ' +
    'pand por pxor pandn pmulhw pmulhuw packsswb packuswb packssdw punpckhbw punpckhwd punpckhdq punpcklbw punpcklwd ' +
    'punpckldq',
  'mmx-shifts': SHIFTS.flatMap((name) => [name, `${name}_imm`]).join(' '),
  'mmx-ssse3':
    'phaddw phaddsw phsubw phsubsw phaddd phsubd pmaddubsw pmulhrsw psignb psignw psignd pabsb pabsw pabsd pshufb palignr',
  'mmx-moves': 'movd_load movd_store movq_load movq_store psadbw pinsrw pextrw pmovmskb',
};

export const MMX_HANDLERS: readonly HandlerEntry[] = [
  ...Object.entries(MODULES).flatMap(([from, names]) =>
    names.split(' ').map((name): HandlerEntry => [`mmx_${name}`, `mmx_${name}`, from, '']),
  ),
  ...['movq2dq', 'movdq2q', 'emms', 'maskmovq', 'pshufw', 'cvtpi2ps', 'cvtpi2pd'].map(
    (name): HandlerEntry => [name, name, 'mmx-moves', ''],
  ),
  ['cvtps2pi', 'mmx_from_floats', 'mmx-moves', 'false'],
  ['cvttps2pi', 'mmx_from_floats', 'mmx-moves', 'true'],
  ['cvtpd2pi', 'mmx_from_doubles', 'mmx-moves', 'false'],
  ['cvttpd2pi', 'mmx_from_doubles', 'mmx-moves', 'true'],
];
