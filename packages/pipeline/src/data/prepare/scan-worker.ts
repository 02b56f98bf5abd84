/** A worker that prepares scans for a model, without what only the index of a data set holds. */
import { answerJobs } from "./answer-jobs.js";
import { prepareScan } from "./volume.js";

answerJobs(prepareScan);
