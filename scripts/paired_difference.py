#!/usr/bin/python3
"""Difference of two runs' or groups' scores on the same test volumes, with a 95 % interval over subjects.

    /usr/bin/python3 scripts/paired_difference.py RUN OTHER [--model 2.5d]

For what `slicestack compare` does not take: groups of folds, and runs that call their classes by other names. Classes are
matched by number. Prints AUROC (two classes) and accuracy of RUN, of OTHER, and the difference; the interval is the percentile
one of 2000 resamples of subjects. Needs Debian's python3-sklearn.
"""

import argparse
import pathlib
import sys

import numpy as np
from recompute_report import read_predictions
from sklearn.metrics import accuracy_score, roc_auc_score

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("runs", nargs=2, type=pathlib.Path)
parser.add_argument("--model", default="2.5d")
given = parser.parse_args()


def read(run):
    """Labels, subjects and probabilities by the order of ids."""
    model = read_predictions(run / "predictions.csv").get((given.model, "test"))
    if model is None:
        sys.exit(f"{run}: expected test predictions of {given.model}")
    order = np.argsort(model.ids)
    return np.array(model.ids)[order], model.subjects[order], model.y[order], model.p[order]


(ids, subject, label, p), (*other, p_other) = map(read, given.runs)
if not all(np.array_equal(a, b) for a, b in zip((ids, subject, label), other)):
    sys.exit(f"{given.runs[0]} and {given.runs[1]}: expected the same test volumes, subjects and labels of {given.model}")
members = [np.flatnonzero(subject == one) for one in np.unique(subject)]
p = [p, p_other]
random = np.random.default_rng(0)
samples = [np.concatenate([members[k] for k in random.integers(0, len(members), len(members))]) for _ in range(2000)]
scores = {
    "AUROC": lambda y, q: roc_auc_score(y, q[:, 1]),
    "accuracy": lambda y, q: accuracy_score(y, q.argmax(1)),
}
for name, score in scores.items():
    values = [score(label, q) for q in p]
    differences = [score(label[s], p[0][s]) - score(label[s], p[1][s]) for s in samples if len(set(label[s])) == 2]
    low, high = np.percentile(differences, [2.5, 97.5])
    print(f"{name}: {values[0]:.3f}, {values[1]:.3f}, difference {values[0] - values[1]:+.3f} [{low:+.3f}, {high:+.3f}]")
