/** Predicts what is received by C-STORE. */
import { randomUUID } from "node:crypto";
import { ServeError } from "../options.js";
import type { Service } from "../service.js";
import { hasIncoming, Incoming, type ReceivedSeries } from "./incoming.js";
import { receiveObjects } from "./receiver.js";

const MOST_OBJECT_BYTES = 512 * 2 ** 20;
const QUIET_MS = 10_000;

/** @returns null where it is not asked for   @throws ServeError if the port cannot be used */
export async function startDimse(
  service: Service,
  data: string,
): Promise<{ port: number; close: () => void } | null> {
  const { settings, log } = service;
  const { dimse, host } = settings;
  if (dimse === null) {
    if (hasIncoming(data)) log("warn", "received series wait in incoming/ until --dimse is passed again");
    return null;
  }
  for (const to of dimse.sendTo ?? [])
    if (service.targets.find(to)?.push !== true)
      throw new ServeError(`No archive that takes results is named ${to}`, "Add it to the file of --pacs.");
  const take = (series: ReceivedSeries) => predict(service, series);
  const onProblem = (error: unknown) => waits(service, error);
  const incoming = new Incoming(data, settings, dimse.quiet ?? QUIET_MS, take, onProblem);
  try {
    const receiver = await receiveObjects({
      host,
      port: dimse.port,
      title: dimse.title ?? "SLICESTACK",
      from: dimse.from,
      maxObject: dimse.maxObject ?? MOST_OBJECT_BYTES,
      patience: settings.uploadStall,
      incoming,
      log,
    });
    log("info", "receiving by C-STORE", { port: receiver.port });
    const close = () => {
      receiver.close();
      incoming[Symbol.dispose]();
    };
    return { port: receiver.port, close };
  } catch (error) {
    incoming[Symbol.dispose]();
    const { code } = error as NodeJS.ErrnoException;
    if (!["EADDRINUSE", "EACCES", "EADDRNOTAVAIL"].includes(code ?? "")) throw error;
    throw new ServeError(
      `Port ${dimse.port} of ${host} cannot be used (${code})`,
      "Choose another for --dimse.",
    );
  }
}

/** @returns false if it is to be tried again, because the queue or the disk is full */
function predict(service: Service, { folder, files, bytes }: ReceivedSeries): boolean {
  const { predictions, dispatcher, settings, audit, metrics } = service;
  const { model: name, sendTo = [] } = settings.dimse!;
  const model = name ?? [...settings.models.keys()][0]!;
  const who = service.tokens === null ? "local" : DIMSE;
  const options = sendTo.length === 0 ? {} : { dicom: "true" as const };
  try {
    const id = randomUUID();
    predictions.refuseIfFull();
    // First, because the folder is moved for good: nothing is predicted without a line in the audit log.
    audit.write({ who, action: "predict", prediction: id, model });
    predictions.addStored(id, { who, model, options, sendTo: [...sendTo] }, folder, files);
    metrics.upload(bytes);
    dispatcher.wake();
    return true;
  } catch (error) {
    waits(service, error);
    return false;
  }
}

function waits({ log }: Service, error: unknown): void {
  const { name: kind, code } = error as NodeJS.ErrnoException;
  log("warn", "a received series waits", { kind: code ?? kind });
}

/** Who asked, in the audit log of a server with tokens. No token has this name. */
const DIMSE = "C-STORE receiver";
