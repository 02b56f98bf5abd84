/**
 * Receives objects by C-STORE (PS3.4, annex B) from the callers that are listed. DIMSE has neither passwords nor encryption:
 * it is for the same machine, or for a network that is protected otherwise.
 */
import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { readDicomElements } from "@slicestack/volume";
import { dicomFile } from "@slicestack/volume/node";
import dimse from "dcmjs-dimse";
import type { Log } from "../log.js";
import { fileMeta } from "./file-meta.js";
import { SeriesTooLargeError, type Incoming } from "./incoming.js";
import { PduGuard } from "./pdu-guard.js";

export interface ReceiverOptions {
  host: string;
  port: number;
  /** The AE title of this server. */
  title: string;
  /** AE titles that may send. */
  from: readonly string[];
  /** Most bytes of one object. */
  maxObject: number;
  /** Milliseconds without data after which a connection is closed. */
  patience: number;
  incoming: Incoming;
  log: Log;
}

const { Scp, constants, responses } = dimse;
type Association = InstanceType<typeof dimse.association.Association>;
type Context = InstanceType<typeof dimse.association.PresentationContext>;
type StoreRequest = Parameters<InstanceType<typeof Scp>["cStoreRequest"]>[0];
type StoreResponse = InstanceType<typeof responses.CStoreResponse>;

const MOST_CONNECTIONS = 20;
/** The library proposes less; a longer one is an attack or a fault. */
const MOST_PDU_BYTES = 2 ** 20;
/** Of what is collected in memory: everything but the data sets of objects. */
const MOST_LOOSE_BYTES = 4 * 2 ** 20;
const STORAGE = "1.2.840.10008.5.1.4.1.1.";
/** Those that the readers of this package take. */
const SYNTAXES = [
  "1.2.840.10008.1.2.1",
  "1.2.840.10008.1.2",
  "1.2.840.10008.1.2.4.70",
  "1.2.840.10008.1.2.4.57",
  "1.2.840.10008.1.2.4.90",
  "1.2.840.10008.1.2.4.91",
  "1.2.840.10008.1.2.4.80",
  "1.2.840.10008.1.2.4.81",
  "1.2.840.10008.1.2.4.50",
  "1.2.840.10008.1.2.4.51",
  "1.2.840.10008.1.2.5",
];
/** PS3.4, table B.2-1. */
const STATUS = { outOfResources: 0xa700, cannotUnderstand: 0xc000, mismatch: 0xa900 } as const;
const [STUDY, SERIES, INSTANCE] = [0x0020000d, 0x0020000e, 0x00080018] as const;

/** @throws the error of the address, such as EADDRINUSE */
export async function receiveObjects(options: ReceiverOptions): Promise<{ port: number; close: () => void }> {
  dimse.log.setLevel("silent");
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const guard = new PduGuard(MOST_PDU_BYTES);
    const { patience } = options;
    const times = { connectTimeout: patience, associationTimeout: patience, pduTimeout: patience };
    socket.on("data", (piece: Buffer) => {
      if (!guard.accepts(piece) || !receiver.hasRoomFor(piece.length)) socket.destroy();
    });
    const receiver = new Receiver(socket, options, times);
    receiver.on("networkError", () => socket.destroy());
  });
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: typeof address === "object" && address !== null ? address.port : options.port, close };
}

class Receiver extends Scp {
  #file: ReceivedFile | null = null;
  /** Whether an association was accepted: the library goes on reading after a rejection or a release. */
  #isOpen = false;
  #looseBytes = 0;

