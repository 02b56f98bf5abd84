/** A worker that prepares volumes for the store. */
import { answerJobs } from "./answer-jobs.js";
import { prepareVolume } from "./volume.js";

answerJobs(prepareVolume);
