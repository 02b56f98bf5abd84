/** Training curves, example slices, methods, and how to run it again. */
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
      Balanced accuracy is the mean recall over the classes present; the paper calls it ‘weighted’ accuracy. Plain
      accuracy is the share of volumes classified correctly; the paper calls it ‘unweighted’.
    </li>
    <li>
      Macro F1 is the mean F1 over the classes that occur among labels or predictions. AUROC counts ties
      half${main.classes.length > 2 ? " and is the mean over classes against the rest" : ""}.
    </li>
    <li>
      The unit is the subject, never the slice. Intervals hold ${Math.round(100 * level)} %. Proportions (accuracy,
      recall, precision) have Wilson’s intervals${several}. Other scores have Wilson’s interval of as many trials as
      vary by the same standard error, losses a t interval of their logarithm; the standard error is that of a bootstrap
      over subjects, whatever their label (${resamples} resamples, seed ${seed}). Differences have Newcombe’s intervals:
      both models are scored on the same resamples.
    </li>
    <li>
      Intervals tell how the score would vary with other test subjects. They leave out how it varies with another
      training seed or split.
    </li>
    <li>
      ‘Majority class’ always predicts the commonest training class; the ‘shortcut baseline’ is a logistic regression on
      a few crude numbers (mean lung HU where there is one, slice count, spacing). A model that does not beat both has
      learnt nothing of use. ‘Metadata baseline’ is a regression on the columns that were asked for.
    </li>
    <li>
      Pairs of models: exact McNemar for accuracy and DeLong for the AUROC of two classes where each subject has one
      volume, else the paired bootstrap over subjects, which keeps them whole; p-values are adjusted by Holm over the
      pairs of one metric. Bands of curves are pointwise bootstrap intervals. What is fitted (threshold, temperature,
      prediction sets) is fitted on the validation part.
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
