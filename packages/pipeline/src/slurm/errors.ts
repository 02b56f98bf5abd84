/** Slurm is missing, refused a request, or gave an answer that cannot be read. */
export class SlurmError extends Error {
  override readonly name = "SlurmError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}
