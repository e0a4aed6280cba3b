#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""The row step of bench_row_kernel in PyTorch on the same card: eager and torch.compile, alone and in CUDA graphs.

    row_step_torch.py [--csv FILE]

The same numbers go in and out: softmax, summaries, the target that the plan makes of the stored one, loss, gradient of the
logits (written out: autograd would do more), refreshed target written back. Checked against float64 before it is timed."""
import argparse
import csv
import datetime
import os
import sys

try:
    import torch
except ImportError:
    print("row_step_torch: skipped, there is no PyTorch")
    sys.exit(77)
if not torch.cuda.is_available():
    print("row_step_torch: skipped, there is no GPU")
    sys.exit(77)

GAMMA = 0.85


def step(logits, mask, targets, sharpened, one_hot, trains, labels, scale):
    z = logits.float()
    log_prob = torch.log_softmax(z, 1)
    prob = log_prob.exp()
    confidence, argmax = prob.max(1)
    inside = mask.gather(1, argmax[:, None])[:, 0]
    share = torch.where(mask, prob, 0.0)
    share = share / share.sum(1, keepdim=True).clamp_min(1e-38)
    renormalised_loss = -(share * log_prob).sum(1)
    stored_loss = -(targets * log_prob).sum(1)
    power = targets.pow(1.0 / GAMMA)
    target = torch.where(sharpened[:, None], power / power.sum(1, keepdim=True), targets)
    hot = torch.nn.functional.one_hot(labels, logits.shape[1]).to(target.dtype)
    target = torch.where(one_hot[:, None], hot, target)
    loss = torch.where(trains, -(target * log_prob).sum(1), 0.0)
    dlogits = torch.where(trains[:, None], scale * (prob - target), 0.0).to(logits.dtype)
    targets.copy_(share)
    return dlogits, loss, argmax, confidence, inside, renormalised_loss, stored_loss


def problem(n, c, dtype):
    generator = torch.Generator().manual_seed(7)
    logits = (1.5 * torch.randn(n, c, generator=generator)).to(dtype).cuda()
    mask = torch.zeros(n, c, dtype=torch.bool)
    mask.scatter_(1, torch.randint(0, c, (n, 3), generator=generator), True)
    targets = (mask.float() / mask.sum(1, keepdim=True)).cuda()
    kind = torch.arange(n) % 4
    plans = [(kind == 1).cuda(), (kind == 2).cuda(), (kind != 3).cuda(), (torch.arange(n) % c).cuda()]
    return [logits, mask.cuda(), targets, *plans, 1.0 / n]


def check(run, arguments):
    exact = [a.double() if torch.is_tensor(a) and a.is_floating_point() else a for a in arguments]
    logits = exact[0]
    log_prob = torch.log_softmax(logits, 1)
    targets = exact[2].clone()
    power = targets.pow(1.0 / GAMMA)
    target = torch.where(exact[3][:, None], power / power.sum(1, keepdim=True), targets)
    target = torch.where(exact[4][:, None], torch.nn.functional.one_hot(exact[6], logits.shape[1]).double(), target)
    wanted = torch.where(exact[5][:, None], exact[7] * (log_prob.exp() - target), 0.0)
    found = run()[0].double()
    error = (found - wanted).norm() / wanted.norm()
    if not error < (1e-2 if arguments[0].dtype == torch.bfloat16 else 1e-4):
        raise SystemExit(f"row_step_torch: the result is wrong, so it is not timed: {error.item()}")


def microseconds(run, runs, scrub):
    for _ in range(5):
        run()
    times = []
    for i in range(runs):
        if scrub is not None:
            scrub.fill_(i % 100)
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        stop.record()
        stop.synchronize()
        times.append(1e3 * start.elapsed_time(stop))
    times.sort()
    return times


def graphed(run, steps):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(steps):
            run()
    return graph.replay


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv")
    options = parser.parse_args()
    scrub = torch.empty(256 << 20, dtype=torch.int8, device="cuda")
    rows = []
    tail = [torch.cuda.get_device_name(), torch.version.cuda, os.environ.get("CANDIST_GIT_COMMIT", ""),
            datetime.date.today().isoformat()]

    def add(variant, n, c, dtype, times):
        at = [times[int(share * (len(times) - 1))] for share in (0.5, 0.2, 0.8)]
        rows.append(["row_step", variant, n, c, dtype, *(f"{t:.3f}" for t in at), "", "", *tail])
        print("| " + " | ".join(str(x) for x in rows[-1][:8]) + " |", flush=True)

    compiled = torch.compile(step, dynamic=False)
    shapes = [(n, c) for c in (5, 6, 25, 77, 128) for n in (32, 1024, 32768)]
    shapes += [(32768, c) for c in (256, 1024, 4096, 8192)] + [(8192, 32768), (2048, 131072)]
    for n, c in shapes:
        for dtype, name in ((torch.float32, "float"), (torch.bfloat16, "bf16")):
            arguments = problem(n, c, dtype)
            stored = arguments[2].clone()
            for variant, function in (("torch eager", step), ("torch compile", compiled)):
                def run():
                    return function(*arguments)
                arguments[2].copy_(stored)
                check(run, arguments)
                add(variant, n, c, name, microseconds(run, 30, scrub))
                if c <= 128 and n <= 1024:
                    steps = 50
                    times = microseconds(graphed(run, steps), 50, None)
                    add(variant + " in a graph", n, c, name, [t / steps for t in times])
    if options.csv:
        new = not os.path.exists(options.csv)
        with open(options.csv, "a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["kernel", "variant", "N", "C", "dtype", "p50_us", "p20_us", "p80_us", "GB/s", "% of copy",
                                 "gpu", "driver", "commit", "date"])
            writer.writerows(rows)


main()
