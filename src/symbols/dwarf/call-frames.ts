/**
 * Call frame information: from a frame to its caller's, also where code keeps no frame pointer (DWARF 5 section 6.4;
 * .eh_frame as LSB Core 5.0 sections 10.5 and 10.6 has it).
 */
import { ByteReader } from '../bytes.ts';
import { type Alignment, CallFrameProgram } from './call-frame-program.ts';
import { readAddress, readOffset } from './forms.ts';
import { IntervalIndex } from './intervals.ts';
import type { AddressRange } from './ranges.ts';
import type { DebugSections } from './sections.ts';
import { readInitialLength } from './units.ts';

/** How the caller's registers are found while one instruction runs. Registers by their DWARF numbers. */
export interface CallFrameRules {
  /** The canonical frame address, the stack pointer before the call, is this register and so many bytes. */
  readonly base: number;
  readonly offset: number;
  /** Saved registers, by their distance from that address in bytes. */
  readonly saved: ReadonlyMap<number, number>;
  /** Registers whose value of the caller is gone, or takes an expression to find. */
  readonly lost: ReadonlySet<number>;
  /** The number that stands for the return address. */
  readonly returnAddress: number;
  /** The caller was interrupted: its address is that of an instruction, not of what follows a call. */
  readonly interrupted: boolean;
}

interface Common extends Alignment {
  readonly returnAddress: number;
  readonly interrupted: boolean;
  readonly addressSize: number;
  /** How .eh_frame writes addresses (LSB 10.5.1); `undefined`: as plain addresses. */
  readonly encoding: number | undefined;
  /** FDEs have an augmentation of their own. */
  readonly augmented: boolean;
  readonly from: number;
  readonly to: number;
}

interface Description {
  readonly common: Common;
  readonly low: bigint;
  readonly from: number;
  readonly to: number;
}

interface Described {
  readonly range: AddressRange;
  readonly value: Description;
}

type SectionName = '.debug_frame' | '.eh_frame';

/** Functions; a file with more is damaged. */
const DESCRIPTIONS_MAX = 1 << 20;

/** DW_EH_PE: the format in the low four bits, what it is relative to in the next three. */
const PE = { absolute: 0, relative: 0x70, toItself: 0x10, indirect: 0x80, omitted: 0xff } as const;

/** The call frames of one file: .debug_frame, else .eh_frame. */
export class CallFrames {
  readonly #sections: DebugSections;
  readonly #isLoaded: (address: bigint) => boolean;
  readonly #read = new Map<SectionName, FrameSection>();

  constructor(sections: DebugSections, isLoaded: (address: bigint) => boolean) {
    this.#sections = sections;
    this.#isLoaded = isLoaded;
  }

  /** The rules at `address`; `undefined` where the file has none that a register and an offset can say. */
  rulesAt(address: bigint): CallFrameRules | undefined {
    return this.#rulesIn('.debug_frame', address) ?? this.#rulesIn('.eh_frame', address);
  }

  /** A section is read when it is asked first: what the one before has, this one need not tell. */
  #rulesIn(name: SectionName, address: bigint): CallFrameRules | undefined {
    let section = this.#read.get(name);
    if (section === undefined) {
      section = new FrameSection(this.#sections, name, this.#isLoaded);
      this.#read.set(name, section);
    }
    return this.#sections.guard(() => section.rulesAt(address));
  }
}

class FrameSection {
  readonly #bytes: Uint8Array;
  readonly #address: bigint;
  readonly #defaultAddressSize: 4 | 8;
  readonly #commons = new Map<number, Common>();
  readonly #index: IntervalIndex<Description>;

