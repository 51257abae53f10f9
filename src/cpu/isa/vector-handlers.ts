/** Handlers of SSE3 and later, AVX, BMI and ADX: the module in src/cpu/core, and the names of its functions. */

export const VECTOR_HANDLERS: Readonly<Record<string, string>> = {
  'sse-horizontal': 'movddup movsldup movshdup haddps haddpd hsubps hsubpd addsubps addsubpd',
  'sse-ssse3':
    'pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw psignb psignw psignd pabsb pabsw pabsd palignr',
  'sse4-integer':
    'pminsb pmaxsb pminuw pmaxuw pminsd pmaxsd pminud pmaxud pmulld pcmpeqq pcmpgtq packusdw pmuldq ptest phminposuw ' +
    'pmovsxbw pmovzxbw pmovsxbd pmovzxbd pmovsxbq pmovzxbq pmovsxwd pmovzxwd pmovsxwq pmovzxwq pmovsxdq pmovzxdq',
  'sse4-lanes':
    'blendps blendpd pblendw pblendvb blendvps blendvpd pextrb pextrw_store pextrd extractps pinsrb pinsrd insertps mpsadbw',
  'sse4-float': 'roundps roundpd roundss roundsd dpps dppd rcpps rcpss rsqrtps rsqrtss',
  'masked-stores': 'maskmovdqu',
  'string-compare': 'pcmpestri pcmpestrm pcmpistri pcmpistrm',
  'avx-moves':
    'vmovups vmovaps vzeroupper vzeroall vpmovmskb vmovmskps vmovmskpd vptest vtestps vtestpd vmaskmov32_load ' +
    'vmaskmov64_load vmaskmov32_store vmaskmov64_store vpbroadcastb vpbroadcastw vpbroadcastd vpbroadcastq vbroadcast128 ' +
    'vinsert128 vextract128',
  'avx-shuffles':
    'vpermilps vpermilpd vpermilps_imm vpermilpd_imm vblendvps vblendvpd vpblendvb vpblendd vperm2x128 vpermd vpermq ' +
    'vpsllvd vpsllvq vpsrlvd vpsrlvq vpsravd vgatherdd vgatherdq vgatherqd vgatherqq',
  'avx-compare': 'vcmpps vcmppd vcmpss vcmpsd',
  aes: 'aesenc aesenclast aesdec aesdeclast aesimc aeskeygenassist pclmulqdq',
  sha: 'sha1rnds4 sha1nexte sha1msg1 sha1msg2 sha256rnds2 sha256msg1 sha256msg2',
};

/** The same for handlers with one function per operand size. */
export const SIZED_VECTOR_HANDLERS: Readonly<Record<string, string>> = {
  crc32: 'crc32',
  'bit-manipulation': 'andn bextr blsi blsmsk blsr bzhi mulx pdep pext rorx shlx shrx sarx adcx adox',
};
