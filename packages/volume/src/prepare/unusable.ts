import { namelessOf, wholeOf, type Message } from "../message.js";

/** A volume that cannot be used, described in Slicestack's own words. */
export class UnusableVolumeError extends Error {
  override readonly name = "UnusableVolumeError";
  /** The message without anything that may identify a person. */
  readonly nameless: string;

  constructor(problem: string | Message, options?: ErrorOptions) {
    super(wholeOf(problem), options);
    this.nameless = namelessOf(problem);
  }
}
