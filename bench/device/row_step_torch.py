#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""The row step of bench_row_kernel in PyTorch on the same card: eager, torch.compile and a kernel in Triton, alone and
in CUDA graphs of 50 steps.

    row_step_torch.py [--csv FILE] [--seconds S]   after S seconds no further shape is begun
    row_step_torch.py --check                      the results alone, of small shapes, on the CPU if need be

The same step: from logits of a batch, row numbers, masks, stored targets and plans to loss, gradient of the logits,
refreshed targets written back, and summaries. In PyTorch's favour: targets are distributions, so their mass is not
multiplied by; every row has candidates; summaries are returned for the batch, not put into a table of the set. Of the
ways to the gradient, written out or by autograd, the faster one is reported. Checked against float64, a row at a time,
before it is timed. Rows are appended to FILE in bench_row_kernel's columns, "% of copy" where FILE holds its copies."""
import argparse
import collections
import csv
import datetime
import math
import os
import sys
import time

try:
    import torch
except ImportError:
    print("row_step_torch: skipped, there is no PyTorch")
    sys.exit(77)
try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

SHARPENING = 1.0 / 0.85
AS_STORED, SHARPENED, ONE_HOT, WITHOUT_TARGET = range(4)
GRAPH_STEPS = 50
MOST_CELLS = 1.2e9

Problem = collections.namedtuple("Problem", "logits rows mask targets treatment label classes scale")
Result = collections.namedtuple("Result", "dlogits loss argmax confidence inside renormalised_loss stored_loss")


def read(p):
    """Rows of the tables, and the targets that the plans make of them."""
    stored = p.targets.index_select(0, p.rows)
    mask = p.mask.index_select(0, p.rows)
    treatment = p.treatment.index_select(0, p.rows)[:, None]
    label = p.label.index_select(0, p.rows)[:, None]
    power = stored.pow(SHARPENING)
    target = torch.where(treatment == SHARPENED, power / power.sum(1, keepdim=True), stored)
    target = torch.where(treatment == ONE_HOT, (p.classes == label).to(stored.dtype), target)
    return stored, mask, treatment != WITHOUT_TARGET, target


def finish(p, z, log_prob, stored, mask):
    """Summaries; refreshed targets written back."""
    confidence, argmax = log_prob.max(1)
    share = torch.softmax(z.masked_fill(~mask, -math.inf), 1)
    p.targets.index_copy_(0, p.rows, share)
    return (argmax, confidence.exp(), mask.gather(1, argmax[:, None])[:, 0], -(share * log_prob).sum(1),
            -(stored * log_prob).sum(1))


def step_written_out(p):
    stored, mask, trains, target = read(p)
    z = p.logits.float()
    log_prob = torch.log_softmax(z, 1)
    loss = torch.where(trains[:, 0], -(target * log_prob).sum(1), 0.0)
    dlogits = torch.where(trains, p.scale * (log_prob.exp() - target), 0.0).to(p.logits.dtype)
    return Result(dlogits, loss, *finish(p, z, log_prob, stored, mask))


def step_autograd(p):
    stored, mask, trains, target = read(p)
    logits = p.logits.detach().requires_grad_()
    z = logits.float()
    log_prob = torch.log_softmax(z, 1)
    loss = torch.where(trains[:, 0], -(target * log_prob).sum(1), 0.0)
    (dlogits,) = torch.autograd.grad(loss.sum() * p.scale, logits)
    with torch.no_grad():
        return Result(dlogits, loss.detach(), *finish(p, z, log_prob, stored, mask))


