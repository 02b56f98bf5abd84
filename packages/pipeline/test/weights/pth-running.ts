/** Pickles that would run a command, or could be made to, in Python's own unpickler or in one with less care. */
import { bytes, op } from "./assemble.js";

const mark = "(";
const u8 = (value: string) => bytes(0x8c, value.length, value);

/** Each with the words of its refusal. They run the command given, where a reader lets them. */
export const running = (command: string): [what: string, body: Buffer, message: RegExp][] => [
  [
    "os.system by REDUCE",
    op.call("os", "system", op.text(command)),
    /made by os\.system, not weights; no code of the file was executed/,
  ],
  ["posix.system by REDUCE", op.call("posix", "system", op.text(command)), /posix\.system/],
  ["builtins.eval", op.call("builtins", "eval", op.text("1 + 1")), /builtins\.eval/],
  ["__builtin__.exec", op.call("__builtin__", "exec", op.text("import os")), /__builtin__\.exec/],
  [
    "os.system by STACK_GLOBAL",
    bytes(u8("os"), u8("system"), 0x93, op.tuple(op.text(command)), "R"),
    /os\.system/,
  ],
  ["STACK_GLOBAL with names that are no text", bytes("K\x01K\x02", 0x93), /uses a name that is not a text/],
  ["INST", bytes(mark, op.text(command), "ios\nsystem\n"), /the instruction "i", which weights do not need/],
  ["OBJ", bytes(mark, op.global("os", "system"), op.text(command), "o"), /os\.system/],
  [
    "OBJ with an allowed name",
    bytes(mark, op.global("collections", "OrderedDict"), "o"),
    /the instruction "o"/,
  ],
  [
    "NEWOBJ of subprocess.Popen",
    bytes(op.global("subprocess", "Popen"), op.tuple(op.text(command)), 0x81),
    /subprocess\.Popen/,
  ],
  ["NEWOBJ_EX", bytes(op.global("collections", "OrderedDict"), ")}", 0x92), /the instruction 0x92/],
  ["EXT1", bytes(0x82, 1), /the instruction 0x82/],
  ["EXT2", bytes(0x83, 1, 0), /the instruction 0x83/],
  ["EXT4", bytes(0x84, 1, 0, 0, 0), /the instruction 0x84/],
  ["an out-of-band buffer", bytes(0x97), /the instruction 0x97/],
  ["PERSID", bytes("Pos.system\n"), /the instruction "P"/],
  [
    "__setstate__ by BUILD on a tensor",
    bytes(op.tensor(op.storage("FloatStorage", "0", 1), 0, [1], [1]), "}", "b"),
    /sets the state of an object that has none/,
  ],
  [
    "BUILD on a function",
    bytes(op.global("torch._utils", "_rebuild_tensor_v2"), "}", "b"),
    /sets the state of an object that has none/,
  ],
  [
    "BUILD of an OrderedDict with a tuple of state and slots",
    bytes(op.global("collections", "OrderedDict"), ")R", "N}", 0x86, "b"),
    /sets the state of an object that has none/,
  ],
  ["getattr", op.call("builtins", "getattr", op.text("a"), op.text("b")), /builtins\.getattr/],
  ["a dotted name of an allowed module", bytes(u8("torch"), u8("os.system"), 0x93), /torch\.os\.system/],
  [
    "__reduce__ of an allowed name",
    op.global("collections", "OrderedDict.__reduce__"),
    /OrderedDict\.__reduce__/,
  ],
  ["constructor", op.global("constructor", "constructor"), /constructor\.constructor/],
  ["__proto__", op.global("__proto__", "toString"), /__proto__\.toString/],
  ["a name of two words", op.global("torch FloatStorage", ""), /torch FloatStorage\./],
  ["torch.load within", op.call("torch", "load", op.text("other.pth")), /torch\.load/],
  ["torch.hub.load", op.call("torch.hub", "load", op.text("user/repository")), /torch\.hub\.load/],
  [
    "_load_from_bytes",
    op.call("torch.storage", "_load_from_bytes", op.text("x")),
    /torch\.storage\._load_from_bytes/,
  ],
  [
    "numpy's object arrays",
    op.call("numpy.core.multiarray", "_reconstruct"),
    /numpy\.core\.multiarray\._reconstruct/,
  ],
  [
    "numpy.dtype of objects",
    op.call("numpy", "dtype", op.text("O8"), 0x89, 0x88),
    /numpy\.dtype is called with \("O8", false, true\)/,
  ],
  [
    "numpy.dtype named constructor",
    op.call("numpy", "dtype", op.text("constructor")),
    /numpy\.dtype is called/,
  ],
  [
    "a codec that runs",
    op.call("_codecs", "encode", op.text("x"), op.text("zlib")),
    /_codecs\.encode is called/,
  ],
  [
    "a call of a text",
    bytes(op.text("os.system"), op.tuple(op.text(command)), "R"),
    /calls something that is not a function/,
  ],
  [
    "a call of a storage's type",
    op.call("torch", "FloatStorage", op.int(5)),
    /calls something that is not a function/,
  ],
  ["a call of a type's name", op.call("torch", "float32"), /calls something that is not a function/],
  [
    "a call with a list",
    bytes(op.global("collections", "OrderedDict"), "]R"),
    /calls something that is not a function/,
  ],
  [
    "a name with control characters",
    op.global("os\x1b[2J", "system\x07"),
    /made by os\\u001b\[2J\.system\\u0007,/,
  ],
  [
    "a persistent id that is a text",
    bytes(op.text("os.system"), "Q"),
    /refers to \(\), which is not a storage/,
  ],
  [
    "a persistent id of a module",
    bytes(op.tuple(op.text("module"), op.text("Net"), op.text("net.py"), op.text("import os")), "Q"),
    /a whole model with its source code/,
  ],
  [
    "a persistent id of a name",
    bytes(op.tuple(op.text("storage"), op.text("os.system"), op.text("0"), op.text("cpu"), op.int(1)), "Q"),
    /which is not a storage/,
  ],
  [
    "a persistent id that leads out of the archive",
    op.storage("FloatStorage", "../../etc/passwd", 1),
    /storage \.\.\/\.\.\/etc\/passwd are not in the file/,
  ],
];
