/** What the tests of this folder share: fixtures, a refusal in the right form, and files in a folder of the test. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { liveTensors } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { readWeights } from "../../src/weights/weights.js";

export const fixtures = fileURLToPath(new URL("../../../../../fixtures/weights/", import.meta.url));

export interface ExpectedTensor {
  dtype: string;
  shape: number[];
  /** Row-major; 64-bit integers beyond 2^53 and non-finite values as text. */
  values: (number | string)[];
}

export function expectedFixtures(
  name: string,
): Record<string, { format: string; tensors: Record<string, ExpectedTensor> }> {
  return JSON.parse(readFileSync(join(fixtures, name), "utf8")) as ReturnType<typeof expectedFixtures>;
}

/** Numbers as fixtures spell them: infinities, NaN and 64-bit integers as Python prints them. */
export function spelled(values: Iterable<number | bigint>): (number | string)[] {
  return Array.from(values, (value) => {
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    if (Number.isFinite(value)) return value;
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  });
}

export function write(folder: string, name: string, data: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, data);
  return file;
}

/** Reading ends in a CheckpointError that begins with the file, matches, and says what to do; no tensor is left behind. */
export function refused(file: string, message: RegExp, read: (file: string) => unknown = readWeights): void {
  const before = liveTensors();
  assert.throws(
    () => read(file),
    (error) => {
      assert.ok(
        error instanceof CheckpointError,
        error instanceof Error ? (error.stack ?? "") : String(error),
      );
      assert.equal(error.file, file);
      assert.ok(error.message.startsWith(`${file}: `), error.message);
      assert.match(error.message, message);
      return true;
    },
  );
  assert.equal(liveTensors(), before, "a refused file leaves no tensor");
}
