/** Checks that a folder is on a local disk: a write-ahead log needs shared memory, which network file systems lack. */
import { readFileSync, realpathSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { QueueError } from "./errors.js";

/** File system types as numbered in statfs(2) and in the headers of the file systems. */
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
/** FUSE serves local and remote file systems alike; /proc/mounts distinguishes them. */
const NETWORK_FUSE =
  /^(fuse\.(sshfs|s3fs|goofys|rclone|gcsfuse|glusterfs|ceph.*|juicefs|lizardfs|moosefs|davfs.*)|virtiofs)$/;

export interface FileSystemProbe {
  /** Type number of the file system that contains the folder. */
  type(folder: string): number;
  /** The content of /proc/mounts; "" if it does not exist. */
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

/** @throws QueueError if the folder of the file is on a network file system   @throws Error of the file system */
export function refuseNetworkDisk(file: string, probe: FileSystemProbe = system): void {
  const name = networkFileSystem(dirname(resolve(file)), probe);
  if (name === null) return;
  throw new QueueError(
    file,
    `expected a local disk, found ${name}: a queue needs memory shared by its processes, and reliable locks`,
    "Choose a folder on a local disk of this machine.",
  );
}

/** The name of a network file system; null for a local one. */
export function networkFileSystem(folder: string, probe: FileSystemProbe = system): string | null {
  const type = probe.type(folder);
  if (type !== FUSE) return NETWORK_TYPES[type] ?? null;
  const kind = mountKind(folder, probe.mounts());
  return NETWORK_FUSE.test(kind) ? kind.replace("fuse.", "") : null;
}

/** The type of the file system mounted closest above the folder; a later mount at the same point hides earlier ones. */
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
