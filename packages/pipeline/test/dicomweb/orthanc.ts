/** A real Orthanc with its DICOMweb plug-in, on free ports of this machine and with an empty store. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const program = ["/usr/sbin/Orthanc", "/usr/bin/Orthanc", "/usr/local/bin/Orthanc"].find((path) => existsSync(path));
const plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/** Why there can be none here; false where there can. */
export const noOrthanc =
  program !== undefined && existsSync(plugin)
    ? false
    : "Orthanc is missing: apt-get install --no-install-recommends orthanc orthanc-dicomweb";

export class Orthanc implements AsyncDisposable {
  private constructor(
    readonly port: number,
    readonly login: { user: string; password: string },
    private readonly child: ChildProcess,
  ) {}

  /** @throws Error with its log where it does not answer within a minute */
  static async start(folder: string): Promise<Orthanc> {
    const [http, dicom] = [await freePort(), await freePort()];
    const login = { user: "tester", password: "se/cr:et" };
    mkdirSync(join(folder, "db"), { recursive: true });
    const file = join(folder, "orthanc.json");
    writeFileSync(file, JSON.stringify(configuration(folder, http, dicom, login)));
    const child = spawn(program!, [file], { stdio: ["ignore", "pipe", "pipe"] });
    const log: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => log.push(piece));
    const orthanc = new Orthanc(http, login, child);
    for (let k = 0; k < 600 && child.exitCode === null; k++) {
      const answer = await fetch(`${orthanc.root}/studies`, { headers: orthanc.headers }).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok === true) return orthanc;
      await sleep(100);
    }
    await orthanc[Symbol.asyncDispose]();
    throw new Error(`Orthanc did not come up:\n${Buffer.concat(log).toString()}\n${readFileSync(file, "utf8")}`);
  }

  /** Its DICOMweb service. */
  get root(): string {
    return `http://127.0.0.1:${this.port}/dicom-web`;
  }

  /** The same with user name and password. */
  get rootWithLogin(): string {
    const { user, password } = this.login;
    return this.root.replace("://", `://${user}:${encodeURIComponent(password)}@`);
  }

  get headers(): Record<string, string> {
    const { user, password } = this.login;
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

function configuration(folder: string, http: number, dicom: number, login: { user: string; password: string }) {
  return {
    Name: "test",
    StorageDirectory: join(folder, "db"),
    IndexDirectory: join(folder, "db"),
    Plugins: [plugin],
    HttpPort: http,
    DicomPort: dicom,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: true,
    RegisteredUsers: { [login.user]: login.password },
    DicomServerEnabled: false,
    OverwriteInstances: false,
    DicomWeb: { Enable: true, Root: "/dicom-web/" },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
