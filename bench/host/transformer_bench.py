#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""What PyTorch and Hugging Face `transformers` need on the CPU for the work of transformer_bench: fine-tuning an encoder in
float32 with dropout, AdamW and gradient clipping, or (--eval) its forward pass.

    pip install torch transformers
    python3 bench/host/transformer_bench.py --model DIR --texts FILE.jsonl --classes C --threads K --json

Texts are tokenised before the clock starts; a batch is padded to its longest text. Labels are random. The defaults are the
fastest of the choices (sdpa and eager are alike); --attention, --optimizer, --flush-denormal, --no-keep-memory and --compile
try the others.

sgemm_gflops is what PyTorch's matrix product of the model's middle layer reaches: MKL takes its AVX2 path on processors that
are not Intel's, whatever they offer. Where they have AVX-512, a preloaded library (unsupported, but widely used) lifts that:
    echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' | cc -shared -fPIC -x c -o avx512.so -
    LD_PRELOAD=./avx512.so python3 bench/host/transformer_bench.py ...
"preloaded" in the output says so. A comparison should give both.
"""
import argparse
import ctypes
import json
import os
import random
import resource
import statistics
import sys
import time

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

WARM_UP = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="folder with config.json, model.safetensors and a tokenizer")
    parser.add_argument("--texts", required=True, help='.jsonl, one object with "text" a line')
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, default=30, help=f"measured steps, after {WARM_UP} that are not")
    parser.add_argument("--batch", type=int, help="texts a step; 32, or 256 with --eval")
    parser.add_argument("--max-length", type=int, default=128, help="tokens a text")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eval", action="store_true", help="forward only, under torch.inference_mode")
    parser.add_argument("--attention", choices=["eager", "sdpa"], default="sdpa")
    parser.add_argument("--optimizer", choices=["fused", "foreach", "loop"], default="fused")
    parser.add_argument("--flush-denormal", action="store_true")
    parser.add_argument("--no-keep-memory", action="store_true",
                        help="let malloc give large blocks back at once (glibc); less memory, more time")
    parser.add_argument("--compile", action="store_true", help="torch.compile(dynamic=True); needs a C++ compiler")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    values = parser.parse_args()
    if values.batch is None:
        values.batch = 256 if values.eval else 32
    return values


def blas():
    """The libraries of matrix products, as torch was built."""
    build = torch.__config__.show()
    name = next((part.split("=")[1] for part in build.replace("\n", ",").replace(" ", "").split(",")
                 if "BLAS_INFO=" in part), "unknown")
    lines = [line.strip(" -\n") for line in build.splitlines()]
    return "; ".join([name] + [line for line in lines if line.startswith(("Intel(R) oneAPI Math", "Intel(R) MKL-DNN"))]
                     + [f"CPU capability {torch.backends.cpu.get_cpu_capability()}"])


def sgemm_gflops(width, hidden):
    """The best of five."""
    a, b = torch.randn(800, width), torch.randn(hidden, width)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        for _ in range(20):
            torch.nn.functional.linear(a, b)
        times.append((time.perf_counter() - start) / 20)
    return round(2e-9 * 800 * width * hidden / min(times[1:]), 1)


def keep_memory():
    """Blocks come from the heap and stay there, as with the allocators that PyTorch recommends."""
    trim_threshold, mmap_max = -1, -4  # of <malloc.h>
    try:
        library = ctypes.CDLL(None)
        return bool(library.mallopt(mmap_max, 0) and library.mallopt(trim_threshold, 2**31 - 1))
    except (AttributeError, OSError, TypeError):
        return False


def peak_rss():
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def batches(token_ids, size, seed):
    """Endless; every pass over the texts in a new order, whole batches only."""
    rng = random.Random(seed)
    assert len(token_ids) >= size, f"{len(token_ids)} texts, less than a batch of {size}"
    while True:
        order = rng.sample(range(len(token_ids)), len(token_ids))
        for start in range(0, len(order) - size + 1, size):
            yield [token_ids[i] for i in order[start:start + size]]


def pad(texts, padding):
    longest = max(map(len, texts))
    ids = torch.tensor([t + [padding] * (longest - len(t)) for t in texts])
    mask = torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in texts])
    return ids, mask


def adamw(model, variant):
    bare = lambda name: name.endswith("bias") or "LayerNorm" in name
    named = list(model.named_parameters())
    return torch.optim.AdamW([{"params": [p for n, p in named if not bare(n)], "weight_decay": 0.01},
                              {"params": [p for n, p in named if bare(n)], "weight_decay": 0.0}],
                             lr=3e-5, fused=variant == "fused", foreach=variant == "foreach")


def main():
    options = arguments()
    kept = not options.no_keep_memory and keep_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if options.flush_denormal:
        torch.set_flush_denormal(True)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    texts = [json.loads(line)["text"] for line in open(options.texts, encoding="utf-8")]
    token_ids = tokenizer(texts, truncation=True, max_length=options.max_length)["input_ids"]
    model = AutoModelForSequenceClassification.from_pretrained(
        options.model, num_labels=options.classes, attn_implementation=options.attention, dtype=torch.float32)
    rss_loaded = peak_rss()
    generator = torch.Generator().manual_seed(options.seed)
    forward = torch.compile(model, dynamic=True) if options.compile else model

    if options.eval:
        model.eval()
    else:
        model.train()
        optimizer = adamw(model, options.optimizer)

    def train_step(texts):
        ids, mask = pad(texts, tokenizer.pad_token_id)
        labels = torch.randint(options.classes, (len(texts),), generator=generator)
        optimizer.zero_grad()
        forward(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return ids.numel()

    def eval_step(texts):
        ids, mask = pad(texts, tokenizer.pad_token_id)
        with torch.inference_mode():
            forward(input_ids=ids, attention_mask=mask).logits.argmax(-1)
        return ids.numel()

    step = eval_step if options.eval else train_step
    source = batches(token_ids, options.batch, options.seed)
    for _ in range(WARM_UP):
        step(next(source))
    valid = padded = 0
    times = []
    for _ in range(options.steps):
        texts = next(source)
        start = time.perf_counter()
        padded += step(texts)
        times.append(time.perf_counter() - start)
        valid += sum(map(len, texts))
    seconds = sum(times)
    result = {
        "mode": "eval" if options.eval else "train", "threads": options.threads, "batch": options.batch, "steps": options.steps,
        "max_length": options.max_length, "valid_tokens": valid, "padded_tokens": padded, "seconds": round(seconds, 4),
        "valid_tokens_per_second": round(valid / seconds, 1), "padded_tokens_per_second": round(padded / seconds, 1),
        "median_step_seconds": round(statistics.median(times), 5), "fastest_step_seconds": round(min(times), 5),
        "slowest_step_seconds": round(max(times), 5), "peak_rss_bytes": peak_rss(), "peak_rss_bytes_model_loaded": rss_loaded,
        "attention": model.config._attn_implementation, "optimizer": None if options.eval else "AdamW " + options.optimizer,
        "compile": options.compile, "flush_denormal": options.flush_denormal, "keep_memory": kept,
        "seed": options.seed, "parameters": sum(p.numel() for p in model.parameters()), "torch": torch.__version__,
        "transformers": transformers.__version__, "blas": blas(),
        "sgemm_gflops": sgemm_gflops(model.config.hidden_size, model.config.intermediate_size),
        "preloaded": [os.path.basename(f) for f in os.environ.get("LD_PRELOAD", "").replace(":", " ").split()],
    }
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:30} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