if triton is not None:

    @triton.jit
    def row_step_kernel(logits, rows, mask, targets, treatment, label, dlogits, losses, argmaxes, confidences, insides,
                        renormalised_losses, stored_losses, scale, sharpening, C, BLOCK: tl.constexpr):
        b = tl.program_id(0).to(tl.int64)
        row = tl.load(rows + b)
        j = tl.arange(0, BLOCK)
        there = j < C
        z = tl.load(logits + b * C + j, there, -float("inf")).to(tl.float32)
        candidate = tl.load(mask + row * C + j, there, 0) != 0
        stored = tl.load(targets + row * C + j, there, 0.0)
        plan = tl.load(treatment + row)
        trains = plan != 3
        top = tl.max(z, 0)
        argmax = tl.argmax(z, 0)
        lse = tl.log(tl.sum(tl.exp(z - top), 0))
        log_prob = tl.where(there, z - top - lse, 0.0)
        inside_top = tl.max(tl.where(candidate, z, -float("inf")), 0)
        share = tl.where(candidate, tl.exp(z - inside_top), 0.0)
        share = share / tl.sum(share, 0)
        target = stored
        if plan == 1:
            power = tl.where(stored > 0.0, tl.exp2(sharpening * tl.log2(tl.where(stored > 0.0, stored, 1.0))), 0.0)
            target = power / tl.sum(power, 0)
        if plan == 2:
            target = tl.where(j == tl.load(label + row), 1.0, 0.0)
        gradient = tl.where(trains, scale * (tl.exp(log_prob) - target), 0.0)
        tl.store(dlogits + b * C + j, gradient.to(dlogits.dtype.element_ty), there)
        tl.store(targets + row * C + j, share, there)
        tl.store(losses + b, tl.where(trains, -tl.sum(target * log_prob, 0), 0.0))
        tl.store(argmaxes + b, argmax)
        tl.store(confidences + b, tl.exp(-lse))
        tl.store(insides + b, tl.sum(tl.where(candidate & (j == argmax), 1, 0), 0) != 0)
        tl.store(renormalised_losses + b, -tl.sum(share * log_prob, 0))
        tl.store(stored_losses + b, -tl.sum(stored * log_prob, 0))


