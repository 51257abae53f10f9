/** The header of a line number program: file names and the parameters of its machine (DWARF 5 section 6.2.4). */
import type { ByteReader } from '../bytes.ts';
import { type FormContext, readForm, readOffset, skipForm, type Value } from './forms.ts';
import { readInitialLength, type Unit } from './units.ts';

export interface LineHeader {
  readonly version: number;
  readonly minimumInstructionLength: number;
  readonly maximumOperations: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Number of operands of standard opcode `index + 1`. */
  readonly operandCounts: readonly number[];
  /** Full path of file `index`, numbered as the program numbers them. */
  readonly files: readonly (string | undefined)[];
}

/** DW_LNCT codes (section 7.22). */
const LNCT = { path: 1, directoryIndex: 2 } as const;

/** File and directory names of one program; more is a damaged count. */
const NAMES_MAX = 1 << 18;

/** Reads the header and leaves the reader at the first opcode, its end at the end of the program. */
export function readLineHeader(reader: ByteReader, unit: Unit, directory: string): LineHeader {
  const { length, offsetSize } = readInitialLength(reader);
  reader.end = reader.offset + length;
  const version = reader.u16('version');
  if (version < 2 || version > 5) reader.fail('version', `is ${version}; 2 to 5 are supported`);
  if (version >= 5) reader.skip(2, 'address_size');
  const headerLength = readOffset(reader, offsetSize, 'header_length');
  const program = reader.offset + headerLength;
  if (program > reader.end) reader.fail('header_length', `${headerLength} bytes reach beyond the program`);
  const minimumInstructionLength = reader.u8('minimum_instruction_length');
  const maximumOperations = version >= 4 ? Math.max(reader.u8('maximum_operations_per_instruction'), 1) : 1;
  reader.u8('default_is_stmt');
  const lineBase = reader.i8('line_base');
  const lineRange = reader.u8('line_range');
  if (lineRange === 0) reader.fail('line_range', 'is 0');
  const opcodeBase = Math.max(reader.u8('opcode_base'), 1);
  const operandCounts = Array.from({ length: opcodeBase - 1 }, () => reader.u8('standard_opcode_lengths'));
  const context: FormContext = contextOf(unit, offsetSize);
  const files = version >= 5 ? readNames(reader, context, directory) : readOldNames(reader, directory);
  reader.offset = program;
  return {
    version,
    minimumInstructionLength,
    maximumOperations,
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    files,
  };
}

function contextOf(unit: Unit, offsetSize: number): FormContext {
  const { sections, unitOffset, version, addressSize, strOffsetsBase, addrBase, rnglistsBase } = unit;
  return { sections, unitOffset, version, addressSize, offsetSize, strOffsetsBase, addrBase, rnglistsBase };
}

/** DWARF 2 to 4: directories from 1 (0 is the compilation directory), files from 1. */
function readOldNames(reader: ByteReader, directory: string): (string | undefined)[] {
  const directories = [directory];
  for (let name = reader.cstring('include_directories'); name !== ''; name = reader.cstring('include_directories')) {
    directories.push(joinPath(directory, name));
  }
  const files: (string | undefined)[] = [undefined];
  for (let name = reader.cstring('file_names'); name !== ''; name = reader.cstring('file_names')) {
    const index = reader.uleb('directory index');
    reader.skipLeb('modification time');
    reader.skipLeb('file length');
    files.push(joinPath(directories[index] ?? directory, name));
  }
  return files;
}

/** DWARF 5: both tables say their own format; entry 0 is the compilation directory and the primary source file. */
function readNames(reader: ByteReader, context: FormContext, directory: string): (string | undefined)[] {
  const directories = readNameTable(reader, context, 'directories').map((entry) => joinPath(directory, entry.path));
  const files = readNameTable(reader, context, 'file_names');
  return files.map((entry) => joinPath(directories[entry.directory] ?? directory, entry.path));
}

function readNameTable(
  reader: ByteReader,
  context: FormContext,
  field: string,
): { readonly path: string; readonly directory: number }[] {
  const formatCount = reader.u8(`${field} format count`);
  const format = Array.from({ length: formatCount }, () => ({
    content: reader.uleb(`${field} content type`),
    form: reader.uleb(`${field} form`),
  }));
  const count = reader.uleb(`${field} count`);
  if (count > NAMES_MAX || (formatCount === 0 && count > 0))
    reader.fail(`${field} count`, `${count} is not believable`);
  const entries: { path: string; directory: number }[] = [];
  for (let index = 0; index < count; index += 1) {
    const entry = { path: '', directory: 0 };
    for (const { content, form } of format) {
      if (content !== LNCT.path && content !== LNCT.directoryIndex) {
        skipForm(reader, form, context);
        continue;
      }
      const value: Value | undefined = readForm(reader, form, context, undefined);
      if (content === LNCT.path && typeof value === 'string') entry.path = value;
      if (content === LNCT.directoryIndex && typeof value === 'number') entry.directory = value;
    }
    entries.push(entry);
  }
  return entries;
}

/** Joins as a compiler meant it: an absolute name stands for itself; `.` and `..` are resolved by their spelling. */
export function joinPath(directory: string, name: string): string {
  const windows = /^[A-Za-z]:[\\/]/.test(name);
  const joined = name.startsWith('/') || windows || directory === '' ? name : `${directory}/${name}`;
  if (!/(^|\/)\.\.?(\/|$)|\/\//.test(joined)) return joined;
  const parts: string[] = [];
  for (const part of joined.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue;
    const last = parts.at(-1);
    if (part === '..' && last !== undefined && last !== '..' && last !== '') parts.pop();
    else parts.push(part);
  }
  return parts.join('/') || '.';
}
