import assert from "node:assert/strict";
import { test } from "node:test";
import { WorldError } from "@slicestack/pipeline";
import { PEER_LOST } from "@slicestack/pipeline/internal";
import { CommanderError } from "commander";
import { EXIT, exitCodeOf, UsageError } from "../src/exit-codes.js";

class DatasetError extends Error {
  override name = "DatasetError";
}
class MissingSlicesError extends DatasetError {
  override name = "MissingSlicesError";
}

test("errors map to the documented codes by name, by the class they derive from, and by their cause", () => {
  assert.equal(exitCodeOf(new UsageError("x")), EXIT.usage);
  assert.equal(exitCodeOf(new CommanderError(1, "commander.unknownOption", "x")), EXIT.usage);
  assert.equal(exitCodeOf(new DatasetError("x")), EXIT.data);
  assert.equal(exitCodeOf(new MissingSlicesError("x")), EXIT.data);
  assert.equal(exitCodeOf(new Error("x", { cause: new DatasetError("y") })), EXIT.data);
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "BudgetError" })), EXIT.usage);
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "AutoError" })), EXIT.data);
  // Errors that come out of a worker thread keep their name only.
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "LibtorchNotFoundError" })), EXIT.engine);
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "ModelError" })), EXIT.usage);
});

test("a lost peer has the code that the launcher does not blame; a broken environment is a wrong use", () => {
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "DistributedError" })), PEER_LOST);
  assert.equal(EXIT.peer, PEER_LOST);
  assert.equal(exitCodeOf(new WorldError("x")), EXIT.usage);
});

test("an abort is 130; anything unknown is 1, prototype names and loops of causes included", () => {
  const controller = new AbortController();
  controller.abort();
  assert.equal(exitCodeOf(controller.signal.reason), EXIT.stopped);
  assert.equal(exitCodeOf(new TypeError("x")), EXIT.unexpected);
  assert.equal(exitCodeOf("text"), EXIT.unexpected);
  assert.equal(exitCodeOf(Object.assign(new Error("x"), { name: "constructor" })), EXIT.unexpected);
  const loop = new Error("x");
  loop.cause = loop;
  assert.equal(exitCodeOf(loop), EXIT.unexpected);
});
