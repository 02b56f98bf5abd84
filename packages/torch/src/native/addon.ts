/** The functions of the C++ addon, as seen from TypeScript. A handle is a number; null means "no tensor". */
import type { DType, MemoryFormat, TypedArray } from "../types.js";

export type Handle = number;
type Maybe = Handle | null;
type Unary = (x: Handle) => Handle;
type Binary = (x: Handle, other: number, scalar: boolean) => Handle;
type Pair = (x: Handle, other: Handle) => Handle;
type Reduce = (x: Handle, dims: number[] | number | undefined, keepdim: boolean) => Handle;
type ReduceOne = (x: Handle, dim: number | undefined, keepdim: boolean) => Handle;
type Convolution = (
  x: Handle,
  weight: Handle,
  bias: Maybe,
  stride: number | number[],
  padding: number | number[],
  dilation: number | number[],
  groups: number,
) => Handle;
type Pool = (
  x: Handle,
  kernel: number | number[],
  stride: number | number[],
  padding: number | number[],
) => Handle;
type AveragePool = (
  x: Handle,
  kernel: number | number[],
  stride: number | number[],
  padding: number | number[],
  countIncludePad: boolean,
) => Handle;
type AdaptivePool = (x: Handle, outputSize: number | number[]) => Handle;

export interface Addon {
  setMemoryProbe(probe: () => number): void;
  setErrorClasses(
    ...classes: (new (
      message: string,
      op?: string,
      shapes?: string,
      rank?: number,
      worldSize?: number,
    ) => Error)[]
  ): void;

  dispose(handles: Handle[]): void;
  isAlive(x: Handle): boolean;
  beginScope(): number;
  endScope(id: number, survivors: Handle[]): void;
  keep(x: Handle): void;
  scopeDepth(): number;
  liveTensors(): number;
  liveBytes(): number;
  describeLive(most: number): string;
  shapeOf(x: Handle): number[];
  dtypeOf(x: Handle): DType;
  deviceOf(x: Handle): string;
  strideOf(x: Handle): number[];
  isContiguous(x: Handle): boolean;
  memoryFormatOf(x: Handle): MemoryFormat | "strided";
  fromTypedArray(data: TypedArray, shape: number[], dtype: DType, device: string): Handle;
  toTypedArray(x: Handle): TypedArray;
  item(x: Handle): number;
  mapFile(path: string, bytes: number): Handle;
  version(): string;
  showConfig(): string;
  getNumThreads(): number;
  setNumThreads(threads: number): void;
  setConvolutionKernels(kernels: string): string;
  cudaDeviceCount(): number;
  hasMps(): boolean;
  setTf32(allowed: boolean): void;
  holdTf32(allowed: boolean): void;
  releaseTf32(): void;
  isTf32Allowed(): boolean;
  synchronize(device: string): void;

  empty(shape: number[], dtype: DType, device: string): Handle;
  zeros(shape: number[], dtype: DType, device: string): Handle;
  ones(shape: number[], dtype: DType, device: string): Handle;
  full(shape: number[], value: number, dtype: DType, device: string): Handle;
  arange(start: number, end: number, step: number, dtype: DType, device: string): Handle;
  linspace(start: number, end: number, steps: number, dtype: DType, device: string): Handle;
  eye(n: number, dtype: DType, device: string): Handle;
  rand(shape: number[], dtype: DType, device: string): Handle;
  randn(shape: number[], dtype: DType, device: string): Handle;
  randint(low: number, high: number, shape: number[], dtype: DType, device: string): Handle;
  randperm(n: number, dtype: DType, device: string): Handle;
  uniform_(x: Handle, low: number, high: number): void;
  normal_(x: Handle, mean: number, std: number): void;
  multinomial(weights: Handle, count: number, replacement: boolean): Handle;
  dropout(x: Handle, p: number, train: boolean): Handle;
  featureDropout(x: Handle, p: number, train: boolean): Handle;
  manualSeed(seed: number): void;
  getGeneratorState(device: string): Handle;
  setGeneratorState(state: Handle, device: string): void;

