/** A rank of distributed.test.ts, started by launchProcesses: computes a step and writes its gradients and buffers. */
import { join } from "node:path";
import { scope, setNumThreads, type Tensor } from "@slicestack/torch";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { anyRank, joinWorld, localBatchNorms, shareModel } from "../../src/train/distributed.js";
import { endWithLauncher } from "../../src/train/launch.js";
import { resolveWorld, worldFromEnvironment } from "../../src/train/world.js";
import { step, type StepCase } from "./shard-case.js";

const [folder = ".", casesText = "[]"] = process.argv.slice(2);
endWithLauncher();
const world = await resolveWorld(worldFromEnvironment(process.env));
setNumThreads(1);
joinWorld(world, { timeoutSeconds: 60 }, () => {
  for (const [k, stepCase] of (JSON.parse(casesText) as StepCase[]).entries()) {
    scope(() => {
      const { model, loss } = step(stepCase, world.rank, world.worldSize);
      const all = new Map<string, Tensor>();
      for (const [name, parameter] of model.namedParameters())
        if (parameter.grad) all.set(`grad.${name}`, parameter.grad);
      for (const [name, buffer] of model.namedBuffers()) all.set(`buffer.${name}`, buffer.clone());
      shareModel(model);
      for (const [name, buffer] of model.namedBuffers()) all.set(`shared.${name}`, buffer);
      const facts = {
        loss: String(loss),
        local: localBatchNorms(model).join(),
        any: String(anyRank(world.rank === 1)),
      };
      writeSafetensors(join(folder, `${k}-${world.rank}.safetensors`), all, facts);
      model.dispose();
    });
  }
});
