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
  return new Problem("not-fetched", withoutAddress(error), null);
}

/** For the log of the server: the address may be in it, a UID of a study never is. */
export const networkReason = (error: unknown): string | null =>
  error instanceof DicomWebError && isOfNetwork(error) ? said(error) : null;

function withoutAddress(error: DicomWebError): string {
  if (error.fault === "unreachable") return "The archive cannot be reached. The server's log says why.";
  if (error.fault === "truncated") return "The connection to the archive was lost. Try again.";
  if (isRedirect(error)) return "The archive redirects to another address. Tell the operator of the server.";
  return said(error);
}

const isOfNetwork = ({ fault }: DicomWebError): boolean => fault === "unreachable" || fault === "truncated";
const isRedirect = ({ status }: DicomWebError): boolean => status !== null && status >= 300 && status < 400;
const said = (error: DicomWebError): string => error.message.slice(`${error.url}: `.length);