  constructor(
    private readonly sections: DebugSections,
    private readonly name: SectionName,
    isLoaded: (address: bigint) => boolean,
  ) {
    this.#bytes = sections.get(name);
    this.#address = sections.file.sections.find((each) => each.name === name)?.address ?? 0n;
    this.#defaultAddressSize = sections.file.bits === 64 ? 8 : 4;
    const found: Described[] = [];
    const reader = this.#reader(0);
    sections.guard(() => {
      while (!reader.atEnd && found.length < DESCRIPTIONS_MAX) {
        const { length, offsetSize } = readInitialLength(reader);
        // A zero ends .eh_frame.
        if (length === 0) break;
        const entry = this.#reader(reader.offset, reader.offset + length);
        const described = sections.guard(() => this.#readEntry(entry, offsetSize));
        if (described !== undefined && isLoaded(described.range.low)) found.push(described);
        reader.skip(length, 'entry');
      }
    });
    this.#index = new IntervalIndex(found);
  }

  rulesAt(address: bigint): CallFrameRules | undefined {
    const found = this.#index.find(address);
    if (found === undefined) return undefined;
    const { common, low, from, to } = found.value;
    const program = new CallFrameProgram(common, low, (reader) =>
      this.#pointer(reader, common, common.encoding, 'set_loc'),
    );
    program.run(this.#reader(common.from, common.to), address);
    program.setInitial();
    program.run(this.#reader(from, to), address);
    const { base, offset, saved, lost } = program.row;
    if (base === undefined) return undefined;
    const { returnAddress, interrupted } = common;
    return { base, offset, saved, lost, returnAddress, interrupted };
  }

  #reader(offset: number, end = this.#bytes.length): ByteReader {
    return new ByteReader(this.#bytes, this.name, this.sections.littleEndian, offset, end);
  }

  /** An FDE and the code that it is for; `undefined` for a CIE, which is read when an FDE asks for it. */
  #readEntry(fields: ByteReader, offsetSize: 4 | 8): Described | undefined {
    const idAt = fields.offset;
    const id = this.#readId(fields, offsetSize);
    if (this.#isCommon(id, offsetSize)) return undefined;
    const common = this.#commonAt(this.name === '.eh_frame' ? idAt - id : id);
    const { encoding } = common;
    const low = this.#pointer(fields, common, encoding, 'initial_location');
    const size = this.#pointer(fields, common, encoding === undefined ? undefined : encoding & 0x0f, 'address_range');
    if (common.augmented) fields.skip(fields.uleb('augmentation_length'), 'augmentation_data');
    return { range: { low, high: low + size }, value: { common, low, from: fields.offset, to: fields.end } };
  }

  #readId(fields: ByteReader, offsetSize: 4 | 8): number {
    return this.name === '.eh_frame' ? fields.u32('CIE_id') : readOffset(fields, offsetSize, 'CIE_id');
  }

  #isCommon(id: number, offsetSize: number): boolean {
    if (this.name === '.eh_frame') return id === 0;
    // The id of 64 bits is all ones, which size64 refuses; no producer writes it for sections of this size.
    return offsetSize === 4 && id === 0xffff_ffff;
  }

  #commonAt(offset: number): Common {
    const known = this.#commons.get(offset);
    if (known !== undefined) return known;
    const reader = this.#reader(offset);
    const { length, offsetSize } = readInitialLength(reader);
    const end = reader.offset + length;
    const fields = this.#reader(reader.offset, end);
    if (!this.#isCommon(this.#readId(fields, offsetSize), offsetSize))
      fields.fail('CIE_pointer', 'leads to an entry that is no CIE');
    const common = this.#readCommon(fields, end);
    this.#commons.set(offset, common);
    return common;
  }

  #readCommon(fields: ByteReader, end: number): Common {
    const version = fields.u8('version');
    if (![1, 3, 4].includes(version)) fields.fail('version', `is ${version}; 1, 3 and 4 are supported`);
    const augmentation = fields.cstring('augmentation');
    let addressSize: number = this.#defaultAddressSize;
    if (version === 4) {
      addressSize = fields.u8('address_size');
      if (addressSize !== 4 && addressSize !== 8) fields.fail('address_size', `is ${addressSize}`);
      if (fields.u8('segment_selector_size') !== 0) fields.fail('segment_selector_size', 'is not 0');
    }
    const codeAlignment = fields.uleb('code_alignment_factor');
    const dataAlignment = fields.sleb('data_alignment_factor');
    const returnAddress = version === 1 ? fields.u8('return_address_register') : fields.uleb('return_address_register');
    const augmented = augmentation.startsWith('z');
    if (augmentation !== '' && !augmented) fields.fail('augmentation', `is "${augmentation}"`);
    let encoding: number | undefined;
    let from = fields.offset;
    if (augmented) {
      const size = fields.uleb('augmentation_length');
      from = fields.offset + size;
      for (const letter of augmentation.slice(1)) {
        if (letter === 'R') encoding = fields.u8('pointer_encoding');
        else if (letter === 'L') fields.skip(1, 'LSDA_encoding');
        else if (letter === 'P') {
          const personality = fields.u8('personality_encoding');
          if (personality !== PE.omitted) this.#encoded(fields, personality & ~PE.indirect, addressSize, 'personality');
        } else if (letter !== 'S' && letter !== 'B') break;
      }
    }
    const interrupted = augmented && augmentation.includes('S');
    return {
      codeAlignment,
      dataAlignment,
      returnAddress,
      interrupted,
      addressSize,
      encoding,
      augmented,
      from,
      to: end,
    };
  }

  #pointer(reader: ByteReader, common: Common, encoding: number | undefined, field: string): bigint {
    return encoding === undefined
      ? readAddress(reader, common.addressSize, field)
      : this.#encoded(reader, encoding, common.addressSize, field);
  }

  /** A pointer of .eh_frame (LSB 10.5.1). */
  #encoded(reader: ByteReader, encoding: number, addressSize: number, field: string): bigint {
    const here = this.#address + BigInt(reader.offset);
    const relative = encoding & PE.relative;
    if ((encoding & PE.indirect) !== 0 || (relative !== 0 && relative !== PE.toItself)) {
      reader.fail(field, `has the encoding 0x${encoding.toString(16)}`);
    }
    const value = plainPointer(reader, encoding & 0x0f, addressSize, field);
    return BigInt.asUintN(addressSize * 8, relative === PE.toItself ? here + value : value);
  }
}

/** DW_EH_PE formats: 0 an address, 2 to 4 unsigned, 10 to 12 signed, of 2, 4 and 8 bytes. */
function plainPointer(reader: ByteReader, format: number, addressSize: number, field: string): bigint {
  switch (format) {
    case PE.absolute:
      return readAddress(reader, addressSize, field);
    case 2:
      return BigInt(reader.u16(field));
    case 3:
      return BigInt(reader.u32(field));
    case 4:
    case 12:
      return reader.u64(field);
    case 10:
      return BigInt.asIntN(16, BigInt(reader.u16(field)));
    case 11:
      return BigInt.asIntN(32, BigInt(reader.u32(field)));
    default:
      return reader.fail(field, `has the format ${format}`);
  }
}
