/** Errors for a run or group folder that is moved or removed during training. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { pathWord } from "../command-line.js";
import { RunError } from "../run/folder.js";

/** The folder of a training was moved or removed while it trained. */
export class MovedError extends RunError {
  /** @param resumed the folder that `train --resume` continues: the folder itself, or its group */
  constructor(folder: string, resumed: string, cause: unknown) {
    super(
      folder,
      "was moved or removed during training",
      `It contains everything that was saved. Move it back and continue with: slicestack train --resume ${pathWord(resumed)}` +
        (resumed === folder ? "   (or pass its new location)" : ""),
    );
    this.cause = cause;
  }
}

/**
 * Replaces the error of a failed training by a MovedError if its folder no longer exists.
 * @param record run.json or group.json, which existed when training began
 */
export function movedOr(error: unknown, record: string): unknown {
  const folder = dirname(record);
  return existsSync(record) ? error : new MovedError(folder, folder, error);
}

/** For a member of a group: names the group as the folder to resume. */
export function ofGroup(error: unknown, group: string): unknown {
  return error instanceof MovedError ? new MovedError(error.path, group, error.cause) : error;
}
