/** Checks that a folder is on a local disk: a write-ahead log needs shared memory, which network file systems lack. */
import { execFileSync } from "node:child_process";
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

/** File systems by their names in the output of macOS's mount, where the numbers of statfs are not fixed. */
const NETWORK_MOUNTS: Record<string, string> = {
  nfs: "NFS",
  smbfs: "SMB",
  afpfs: "AFP",
  webdav: "WebDAV",
  ftp: "FTP",
  cifs: "CIFS",
};

export interface FileSystemProbe {
  /** As process.platform. */
  platform: string;
  /** Type number of the file system that contains the folder. */
  type(folder: string): number;
  /** The content of /proc/mounts, on macOS the output of mount; "" if there is neither. */
  mounts(): string;
}

const system: FileSystemProbe = {
  platform: process.platform,
  type: (folder) => statfsSync(folder).type >>> 0,
  mounts: () => {
    try {
      return process.platform === "darwin"
        ? execFileSync("/sbin/mount", { encoding: "utf8" })
        : readFileSync("/proc/mounts", "utf8");
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
  if (probe.platform === "darwin")
    return NETWORK_MOUNTS[mountKind(folder, mountsOfMacOs(probe.mounts()))] ?? null;
  const type = probe.type(folder);
  if (type !== FUSE) return NETWORK_TYPES[type] ?? null;
  const kind = mountKind(folder, mountsOfLinux(probe.mounts()));
  return NETWORK_FUSE.test(kind) ? kind.replace("fuse.", "") : null;
}

interface Mount {
  point: string;
  kind: string;
}

function mountsOfLinux(text: string): Mount[] {
  return text.split("\n").map((line) => {
    const [, escaped = "", kind = ""] = line.split(" ");
    const point = escaped.replaceAll(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(parseInt(octal, 8)),
    );
    return { point, kind };
  });
}

/** Lines such as "//anna@host/share on /Volumes/share (smbfs, nodev, nosuid)". */
function mountsOfMacOs(text: string): Mount[] {
  return text.split("\n").map((line) => {
    const [, point = "", kind = ""] = / on (\/.*) \((\w+)/.exec(line) ?? [];
    return { point, kind };
  });
}

/** The type of the file system mounted closest above the folder; a later mount at the same point hides earlier ones. */
function mountKind(folder: string, mounts: readonly Mount[]): string {
  const real = `${realOf(folder)}/`;
  let best = { point: "", kind: "" };
  for (const mount of mounts) {
    const { point } = mount;
    const isAbove = point !== "" && real.startsWith(point.endsWith("/") ? point : `${point}/`);
    if (isAbove && point.length >= best.point.length) best = mount;
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
