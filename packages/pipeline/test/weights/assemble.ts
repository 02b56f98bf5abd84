/** Pickles, zip archives and .pth files put together byte by byte, also such as no library would write. */
import CRC32 from "crc-32";

type Part = Uint8Array | string | number;

/** Texts are Latin-1, numbers single bytes. */
export function bytes(...parts: Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "number") return Buffer.of(part);
      return typeof part === "string" ? Buffer.from(part, "latin1") : part;
    }),
  );
}

export function little(value: number | bigint, count: 2 | 4 | 8): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return buffer.subarray(0, count);
}

/** The instructions of a pickle that the tests use. */
export const op = {
  text: (value: string) => bytes("X", little(Buffer.byteLength(value), 4), Buffer.from(value)),
  int: (value: number) => bytes("J", little(value, 4)),
  global: (module: string, name: string) => bytes("c", `${module}\n${name}\n`),
  tuple: (...items: Part[]) => bytes("(", ...items, "t"),
  /** Calls a global with a tuple of arguments. */
  call: (module: string, name: string, ...args: Part[]) =>
    bytes(op.global(module, name), op.tuple(...args), "R"),
  storage: (type: string, name: string, count: number) =>
    bytes(
      op.tuple(op.text("storage"), op.global("torch", type), op.text(name), op.text("cpu"), op.int(count)),
      "Q",
    ),
  storageLegacy: (type: string, name: string, count: number) =>
    bytes(
      op.tuple(
        op.text("storage"),
        op.global("torch", type),
        op.text(name),
        op.text("cpu"),
        op.int(count),
        "N",
      ),
      "Q",
    ),
  ints: (values: readonly number[]) => op.tuple(...values.map(op.int)),
  tensor: (storage: Uint8Array, offset: number, shape: readonly number[], stride: readonly number[]) =>
    op.call(
      "torch._utils",
      "_rebuild_tensor_v2",
      storage,
      op.int(offset),
      op.ints(shape),
      op.ints(stride),
      0x89,
      "}",
    ),
  /** { key: value } */
  dict: (entries: Record<string, Uint8Array>) =>
    bytes("}(", ...Object.entries(entries).flatMap(([key, value]) => [op.text(key), value]), "u"),
};

/** Protocol 2, the body, and the end. */
export const pickle = (...body: Part[]): Buffer => bytes(0x80, 2, ...body, ".");

export interface ZipPart {
  name: string;
  data: Uint8Array;
  /** 0 stored, 8 deflated: said, not done. */
  method?: number;
  /** What the directory says of it, where that is to be wrong. */
  checksum?: number;
  size?: number;
  at?: number;
}

export interface ZipLies {
  entryCount?: number;
  directoryAt?: number;
  comment?: string;
}

/** A zip archive, stored. */
export function zip(parts: readonly ZipPart[], lies: ZipLies = {}): Buffer {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, method = 0, ...said } of parts) {
    const facts = bytes(
      little(method, 2),
      little(0, 4), // time and date
      little(said.checksum ?? CRC32.buf(data) >>> 0, 4),
      little(said.size ?? data.length, 4),
      little(said.size ?? data.length, 4),
      little(Buffer.byteLength(name), 2),
      little(0, 2),
    );
    const header = bytes("PK\x03\x04", little(10, 2), little(0, 2), facts, Buffer.from(name));
    const place = bytes(little(0, 2), little(0, 2), little(0, 2), little(0, 4), little(said.at ?? at, 4));
    directory.push(
      bytes("PK\x01\x02", little(10, 2), little(10, 2), little(0, 2), facts, place, Buffer.from(name)),
    );
    local.push(header, Buffer.from(data));
    at += header.length + data.length;
  }
  const central = Buffer.concat(directory);
  const comment = Buffer.from(lies.comment ?? "");
  const counts = bytes(
    little(lies.entryCount ?? parts.length, 2),
    little(lies.entryCount ?? parts.length, 2),
  );
  const end = bytes(
    "PK\x05\x06",
    little(0, 4),
    counts,
    little(central.length, 4),
    little(lies.directoryAt ?? at, 4),
  );
  return Buffer.concat([...local, central, end, little(comment.length, 2), comment]);
}

/** What torch.save writes: data.pkl, the storages by their names, the version. */
export function zipPth(dataPkl: Uint8Array, storages: Record<string, Uint8Array> = {}): Buffer {
  return zip([
    { name: "archive/data.pkl", data: dataPkl },
    ...Object.entries(storages).map(([name, data]) => ({ name: `archive/data/${name}`, data })),
    { name: "archive/version", data: Buffer.from("3\n") },
  ]);
}

/** The three pickles before the object of a legacy file. */
export const legacyHead = bytes(
  pickle(0x8a, 10, Buffer.from("6cfc9c46f9206aa85019", "hex")),
  pickle("M", little(1001, 2)),
  pickle(op.dict({ protocol_version: bytes("M", little(1001, 2)), little_endian: bytes(0x88) })),
);

/** @param storages name to count and values */
export function legacyPth(
  object: Uint8Array,
  storages: Record<string, [count: number, data: Uint8Array]> = {},
): Buffer {
  const names = pickle("](", ...Object.keys(storages).map(op.text), "e");
  const values = Object.values(storages).flatMap(([count, data]) => [little(count, 8), Buffer.from(data)]);
  return Buffer.concat([legacyHead, object, names, ...values]);
}

/** A safetensors file with a header of any kind. */
export function safetensors(
  header: unknown,
  data: Uint8Array = new Uint8Array(0),
  headerBytes?: number | bigint,
): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  return Buffer.concat([little(headerBytes ?? text.length, 8), text, data]);
}
