import { DicomWebError } from "@slicestack/pipeline";
import { Problem } from "../problem.js";

/** What a client is told when a study cannot be fetched. The address of the archive is known to it by name only. */
export function pullProblem(error: unknown): Problem {
  if (!(error instanceof DicomWebError))
    return new Problem(
      "unexpected",
      "The transfer failed in a way that was not foreseen",
      "The server's log says more.",
    );
  const detail = error.message.slice(`${error.url}: `.length);
  return new Problem("not-fetched", detail, null);
}
