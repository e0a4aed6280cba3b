#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""Annotation files that `candist annotate` does not make, for the studies of refresh.sh; Python's own library only.

  teachers.py combine union|common ONE TWO OUT    both sets of a text together; or what both hold (else ONE's first)
  teachers.py human SHARE SEED TEXTS SETS PREFIX  SHARE of the texts gets its gold label, at random:
                                                  PREFIX.hybrid.jsonl (the rest keeps its set), PREFIX.gold.jsonl (the rest: none)
  teachers.py resampled SEED TEXTS SETS OUT       each text's set moved to another text of its class: same sets, other texts
  teachers.py samples SEED TEXTS FOLDER           one teacher asked 40 times (see `Belief`): samples.SEED.json, annotation files
"""
import json
import math
import random
import sys
from pathlib import Path


def rows_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def write(path, ids, sets):
    with open(path, "w", encoding="utf-8") as out:
        for name, labels in zip(ids, sets):
            out.write(json.dumps({"id": name, "candidates": labels}, ensure_ascii=False) + "\n")


def combine(how, one, two, out):
    second = {row["id"]: row["candidates"] for row in rows_of(two)}
    ids, sets = [], []
    for row in rows_of(one):
        a, b = row["candidates"], second[row["id"]]
        if how == "union":
            labels = a + [label for label in b if label not in a]
        else:
            labels = [label for label in a if label in b] or a[:1]
        ids.append(row["id"])
        sets.append(labels)
    write(out, ids, sets)


def human(share, seed, texts, sets, prefix):
    """The same seed gives nested choices: whoever is labelled at 5 % is labelled at 10 %."""
    gold = {row["id"]: row["label"] for row in rows_of(texts)}
    rows = rows_of(sets)
    order = [row["id"] for row in rows]
    random.Random(int(seed)).shuffle(order)
    labelled = set(order[: round(float(share) * len(order))])
    ids = [row["id"] for row in rows]
    write(f"{prefix}.hybrid.jsonl", ids, [[gold[r["id"]]] if r["id"] in labelled else r["candidates"] for r in rows])
    write(f"{prefix}.gold.jsonl", ids, [[gold[name]] if name in labelled else [] for name in ids])


def resampled(seed, texts, sets, out):
    """Coverage, sizes, first labels and confusions of every class stay; which of its texts are hard is now chance."""
    gold = {row["id"]: row["label"] for row in rows_of(texts)}
    rows = rows_of(sets)
    by_class = {}
    for row in rows:
        by_class.setdefault(gold[row["id"]], []).append(row["candidates"])
    rng = random.Random(int(seed))
    for label in sorted(by_class):
        rng.shuffle(by_class[label])
    write(out, [r["id"] for r in rows], [by_class[gold[r["id"]]].pop() for r in rows])


class Belief:
    """A teacher that believes u_c of label c of a text and answers with u + Gumbel noise: the best label when asked for
    one, every label within a margin of the best when asked for all. Beliefs are fixed, noise is new in every sample, so
    samples are as alike as beliefs are firm. u = firmness * normal (HABIT of the variance is the class's, the rest the
    text's own) + advantage where c is gold.

    Fitted on TREC to the paper's single accuracy (71.07 %, by the advantage), to the sizes of its unions of 5, 10, 20 and 40
    sampled answers (1.17, 1.25, 1.32, 1.39, by the firmness), and to the sizes of CA_add and CA_all (1.07, 1.70, by the
    margins). The coverages of all of them are not fitted."""

    HABIT = 0.2  # not fitted: half makes mistakes that a student learns, none makes mistakes without a favourite
    FIRMNESS = 9.5  # of 7, 7.5, ..., 10 the one whose union sizes are nearest; in units of the noise

    def __init__(self, seed, gold, classes, firmness=FIRMNESS):
        self.rng = random.Random(seed)
        self.gold, self.classes = gold, classes
        shared, own = firmness * math.sqrt(self.HABIT), firmness * math.sqrt(1 - self.HABIT)
        habit = [[shared * self.rng.gauss(0, 1) for _ in range(classes)] for _ in range(classes)]
        self.raw = [[habit[y][c] + own * self.rng.gauss(0, 1) for c in range(self.classes)] for y in gold]
        self.advantage = self.solve(lambda value: self.accuracy(value), 0.7107, 0.0, 100.0)

    @staticmethod
    def solve(function, wanted, low, high):
        """A growing function's argument."""
        for _ in range(30):
            middle = (low + high) / 2
            if function(middle) < wanted:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def beliefs(self, advantage):
        for y, row in zip(self.gold, self.raw):
            yield [value + (advantage if c == y else 0.0) for c, value in enumerate(row)]

    def probabilities(self, advantage):
        for y, u in zip(self.gold, self.beliefs(advantage)):
            top = max(u)
            e = [math.exp(value - top) for value in u]
            total = sum(e)
            yield y, [value / total for value in e]

    def accuracy(self, advantage):
        return sum(p[y] for y, p in self.probabilities(advantage)) / len(self.gold)

    def unions(self, counts):
        """Expected (coverage, size) of the union of so many sampled single answers."""
        result = {}
        for k in counts:
            cover = size = 0.0
            for y, p in self.probabilities(self.advantage):
                size += sum(1 - (1 - value) ** k for value in p)
                cover += 1 - (1 - p[y]) ** k
            result[k] = (cover / len(self.gold), size / len(self.gold))
        return result

    def replies(self, count):
        """Samples of every text: u + noise."""
        log, uniform = math.log, self.rng.random
        believed = list(self.beliefs(self.advantage))
        return [[[value - log(-log(uniform() or 0.5)) for value in u] for u in believed] for _ in range(count)]


def within(sample, margin):
    """The sets of one sample, the best label first."""
    sets = []
    for z in sample:
        least = max(z) - margin
        sets.append(sorted((c for c, value in enumerate(z) if value >= least), key=lambda c: -z[c]))
    return sets


def margin_for(sample, size):
    return Belief.solve(lambda margin: sum(map(len, within(sample, margin))) / len(sample), size, 0.0, 100.0)


def votes_of(samples, classes):
    """How often every label was among the answers, text by text."""
    counts = [[0] * classes for _ in samples[0]]
    for sets in samples:
        for row, labels in zip(counts, sets):
            for c in labels:
                row[c] += 1
    return counts


def most_voted(counts, k, rng):
    """The k most frequent labels of every text, none without a vote; ties by lot."""
    chosen = []
    for row in counts:
        order = sorted((c for c, n in enumerate(row) if n > 0), key=lambda c: (-row[c], rng.random()))
        chosen.append(order[:k])
    return chosen


def samples(seed, texts, folder):
    asked = 40
    texts = rows_of(texts)
    labels = sorted({row["label"] for row in texts})
    gold = [labels.index(row["label"]) for row in texts]
    teacher = Belief(int(seed), gold, len(labels))
    rng = random.Random(int(seed) + 1000)
    replies = {prompt: teacher.replies(asked) for prompt in ("sa", "ca_add", "ca_all")}
    margins = {"sa": 0.0, "ca_add": margin_for(replies["ca_add"][0], 1.07), "ca_all": margin_for(replies["ca_all"][0], 1.70)}
    asked_sets = {prompt: [within(one, margins[prompt]) for one in replies[prompt]] for prompt in replies}

    Path(folder).mkdir(parents=True, exist_ok=True)
    ids = [row["id"] for row in texts]

    def keep(name, sets):
        write(Path(folder) / f"{name}.{seed}.jsonl", ids, [[labels[c] for c in one] for one in sets])
        return {
            "coverage": sum(y in one for y, one in zip(gold, sets)) / len(gold),
            "size": sum(map(len, sets)) / len(gold),
            "first": sum(y == one[0] for y, one in zip(gold, sets)) / len(gold),
        }

    told = {prompt: keep(prompt, asked_sets[prompt][0]) for prompt in asked_sets}
    for k in (5, 10, 20, 40):
        told[f"union{k}"] = keep(f"union{k}", most_voted(votes_of(asked_sets["sa"][:k], len(labels)), len(labels), rng))
    for prompt in ("sa", "ca_all"):
        for k in (1, 5, 10, 20, 40):
            told[f"vote_{prompt}_{k}"] = keep(f"vote_{prompt}_{k}", most_voted(votes_of(asked_sets[prompt][:k], len(labels)), 1, rng))
    counts = votes_of(asked_sets["ca_all"], len(labels))
    for k in (1, 2, 3, len(labels)):
        told[f"sc{k}"] = keep(f"sc{k}", most_voted(counts, k, rng))
    (Path(folder) / f"samples.{seed}.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"combine": combine, "human": human, "resampled": resampled, "samples": samples}[command](*arguments)
