/**
 * @slicestack/torch/limits: the resources that the machine, a container or a batch system grants this process. It does
 *   not need libtorch.
 */
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
