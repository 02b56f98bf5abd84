/** Training curves, example slices, methods, and how to reproduce the run. */
import { definitions, html, type Html } from "../../page/html.js";
import type { ReportInput } from "../report-input.js";
import { figure, figuresOf, mainOf } from "./shared.js";

export function training(input: ReportInput): Html | undefined {
  const figures = figuresOf(input, "training");
  return figures.length === 0 ? undefined : html`${figures.map(figure)}`;
}

export function examples({ examples: slices = [] }: ReportInput): Html | undefined {
  if (slices.length === 0) return undefined;
  const pictures = slices.map(
    ({ source, alternative, caption }) =>
      html`<figure>
        <img src="${source}" alt="${alternative}" />
        <figcaption>${caption}</figcaption>
      </figure> `,
  );
  return html`<div class="slices">${pictures}</div> `;
}

export function methods(input: ReportInput): Html {
  const main = mainOf(input);
  const { resamples, level, seed } = main.bootstrap;
  const several =
    main.volumes === main.subjects ? "" : ", with the design effect of subjects that have several volumes";
  return html`<ul class="small">
    <li>
      Balanced accuracy is the mean recall over the classes present; the paper calls it ‘weighted’ accuracy.
      Plain accuracy is the share of volumes classified correctly; the paper calls it ‘unweighted’.
    </li>
    <li>
      Macro F1 is the mean F1 over the classes that occur among labels or predictions. AUROC counts ties
      half${main.classes.length > 2 ? " and is the mean over classes against the rest" : ""}.
    </li>
    <li>
      The statistical unit is the subject, never the slice. Intervals have a level of
      ${Math.round(100 * level)} %. Proportions (accuracy, recall, precision) have Wilson’s
      intervals${several}; that of the balanced accuracy combines those of the recalls. Other scores have
      Wilson’s interval with the number of trials that gives the same standard error, and losses a t interval
      of their logarithm; the standard error is that of a bootstrap over subjects, not stratified by label
      (${resamples} resamples, seed ${seed}). Differences have Newcombe’s intervals: both models are scored on
      the same resamples.
    </li>
    <li>
      Intervals show how the score would vary with other test subjects. They do not cover another training
      seed or split.
    </li>
    <li>
      ‘Majority class’ always predicts the most frequent training class; the ‘shortcut baseline’ is a logistic
      regression on a few crude numbers (mean lung HU if there is one, slice count, spacing). A model that
      does not beat both has learned nothing useful. ‘Metadata baseline’ is a regression on the requested
      columns.
    </li>
    <li>
      Pairs of models are tested by the exact McNemar test for accuracy and DeLong’s test for the AUROC of two
      classes if each subject has one volume, otherwise by the paired bootstrap over subjects, which keeps
      their volumes together; p-values are adjusted by Holm’s method over the pairs of one metric. Bands of
      curves are pointwise bootstrap intervals. Thresholds, temperatures and prediction sets are fitted on the
      validation part.
    </li>
  </ul> `;
}

export function reproduce(input: ReportInput): Html {
  return html`<h3 id="command">Command</h3>
    <pre tabindex="0" aria-labelledby="command"><code>${input.command}</code></pre>
    <h3 id="config">Config</h3>
    <pre tabindex="0" aria-labelledby="config"><code>${input.config.trimEnd()}</code></pre>
    <h3>Environment</h3>
    ${definitions(Object.entries(input.environment))}`;
}
