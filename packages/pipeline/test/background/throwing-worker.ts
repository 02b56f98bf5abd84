/** The worker of errors.test.ts: throws what it is asked for. */
import { readFileSync } from "node:fs";
import { ArgumentError } from "@slicestack/torch";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { serveJob } from "../../src/background.js";
import { ConfigError } from "../../src/config/errors.js";

serveJob<string, never>((kind) => {
  switch (kind) {
    case "engine":
      throw new ArgumentError("expected a device of this machine", "zeros");
    case "config":
      throw new ConfigError([{ key: "device", message: "device: no", flag: "--device" }]);
    case "function":
      throw Object.assign(new Error("with a function"), { kept: 1, lost: () => 2 });
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
});
