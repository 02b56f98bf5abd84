/** Names of EfficientNet's tensors in files of torchvision, timm, and the ports of TensorFlow's weights, as torchvision has them. */

/** Blocks of each stage, in order, and whether each begins with a layer that expands. */
export type Stages = readonly (readonly {
  isExpanding: boolean;
  hasExcitation: boolean;
  isFused: boolean;
}[])[];
type Rule = (name: string) => string | null;

/** @param stages of the network that is loaded into   @returns own names; null for those of a classifier; unknown names unchanged */
export function efficientNetNames(names: Iterable<string>, stages: Stages): Rule {
  const all = [...names];
  if (all.some((name) => name.startsWith("_conv_stem."))) return ported(stages);
  if (all.some((name) => name.startsWith("conv_stem."))) return timm(stages);
  return (name) => (name.startsWith("classifier.") ? null : name);
}

const LAST = /^(weight|bias|running_mean|running_var|num_batches_tracked)$/;

/** timm: conv_stem, bn1, blocks.STAGE.BLOCK.conv_pw, conv_head, bn2, classifier. */
function timm(stages: Stages): Rule {
  const outer = outerNames({ stem: "conv_stem", norm: "bn1", head: "conv_head", headNorm: "bn2" }, stages);
  return (name) => {
    if (name.startsWith("classifier.")) return null;
    const [, stage, block, layer = "", tensor = ""] = /^blocks\.(\d+)\.(\d+)\.(.+)\.(\w+)$/.exec(name) ?? [];
    const facts = stages[Number(stage)]?.[Number(block)];
    if (facts === undefined || !LAST.test(tensor)) return outer(name);
    const place = timmLayers(facts).indexOf(layer);
    return place < 0 ? name : ownName(Number(stage), Number(block), facts, place, tensor);
  };
}

/** The layers of a block in the order in which ownName counts them. */
function timmLayers({ isExpanding, isFused }: Stages[number][number]): string[] {
  if (isFused) return isExpanding ? ["conv_exp", "bn1", "conv_pwl", "bn2"] : ["conv", "bn1"];
  const excitation = ["se.conv_reduce", "se.conv_expand"];
  return isExpanding
    ? ["conv_pw", "bn1", "conv_dw", "bn2", ...excitation, "conv_pwl", "bn3"]
    : ["conv_dw", "bn1", ...excitation, "conv_pw", "bn2"];
}

/** efficientnet-pytorch and its Lite: _conv_stem, _bn0, _blocks.NUMBER._expand_conv, _conv_head, _bn1, _fc. */
function ported(stages: Stages): Rule {
  const outer = outerNames(
    { stem: "_conv_stem", norm: "_bn0", head: "_conv_head", headNorm: "_bn1" },
    stages,
  );
  const places = stages.flatMap((blocks, stage) => blocks.map((facts, block) => ({ stage, block, facts })));
  return (name) => {
    if (name.startsWith("_fc.")) return null;
    const [, number, layer = "", tensor = ""] = /^_blocks\.(\d+)\.(\w+)\.(\w+)$/.exec(name) ?? [];
    const found = places[Number(number)];
    if (found === undefined || !LAST.test(tensor)) return outer(name);
    const expanding = found.facts.isExpanding ? ["_expand_conv", "_bn0"] : [];
    const layers = [
      ...expanding,
      "_depthwise_conv",
      "_bn1",
      "_se_reduce",
      "_se_expand",
      "_project_conv",
      "_bn2",
    ];
    const place = layers.indexOf(layer);
    return place < 0 ? name : ownName(found.stage, found.block, found.facts, place, tensor);
  };
}

/** @param place in [convolution, norm] pairs, with the two layers of squeeze-and-excitation before the last pair */
function ownName(
  stage: number,
  block: number,
  { isExpanding, hasExcitation, isFused }: Stages[number][number],
  place: number,
  tensor: string,
): string {
  const start = `features.${stage + 1}.${block}.block`;
  const pair = Math.floor(place / 2);
  const excitation = isFused ? Infinity : isExpanding ? 2 : 1;
  if (pair === excitation) return `${start}.${pair}.fc${(place % 2) + 1}.${tensor}`;
  const missing = pair > excitation && !hasExcitation ? 1 : 0;
  return `${start}.${pair - missing}.${place % 2}.${tensor}`;
}

function outerNames(
  { stem, norm, head, headNorm }: Record<"stem" | "norm" | "head" | "headNorm", string>,
  stages: Stages,
): (name: string) => string {
  const last = stages.length + 1;
  const own = new Map([
    [stem, "features.0.0"],
    [norm, "features.0.1"],
    [head, `features.${last}.0`],
    [headNorm, `features.${last}.1`],
  ]);
  return (name) => {
    const dot = name.lastIndexOf(".");
    const layer = own.get(name.slice(0, dot));
    return layer === undefined ? name : layer + name.slice(dot);
  };
}
