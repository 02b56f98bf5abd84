/** @slicestack/server: an HTTP API for trained models. */
export { hostPage, type HostedPage, type HostPageOptions } from "./host-page.js";
export { serve, type Server } from "./serve.js";
export { isLoopback, ServeError, type DimseOptions, type ServeOptions } from "./options.js";
export { PredictionFailedError, WorkerDiedError } from "./worker/model-worker.js";
export type {
  Delivery,
  Health,
  Pacs,
  Prediction,
  PredictionRequest,
  ProblemBody,
  RemoteStudy,
  ServedModel,
} from "./schema.js";
