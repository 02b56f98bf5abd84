/** Where a database with a write-ahead log may lie: its readers share memory, which no network file system offers. */
import { readFileSync, realpathSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { QueueError } from "./errors.js";

/** Type numbers of statfs(2), and of the file systems' own headers. */
const NETWORK_TYPES: Record<number, string> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xfe534d42: "SMB",
  0xff534d42: "CIFS",
  0x564c: "NCP",
  0x5346414f: "AFS",
  0x6b414653: "AFS",
  0x73757245: "Coda",
  0x01021997: "9P",
  0x0bd00bd0: "Lustre",
  0x47504653: "GPFS",
  0x00c36400: "Ceph",
  0x19830326: "BeeGFS",
  0xaad7aaea: "PanFS",
  0x7461636f: "OCFS2",
  0x01161970: "GFS2",
  0x786f4256: "VirtualBox's shared folders",
};
const FUSE = 0x65735546;
/** FUSE serves local and remote ones alike; /proc/mounts tells them apart. */
const NETWORK_FUSE =
  /^(fuse\.(sshfs|s3fs|goofys|rclone|gcsfuse|glusterfs|ceph.*|juicefs|lizardfs|moosefs|davfs.*)|virtiofs)$/;

export interface FileSystemProbe {
  /** Type number of the file system that holds the folder. */
  type(folder: string): number;
  /** Text of /proc/mounts; "" where there is none. */
  mounts(): string;
}

const system: FileSystemProbe = {
  type: (folder) => statfsSync(folder).type >>> 0,
  mounts: () => {
    try {
      return readFileSync("/proc/mounts", "utf8");
    } catch {
      return "";
    }
  },
};

/** @throws QueueError where the folder of the file lies on a network file system   @throws Error of the file system */
export function refuseNetworkDisk(file: string, probe: FileSystemProbe = system): void {
  const name = networkFileSystem(dirname(resolve(file)), probe);
  if (name === null) return;
  throw new QueueError(
    file,
    `expected a local disk, found ${name}: a queue needs memory that its processes share, and locks that hold`,
    "Choose a folder on a disk of this machine.",
  );
}

/** Its name; null for a local one. */
export function networkFileSystem(folder: string, probe: FileSystemProbe = system): string | null {
  const type = probe.type(folder);
  if (type !== FUSE) return NETWORK_TYPES[type] ?? null;
  const kind = mountKind(folder, probe.mounts());
  return NETWORK_FUSE.test(kind) ? kind.replace("fuse.", "") : null;
}

/** Third field of the longest mount point above the folder; the last of equals covers those before. */
function mountKind(folder: string, mounts: string): string {
  const real = `${realOf(folder)}/`;
  let best = { point: "", kind: "" };
  for (const line of mounts.split("\n")) {
    const [, escaped = "", kind = ""] = line.split(" ");
    const point = escaped.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    const isAbove = point !== "" && real.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (isAbove && point.length >= best.point.length) best = { point, kind };
  }
  return best.kind;
}

function realOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
