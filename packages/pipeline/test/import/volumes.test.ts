/** Checkpoints of 3D and two-stage models that PyTorch saved become runs that say of every volume what PyTorch says (fixtures/import/_checkpoints.py). */
import { importTests } from "./support.js";

const three = { "task.classes_to_include": "[0, 1, 2]" };
const size = { "network.size": "[32, 32, 32]" };

importTests([
  { name: "simple", config: "simple", overrides: size, model: /^simple or simplebn \(3/, says: ["3d"] },
  { name: "simple_modular", overrides: { ...three, ...size }, model: /^simple_modular/, says: ["3d"] },
  { name: "attn", config: "attn", overrides: size, model: /^attn \(5 classes/, says: ["3d"] },
  {
    name: "volume_cnn",
    config: "volume_cnn",
    model: /^volume_cnn \(2 .*input 32 x 32 x 32\)$/,
    says: ["3d"],
  },
  {
    name: "two_stage",
    config: "two_stage",
    overrides: { "slice.model": "resnet18" },
    model: /^two_stage .*32 slices/,
    says: ["2.5d"],
    notes: /its slices cannot vote/,
  },
  {
    name: "maps_3d",
    overrides: three,
    model: /^maps_3d \(ResNet-18 trunk, 3 classes/,
    says: ["2d_vote", "2.5d"],
  },
]);