  constructor(
    private readonly connection: Socket,
    private readonly options: ReceiverOptions,
    times: object,
  ) {
    super(connection, times);
    // The library sets this when a client connects; without it, its timeouts do nothing.
    Object.assign(this, { connected: true, connectedTime: Date.now() });
    connection.once("close", () => this.#file?.remove()); // in the middle of an object
  }

  /** @returns false once too much was received that is not the data set of an object */
  hasRoomFor(bytes: number): boolean {
    if (this.#file === null) this.#looseBytes += bytes;
    return this.#looseBytes <= MOST_LOOSE_BYTES;
  }

  override associationRequested(asked: Association): void {
    const { title, from, log } = this.options;
    const { RejectResult, RejectSource, RejectReason } = constants as unknown as Reasons;
    const refuse = (reason: number) => {
      log("warn", "an association was refused", { reason });
      this.#isOpen = false;
      this.sendAssociationReject(RejectResult.Permanent, RejectSource.ServiceUser, reason);
      this.connection.destroySoon();
    };
    if (asked.getCalledAeTitle().trim() !== title) return refuse(RejectReason.CalledAeNotRecognized);
    if (!from.includes(asked.getCallingAeTitle().trim())) return refuse(RejectReason.CallingAeNotRecognized);
    for (const { id } of asked.getPresentationContexts()) accept(asked.getPresentationContext(id));
    this.#isOpen = true;
    this.sendAssociationAccept();
  }

  override associationReleaseRequested(): void {
    this.#isOpen = false;
    this.sendAssociationReleaseResponse();
  }

  override abort(): void {
    this.connection.destroy();
  }

  override cEchoRequest(
    request: Parameters<InstanceType<typeof Scp>["cEchoRequest"]>[0],
    callback: Parameters<InstanceType<typeof Scp>["cEchoRequest"]>[1],
  ): void {
    if (!this.#isOpen) return void this.connection.destroy();
    this.#looseBytes = 0;
    const response = responses.CEchoResponse.fromRequest(request);
    response.setStatus(constants.Status.Success);
    callback(response);
  }

  /** @throws Error outside an association and for a context that was not accepted, which ends the connection */
  override createStoreWritableStream(context: Context, request: StoreRequest): Writable {
    if (!this.#isOpen || context.getResult() !== constants.PresentationContextResult.Accept)
      throw new Error("An object was sent without an association that accepts it");
    this.#file?.remove();
    this.#looseBytes = 0;
    this.#file = new ReceivedFile(this.options, {
      sopClass: request.getAffectedSopClassUid(),
      sopInstance: request.getAffectedSopInstanceUid(),
      transferSyntax: context.getAcceptedTransferSyntaxUid() ?? SYNTAXES[1]!,
    });
    // A sender that does not wait for the answer writes to a stream that has ended.
    return this.#file.stream.on("error", () => this.connection.destroy());
  }

  /** The data set stays on disk: only its file is passed on. */
  override createDatasetFromStoreWritableStream(
    stream: Writable,
    _context: Context,
    callback: (dataset: InstanceType<typeof dimse.Dataset>) => void,
  ): void {
    const done = () => {
      try {
        callback(new dimse.Dataset({}));
      } catch {
        this.connection.destroy(); // another command has taken the place of this one in the meantime
      }
    };
    if (stream.writableFinished) done();
    else stream.once("finish", done);
  }

  override cStoreRequest(request: StoreRequest, callback: (response: StoreResponse) => void): void {
    if (!this.#isOpen) return void this.connection.destroy();
    const file = this.#file;
    this.#file = null;
    this.#looseBytes = 0;
    this.#stored(file, request.getAffectedSopInstanceUid())
      .then((status) => {
        const response = responses.CStoreResponse.fromRequest(request);
        response.setStatus(status);
        callback(response);
      })
      .catch(() => this.connection.destroy());
  }

  /** @returns the status of the answer */
  async #stored(file: ReceivedFile | null, announced: string): Promise<number> {
    const { incoming, log } = this.options;
    if (file === null) return constants.Status.ProcessingFailure;
    try {
      file.close();
      const uids = await uidsOf(file.path);
      if (uids === null) return STATUS.cannotUnderstand;
      if (uids.instance !== announced) return STATUS.mismatch;
      incoming.add(file.path, uids);
      return constants.Status.Success;
    } catch (error) {
      const { name, code } = error as NodeJS.ErrnoException;
      log("warn", "an object was not stored", { kind: code ?? name });
      return error instanceof SeriesTooLargeError || code !== undefined
        ? STATUS.outOfResources
        : STATUS.cannotUnderstand;
    } finally {
      file.remove();
    }
  }
}

interface Reasons {
  RejectResult: { Permanent: number };
  RejectSource: { ServiceUser: number };
  RejectReason: { CallingAeNotRecognized: number; CalledAeNotRecognized: number };
}

/** Takes C-ECHO, and the first transfer syntax of a storage class that can be read. */
function accept(context: Context): void {
  const { Accept, RejectAbstractSyntaxNotSupported, RejectTransferSyntaxesNotSupported } =
    constants.PresentationContextResult;
  const abstract = context.getAbstractSyntaxUid();
  if (abstract !== constants.SopClass.Verification && !abstract.startsWith(STORAGE))
    return context.setResult(RejectAbstractSyntaxNotSupported);
  const syntax = SYNTAXES.find((one) => context.hasTransferSyntaxUid(one));
  if (syntax === undefined) context.setResult(RejectTransferSyntaxesNotSupported);
  else context.setResult(Accept, syntax);
}

/** A file that is written as its bytes arrive, so that an object is never held in memory. */
class ReceivedFile {
  readonly path: string;
  readonly stream: Writable;
  #descriptor: number | null;
  #failure: Error | null = null;

  constructor({ incoming, maxObject }: ReceiverOptions, meta: Parameters<typeof fileMeta>[0]) {
    const head = fileMeta(meta); // before the file is opened: the names may be missing
    this.path = join(incoming.temporary, randomUUID());
    this.#descriptor = openSync(this.path, "wx", 0o600);
    let bytes = 0;
    const write = (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > maxObject)
        this.#failure ??= new SeriesTooLargeError("The object exceeds a limit of this server");
      // What follows a failure is read and dropped, so that the sender gets an answer with the reason.
      if (this.#failure !== null || this.#descriptor === null) return;
      try {
        for (let done = 0; done < piece.length;) done += writeSync(this.#descriptor, piece, done);
      } catch (error) {
        this.#failure = error as Error;
      }
    };
    write(head);
    this.stream = new Writable({
      highWaterMark: 2 * MOST_PDU_BYTES,
      write: (piece: Buffer, _encoding, done) => {
        write(piece);
        done();
      },
    });
  }

  /** The object is on disk when this returns. @throws what failed while it was written */
  close(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#descriptor !== null) fsyncSync(this.#descriptor);
    this.#end();
  }

  /** Also after it was moved elsewhere. */
  remove(): void {
    this.#end();
    rmSync(this.path, { force: true });
  }

  #end(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

/** null if one is missing. @throws VolumeFormatError */
async function uidsOf(path: string): Promise<{ study: string; series: string; instance: string } | null> {
  const found = await readDicomElements(dicomFile(path), [STUDY, SERIES, INSTANCE]);
  const text = (tag: number) =>
    Buffer.from(found.get(tag) ?? [])
      .toString("latin1")
      .replace(/[\0 ]+$/, "");
  const [study, series, instance] = [text(STUDY), text(SERIES), text(INSTANCE)];
  return study === "" || series === "" || instance === "" ? null : { study, series, instance };
}
