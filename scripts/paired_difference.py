#!/usr/bin/python3
"""Difference of two runs' or groups' scores on the same test volumes, with a 95 % interval over subjects.

    /usr/bin/python3 scripts/paired_difference.py RUN OTHER [--model 2.5d]

For what `slicestack compare` does not take: groups of folds, and runs that call their classes by other names. Classes are
matched by number. Prints AUROC (two classes) and accuracy of RUN, of OTHER, and the difference; the interval is the percentile
one of 2000 resamples of subjects. Needs Debian's python3-sklearn.
"""

import argparse
import csv
import pathlib
import sys

import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("runs", nargs=2, type=pathlib.Path)
parser.add_argument("--model", default="2.5d")
given = parser.parse_args()


def read(run):
    with open(run / "predictions.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["model"] == given.model and r["part"] == "test"]
    return {r["id"]: (r["subject"], int(r["label"]), float(r["p_0"]), float(r["p_1"])) for r in rows}


first, second = map(read, given.runs)
if not first or first.keys() != second.keys() or any(first[k][:2] != second[k][:2] for k in first):
    sys.exit(f"{given.runs[0]} and {given.runs[1]}: expected the same test volumes, subjects and labels of {given.model}")
ids = sorted(first)
label = np.array([first[k][1] for k in ids])
subject = np.array([first[k][0] for k in ids])
members = [np.flatnonzero(subject == one) for one in np.unique(subject)]
p = np.array([[one[k][2:] for k in ids] for one in (first, second)])
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
