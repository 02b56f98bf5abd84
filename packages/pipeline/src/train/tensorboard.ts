/**
 * TensorBoard event files: scalars only. Records are length, masked CRC-32C of the length, data, masked CRC-32C of the data
 * (tensorflow/core/lib/io/record_writer.h); the data is an Event message (tensorflow/core/util/event.proto).
 */
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import CRC32C from "crc-32/crc32c.js";
import protobuf from "protobufjs/minimal.js";
import { appendBytes } from "../data/atomic.js";
import { naming } from "../engine/system-errors.js";

const { Writer } = protobuf;
const [VARINT, DOUBLE, BYTES, FLOAT] = [0, 1, 2, 5]; // protobuf's wire types
const tag = (field: number, wireType: number): number => field * 8 + wireType;

interface Event {
  wallTime: number;
  step?: number;
  fileVersion?: string;
  values?: Record<string, number>;
}

/** Encodes field by field: the reflection of protobufjs compiles code, which Node can be started without permission for. */
function encoded({ wallTime, step, fileVersion, values }: Event): Uint8Array {
  const writer = Writer.create();
  writer.uint32(tag(1, DOUBLE)).double(wallTime);
  if (step !== undefined) writer.uint32(tag(2, VARINT)).int64(step);
  if (fileVersion !== undefined) writer.uint32(tag(3, BYTES)).string(fileVersion);
  if (values === undefined) return writer.finish();
  writer.uint32(tag(5, BYTES)).fork(); // the summary
  for (const [name, value] of Object.entries(values)) {
    writer.uint32(tag(1, BYTES)).fork();
    writer.uint32(tag(1, BYTES)).string(name).uint32(tag(2, FLOAT)).float(value).ldelim();
  }
  return writer.ldelim().finish();
}

/** One event file. Each opening starts a new file beside the older ones, which TensorBoard joins. */
export class EventFile implements Disposable {
  readonly #descriptor: number;
  readonly #file: string;

  constructor(folder: string) {
    const stamp = `${Math.floor(Date.now() / 1000)}.${hostname()}.${process.pid}.${Math.floor(performance.now() * 1000)}`;
    this.#file = join(folder, `events.out.tfevents.${stamp}`);
    this.#descriptor = openSync(this.#file, "a");
    this.#append({ wallTime: Date.now() / 1000, fileVersion: "brain.Event:2" });
  }

  scalars(step: number, values: Record<string, number>): void {
    this.#append({ wallTime: Date.now() / 1000, step, values });
  }

  #append(event: Event): void {
    const data = Buffer.from(encoded(event));
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(data.length), 0);
    head.writeUInt32LE(masked(head.subarray(0, 8)), 8);
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(masked(data), 0);
    naming(this.#file, () => appendBytes(this.#descriptor, Buffer.concat([head, data, tail])));
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function masked(bytes: Buffer): number {
  const crc = CRC32C.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
