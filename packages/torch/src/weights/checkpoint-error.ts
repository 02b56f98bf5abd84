/** A weights file that is damaged, not one, or of another model. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  constructor(
    readonly file: string,
    problem: string,
    remedy = "Take the checkpoint of another epoch, or train again.",
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}
