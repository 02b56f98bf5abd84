/**
 * The instructions of pickle protocols 2 to 5 that PyTorch writes, over values of our own: https://docs.python.org/3/library/pickletools.html
 * No instruction here can reach any other class or function: names come only from the table in globals.ts.
 */
import { CheckpointError } from "@slicestack/torch/safetensors";
import type { PickleBytes } from "./pickle-bytes.js";
import { Machine } from "./unpickle-state.js";
import { PickleFault, Tuple, type PickleValue } from "./pickle-values.js";

type Instruction = (machine: Machine) => void;

const constant =
  (make: () => PickleValue): Instruction =>
  (machine) =>
    machine.push(make());
const read =
  (value: (bytes: PickleBytes) => PickleValue): Instruction =>
  (machine) =>
    machine.push(value(machine.bytes));
const tuple =
  (count: number): Instruction =>
  (machine) =>
    machine.push(new Tuple(machine.popMany(count)));

const instructions: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  [0x80, ({ bytes }) => checkProtocol(bytes.uint8())], // PROTO
  [0x95, ({ bytes }) => checkFrame(bytes.uint64(), bytes)], // FRAME
  // ── Constants and numbers ──
  [0x4e, constant(() => null)], // NONE
  [0x88, constant(() => true)], // NEWTRUE
  [0x89, constant(() => false)], // NEWFALSE
  [0x4b, read((bytes) => bytes.uint8())], // BININT1
  [0x4d, read((bytes) => bytes.uint16())], // BININT2
  [0x4a, read((bytes) => bytes.int32())], // BININT
  [0x8a, read((bytes) => bytes.long(bytes.uint8()))], // LONG1
  [0x8b, read((bytes) => bytes.long(bytes.uint32()))], // LONG4
  [0x47, read((bytes) => bytes.float64())], // BINFLOAT
  // ── Texts and bytes ──
  [0x8c, read((bytes) => bytes.text(bytes.uint8()))], // SHORT_BINUNICODE
  [0x58, read((bytes) => bytes.text(bytes.uint32()))], // BINUNICODE
  [0x8d, read((bytes) => bytes.text(bytes.uint64()))], // BINUNICODE8
  [0x55, read((bytes) => bytes.text(bytes.uint8(), "latin1"))], // SHORT_BINSTRING
  [0x54, read((bytes) => bytes.text(bytes.uint32(), "latin1"))], // BINSTRING
  [0x43, read((bytes) => bytes.take(bytes.uint8()).slice())], // SHORT_BINBYTES
  [0x42, read((bytes) => bytes.take(bytes.uint32()).slice())], // BINBYTES
  [0x8e, read((bytes) => bytes.take(bytes.uint64()).slice())], // BINBYTES8
  [0x96, read((bytes) => bytes.take(bytes.uint64()).slice())], // BYTEARRAY8
  // ── Containers; a set is a list here ──
  [0x5d, constant(() => [])], // EMPTY_LIST
  [0x8f, constant(() => [])], // EMPTY_SET
  [0x7d, (machine) => machine.pushDict()], // EMPTY_DICT
  [0x29, tuple(0)], // EMPTY_TUPLE
  [0x85, tuple(1)], // TUPLE1
  [0x86, tuple(2)], // TUPLE2
  [0x87, tuple(3)], // TUPLE3
  [0x74, (machine) => machine.push(new Tuple(machine.popMark()))], // TUPLE
  [0x6c, (machine) => machine.push(machine.popMark())], // LIST
  [0x91, (machine) => machine.push(machine.popMark())], // FROZENSET
  [0x64, dict], // DICT
  [0x61, (machine) => machine.append(machine.popMany(1))], // APPEND
  [0x65, (machine) => machine.append(machine.popMark())], // APPENDS
  [0x90, (machine) => machine.append(machine.popMark())], // ADDITEMS
  [0x73, (machine) => machine.setItems(machine.popMany(2))], // SETITEM
  [0x75, (machine) => machine.setItems(machine.popMark())], // SETITEMS
  // ── Stack and memo ──
  [0x28, (machine) => machine.mark()], // MARK
  [0x30, (machine) => void machine.pop()], // POP
  [0x31, (machine) => void machine.popMark()], // POP_MARK
  [0x32, (machine) => machine.push(machine.top())], // DUP
  [0x71, (machine) => machine.memoize(machine.bytes.uint8())], // BINPUT
  [0x72, (machine) => machine.memoize(machine.bytes.uint32())], // LONG_BINPUT
  [0x94, (machine) => machine.memoize()], // MEMOIZE
  [0x68, (machine) => machine.recall(machine.bytes.uint8())], // BINGET
  [0x6a, (machine) => machine.recall(machine.bytes.uint32())], // LONG_BINGET
  // ── Names and objects ──
  [0x63, (machine) => machine.global(machine.bytes.line(), machine.bytes.line())], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [0x52, (machine) => machine.reduce()], // REDUCE
  [0x81, (machine) => machine.reduce()], // NEWOBJ
  [0x62, (machine) => machine.build()], // BUILD
  [0x51, (machine) => machine.push(machine.persistent(machine.pop()))], // BINPERSID
]);

const stop = 0x2e;

/**
 * Reads one pickle; the position is then behind it.
 * @param persistent what a persistent id stands for @throws CheckpointError if PyTorch does not write such a pickle, or it names
 * objects that weights do not need
 */
export function unpickle(
  bytes: PickleBytes,
  persistent: (id: PickleValue) => PickleValue = refusePersistent,
): PickleValue {
  const machine = new Machine(bytes, persistent);
  try {
    for (let code = bytes.uint8(); code !== stop; code = bytes.uint8()) {
      machine.charge(1);
      const instruction = instructions.get(code);
      if (instruction === undefined)
        throw new PickleFault(`the pickle has the instruction ${codeText(code)}, which weights do not need`);
      instruction(machine);
    }
    return machine.result();
  } catch (error) {
    if (error instanceof CheckpointError || !(error instanceof PickleFault)) throw error;
    throw bytes.fault(
      `${error.message}; no code of the file was executed`,
      'The file is damaged, or was not written by torch.save: save the weights again in Python with torch.save(model.state_dict(), "weights.pth").',
      error,
    );
  }
}

function checkProtocol(protocol: number): void {
  if (protocol < 2 || protocol > 5)
    throw new PickleFault(`the pickle has protocol ${protocol}, supported are 2 to 5`);
}

function checkFrame(length: number, bytes: PickleBytes): void {
  if (length > bytes.end - bytes.at)
    throw new PickleFault(
      `the pickle announces a frame of ${length} bytes, but ${bytes.end - bytes.at} are left`,
    );
}

function dict(machine: Machine): void {
  const items = machine.popMark();
  machine.pushDict();
  machine.setItems(items);
}

function stackGlobal(machine: Machine): void {
  const [module, name] = machine.popMany(2);
  if (typeof module !== "string" || typeof name !== "string")
    throw new PickleFault("the pickle uses a name that is not a text");
  machine.global(module, name);
}

function refusePersistent(): never {
  throw new PickleFault("the pickle refers to something outside of it");
}

function codeText(code: number): string {
  return code > 0x20 && code < 0x7f
    ? `"${String.fromCharCode(code)}"`
    : `0x${code.toString(16).padStart(2, "0")}`;
}
