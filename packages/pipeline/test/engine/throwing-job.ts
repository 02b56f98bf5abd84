/** The job of errors.test.ts: throws what it is asked for. */
import { readFileSync } from "node:fs";
import { ArgumentError } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { ConfigError } from "../../src/config/errors.js";
import { InspectError } from "../../src/inspect/errors.js";

export function job(kind: string): never {
  switch (kind) {
    case "engine":
      throw new ArgumentError("expected a device of this machine", "zeros");
    case "config":
      throw new ConfigError([{ key: "device", message: "device: no", flag: "--device" }]);
    case "function":
      throw Object.assign(new Error("with a function"), { kept: 1, lost: () => 2 });
    case "late":
      throw new InspectError("a class that only this thread has loaded", "Load it.");
    case "text":
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw "just text";
    default:
      try {
        readFileSync("/not/there");
      } catch (cause) {
        throw new CheckpointError("f", "p", "r", { cause: new RangeError("middle", { cause }) });
      }
      throw new Error("not reached");
  }
}
