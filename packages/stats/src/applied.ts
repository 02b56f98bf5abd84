/** What a prediction needs of this package: it loads no distributions, which take longer to load than all of this. */
export { correctPriors } from "./calibration/prior-shift.js";
export { TemperatureScaling } from "./calibration/temperature.js";
export { decideVolume, predictionSet, type OperatingPoint } from "./decisions/decide.js";
export { familiarityDistance } from "./decisions/familiarity.js";
export { RangeOfParameterError } from "./errors.js";
export { Random } from "./random.js";
export { rankCorrelation } from "./rank-correlation.js";
export { countVoteAt, sliceEvidence, voteBy } from "./votes/vote.js";
