// INS and OUTS (Intel SDM Vol. 2): like the other string instructions, with a port on one side.

import { FAULTED, LEAVE_BLOCK, NEXT, RCX, RDI, RDX, RSI, UOP_SEGMENT } from './constants';
import { portsWatched, watchPorts } from './debug';
import { afterHostCall, portRead, portWrite } from './host';
import { addressMask, finishModify, linear, modifyAt, readAt } from './operands';
import { setCurrentUop } from './state';
import { destinationAddress, endRepeat, faultInRepeat, isRepeated, iterationsAllowed, setIndex, stepOf } from './strings';
import { portAllowed } from './system';
import { setRepeated } from './run-state';

/** One element in; the store is checked before the port is read. */
function inOne<T>(u: u32, mask: u64, port: u32): bool {
  const address = destinationAddress<T>(mask);
  const pointer = modifyAt<T>(u, address);
  if (!pointer) return false;
  setCurrentUop(u);
  const value = <T>portRead(port, sizeof<T>());
  afterHostCall();
  if (portsWatched()) watchPorts(port, sizeof<T>());
  finishModify<T>(u, pointer, address, value);
  setIndex(RDI, mask, load<u64>(RDI) + stepOf<T>());
  return true;
}

function outOne<T>(u: u32, mask: u64, port: u32): bool {
  const from = readAt<T>(u, linear(load<u8>(u, UOP_SEGMENT), load<u64>(RSI) & mask, sizeof<T>()));
  if (!from) return false;
  setCurrentUop(u);
  portWrite(port, sizeof<T>(), <u32>load<T>(from));
  afterHostCall();
  if (portsWatched()) watchPorts(port, sizeof<T>());
  setIndex(RSI, mask, load<u64>(RSI) + stepOf<T>());
  return true;
}

@inline
function repeatPort<T>(u: u32, input: bool): i32 {
  const mask = addressMask(u);
  const port = <u32>load<u16>(RDX);
  if (!portAllowed(port, sizeof<T>())) return FAULTED;
  if (!isRepeated(u)) return (input ? inOne<T>(u, mask, port) : outOne<T>(u, mask, port)) ? NEXT : FAULTED;
  const allowed = iterationsAllowed();
  let count = load<u64>(RCX) & mask;
  let done: u64 = 0;
  while (count && done < allowed && !load<u32>(LEAVE_BLOCK)) {
    if (!(input ? inOne<T>(u, mask, port) : outOne<T>(u, mask, port))) return faultInRepeat(done);
    count--;
    done++;
    setRepeated(<i32>done);
    setIndex(RCX, mask, count);
  }
  return endRepeat(u, done, count != 0);
}

export function ins<T>(u: u32): i32 {
  return repeatPort<T>(u, true);
}
export function outs<T>(u: u32): i32 {
  return repeatPort<T>(u, false);
}
