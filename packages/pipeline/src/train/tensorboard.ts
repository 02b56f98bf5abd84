/**
 * TensorBoard event files: scalars only. Records are length, masked CRC-32C of the length, data, masked CRC-32C of the data
 * (tensorflow/core/lib/io/record_writer.h); the data is an Event message (tensorflow/core/util/event.proto).
 */
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import protobuf from "protobufjs";
import { addWhole } from "../data/atomic.js";
import { naming } from "../data/system-errors.js";

const { Field, Root, Type } = protobuf;
const value = new Type("Value").add(new Field("tag", 1, "string")).add(new Field("simpleValue", 2, "float"));
const summary = new Type("Summary").add(new Field("value", 1, "Value", "repeated"));
const event = new Type("Event")
  .add(new Field("wallTime", 1, "double"))
  .add(new Field("step", 2, "int64"))
  .add(new Field("fileVersion", 3, "string"))
  .add(new Field("summary", 5, "Summary"));
new Root().define("tensorflow").add(value).add(summary).add(event);

/** One event file; each opening starts a new one beside the older ones, which TensorBoard joins. */
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
    const list = Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue }));
    this.#append({ wallTime: Date.now() / 1000, step, summary: { value: list } });
  }

  #append(message: Record<string, unknown>): void {
    const data = Buffer.from(event.encode(event.fromObject(message)).finish());
    const head = Buffer.alloc(12);
    head.writeBigUInt64LE(BigInt(data.length), 0);
    head.writeUInt32LE(masked(head.subarray(0, 8)), 8);
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(masked(data), 0);
    naming(this.#file, () => addWhole(this.#descriptor, Buffer.concat([head, data, tail])));
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function masked(bytes: Buffer): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
