import {
  allocatorCheck,
  cpuCheck,
  diskChecks,
  gpuChecks,
  libtorchCheck,
  memoryCheck,
  threadChecks,
  type Check,
} from "./checks.js";
import { systemProbe, type Probe } from "./probe.js";

/** How well this machine is set up for training, with a remedy for each problem. */
export interface Diagnosis {
  /** The worst of the checks. */
  status: Check["status"];
  libtorchFound: boolean;
  checks: Check[];
}

/** Checks libtorch, CPU, threads, memory, disks and GPUs. Problems that it finds are reported, never thrown. */
export async function diagnose(probe: Probe = systemProbe()): Promise<Diagnosis> {
  const { check: libtorch, info } = await libtorchCheck(probe);
  const checks = [
    libtorch,
    ...(await cpuCheck(probe, info)),
    ...threadChecks(probe, info),
    memoryCheck(probe),
    ...(await diskChecks(probe)),
    ...allocatorCheck(probe),
    ...(await gpuChecks(probe, info)),
  ];
  const worst = (["fail", "warn"] as const).find((status) => checks.some((check) => check.status === status));
  return { status: worst ?? "ok", libtorchFound: info !== null, checks };
}

const MARKS = { ok: "✓", warn: "!", fail: "✗" };

/** The diagnosis as aligned lines: mark, name, value; below it the remedy. */
export function diagnosisText({ checks }: Diagnosis): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = " ".repeat(width + 4);
  const lines = checks.flatMap(({ name, status, value, remedy }) => [
    `${MARKS[status]} ${name.padEnd(width)}  ${value}`,
    ...(remedy ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => `${indent}${line}`),
  ]);
  const count = (status: Check["status"]) => checks.filter((check) => check.status === status).length;
  return [...lines, "", `${count("ok")} ok, ${count("warn")} to improve, ${count("fail")} failed`].join("\n");
}