def triton_step(p):
    """A step with room for its results, which is made once."""
    n, c = p.logits.shape
    room = {name: torch.full((n,), math.nan, device=p.logits.device) for name in Result._fields[1:]}
    room["argmax"] = torch.full((n,), -1, dtype=torch.int32, device=p.logits.device)
    room["inside"] = torch.zeros(n, dtype=torch.int8, device=p.logits.device)
    result = Result(torch.full_like(p.logits, math.nan), **room)
    mask = p.mask.view(torch.int8)
    block = triton.next_power_of_2(c)

    def step(p):
        row_step_kernel[(n,)](p.logits, p.rows, mask, p.targets, p.treatment, p.label, *result, p.scale, SHARPENING, c,
                              BLOCK=block, num_warps=min(16, max(1, block // 512)))
        return result

    return step


def problem(n, c, dtype, device):
    generator = torch.Generator(device).manual_seed(7)
    logits = (1.5 * torch.randn(n, c, generator=generator, device=device)).to(dtype)
    mask = torch.zeros(n, c, dtype=torch.bool, device=device)
    mask.scatter_(1, torch.randint(0, c, (n, 3), generator=generator, device=device), True)
    row = torch.arange(n, device=device)
    return Problem(logits, torch.randperm(n, generator=generator, device=device), mask,
                   mask.float() / mask.sum(1, keepdim=True), (row % 4).to(torch.int32), row % c,
                   torch.arange(c, device=device), 1.0 / n)


def bytes_of(p):
    n, c = p.logits.shape
    return n * c * (2 * p.logits.element_size() + 8) + n * (8 * math.ceil(c / 64) + 4 + 8 + 8 + 4 + 20)


def reset(p):
    p.targets.copy_(p.mask)
    p.targets.div_(p.targets.sum(1, keepdim=True))


def check(variant, step, p):
    """Raises where a sample of rows is not what float64 makes of it."""
    reset(p)
    n, c = p.logits.shape
    sample = range(0, n, max(1, n // (8 if c > 8192 else 48)) | 1)
    stored = {b: p.targets[p.rows[b]].double() for b in sample}
    result = step(p)
    places = 64 * 1.2e-7 * math.sqrt(c)
    rounding = 2.0 ** -8 if p.logits.dtype == torch.bfloat16 else 0.0
    if os.environ.get("TRITON_INTERPRET") == "1":
        rounding *= 2  # it cuts off where a GPU rounds

    def close(name, found, wanted, allowed):
        error = (found.double() - wanted).abs().max().item() if torch.is_tensor(found) else abs(found - wanted)
        if not error <= allowed:
            raise SystemExit(f"row_step_torch: the result is wrong, so it is not timed: {variant}, N = {n}, C = {c}: {name}, "
                             f"by {error}")

    for b in sample:
        row = p.rows[b].item()
        log_prob = torch.log_softmax(p.logits[b].double(), 0)
        prob, mask, target = log_prob.exp(), p.mask[row], stored[b]
        plan = p.treatment[row].item()
        if plan == SHARPENED:
            target = target.pow(SHARPENING) / target.pow(SHARPENING).sum()
        if plan == ONE_HOT:
            target = torch.zeros_like(target)
            target[p.label[row]] = 1.0
        loss = -(target * log_prob).sum().item() if plan != WITHOUT_TARGET else 0.0
        gradient = (prob - target) / n if plan != WITHOUT_TARGET else torch.zeros_like(prob)
        share = torch.where(mask, prob, 0.0)
        share = share / share.sum()
        renormalised_loss = -(share * log_prob).sum().item()
        stored_loss = -(stored[b] * log_prob).sum().item()
        argmax = result.argmax[b].item()
        close("gradient", result.dlogits[b], gradient, places / n + rounding * gradient.abs().max().item())
        close("refreshed target", p.targets[row], share, places)
        close("loss", result.loss[b].item(), loss, places * (1 + loss))
        close("argmax", p.logits[b, argmax].item(), p.logits[b].max().item(), 0.0)  # of equal ones, any
        close("confidence", result.confidence[b].item(), prob.max().item(), places * prob.max().item())
        close("inside", float(result.inside[b].item()), float(mask[argmax].item()), 0.0)
        close("renormalised loss", result.renormalised_loss[b].item(), renormalised_loss, places * (1 + renormalised_loss))
        close("stored loss", result.stored_loss[b].item(), stored_loss, places * (1 + stored_loss))


def microseconds(work, seconds, scrub):
    """Sorted; 100 runs, or as many as the seconds allow, at least three. scrub: read, so that the L2 cache holds it."""
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def once():
        if scrub is not None:
            scrub.sum()
        start.record()
        work()
        stop.record()
        stop.synchronize()
        return 1e3 * start.elapsed_time(stop)

    first = min(once() for _ in range(4))
    return sorted(once() for _ in range(max(3, min(100, int(1e6 * seconds / max(first, 1.0))))))


def graphed(variant, step, p):
    """A graph of GRAPH_STEPS steps, whose targets are those of a step outside it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step(p)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(GRAPH_STEPS):
            step(p)
    reset(p)
    step(p)
    wanted = p.targets.clone()
    reset(p)
    graph.replay()
    if not (p.targets - wanted).abs().max().item() <= 1e-6:
        raise SystemExit(f"row_step_torch: the result is wrong, so it is not timed: {variant} in a graph, {p.logits.shape}")
    return graph


def copy_rates(file):
    """Bytes a second of bench_row_kernel's copies, by the power of two of bytes."""
    rates = {}
    if file and os.path.exists(file):
        with open(file, newline="") as rows:
            for row in csv.DictReader(rows):
                if row["kernel"] == "copy":
                    power = round(math.log2(8 * int(row["N"])))
                    rates[power] = max(rates.get(power, 0.0), 1e9 * float(row["GB/s"]))
    return rates


class Table:
    HEAD = ["kernel", "variant", "N", "C", "dtype", "p50_us", "p20_us", "p80_us", "GB/s", "% of copy", "gpu", "driver",
            "commit", "date"]

    def __init__(self, file):
        self.file = file
        self.rates = copy_rates(file)
        self.tail = [torch.cuda.get_device_name(), os.environ.get("CANDIST_GPU_DRIVER", f"CUDA {torch.version.cuda}"),
                     os.environ.get("CANDIST_GIT_COMMIT", "unknown"),
                     datetime.datetime.now(datetime.timezone.utc).date().isoformat()]
        print(f"\nPyTorch {torch.__version__}, {self.tail}\n\n| " + " | ".join(self.HEAD[:10]) + " |")
        print("|---|---|---:|---:|---|---:|---:|---:|---:|---:|")

    def add(self, variant, p, times, in_graph):
        at = [times[int(share * (len(times) - 1) + 0.5)] for share in (0.5, 0.2, 0.8)]
        rate = bytes_of(p) / (at[0] * 1e-6)
        copy = self.rates.get(max(12, round(math.log2(bytes_of(p)))), 0.0)
        row = ["row_loss", variant, *p.logits.shape, "bf16" if p.logits.dtype == torch.bfloat16 else "float",
               *(f"{t:.3f}" for t in at), f"{rate * 1e-9:.1f}", f"{100 * rate / copy:.1f}" if copy and not in_graph else ""]
        print("| " + " | ".join(str(x) for x in row) + " |", flush=True)
        if self.file:
            new = not os.path.exists(self.file)
            with open(self.file, "a", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if new:
                    writer.writerow(self.HEAD)
                writer.writerow(row + self.tail)


def measure(table, n, c, dtype, scrub, compile_too):
    p = problem(n, c, dtype, "cuda")
    launches_decide = c <= 128 and n <= 1024

    def add(variants):
        """The fastest of the variants [(name, step)] alone, and the fastest in a graph."""
        alone, in_graph = [], []
        for name, step in variants:
            try:
                check(name, step, p)
                alone.append((microseconds(lambda: step(p), 0.5, scrub), name))
            except torch.cuda.OutOfMemoryError:
                print(f"row_step_torch: {name}, N = {n}, C = {c} does not fit this card")
                continue
            if launches_decide:
                times = microseconds(graphed(name, step, p).replay, 0.3, None)
                in_graph.append(([t / GRAPH_STEPS for t in times], name + " in a graph"))
        for found in (alone, in_graph):
            if found:
                times, name = min(found, key=lambda pair: pair[0][len(pair[0]) // 2])
                table.add(name, p, times, found is in_graph)

    add([("torch eager", step_written_out), ("torch eager autograd", step_autograd)])
    if triton is not None and c <= 32768:
        add([("triton", triton_step(p))])
    if compile_too:
        torch._dynamo.reset()  # else a limit on recompilations leaves later shapes to eager, silently
        add([("torch compile", torch.compile(step_written_out, fullgraph=True, dynamic=False))])


def check_only():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps = 0
    for n, c in ((1, 5), (37, 6), (64, 77), (16, 1025), (8, 8193)):
        for dtype in (torch.float32, torch.bfloat16):
            p = problem(n, c, dtype, device)
            variants = [("torch eager", step_written_out), ("torch eager autograd", step_autograd)]
            if triton is not None and (device == "cuda" or os.environ.get("TRITON_INTERPRET") == "1"):
                variants.append(("triton", triton_step(p)))
            for variant, step in variants:
                check(variant, step, p)
                steps += 1
    print(f"row_step_torch: {steps} results are right, on {device}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv")
    parser.add_argument("--seconds", type=float, default=160.0)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        return check_only()
    if not torch.cuda.is_available():
        print("row_step_torch: skipped, there is no GPU")
        sys.exit(77)
    begin = time.monotonic()
    scrub = torch.ones(64 << 20, device="cuda")
    table = Table(options.csv)
    few, many = (5, 6, 25, 77, 128), (256, 1024, 4096, 8192, 32768, 131072)
    # What the goals speak of first; the time may not be enough to compile for every shape.
    shapes = [(32, c) for c in few] + [(32768, c) for c in many] + [(1024, c) for c in few]
    shapes += [(32768, c) for c in few] + [(1024, c) for c in many] + [(32, c) for c in many]
    left = [(n, c, dtype) for n, c in shapes if n * c <= MOST_CELLS for dtype in (torch.float32, torch.bfloat16)]
    not_compiled = 0
    while left and time.monotonic() - begin < options.seconds:
        n, c, dtype = left.pop(0)
        compile_too = time.monotonic() - begin < 0.75 * options.seconds
        not_compiled += not compile_too
        measure(table, n, c, dtype, scrub, compile_too)
        torch.cuda.empty_cache()
    print(f"\nrow_step_torch: {len(left)} shapes not begun, {not_compiled} not compiled, for want of time")


main()
