/** A real Orthanc (Debian: orthanc, orthanc-dicomweb) with its DICOMweb plug-in and a database of its own, for one test file. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";
const PYTHON = "/usr/share/orthanc/plugins/libOrthancPython.so";
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin`;

/** False, or what is missing; scripts/setup.sh installs it. */
export const skipOrthanc: string | false =
  spawnSync("Orthanc", ["--version"], { env: { ...process.env, PATH } }).error !== undefined
    ? "orthanc is not installed"
    : !existsSync(PLUGIN)
      ? "orthanc-dicomweb is not installed"
      : false;

/** The plug-in that runs Python scripts; Debian: orthanc-python. */
export const pythonPlugin = PYTHON;
export const skipOrthancPython: string | false =
  skipOrthanc !== false ? skipOrthanc : existsSync(PYTHON) ? false : "orthanc-python is not installed";

/** A resource of Orthanc's REST interface, as far as the tests look at it. */
export interface Resource {
  ID: string;
  MainDicomTags: Record<string, string>;
  PatientMainDicomTags?: Record<string, string>;
  ParentStudy?: string;
  Series?: string[];
  Instances?: string[];
}

export interface OrthancConfiguration {
  /** Further plug-ins. */
  plugins?: readonly string[];
  /** Keys of orthanc.json. */
  settings?: Record<string, unknown>;
}

/** Its password has characters that an address must encode. */
const LOGIN = { user: "tester", password: "se/cr:et" };

export class Orthanc implements AsyncDisposable {
  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    readonly httpPort: number,
    readonly dicomPort: number,
  ) {}

  /** @param folder a new one, removed at the end   @param more of its configuration */
  static async start(folder: string, more: OrthancConfiguration = {}): Promise<Orthanc> {
    mkdirSync(folder, { recursive: true });
    const [http, dicom] = [await freePort(), await freePort()];
    const log = join(folder, "orthanc.log");
    const config = {
      StorageDirectory: join(folder, "db"),
      IndexDirectory: join(folder, "db"),
      Plugins: [PLUGIN, ...(more.plugins ?? [])],
      HttpPort: http,
      DicomPort: dicom,
      DicomAet: "ORTHANC",
      DicomCheckCalledAet: false,
      DicomAlwaysAllowStore: true,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: true,
      RegisteredUsers: { [LOGIN.user]: LOGIN.password },
      OverwriteInstances: false,
      ...more.settings,
      DicomWeb: { Enable: true, Root: "/dicom-web/", Host: `127.0.0.1:${http}`, Ssl: false },
    };
    writeFileSync(join(folder, "orthanc.json"), JSON.stringify(config));
    const child = spawn("Orthanc", [join(folder, "orthanc.json"), `--logfile=${log}`], {
      env: { ...process.env, PATH },
      stdio: "ignore",
    });
    const server = new Orthanc(child, folder, http, dicom);
    const deadline = Date.now() + 60_000;
    while (child.exitCode === null && Date.now() < deadline) {
      const isUp = await server.get("/system").then(
        () => true,
        () => false,
      );
      if (isUp) return server;
      await wait(100);
    }
    await server[Symbol.asyncDispose]();
    throw new Error(
      `Orthanc did not start: ${existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "no log"}`,
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  readonly login = LOGIN;

  /** Its DICOMweb service. */
  get root(): string {
    return `${this.url}/dicom-web`;
  }

  /** The same with user name and password. */
  get rootWithLogin(): string {
    const { user, password } = this.login;
    return this.root.replace("://", `://${user}:${encodeURIComponent(password)}@`);
  }

  /** As `curl -u` takes it. */
  get credentials(): string {
    return `${LOGIN.user}:${LOGIN.password}`;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#fetch(path)).json()) as T;
  }

  async bytes(path: string): Promise<Buffer> {
    return Buffer.from(await (await this.#fetch(path)).arrayBuffer());
  }

  /** Stores a file through the REST interface. */
  async store(
    file: string,
  ): Promise<{ ID: string; Status: string; ParentStudy: string; ParentSeries: string }> {
    const body = readFileSync(file);
    return (await (await this.#fetch("/instances", { method: "POST", body })).json()) as never;
  }

  async #fetch(path: string, options: RequestInit = {}): Promise<Response> {
    const authorization = `Basic ${Buffer.from(this.credentials).toString("base64")}`;
    const response = await fetch(`${this.url}${path}`, { ...options, headers: { authorization } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGTERM");
      await Promise.race([
        ended,
        wait(10_000, undefined, { ref: false }).then(() => this.process.kill("SIGKILL")),
      ]);
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
