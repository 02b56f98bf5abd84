/** The device and threads of each of the processes that train together. */
import type { RunConfig } from "../config/types.js";
import { usableCores } from "../engine/doctor/cpu.js";
import { systemProbe } from "../engine/doctor/probe.js";
import { checkDevice, planCompute, type ComputePlan } from "../run/compute.js";
import { threadsOf, type World } from "./world.js";

export type ComputeRequest = Pick<RunConfig, "device" | "threads" | "precision">;

/** The plan of this process: one GPU and its share of the cores. @throws ConfigError if the device does not exist */
export function computeOf(compute: ComputeRequest, world: World): ComputePlan {
  const plan = planCompute(compute);
  if (world.worldSize === 1) return plan;
  const { usable, logical } = usableCores(systemProbe());
  const threads = Math.min(plan.threads, threadsOf(world, usable, logical));
  const device = plan.device.startsWith("cuda") ? `cuda:${world.localRank}` : plan.device;
  checkDevice(device); // there may be more processes than GPUs
  return { ...plan, threads, device };
}
