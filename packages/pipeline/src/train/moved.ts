/** A run or group folder that goes away while a training writes there. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { pathWord } from "../command-line.js";
import { RunError } from "../run/folder.js";

/** The folder of a training was moved or removed while it trained. */
export class MovedError extends RunError {
  /** @param goesOn what `train --resume` goes on with: the folder itself, or the group that it belongs to */
  constructor(folder: string, goesOn: string, cause: unknown) {
    super(
      folder,
      "was moved or removed while it trained",
      `What was saved is in it. Move it back, then go on with: slicestack train --resume ${pathWord(goesOn)}` +
        (goesOn === folder ? "   (or give the folder where it lies now)" : ""),
    );
    this.cause = cause;
  }
}

/**
 * What a training that failed says: where its folder is gone, that, and not which file it missed by it.
 * @param record run.json or group.json, which stood there when the training began
 */
export function orMoved(error: unknown, record: string): unknown {
  const folder = dirname(record);
  return existsSync(record) ? error : new MovedError(folder, folder, error);
}

/** Of a member: it is its group that goes on. */
export function ofGroup(error: unknown, group: string): unknown {
  return error instanceof MovedError ? new MovedError(error.path, group, error.cause) : error;
}
