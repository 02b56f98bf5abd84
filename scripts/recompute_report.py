#!/usr/bin/python3
"""Recomputes the numbers of a report from its predictions with scikit-learn and scipy, and compares.

    /usr/bin/python3 scripts/recompute_report.py RUN        (or RUN/paper, RUN/external/NAME-HASH)

Reads predictions.csv, slice_votes.csv and metrics.json, shares no line of code with the program that wrote them, and ends
with 1 where a number differs. Points must agree within 1e-6, and so must intervals of shares, which are computed again from
their formula. Intervals that rest on a bootstrap are computed with numpy's own random numbers, and must agree within a tenth
of their width plus 0.01, which is what other resamples may move them by (`--resamples 0` leaves them out).
Needs Debian's python3-sklearn and python3-scipy.
"""

import argparse
import csv
import json
import math
import pathlib
import sys
import warnings

import numpy as np
from scipy import optimize, stats
from sklearn import metrics as m

warnings.filterwarnings("ignore")
POINT = 1e-6

checked: dict = {}
wrong: list = []


def check(group, what, ours, theirs, tolerance=POINT):
    """ours is recomputed, theirs is the report's (null = NaN)."""
    checked[group] = checked.get(group, 0) + 1
    ours = math.nan if ours is None else float(ours)
    theirs = math.nan if theirs is None else float(theirs)
    same = (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= tolerance or ours == theirs
    if not same:
        wrong.append(f"{group}: {what}: recomputed {ours!r}, report {theirs!r}")


class Model:
    def __init__(self, rows, classes):
        self.ids = [r["id"] for r in rows]
        self.subjects = np.array([r["subject"] for r in rows])
        self.y = np.array([int(r["label"]) for r in rows])
        self.p = np.array([[float(r[f"p_{c}"]) for c in range(classes)] for r in rows])
        self.classes = classes

    @property
    def predicted(self):
        return self.p.argmax(axis=1)

    @property
    def independent(self):
        return len(set(self.subjects)) == len(self.subjects)


def read_predictions(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sum(1 for name in rows[0] if name.startswith("p_"))
    groups = {}
    for row in rows:
        groups.setdefault((row["model"], row["part"]), []).append(row)
    return {key: Model(own, classes) for key, own in groups.items()}


# --- single numbers ---


def auroc(y, score):
    return m.roc_auc_score(y, score) if 0 < y.sum() < len(y) else math.nan


def nll(y, p):
    return float(np.mean(-np.log(np.maximum(p[np.arange(len(y)), y], np.finfo(float).eps))))


def brier(y, p):
    return float(np.mean(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1)))


def equal_mass(forecast, happened, bins):
    """Mean forecast, mean outcome and mass of each bin; equal forecasts are shared among all bins that they reach."""
    order = np.argsort(forecast, kind="stable")
    f, h = forecast[order], happened[order].astype(float)
    for value in np.unique(f):  # equal forecasts are alike: each has the mean outcome of its group
        h[f == value] = h[f == value].mean()
    n, out = len(f), []
    for b in range(bins):
        low, high = b * n / bins, (b + 1) * n / bins
        weight = np.clip(np.minimum(np.arange(n) + 1, high) - np.maximum(np.arange(n), low), 0, None)
        if weight.sum() > 0:
            out.append(((weight * f).sum() / weight.sum(), (weight * h).sum() / weight.sum(), weight.sum()))
    return out


def ece(forecast, happened, bins):
    return sum(mass / len(forecast) * abs(f - h) for f, h, mass in equal_mass(forecast, happened, bins))


def risk_coverage(y, p):
    confidence, errors = p.max(axis=1), (p.argmax(axis=1) != y).astype(float)
    points = [((confidence >= t).mean(), errors[confidence >= t].mean(), t) for t in sorted(set(confidence), reverse=True)]
    return points, confidence, errors


def risk_at(y, p, coverage):
    _, confidence, errors = risk_coverage(y, p)
    for value in set(confidence):
        errors[confidence == value] = errors[confidence == value].mean()
    order = np.argsort(-confidence, kind="stable")
    wanted = coverage * len(y)
    take = np.clip(wanted - np.arange(len(y)), 0, 1)
    return float((errors[order] * take).sum() / wanted)


def area_under_risk_coverage(y, p):
    _, confidence, errors = risk_coverage(y, p)
    for value in set(confidence):
        errors[confidence == value] = errors[confidence == value].mean()
    order = np.argsort(-confidence, kind="stable")
    return float(np.mean(np.cumsum(errors[order]) / (np.arange(len(y)) + 1)))


def point_metrics(y, p, ordinal, bins):
    """Every metric of metrics.json by name; NaN where it does not apply."""
    c, predicted = p.shape[1], p.argmax(axis=1)
    labels = list(range(c))
    recalls = m.recall_score(y, predicted, labels=labels, average=None, zero_division=0)
    present = [k for k in labels if (y == k).any()]
    union = sorted(set(y) | set(predicted))
    out = {
        "accuracy": m.accuracy_score(y, predicted),
        "balancedAccuracy": float(np.mean([recalls[k] for k in present])),
        "macroF1": m.f1_score(y, predicted, labels=union, average="macro"),
        "matthews": m.matthews_corrcoef(y, predicted),
        "negativeLogLikelihood": nll(y, p),
        "brierScore": brier(y, p),
        "calibrationError": ece(p.max(axis=1), predicted == y, bins),
        "classwiseCalibrationError": float(np.mean([ece(p[:, k], y == k, bins) for k in labels])),
        "areaUnderRiskCoverage": area_under_risk_coverage(y, p),
        "cohenKappa": m.cohen_kappa_score(y, predicted),
    }
    areas = [auroc(y == k, p[:, k]) for k in labels]
    out["auroc"] = areas[1] if c == 2 else float(np.nanmean(areas))
    if c > 2:
        among = lambda i, j: (y == i) | (y == j)
        one = lambda i, j: auroc(y[among(i, j)] == i, p[among(i, j), i])
        pairs = [(one(i, j) + one(j, i)) / 2 for i in present for j in present if i < j]
        out["pairwiseAuroc"] = float(np.mean(pairs)) if pairs else math.nan
    if ordinal:
        out["quadraticKappa"] = m.cohen_kappa_score(y, predicted, weights="quadratic", labels=labels)
        out["meanAbsoluteError"] = float(np.mean(np.abs(y - predicted)))
        out["offByOneAccuracy"] = float(np.mean(np.abs(y - predicted) <= 1))
    if c == 2:
        tn, fp, fn, tp = m.confusion_matrix(y, predicted, labels=[0, 1]).ravel()
        share = lambda a, b: a / b if b > 0 else math.nan
        out |= {"auprc": m.average_precision_score(y, p[:, 1]) if y.any() else math.nan}
        out |= {"sensitivity": share(tp, tp + fn), "specificity": share(tn, tn + fp)}
        out |= {"ppv": share(tp, tp + fp), "npv": share(tn, tn + fn)}
    return out


def default_bins(n):
    """Ten bins, fewer in small samples: at least five volumes per bin (docs/explanation/statistics.md)."""
    return max(1, min(10, n // 5))


# --- intervals ---


def wilson(share, n, z):
    """The two shares whose distance from the observed one is z of their standard errors; n need not be a whole number."""
    if not n > 0:
        return math.nan, math.nan
    roots = np.roots([n + z * z, -(2 * n * share + z * z), n * share * share]).real
    low, high = sorted(roots)
    return (0.0 if share <= 0 else float(low)), (1.0 if share >= 1 else float(high))


def share_interval(model, hits, trials, level, df=math.inf):
    """Interval of a share of volumes: Wilson's, with a design effect and t's quantile where a subject has several volumes."""
    n = int(trials.sum())
    if n == 0:
        return math.nan, math.nan
    share = hits[trials].mean()
    if model.independent:
        return wilson(share, n, stats.t.ppf((1 + level) / 2, df))
    groups = [np.flatnonzero(trials & (model.subjects == s)) for s in sorted(set(model.subjects[trials]))]
    residuals = np.array([(hits[rows] - share).sum() for rows in groups])
    k = len(groups)
    if share in (0.0, 1.0):
        effective = k
    elif k == 1:
        effective = 1
    else:
        effective = min(n, share * (1 - share) / (k / (k - 1) * (residuals**2).sum() / n**2))
    return wilson(share, effective, stats.t.ppf((1 + level) / 2, max(1, k - 1)))


def shares(model):
    """Hits and trials of every metric that is a share."""
    right = model.predicted == model.y
    out = {"accuracy": (right, np.ones(len(right), bool)), "offByOneAccuracy": (abs(model.predicted - model.y) <= 1, np.ones(len(right), bool))}
    if model.classes == 2:
        out |= {"sensitivity": (right, model.y == 1), "specificity": (right, model.y == 0)}
        out |= {"ppv": (right, model.predicted == 1), "npv": (right, model.predicted == 0)}
    return out


def draw_rows(model, rng):
    """Rows of subjects drawn with replacement, as many as there are, regardless of their label."""
    names = sorted(set(model.subjects))
    rows = [np.flatnonzero(model.subjects == name) for name in names]
    while True:
        yield np.concatenate([rows[k] for k in rng.integers(0, len(rows), len(rows))])


def replicates(model, statistics, resamples, rng):
    draws = draw_rows(model, rng)
    return np.array([[statistic(rows) for statistic in statistics] for rows, _ in zip(draws, range(resamples))])


RANGES = {"cohenKappa": (-1, 1), "quadraticKappa": (-1, 1), "matthews": (-1, 1), "negativeLogLikelihood": None, "brierScore": None}


class Spread:
    """The interval of a statistic from its resamples, at any quantile."""

    def __init__(self, model, metric, value, draws):
        finite = draws[np.isfinite(draws)]
        n = len(set(model.subjects))
        self.value, self.df, self.range = value, n - 1, RANGES.get(metric, (0, 1))
        self.error = finite.std(ddof=1) * (1 if model.independent else math.sqrt(n / (n - 1))) if len(finite) >= 0.9 * len(draws) else math.nan
        present = [c for c in range(model.classes) if (model.y == c).any()]
        balanced = lambda sizes: len(sizes) ** 2 / sum(1 / size for size in sizes)
        self.subjects = balanced([len(set(model.subjects[model.y == c])) for c in present])

    def bounds(self, z):
        if self.range is None:
            return self.value * math.exp(-z * self.error / self.value), self.value * math.exp(z * self.error / self.value)
        low, high = self.range
        share = (self.value - low) / (high - low)
        if self.error < 1e-12:
            trials = self.subjects if min(share, 1 - share) < 1e-12 else math.nan
        else:
            trials = share * (1 - share) / (self.error / (high - low)) ** 2
        return tuple(low + (high - low) * bound for bound in wilson(share, trials, z))


def newcombe(a, b, bounds_a, bounds_b, correlation):
    """Difference of two numbers from their intervals and their correlation."""
    below = lambda x, y: math.sqrt(max(0, x * x + y * y - 2 * correlation * x * y))
    return a - b - below(a - bounds_a[0], bounds_b[1] - b), a - b + below(bounds_a[1] - a, b - bounds_b[0])


def near(group, what, ours, theirs):
    """Compares an interval with one of the report; each is from its own resamples."""
    tolerance = 0.1 * (theirs["high"] - theirs["low"]) + 0.01
    for k, end in enumerate(["low", "high"]):
        check(group, f"{what} {end}", ours[k], theirs[end], tolerance)


# --- the sections of metrics.json ---


def check_summary(summary, model, ordinal):
    name = f"{summary['model']} {summary['part']}"
    bins = default_bins(len(model.y))
    ours = point_metrics(model.y, model.p, ordinal, bins)
    for metric, estimate in summary["metrics"].items():
        value = ours.get(metric, math.nan)
        if metric == "cohenKappa" and math.isnan(value):
            value = estimate["value"]  # scikit-learn gives NaN where nothing but chance agreement is possible
        check("metrics", f"{name} {metric}", value, estimate["value"])
    for metric, (hits, trials) in shares(model).items():
        if metric != "offByOneAccuracy" or ordinal:
            check_share(f"{name} {metric}", model, hits, trials, summary["metrics"][metric]["interval"])
    matrix = m.confusion_matrix(model.y, model.predicted, labels=range(model.classes))
    for i, row in enumerate(summary["confusion"]):
        for j, count in enumerate(row):
            check("confusion", f"{name} {i} {j}", matrix[i, j], count)
    scores = m.precision_recall_fscore_support(model.y, model.predicted, labels=range(model.classes), zero_division=0)
    for c, entry in enumerate(summary["perClass"]):
        check("classes", f"{name} {c} support", scores[3][c], entry["support"])
        trials = {"precision": (model.predicted == c).sum(), "recall": (model.y == c).sum()}
        for k, metric in enumerate(["precision", "recall"]):
            value = scores[k][c] if trials[metric] > 0 else math.nan
            check("classes", f"{name} {c} {metric}", value, entry[metric]["value"])
            rows = model.predicted == c if metric == "precision" else model.y == c
            check_share(f"{name} {c} {metric}", model, model.predicted == model.y, rows, entry[metric]["interval"])
        others = {"specificity": model.y != c, "npv": model.predicted != c}
        for metric, rows in others.items():
            if metric in entry:  # files from before it was computed lack it
                hits = (model.y != c) & (model.predicted != c)
                check("classes", f"{name} {c} {metric}", hits[rows].mean() if rows.any() else math.nan, entry[metric]["value"])
                check_share(f"{name} {c} {metric}", model, hits, rows, entry[metric]["interval"])
        f1 = scores[2][c] if trials["precision"] + trials["recall"] > 0 else math.nan
        check("classes", f"{name} {c} f1", f1, entry["f1"]["value"])
        check("classes", f"{name} {c} auroc", auroc(model.y == c, model.p[:, c]), entry["auroc"]["value"])
    curve = equal_mass(model.p.max(axis=1), model.predicted == model.y, bins)
    check("reliability", f"{name} bins", len(curve), len(summary["reliability"]))
    for (forecast, happened, mass), point in zip(curve, summary["reliability"]):
        check("reliability", f"{name} confidence", forecast, point["confidence"])
        check("reliability", f"{name} accuracy", happened, point["accuracy"])
        check("reliability", f"{name} count", mass, point["count"])


def check_share(what, model, hits, trials, interval):
    for end, bound in zip(["low", "high"], share_interval(model, hits, trials, interval["level"])):
        check("intervals of shares", f"{what} {end}", bound, interval[end])


RESAMPLED = ["balancedAccuracy", "macroF1", "auroc", "negativeLogLikelihood", "quadraticKappa"]


def check_bootstrap(summary, model, resamples):
    rng = np.random.default_rng(1)
    shown = [name for name in RESAMPLED if summary["metrics"][name]["interval"]["method"] != "none"]
    statistic = lambda name: lambda rows: one_metric(name, model.y[rows], model.p[rows])
    draws = replicates(model, [statistic(name) for name in shown], resamples, rng)
    for k, name in enumerate(shown):
        spread = Spread(model, name, statistic(name)(np.arange(len(model.y))), draws[:, k])
        interval = summary["metrics"][name]["interval"]
        z = stats.t.ppf((1 + interval["level"]) / 2, spread.df)
        near("bootstrap intervals", f"{summary['model']} {name}", spread.bounds(z), interval)


def check_paired_bootstrap(difference, first, second, resamples):
    """Both models are scored on the same draws; accuracy has the interval of two shares."""
    rng = np.random.default_rng(2)
    both = f"{difference['first']} - {difference['second']}"
    everything = np.arange(len(first.y))
    for name in ["accuracy", "balancedAccuracy", "macroF1", "auroc"]:
        interval = difference["metrics"][name]["interval"]
        if interval["method"] == "none":
            continue
        statistics = [lambda rows, m=model: one_metric(name, m.y[rows], m.p[rows]) for model in (first, second)]
        draws = replicates(first, statistics, resamples, rng)
        finite = draws[np.isfinite(draws).all(axis=1)]
        values = [statistic(everything) for statistic in statistics]
        level = interval["level"]
        if name == "accuracy":
            ones = np.ones(len(first.y), bool)
            bounds = [share_interval(m, m.predicted == m.y, ones, level, len(set(m.subjects)) - 1) for m in (first, second)]
        else:
            spreads = [Spread(first, name, value, draws[:, k]) for k, value in enumerate(values)]
            z = stats.t.ppf((1 + level) / 2, spreads[0].df)
            bounds = [spread.bounds(z) if spread.error > 1e-12 or min(v, 1 - v) < 1e-12 else (v, v) for spread, v in zip(spreads, values)]
        still = (finite.std(axis=0) < 1e-12).any()
        correlation = 0.0 if still else np.corrcoef(finite.T)[0, 1]
        near("paired intervals", f"{both} {name}", newcombe(*values, *bounds, correlation), interval)


def one_metric(metric, y, p):
    predicted, labels = p.argmax(axis=1), range(p.shape[1])
    if metric == "accuracy":
        return (predicted == y).mean()
    if metric == "balancedAccuracy":
        return np.mean([(predicted[y == k] == k).mean() for k in labels if (y == k).any()])
    if metric == "negativeLogLikelihood":
        return nll(y, p)
    if metric == "macroF1":
        return m.f1_score(y, predicted, labels=sorted(set(y) | set(predicted)), average="macro")
    if metric == "quadraticKappa":
        return m.cohen_kappa_score(y, predicted, weights="quadratic", labels=list(labels))
    areas = [auroc(y == k, p[:, k]) for k in labels]
    return areas[1] if p.shape[1] == 2 else np.nanmean(areas)


def check_differences(report, predictions, ordinal, part):
    def both(first, second, metrics, read):
        a, b = predictions[(first, part)], predictions[(second, part)]
        bins = default_bins(len(a.y))
        x, y = point_metrics(a.y, a.p, ordinal, bins), point_metrics(b.y, b.p, ordinal, bins)
        for metric, entry in metrics.items():
            ours = x.get(metric, math.nan) - y.get(metric, math.nan)
            theirs = read(entry)["value"]
            if metric == "cohenKappa" and math.isnan(ours):
                continue
            check("differences", f"{first} - {second} {metric}", ours, theirs)

    for one in report["differences"]:
        both(one["first"], one["second"], one["metrics"], lambda entry: entry)
    pairs = (report["pairs"] or {"pairs": []})["pairs"]
    for pair in pairs:
        both(pair["first"], pair["second"], pair["metrics"], lambda entry: entry["difference"])
        accuracy = pair["metrics"].get("accuracy")
        if accuracy and accuracy["test"] == "exact McNemar":
            a, b = predictions[(pair["first"], part)], predictions[(pair["second"], part)]
            x, y = a.predicted == a.y, b.predicted == b.y
            only, other = int((x & ~y).sum()), int((~x & y).sum())
            p = stats.binomtest(only, only + other, 0.5).pvalue if only + other > 0 else 1.0
            check("McNemar", f"{pair['first']} - {pair['second']}", p, accuracy["p"])
        area = pair["metrics"].get("auroc")
        if area and area["test"] == "DeLong" and area["p"] is not None:
            check("DeLong", f"{pair['first']} - {pair['second']}", delong(predictions[(pair["first"], part)], predictions[(pair["second"], part)]), area["p"])
    named = {(pair["first"], pair["second"]): pair["metrics"] for pair in pairs}
    for one in report["differences"]:
        for metric, test in named[(one["first"], one["second"])].items():
            for what, ours, theirs in [("value", one["metrics"][metric]["value"], test["difference"]["value"]), ("p", one["p"][metric], test["p"])]:
                check("one difference, one test", f"{one['first']} - {one['second']} {metric} {what}", ours, theirs, 0)
            for end in ("low", "high"):
                check("one difference, one test", f"{one['first']} - {one['second']} {metric} {end}", one["metrics"][metric]["interval"][end], test["difference"]["interval"][end], 0)
    for metric in pairs[0]["metrics"] if pairs else []:
        raw = [pair["metrics"][metric]["p"] for pair in pairs]
        known = sorted((p, k) for k, p in enumerate(raw) if p is not None)
        highest = 0.0
        for rank, (p, k) in enumerate(known):
            highest = min(1.0, max(highest, (len(known) - rank) * p))
            check("Holm", f"pair {k} {metric}", highest, pairs[k]["metrics"][metric]["adjusted"])


def delong(first, second):
    """Two-sided p, by the double sum over all pairs of a positive and a negative."""
    y = first.y == 1
    wins = [(m.p[y, 1][:, None] > m.p[~y, 1]) + 0.5 * (m.p[y, 1][:, None] == m.p[~y, 1]) for m in (first, second)]
    apart = wins[0] - wins[1]
    variance = apart.mean(axis=1).var(ddof=1) / y.sum() + apart.mean(axis=0).var(ddof=1) / (~y).sum()
    if variance < 1e-18:
        return 1.0 if apart.mean() == 0 else math.nan
    return 2 * stats.norm.sf(abs(apart.mean()) / math.sqrt(variance))


def check_protocols(report, predictions, ordinal):
    for row in report["protocols"] or []:
        val, test = predictions[(row["model"], "val")], predictions[(row["model"], "test")]
        bins = default_bins(min(len(val.y), len(test.y)))
        x, y = point_metrics(val.y, val.p, ordinal, bins), point_metrics(test.y, test.p, ordinal, bins)
        for metric in row["clean"]:
            check("protocols", f"{row['model']} {metric} paper", x[metric], row["paper"][metric]["value"])
            check("protocols", f"{row['model']} {metric} clean", y[metric], row["clean"][metric]["value"])
            check("protocols", f"{row['model']} {metric} optimism", x[metric] - y[metric], row["optimism"][metric]["value"])


def check_thresholds(report, predictions):
    for one in report["thresholds"]:
        val, test = predictions[(one["model"], "val")], predictions[(one["model"], "test")]
        rule, kind = one["rule"], one["rule"]["kind"]
        rates = lambda model, t: (((model.p[:, 1] >= t) & (model.y == 1)).sum() / (model.y == 1).sum(), ((model.p[:, 1] < t) & (model.y == 0)).sum() / (model.y == 0).sum())
        sensitivity, specificity = rates(val, one["threshold"])
        check("thresholds", f"{kind} sensitivity on val", sensitivity, one["onVal"]["sensitivity"])
        check("thresholds", f"{kind} specificity on val", specificity, one["onVal"]["specificity"])
        tried = [rates(val, t) for t in [*np.unique(val.p[:, 1]), 2]]
        if kind == "youden":
            best, found = max(a + b for a, b in tried), sensitivity + specificity
        elif kind == "sensitivity":
            best, found = max(b for a, b in tried if a >= rule["atLeast"] - 1e-12), specificity
        else:
            best, found = max(a for a, b in tried if b >= rule["atLeast"] - 1e-12), sensitivity
        check("thresholds", f"{kind} best on val", best, found)
        decided = (test.p[:, 1] >= one["threshold"]).astype(int)
        tn, fp, fn, tp = m.confusion_matrix(test.y, decided, labels=[0, 1]).ravel()
        share = lambda a, b: a / b if b > 0 else math.nan
        ours = {"sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp), "ppv": (tp, tp + fp), "npv": (tn, tn + fn), "accuracy": (tp + tn, len(decided))}
        for metric, (hits, n) in ours.items():
            estimate = one["test"][metric]
            check("thresholds", f"{kind} {metric}", share(hits, n), estimate["value"])
            rows = {"sensitivity": test.y == 1, "specificity": test.y == 0, "ppv": decided == 1, "npv": decided == 0}
            check_share(f"{kind} {metric}", test, decided == test.y, rows.get(metric, test.y >= 0), estimate["interval"])


def tempered(p, t):
    z = np.log(np.maximum(p, np.finfo(float).eps)) / t
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check_calibration(report, predictions, ordinal):
    one = report["calibration"]
    if one is None:
        return
    val, test = predictions[(one["model"], "val")], predictions[(one["model"], "test")]
    given = {"as given": test.p}
    p_val, p_test = val.p, test.p
    if one["priors"]:
        ratio = np.array(one["priors"]["target"]) / np.array(one["priors"]["trained"])
        norm = lambda p: p * ratio / (p * ratio).sum(axis=1, keepdims=True)
        p_val, p_test = norm(val.p), norm(test.p)
        given["prior corrected"] = p_test
    fitted = one["temperature"]
    if not fitted["atBound"] and abs(fitted["temperature"] - 1) > 0:
        best = optimize.minimize_scalar(lambda b: nll(val.y, tempered(p_val, math.exp(b))), bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
        check("temperature", "temperature", math.exp(best.x), fitted["temperature"], 1e-3 * fitted["temperature"])
    check("temperature", "NLL before", nll(val.y, p_val), fitted["nllBefore"])
    check("temperature", "NLL after", nll(val.y, tempered(p_val, fitted["temperature"])), fitted["nllAfter"])
    given["prior corrected, temperature" if one["priors"] else "temperature"] = tempered(p_test, fitted["temperature"])
    bins = default_bins(len(test.y))
    for variant in one["variants"]:
        if variant["name"] not in given:
            continue
        ours = point_metrics(test.y, given[variant["name"]], ordinal, bins)
        for metric, estimate in variant["metrics"].items():
            check("calibration", f"{variant['name']} {metric}", ours[metric], estimate["value"])
    parts = {"reliability": 0.0, "resolution": 0.0, "uncertainty": 0.0}
    for c in range(test.classes):
        rate = (test.y == c).mean()
        parts["uncertainty"] += rate * (1 - rate)
        for f, h, mass in equal_mass(test.p[:, c], test.y == c, one["brier"]["bins"]):
            parts["reliability"] += mass / len(test.y) * (f - h) ** 2
            parts["resolution"] += mass / len(test.y) * (h - rate) ** 2
    for name, value in parts.items():
        check("Brier parts", name, value, one["brier"][name])


def check_sets(report, predictions):
    def strangeness(p, c, score):
        return 1 - p[c] if score == "lac" else p[c] + p[p > p[c]].sum()

    for one in report["sets"]:
        val, test = predictions[(one["model"], "val")], predictions[(one["model"], "test")]
        fitted, score = one["fitted"], one["fitted"]["score"]
        for c in range(val.classes):
            worst = {}
            for i, label in enumerate(val.y):
                if fitted["byClass"] and label != c:
                    continue
                worst[val.subjects[i]] = max(worst.get(val.subjects[i], 0), strangeness(val.p[i], label, score))
            rank = math.ceil((len(worst) + 1) * (1 - fitted["miss"]) - 1e-9)
            ours = sorted(worst.values())[rank - 1] if rank <= len(worst) else math.nan
            check("prediction sets", f"quantile {c}", ours, fitted["quantile_C"][c])
        quantile = [math.inf if q is None else q for q in fitted["quantile_C"]]
        sets = [[strangeness(p, c, score) <= quantile[c] + 1e-12 or (score == "aps" and c == p.argmax()) for c in range(test.classes)] for p in test.p]
        sets = np.array(sets)
        covered = sets[np.arange(len(test.y)), test.y]
        check("prediction sets", "coverage", covered.mean(), one["test"]["coverage"]["value"])
        whole = [covered[test.subjects == s].all() for s in sorted(set(test.subjects))]
        check("prediction sets", "subjects", np.mean(whole), one["test"]["subjectCoverage"]["value"])
        check("prediction sets", "mean size", sets.sum(axis=1).mean(), one["test"]["meanSize"]["value"])
        for c in range(test.classes):
            value = covered[test.y == c].mean() if (test.y == c).any() else math.nan
            check("prediction sets", f"class {c}", value, one["test"]["perClass"][c]["coverage"]["value"])


def check_selective(report, predictions, part):
    for one in report["selective"]:
        model = predictions[(one["model"], part)]
        points, _, _ = risk_coverage(model.y, model.p)
        for (coverage, risk, confidence), k in zip(points, range(len(points))):
            check("risk-coverage", f"{one['model']} coverage {k}", coverage, one["curve"]["coverage"][k])
            check("risk-coverage", f"{one['model']} risk {k}", risk, one["curve"]["risk"][k])
        for entry in one["at"]:
            check("risk-coverage", f"{one['model']} at {entry['coverage']}", risk_at(model.y, model.p, entry["coverage"]), entry["risk"]["value"])
        wrongs = int((model.predicted != model.y).sum())
        n = len(model.y)
        best = sum(max(0, k - (n - wrongs)) / k for k in range(1, n + 1)) / n
        check("risk-coverage", f"{one['model']} best area", best, one["bestArea"])


def check_curves(report, predictions, classes, part):
    for one in report["curves"]:
        model, c = predictions[(one["model"], part)], classes.index(one["class"])
        fpr, tpr, _ = m.roc_curve(model.y == c, model.p[:, c], drop_intermediate=False)
        for k in range(len(fpr)):
            check("ROC curves", f"{one['class']} {k} x", fpr[k], one["roc"]["falsePositiveRate"][k])
            check("ROC curves", f"{one['class']} {k} y", tpr[k], one["roc"]["truePositiveRate"][k])
        curve = one["precisionRecall"]
        for recall, precision, threshold in zip(curve["recall"], curve["precision"], curve["threshold"]):
            called = model.p[:, c] >= threshold
            check("PR curves", f"{one['class']} precision", (model.y[called] == c).mean(), precision)
            check("PR curves", f"{one['class']} recall", called[model.y == c].mean(), recall)
        check("PR curves", f"{one['class']} base rate", (model.y == c).mean(), curve["baseRate"])


def check_benefit(report, predictions, main, part):
    curve = report["decisionCurve"]
    if curve is None:
        return
    model = predictions[(main, part)]
    n, positive = len(model.y), (model.y == 1).sum()
    for k, t in enumerate(curve["threshold"]):
        called = model.p[:, 1] >= t
        ours = ((called & (model.y == 1)).sum() - (called & (model.y == 0)).sum() * t / (1 - t)) / n
        everybody = (positive - (n - positive) * t / (1 - t)) / n
        check("decision curve", f"at {t}", ours, curve["model"][k]["value"])
        check("decision curve", f"all at {t}", everybody, curve["treatAll"][k])
        check("decision curve", f"gain at {t}", ours - max(0, everybody), curve["gain"][k]["value"])


def check_votes(report, path, predictions):
    votes = report["votes"]
    if votes is None:
        return
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    classes = sum(1 for name in rows[0] if name.startswith("n_"))
    counts = lambda part: np.array([[int(r[f"n_{c}"]) for c in range(classes)] for r in rows if r["part"] == part])
    labels = np.array([int(r["label"]) for r in rows if r["part"] == "val"])
    n = counts("val")
    slices = n.sum(axis=1)
    check("vote sweep", "slices", slices.max(), votes["slices"])
    if classes > 2:
        return check_class_votes(votes, n, slices, labels)
    scores = []
    for step in votes["steps"]:
        numerator, denominator = step["threshold"]["numerator"], step["threshold"]["denominator"]
        decided = (n[:, 1] * denominator >= numerator * slices).astype(int)
        scores.append(np.mean([(decided[labels == k] == k).mean() for k in (0, 1) if (labels == k).any()]))
        check("vote sweep", f"balanced accuracy at {numerator}", scores[-1], step["balancedAccuracy"])
        check("vote sweep", f"accuracy at {numerator}", (decided == labels).mean(), step["accuracy"])
    best = votes["best"]["numerator"]
    check("vote sweep", "best", max(scores), scores[best])
    for part in ("val", "test"):
        model = predictions.get(("2d_count", part))
        if model is not None:
            own = counts(part)
            decided = own[:, 1] * votes["best"]["denominator"] >= best * own.sum(axis=1)
            for k in range(len(decided)):
                check("vote sweep", f"decision {part} {k}", int(decided[k]), model.predicted[k])


def check_class_votes(votes, n, slices, labels):
    """Whether a volume is of the first class or of another, at every threshold: the other classes' order needs the slices."""
    for step in votes["steps"]:
        numerator, denominator = step["threshold"]["numerator"], step["threshold"]["denominator"]
        background = (slices - n[:, 0]) * denominator < numerator * slices
        top = n[:, 1:].max(axis=1)
        ties = (n[:, 1:] == top[:, None]).sum(axis=1) > 1
        decided = np.where(background, 0, 1 + n[:, 1:].argmax(axis=1))
        unsure = int((~background & ties).sum())
        right = (decided == labels)[background | ~ties].sum()
        check("vote sweep", f"accuracy at {numerator}", (right + unsure / 2) / len(labels), step["accuracy"], unsure / 2 / len(labels) + POINT)


def check_failures(report, predictions, main, part):
    model = predictions[(main, part)]
    wrongs = [(-model.p[i].max(), model.ids[i], i) for i in range(len(model.y)) if model.predicted[i] != model.y[i]]
    for entry, (confidence, name, i) in zip(report["failures"], sorted(wrongs)):
        check("failures", f"{name} confidence", -confidence, entry["confidence"])
        check("failures", f"{name} predicted", model.predicted[i], entry["predicted"])
        if name != entry["id"]:
            wrong.append(f"failures: expected {name}, report {entry['id']}")
    check("failures", "how many", min(10, len(wrongs)), len(report["failures"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--resamples", type=int, default=500, help="of the main model's intervals; 0: none")
    arguments = parser.parse_args()
    report = json.loads((arguments.folder / "metrics.json").read_text())
    predictions = read_predictions(arguments.folder / "predictions.csv")
    run = report["run"]
    ordinal, classes, name = run["ordinal"], run["classes"], run["mainModel"]
    part = "test" if report["protocol"] == "clean" else "val"
    for summary in report["val"] + report["test"]:
        check_summary(summary, predictions[(summary["model"], summary["part"])], ordinal)
        if arguments.resamples and summary["model"] == name and summary["part"] == part:
            check_bootstrap(summary, predictions[(name, part)], arguments.resamples)
    check_differences(report, predictions, ordinal, part)
    for one in report["differences"] if arguments.resamples else []:
        check_paired_bootstrap(one, predictions[(one["first"], part)], predictions[(one["second"], part)], arguments.resamples)
    check_protocols(report, predictions, ordinal)
    check_thresholds(report, predictions)
    check_calibration(report, predictions, ordinal)
    check_sets(report, predictions)
    check_selective(report, predictions, part)
    check_curves(report, predictions, classes, part)
    check_benefit(report, predictions, name, part)
    check_votes(report, arguments.folder / "slice_votes.csv", predictions)
    check_failures(report, predictions, name, part)
    print(json.dumps({"checked": checked, "wrong": wrong}, indent=2))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