  view(x: Handle, shape: number[]): Handle;
  reshape(x: Handle, shape: number[]): Handle;
  viewDtype(x: Handle, dtype: DType): Handle;
  permute(x: Handle, dims: number[]): Handle;
  transpose(x: Handle, dim0: number, dim1: number): Handle;
  squeeze(x: Handle, dim?: number): Handle;
  unsqueeze(x: Handle, dim: number): Handle;
  flatten(x: Handle, startDim: number, endDim: number): Handle;
  expand(x: Handle, shape: number[]): Handle;
  repeat(x: Handle, times: number[]): Handle;
  cat(tensors: Handle[], dim: number): Handle;
  stack(tensors: Handle[], dim: number): Handle;
  split(x: Handle, size: number, dim: number): Handle[];
  chunk(x: Handle, chunks: number, dim: number): Handle[];
  unbind(x: Handle, dim: number): Handle[];
  select(x: Handle, dim: number, index: number): Handle;
  narrow(x: Handle, dim: number, start: number, length: number): Handle;
  slice(x: Handle, dim: number, start: number | undefined, end: number | undefined, step: number): Handle;
  indexSelect(x: Handle, dim: number, index: Handle): Handle;
  gather(x: Handle, dim: number, index: Handle): Handle;
  scatterAdd(x: Handle, dim: number, index: Handle, source: Handle): Handle;
  maskedSelect: Pair;
  maskedFill(x: Handle, mask: Handle, value: number): Handle;
  where(condition: Handle, x: Handle, y: Handle): Handle;
  flip(x: Handle, dims: number[]): Handle;
  roll(x: Handle, shifts: number[], dims: number[]): Handle;
  pad(x: Handle, padding: number[], mode: string, value: number | undefined): Handle;
  contiguous(x: Handle, format: MemoryFormat): Handle;
  clone: Unary;
  alias: Unary;
  toDtype(x: Handle, dtype: DType): Handle;
  toDevice(x: Handle, device: string, nonBlocking: boolean): Handle;
  toMemoryFormat(x: Handle, format: MemoryFormat): Handle;
  copy_(x: Handle, source: Handle): void;
  oneHot(x: Handle, classes: number): Handle;
  tril(x: Handle, diagonal: number): Handle;
  triu(x: Handle, diagonal: number): Handle;

  neg: Unary;
  abs: Unary;
  exp: Unary;
  log: Unary;
  log1p: Unary;
  sqrt: Unary;
  rsqrt: Unary;
  square: Unary;
  reciprocal: Unary;
  floor: Unary;
  ceil: Unary;
  round: Unary;
  sign: Unary;
  sin: Unary;
  cos: Unary;
  erf: Unary;
  relu: Unary;
  sigmoid: Unary;
  tanh: Unary;
  isnan: Unary;
  isfinite: Unary;
  logicalNot: Unary;
  logicalAnd: Pair;
  logicalOr: Pair;
  add: Binary;
  sub: Binary;
  mul: Binary;
  div: Binary;
  pow: Binary;
  remainder: Binary;
  eq: Binary;
  ne: Binary;
  lt: Binary;
  le: Binary;
  gt: Binary;
  ge: Binary;
  maximum: Pair;
  minimum: Pair;
  clamp(x: Handle, min: number | undefined, max: number | undefined): Handle;
  lerp(x: Handle, end: Handle, weight: number): Handle;
  add_(x: Handle, other: number, scalar: boolean, alpha?: number): void;
  mul_(x: Handle, other: number, scalar: boolean): void;
  fill_(x: Handle, value: number): void;
  lerp_(x: Handle, end: Handle, weight: number): void;
  sum: Reduce;
  mean: Reduce;
  amax: Reduce;
  amin: Reduce;
  logsumexp: Reduce;
  variance(x: Handle, dims: number[] | number | undefined, keepdim: boolean, correction: number): Handle;
  std(x: Handle, dims: number[] | number | undefined, keepdim: boolean, correction: number): Handle;
  norm(x: Handle, dims: number[] | number | undefined, keepdim: boolean, p: number): Handle;
  prod: ReduceOne;
  any: ReduceOne;
  all: ReduceOne;
  max(x: Handle, dim: number | undefined, keepdim: boolean): Handle | Handle[];
  min(x: Handle, dim: number | undefined, keepdim: boolean): Handle | Handle[];
  argmax: ReduceOne;
  argmin: ReduceOne;
  cumsum(x: Handle, dim: number): Handle;
  topk(x: Handle, k: number, dim: number, largest: boolean): Handle[];
  sort(x: Handle, dim: number, descending: boolean): Handle[];
  softmax(x: Handle, dim: number): Handle;
  logSoftmax(x: Handle, dim: number): Handle;
  matmul: Pair;
  bmm: Pair;

