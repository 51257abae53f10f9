import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readElf } from '../elf/file.ts';
import { readSymbols } from '../elf/sections.ts';
import { ask, fixtureBytes, hasTool } from '../testing/fixture.ts';
import { demangle } from './demangle.ts';

/** Mangled and readable names; the readable ones from the ABI's and the RFC's own texts and from compilers' output. */
const NAMES: readonly [mangled: string, readable: string][] = [
  // Rust, v0 (RFC 2603)
  ['_RNvCs1234_7mycrate3foo', 'mycrate::foo'],
  ['_RNvNtCs1234_7mycrate3foo3bar', 'mycrate::foo::bar'],
  ['_RINvCs1234_7mycrate3foomhE', 'mycrate::foo::<u32, u8>'],
  ['_RNvMCs1234_7mycrateNtB2_3Foo3bar', '<mycrate::Foo>::bar'],
  ['_RNvXCs1234_7mycrateNtB2_3FooNtB2_5Trait3bar', '<mycrate::Foo as mycrate::Trait>::bar'],
  ['_RNCNvCs1234_7mycrate4main0', 'mycrate::main::{closure#0}'],
  ['_RNCNvCs1234_7mycrate4mains_0', 'mycrate::main::{closure#1}'],
  ['_RINvC1c1fAtj8_E', 'c::f::<[u16; 8]>'],
  ['_RINvC1c1fTlhEE', 'c::f::<(i32, u8)>'],
  ['_RINvC1c1fRShE', 'c::f::<&[u8]>'],
  ['_RINvC1c1fQeE', 'c::f::<&mut str>'],
  ['_RINvC1c1fPhOzE', 'c::f::<*const u8, *mut !>'],
  ['_RINvC1c1fFUKCEuE', 'c::f::<unsafe extern "C" fn()>'],
  ['_RINvC1c1fFG_RL0_hERL0_tE', "c::f::<for<'a> fn(&'a u8) -> &'a u16>"],
  ['_RINvC1c1fDNtB2_5TraitEL_E', 'c::f::<dyn c::Trait>'],
  ['_RINvC1c1fDNtB2_5Traitp4ItemmEL_E', 'c::f::<dyn c::Trait<Item = u32>>'],
  ['_RINvC1c1fKb1_Kc41_Ksn2_E', "c::f::<true, 'A', -2>"],

  ['_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y', 'utf8_idents::საჭმელად_გემრიელი_სადილი'],
  ['_RNvC1c3foo.llvm.123ABC', 'c::foo'],
  // Rust, legacy
  ['_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE', 'core::fmt::Formatter::write_str'],
  [
    '_ZN56_$LT$driver..Mmio$u20$as$u20$driver..xhci..Registers$GT$5write17h379cb502fe251977E',
    '<driver::Mmio as driver::xhci::Registers>::write',
  ],
  ['_ZN3foo17h05af221e174051e9E.llvm.9D1C9369', 'foo'],
  ['_ZN4$RF$17h05af221e174051e9E', '&'],
  // C++, Itanium
  ['_Z3foov', 'foo()'],
  ['_ZN3usb8Endpoint4kickEi', 'usb::Endpoint::kick(int)'],
  ['_ZNK3usb8EndpointeqERKS0_', 'usb::Endpoint::operator==(usb::Endpoint const&) const'],
  ['_ZNK3usb8EndpointcvbEv', 'usb::Endpoint::operator bool() const'],
  ['_ZN3usb8EndpointC2Ev', 'usb::Endpoint::Endpoint()'],
  ['_ZN3usb8EndpointD0Ev', 'usb::Endpoint::~Endpoint()'],
  ['_ZTVN3usb8EndpointE', 'vtable for usb::Endpoint'],
  [
    '_ZN3usb4RingINS_8EndpointELi8EE4pushIiEERS1_RKT_PFPS1_S7_E',
    'usb::Endpoint& usb::Ring<usb::Endpoint, 8>::push<int>(int const&, usb::Endpoint* (*)(int const&))',
  ],
  ['_Z6selectPPFiiERKPKcMN3usb8EndpointEiz', 'select(int (**)(int), char const* const&, int usb::Endpoint::*, ...)'],
  ['_ZN3usb12_GLOBAL__N_16hiddenE', 'usb::(anonymous namespace)::hidden'],
  ['_ZN3usb5countIJicdEEEiDpT_', 'int usb::count<int, char, double>(int, char, double)'],
  ['_ZZ6_startENKUliE_clEi', '_start::{lambda(int)#1}::operator()(int) const'],
  ['_Z1fPA3_i', 'f(int (*) [3])'],
  ['_ZN1AcvT_IiEEv', 'A::operator int<int>()'],
  ['_Z1fIiEvOT_', 'void f<int>(int&&)'],
  ['_Z1fIRiEvOT_', 'void f<int&>(int&)'],
  ['_ZNSsC1Ev', 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()'],
  ['_Z3barv.constprop.0.cold', 'bar() [clone .constprop.0] [clone .cold]'],
  ['_ZGVZ3foovE1x', 'guard variable for foo()::x'],
  ['_ZThn8_N1B1fEv', 'non-virtual thunk to B::f()'],
  ['_Z1fILb1EEvv', 'void f<true>()'],
  ['_Z1fDnPKw', 'f(decltype(nullptr), wchar_t const*)'],
];

const UNTOUCHED = ['main', '', '_', '_Z', '_ZN', '_R', '_RNvC', '_ZN3foo', '_Z3foovX', '_RNvC1c3fooQQ', '_ZNE', '__ZN'];

describe('demangle', () => {
  it.each(NAMES)('%s', (mangled, readable) => {
    expect(demangle(mangled)).toBe(readable);
  });

  it.each(UNTOUCHED)('leaves %j as it is', (name) => {
    expect(demangle(name)).toBe(name);
  });

  it.skipIf(!hasTool('c++filt'))("spells these and the fixtures' names as c++filt does", () => {
    const fixtures = ['driver-cpp.elf', 'driver-rust-v0.elf', 'driver-rust-dwarf5.elf'].flatMap((name) => {
      const file = readElf(fixtureBytes(name));
      return file.ok ? readSymbols(file.value).map((symbol) => symbol.name) : [];
    });
    const mangled = [...fixtures, ...NAMES.map(([name]) => name)].filter((name) => /^_(R|Z)/.test(name));
    expect(mangled.map(demangle)).toEqual(ask('c++filt', ['-i'], mangled));
  });

  it.skipIf(!hasTool('c++filt'))('agrees with c++filt on every name that the C++ library exports', () => {
    const library = ask('gcc', ['-print-file-name=libstdc++.so.6'], [])[0]!;
    const names = ask('nm', ['-D', '--defined-only', library], [])
      .map((line) => line.split(' ').at(-1)!.replace(/@.*/, ''))
      .filter((name) => name.startsWith('_Z'));
    expect(names.length).toBeGreaterThan(1000);
    expect(names.map(demangle)).toEqual(ask('c++filt', ['-i'], names));
  });

  it('is bounded: a short name that doubles itself stays mangled', () => {
    // Each substitution holds the one before twice: 2^60 characters if it were believed.
    let name = '_Z1f3foo';
    for (let step = 0; step < 60; step += 1)
      name += `1tIS${step === 0 ? '' : (step - 1).toString(36).toUpperCase()}_S${step === 0 ? '' : (step - 1).toString(36).toUpperCase()}_E`;
    const started = performance.now();
    expect(demangle(name).length).toBeLessThan(1 << 17);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(demangle(`_RNvC1c1f${'B2_'.repeat(1000)}`)).toContain('_R');
    expect(demangle(`_Z1f${'P'.repeat(20_000)}i`)).toMatch(/^_Z1fP/);
    expect(demangle(`_RINvC1c1f${'S'.repeat(20_000)}hE`)).toMatch(/^_RINv/);
  });

  it('takes any text without throwing', () => {
    const letters = fc.constantFrom(...'_ZRNSTIEKPROFMXLCDJBAULstvijm0123456789abcdefuGdpQVh$.');
    const text = fc.array(letters, { maxLength: 60 }).map((characters) => characters.join(''));
    fc.assert(
      fc.property(fc.constantFrom('_Z', '_ZN', '_R', '_RNv', '_RINv', '_ZZ', '_ZTV'), text, (start, rest) => {
        expect(typeof demangle(start + rest)).toBe('string');
      }),
      { numRuns: 5000 },
    );
  });
});
