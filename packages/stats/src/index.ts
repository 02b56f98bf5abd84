/** Statistics of classifiers over plain arrays, for Node and browsers: nothing here reads files or knows about CT. */
export {
  ClusteredSubjectsError,
  LabelError,
  PredictionsError,
  ProbabilityError,
  RangeOfParameterError,
  ShapeError,
} from "./errors.js";
export type { Fitted } from "./fitted.js";
export { Random } from "./random.js";
export { fitLogistic, predictLogistic, type LogisticModel, type LogisticOptions } from "./logistic.js";
export { rankCorrelation } from "./rank-correlation.js";
export { fitPowerLaw, powerLawAt, type PowerLaw } from "./learning-curve.js";

export {
  checkLabels,
  checkProbabilities,
  checkScored,
  checkScores,
  type PartScored,
  type Scored,
} from "./metrics/check.js";
export {
  accuracy,
  argmax,
  balancedAccuracy,
  binaryRates,
  classNpv,
  classSpecificity,
  cohenKappa,
  confusionMatrix,
  confusionRows,
  f1,
  macroF1,
  matthews,
  meanAbsoluteError,
  normaliseRows,
  offByOneAccuracy,
  precision,
  quadraticKappa,
  recall,
  SMALL_SUPPORT,
  type BinaryRates,
  type Confusion,
} from "./metrics/confusion.js";
export {
  auroc,
  averagePrecision,
  precisionAt,
  precisionRecallCurve,
  rank,
  rocCurve,
  sensitivityAt,
  type PrecisionRecallCurve,
  type Ranking,
  type RocCurve,
} from "./metrics/ranking.js";
export { precisionRecallBand, rocBand, type Band, type BandOptions } from "./metrics/bands.js";
export {
  CLASS_METRICS,
  classMetricIndex,
  metricIndex,
  metricRange,
  METRICS,
  scoreAll,
  Scorer,
  type ClassMetricName,
  type MetricName,
} from "./metrics/scorer.js";

export { noInterval, type Estimate, type Interval, type IntervalMethod } from "./intervals/interval.js";
export { clopperPearson, clusteredWilson, sampledShare, wilson } from "./intervals/proportion.js";
export {
  correlationOf,
  DEFAULT_RESAMPLES,
  groupSubjects,
  oneVolumeEach,
  pairedDifference,
  resampleSubjects,
  rowsBySubject,
  sampledOf,
  seededRandom,
  type Resampled,
  type SubjectGroups,
  type WeightedStatistics,
} from "./intervals/bootstrap.js";
export {
  differenceOf,
  estimateOf,
  intervalOf,
  sampledMeanOfShares,
  type Range,
  type Sampled,
  type SampledDifference,
} from "./intervals/sampled.js";
export { balancedSize, smallestClass } from "./intervals/balanced-size.js";
export { medianOf } from "./intervals/median.js";
export { quantile } from "./intervals/quantile.js";

export { delongAuroc, delongTest, type BinaryScores, type DelongTest } from "./comparisons/delong.js";
export { mcNemar, type McNemarTest } from "./comparisons/mcnemar.js";
export { swapTest, type PermutationTest } from "./comparisons/permutation.js";
export { holm } from "./comparisons/holm.js";
export {
  correctedResampledTTest,
  metricSpread,
  runSpread,
  type CorrectedTest,
  type RunSpread,
} from "./comparisons/spread-over-runs.js";

export { brierScore, negativeLogLikelihood } from "./calibration/proper-scores.js";
export { brierDecomposition, type BrierDecomposition } from "./calibration/decomposition.js";
export {
  classwiseCalibrationError,
  defaultBins,
  expectedCalibrationError,
  reliabilityBins,
  sortByClass,
  sortConfidences,
  sortForecasts,
  type Forecasts,
  type ReliabilityBin,
} from "./calibration/reliability.js";
export { reliabilityCurve, type ReliabilityPoint } from "./calibration/reliability-curve.js";
export { TemperatureScaling, type Temperature } from "./calibration/temperature.js";
export { IsotonicRegression, type IsotonicMap } from "./calibration/isotonic.js";
export { correctPriors, estimatePriors, type EstimatedPriors } from "./calibration/prior-shift.js";

export { decideVolume, predictionSet, type OperatingPoint, type VolumeDecision } from "./decisions/decide.js";
export { DecisionThreshold, type FrozenThreshold, type ThresholdRule } from "./decisions/threshold.js";
export {
  ConformalPredictor,
  type ConformalModel,
  type ConformalOptions,
  type ConformalScore,
} from "./decisions/conformal.js";
export {
  alarmLimit,
  familiarityDistance,
  fitFamiliarity,
  type FamiliarityModel,
} from "./decisions/familiarity.js";
export { reportSets, type SetReport } from "./decisions/set-report.js";
export {
  areaUnderRiskCoverage,
  bestAreaUnderRiskCoverage,
  riskAt,
  riskCoverage,
  type RiskCoverage,
} from "./decisions/selective.js";
export { decisionCurve, DEFAULT_THRESHOLDS, type DecisionCurve } from "./decisions/net-benefit.js";

export {
  majorityVote,
  meanVote,
  noisyOrVote,
  topKVote,
  voteCounts,
  type SliceProbabilities,
} from "./votes/rules.js";
export {
  countPositive,
  isPositive,
  sweepThreshold,
  thresholdVote,
  type PositiveCount,
  type Sweep,
  type SweepCriterion,
  type SweepStep,
  type VoteThreshold,
} from "./votes/count-threshold.js";
export {
  classVote,
  countClasses,
  gradeVote,
  sweepClassVote,
  sweepGrades,
  type ClassCounts,
  type GradeThresholds,
} from "./votes/class-counts.js";
export {
  countVoteAt,
  sliceEvidence,
  voteBy,
  VOTE_RULES,
  type Vote,
  type Voters,
  type VoteRule,
} from "./votes/vote.js";
