import assert from "node:assert/strict";
import { test } from "node:test";
import * as distributed from "../../src/distributed.js";
import * as torch from "../../src/index.js";
import * as onnx from "../../src/onnx.js";
import * as safetensors from "../../src/safetensors.js";
import * as trace from "../../src/trace.js";

const sorted = (names: Iterable<string>) => [...names].sort((a, b) => (a < b ? -1 : 1)).join(" ");

/** Of the class and of those that it extends. */
function membersOf(prototype: object): string[] {
  const above = Object.getPrototypeOf(prototype) as object;
  const names = Object.getOwnPropertyNames(prototype);
  return above === Object.prototype ? names : [...names, ...membersOf(above)];
}

test("the public exports are these, and no others", () => {
  assert.equal(
    sorted(Object.keys(torch)),
    "ArgumentError DistributedError LibtorchNotFoundError MappedFileError OutOfMemoryError Scope StateDictError Tensor TensorDisposedError TorchError arange autocast autogradFunction cat cudaDeviceCount describeLiveTensors empty enableGrad eye fromTypedArray full functional getGeneratorState getNumThreads grad hasMps holdTf32 isAutocastEnabled isGradEnabled isTf32Allowed libtorchInfo linspace liveBytes liveTensors manualSeed mapFile multinomial noGrad oneHot ones onesLike rand randint randn randperm releaseTf32 scope setConvolutionKernels setGeneratorState setNumThreads setTf32 stack synchronize tensor where zeros zerosLike",
  );
});

test("the members of Tensor are these, and no others", () => {
  assert.equal(
    sorted(new Set(membersOf(torch.Tensor.prototype))),
    "abs add add_ alias all amax amin any argmax argmin backward bmm ceil chunk clamp clone constructor contiguous copy_ cos cumsum detach device dim dispose div dtype eq erf exp expand fill_ flatten flip floor gather ge gelu grad gt indexSelect isContiguous isDisposed isLeaf isfinite isnan item keep le lerp lerp_ log log1p logSoftmax logicalAnd logicalNot logicalOr logsumexp lt maskedFill maskedSelect matmul max maximum mean memoryFormat min minimum mul mul_ narrow ne neg norm normal_ numel pad permute pow prod reciprocal relu remainder repeat requiresGrad requiresGrad_ reshape roll round rsqrt scatterAdd select setData shape sigmoid sign sin size slice softmax sort split sqrt square squeeze std stride sub sum tanh to toArray toString toTypedArray topk transpose tril triu unbind uniform_ unsqueeze var view viewDtype watch zero_",
  );
});

test("the functions of `functional` are these, and no others", () => {
  assert.equal(
    sorted(Object.keys(torch.functional)),
    "adaptiveAvgPool2d adaptiveAvgPool3d adaptiveMaxPool2d adaptiveMaxPool3d affineGrid avgPool2d avgPool3d batchNorm binaryCrossEntropyWithLogits cat conv1d conv2d conv3d crossEntropy dropout embedding featureDropout gridSample groupNorm gru interpolate layerNorm leakyRelu linear maxPool1d maxPool2d maxPool3d mseLoss oneHot scaledDotProductAttention silu softplus stack where",
  );
});

test("the exports of @slicestack/torch/trace are these, and no others", () => {
  assert.equal(sorted(Object.keys(trace)), "traceProducts traceShapes");
});

test("the exports of @slicestack/torch/onnx are these, and no others", () => {
  assert.equal(sorted(Object.keys(onnx)), "OnnxError defaultSizes onnxModel recordProgram supportedOps");
});

test("the functions of `distributed` are these, and no others", () => {
  assert.equal(
    sorted(Object.keys(distributed)),
    "DistributedError allGather allReduce availability available averageGradients barrier broadcast destroyProcessGroup initProcessGroup isInitialized rank worldSize",
  );
});

test("the exports of @slicestack/torch/safetensors are these, and no others", () => {
  assert.equal(
    sorted(Object.keys(safetensors)),
    "CheckpointError Storage StoredTensor WeightsFile codeOf contiguousStride itemBytes loadFile messageOf readHeader readTensors safetensorsBytes saveFile viewProblem",
  );
});
