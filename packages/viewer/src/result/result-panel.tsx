/** What the model says of the scan: decision, probabilities, prediction set, doubts; or why it says nothing. */
import { decideVolume, predictionSet, type VolumeDecision } from "@slicestack/stats";
import type { GraphFacts } from "@slicestack/volume/onnx";
import type { Reading } from "../reading/reading.js";
import { decimal, percent, words } from "../words/words.js";
import type { ShownResult } from "../worker/messages.js";
import { Probabilities } from "./probabilities.js";

export function ResultPanel({ reading }: { reading: Reading }) {
  const { result: text } = words.value;
  const result = reading.result.value;
  const model = reading.model.value;
  const refusal = reading.refusal.value;
  return (
    <section class="card" aria-labelledby="result-title">
      <h2 id="result-title">{text.title}</h2>
      {refusal !== null && (
        <div class="refusal" role="alert">
          <h3>{refusal.isRead ? text.refused : text.notRead}</h3>
          <p>{sentence(refusal.message)}</p>
        </div>
      )}
      {result !== null && model.kind === "open" && <Shown result={result} facts={model.facts} />}
      {result === null && refusal === null && (
        <p class="hint">{model.kind === "none" || model.kind === "refused" ? text.none : text.waiting}</p>
      )}
    </section>
  );
}

function Shown({ result, facts }: { result: ShownResult; facts: GraphFacts }) {
  const { result: text } = words.value;
  const raw = facts.classes.map((name) => result.uncalibrated[name]!);
  const decision = decideVolume(facts.classes, raw, facts.thresholds);
  const { scan, seconds } = result;
  return (
    <div class="result" data-id={result.id} data-probabilities={JSON.stringify(result.probabilities)}>
      <p class="decision">{decision.class}</p>
      {decision.threshold !== null && <p class="hint">{ruleText(decision, facts.classes, raw)}</p>}
      <Probabilities result={result} decided={decision.class} />
      <SetLine facts={facts} raw={raw} />
      {result.warnings.map(({ message }) => (
        <p key={message} class="warning">
          {text.note(message)}
        </p>
      ))}
      <p class="hint">{text.familiarity}</p>
      <details>
        <summary>{text.details}</summary>
        <dl>
          {decision.threshold === null && (
            <>
              <dt>{text.decidedBy}</dt>
              <dd>{text.largest}</dd>
            </>
          )}
          <dt>{text.source}</dt>
          <dd>{result.source}</dd>
          <dt>{text.scan}</dt>
          <dd>
            {words.value.picture.facts(
              scan.shape.join(" × "),
              scan.spacing.map((mm) => decimal(mm, 3)).join(" × "),
            )}
          </dd>
          {Object.entries(scan.facts).map(([name, value]) => (
            <>
              <dt key={name}>{name.replaceAll("_", " ")}</dt>
              <dd>{value}</dd>
            </>
          ))}
          <dt>{text.time}</dt>
          <dd>{text.seconds(decimal(seconds.prepare, 1), decimal(seconds.predict, 1))}</dd>
        </dl>
      </details>
    </div>
  );
}

function SetLine({ facts, raw }: { facts: GraphFacts; raw: number[] }) {
  const { result: text } = words.value;
  const set = predictionSet(facts.classes, raw, facts.sets);
  if (set === null) return null;
  const classes = set.classes.length === 0 ? text.emptySet : set.classes.join(", ");
  return (
    <p class="set">
      <strong>{text.set}:</strong> {text.setMiss(classes, percent(set.miss))}
    </p>
  );
}

function ruleText(
  { threshold, rule }: VolumeDecision,
  classes: readonly string[],
  raw: readonly number[],
): string {
  const { result: text } = words.value;
  const fixed = (value: number) => decimal(value, 3, { fixed: true });
  return text.threshold(classes[1]!, fixed(raw[1]!), fixed(threshold ?? NaN), rule);
}

const sentence = (message: string): string =>
  `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
