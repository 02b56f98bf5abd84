/** The job that checks a training before it begins. */
import { checkStart, type StartCheck } from "./check-start.js";

export function job(check: StartCheck): null {
  checkStart(check);
  return null;
}
