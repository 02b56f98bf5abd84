/** A weights file is damaged, has another format, or belongs to another model. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  constructor(
    readonly file: string,
    problem: string,
    remedy = "Use the checkpoint of another epoch, or train again.",
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}. ${remedy}`, options);
  }
}
