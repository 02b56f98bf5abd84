/** What a worker throws arrives at its caller as what it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArgumentError, TorchError } from "@slicestack/torch";
import { runJob } from "../../src/engine/session.js";
import { ConfigError } from "../../src/config/errors.js";
import * as pipeline from "../../src/index.js";
import { packError, unpackError } from "../../src/engine/thread-errors.js";

const caught = async (kind: string): Promise<Error> => {
  try {
    await runJob(new URL("./throwing-job.js", import.meta.url), kind, {});
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  return assert.fail("the job ended well");
};

test("an ArgumentError of the engine keeps its class, and so the class that it extends, its fields and its stack", async () => {
  const error = await caught("engine");
  assert.ok(error instanceof ArgumentError && error instanceof TorchError);
  assert.equal(error.name, "ArgumentError");
  assert.equal(error.op, "zeros");
  assert.match(error.stack ?? "", /throwing-job/);
});

test("a ConfigError keeps its problems, which name the key and the flag", async () => {
  const error = await caught("config");
  assert.ok(error instanceof ConfigError);
  assert.deepEqual(error.problems, [{ key: "device", message: "device: no", flag: "--device" }]);
  assert.equal(error.message, "--device: no");
});

test("a cause keeps its class and cause; an error of the system keeps its code and path", async () => {
  const error = await caught("cause");
  assert.ok(error instanceof pipeline.CheckpointError);
  assert.ok(error.cause instanceof RangeError);
  assert.equal((error.cause.cause as NodeJS.ErrnoException).code, "ENOENT");
  assert.equal((error.cause.cause as NodeJS.ErrnoException).path, "/not/there");
});

test("a field that cannot be cloned is left out, a value that is not an Error becomes one", async () => {
  const error = await caught("function");
  assert.equal(error.message, "with a function");
  assert.deepEqual(Object.keys(error), ["kept"]);
  assert.equal((await caught("text")).message, "just text");
});

test("every error class that the package gives out crosses, and keeps being one", async () => {
  const classes = Object.entries(pipeline).filter(([name]) => /^[A-Z]\w*Error$/.test(name));
  assert.ok(classes.length > 12);
  // Errors of the main thread alone: no worker throws them.
  const stay = ["WorldError", "SlurmError", "SlurmFullError"];
  for (const [name, kind] of classes as [string, new (...args: never[]) => Error][]) {
    if (stay.includes(name)) continue;
    const made = Object.create(kind.prototype as Error) as Error;
    Object.assign(made, { message: "m" });
    assert.ok((await unpackError(packError(made))) instanceof kind, name);
  }
});