  linear(x: Handle, weight: Handle, bias: Maybe): Handle;
  conv1d: Convolution;
  conv2d: Convolution;
  conv3d: Convolution;
  batchNorm(
    x: Handle,
    weight: Maybe,
    bias: Maybe,
    mean: Maybe,
    variance: Maybe,
    training: boolean,
    momentum: number,
    eps: number,
  ): Handle;
  layerNorm(x: Handle, normalizedShape: number[], weight: Maybe, bias: Maybe, eps: number): Handle;
  groupNorm(x: Handle, groups: number, weight: Maybe, bias: Maybe, eps: number): Handle;
  maxPool1d: Pool;
  maxPool2d: Pool;
  maxPool3d: Pool;
  avgPool2d: AveragePool;
  avgPool3d: AveragePool;
  adaptiveAvgPool2d: AdaptivePool;
  adaptiveAvgPool3d: AdaptivePool;
  adaptiveMaxPool2d: AdaptivePool;
  adaptiveMaxPool3d: AdaptivePool;
  gelu(x: Handle, approximate: string): Handle;
  leakyRelu(x: Handle, negativeSlope: number): Handle;
  softplus: Unary;
  silu: Unary;
  interpolate(
    x: Handle,
    size: number | number[],
    mode: string,
    alignCorners: boolean,
    antialias: boolean,
  ): Handle;
  scaledDotProductAttention(
    query: Handle,
    key: Handle,
    value: Handle,
    mask: Maybe,
    dropout: number,
    causal: boolean,
  ): Handle;
  affineGrid(theta: Handle, size: number[], alignCorners: boolean): Handle;
  gridSample(x: Handle, grid: Handle, mode: string, paddingMode: string, alignCorners: boolean): Handle;
  embedding(weight: Handle, index: Handle): Handle;
  crossEntropy(
    logits: Handle,
    target: Handle,
    weight: Maybe,
    reduction: string,
    ignoreIndex: number,
    labelSmoothing: number,
  ): Handle;
  binaryCrossEntropyWithLogits(
    logits: Handle,
    target: Handle,
    weight: Maybe,
    positiveWeight: Maybe,
    reduction: string,
  ): Handle;
  mseLoss(x: Handle, target: Handle, reduction: string): Handle;
  gru(
    x: Handle,
    hidden: Handle,
    parameters: Handle[],
    layers: number,
    dropout: number,
    train: boolean,
    bidirectional: boolean,
  ): Handle[];

  requiresGrad(x: Handle): boolean;
  isLeaf(x: Handle): boolean;
  setRequiresGrad(x: Handle, requiresGrad: boolean): void;
  detach: Unary;
  setGradEnabled(enabled: boolean): boolean;
  isGradEnabled(): boolean;
  backward(x: Handle, gradient: Maybe, retainGraph: boolean): void;
  grad(outputs: Handle[], inputs: Handle[], retainGraph: boolean, createGraph: boolean): (Handle | null)[];
  setFunctionCaller(
    caller: (id: number, gradients: (Handle | null)[], saved: Handle[]) => (Handle | null)[],
  ): void;
  /** Numbers of the functions whose graphs were freed since the last call. */
  takeReleasedFunctions(): number[];
  attachFunction(id: number, inputs: Handle[], outputs: Handle[], saved: Handle[]): Handle[];
  gradOf(x: Handle): Handle | null;
  setGrad(x: Handle, gradient: Maybe): void;
  zeroGrad(parameters: Handle[]): void;
  setData(x: Handle, data: Handle): void;
  enterAutocast(deviceType: string, enabled: boolean, dtype: DType): [boolean, DType];
  leaveAutocast(deviceType: string, enabled: boolean, dtype: DType): void;
  isAutocastEnabled(deviceType: string): boolean;

  adamStep(
    parameters: Handle[],
    means: Handle[],
    squares: Handle[],
    step: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    decoupled: boolean,
  ): void;
  sgdStep(
    parameters: Handle[],
    velocities: Handle[],
    learningRate: number,
    momentum: number,
    dampening: number,
    weightDecay: number,
    nesterov: boolean,
    first: boolean,
  ): void;
  clipGradNorm(parameters: Handle[], maxNorm: number): number;

  distributedBackends(): string[];
  initProcessGroup(
    backend: string,
    rank: number,
    worldSize: number,
    masterAddress: string,
    masterPort: number,
    timeoutSeconds: number,
  ): void;
  destroyProcessGroup(): void;
  processGroup(): number[];
  allReduce(x: Handle, reduction: string): void;
  broadcast(x: Handle, source: number): void;
  allGather(x: Handle): Handle[];
  barrier(): void;
  averageGradients(parameters: Handle[], weight: number, bucketBytes: number): void;
  syncBatchNorm(
    x: Handle,
    weight: Maybe,
    bias: Maybe,
    mean: Maybe,
    variance: Maybe,
    momentum: number,
    eps: number,
  ): Handle;
}
