/** @slicestack/torch/limits: what the machine, a container or a batch system grants this process. Needs no libtorch. */
export {
  availableMemory,
  cpuQuota,
  memoryLimit,
  parseCfsQuota,
  parseCgroups,
  parseCpuMax,
  parseMeminfo,
  readText,
  type CgroupEntry,
  type Read,
} from "./native/cgroup.js";
