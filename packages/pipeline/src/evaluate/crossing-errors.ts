/** This room's errors arrive from its worker as what they are. Apart from the classes, which need no engine. */
import { crossThreads } from "../engine/thread-errors.js";
import * as errors from "./errors.js";

crossThreads(import.meta.url, ...Object.values(errors));
