#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""The training steps of bench_transformer in PyTorch and Hugging Face transformers on the same card, in bf16: the same shapes
with random weights, the same texts (transformer_work.hpp; the digests have to agree), dropout, cross entropy over 6 classes,
clipping at 1, AdamW.

    transformer_torch.py [--csv FILE] [--seconds S]   after S seconds nothing new is begun
    transformer_torch.py --check                      tiny shapes, eager, on the CPU if need be; nothing is timed

AutoModelForSequenceClassification from a configuration, attention by SDPA, fused AdamW, clip_grad_norm_ by foreach. Measured
are all of
  precision   autocast: weights and AdamW in float32, autocast to bf16; bf16 model: weights and AdamW's state in bf16, which
              is less than bench_transformer does, whose weights and moments are float32
  program     eager; compile: torch.compile of the model with its loss, for every padded length on its own; compile
              reduce-overhead: the same with CUDA graphs. Compiled in the precision that was the faster one eagerly
and the fastest of each program is named at the end, beside bench_transformer's where FILE has it. In PyTorch's favour: batches
are padded, with their masks of attention, and in pinned memory before the clock starts; no loss is waited for; a batch without
padding goes without a mask, so that SDPA may take FlashAttention; texts are padded to a multiple of 8 (16 where it compiles, so
that there are few lengths). Every length is seen before the clock starts; a compilation afterwards fails the run.

p50, p20, p80: of the time between the ends of two steps on the device's clock; tokens/s: valid tokens, padding does not count,
over whole rounds of the batches on the host's clock. Operations and the peak are bench_transformer's; MB: of
torch.cuda.max_memory_allocated."""
import argparse
import csv
import datetime
import os
import pathlib
import re
import sys
import time

try:
    import torch
    import transformers
except ImportError as error:
    print(f"transformer_torch: skipped, {error}")
    sys.exit(77)

CLASSES = 6
ROUNDS_BEFORE = 3
WORD = (1 << 64) - 1
HEAD = ["model", "texts", "work", "variant", "dtype", "p50_us", "p20_us", "p80_us", "rate", "unit", "% of ceiling",
        "% of step", "MB", "gpu", "driver", "commit", "date"]
SOURCE = (pathlib.Path(__file__).parent / "transformer_work.hpp").read_text(encoding="utf-8")


def table(name):
    """The rows of a table in transformer_work.hpp, as strings."""
    body = re.search(name + r"\[\](?:\[2\])? = \{(.*?)\};", SOURCE, re.DOTALL).group(1)
    return [[cell.strip().strip('"') for cell in row.split(",")] for row in re.findall(r"\{([^{}]*)\}", body)]


TREC_LENGTHS = [(int(tokens), int(texts)) for tokens, texts in table("trec_lengths")]
BF16_PEAKS = {name: 1e12 * float(bf16) for name, bf16, _ in table("card_peaks")}
# name, texts, length (0: TREC's), batches
TEXT_SHAPES = [(name, int(texts), int(length), int(batches)) for name, texts, length, batches in table("text_shapes")]


def configuration(model):
    if model == "MiniLM-L6":
        return transformers.BertConfig(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                                       intermediate_size=1536, max_position_embeddings=512, num_labels=CLASSES)
    if model == "RoBERTa-base":
        return transformers.RobertaConfig(vocab_size=50265, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                                          intermediate_size=3072, max_position_embeddings=514, type_vocab_size=1,
                                          layer_norm_eps=1e-5, num_labels=CLASSES)
    raise ValueError(model)


class Draw:
    """SplitMix64, as in transformer_work.hpp."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & WORD
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        return (((z ^ (z >> 31)) >> 32) * n) >> 32


def draw_batches(shape, vocabulary):
    """Lists of texts, by the rules of transformer_work.hpp."""
    _, texts, fixed_length, count = shape
    all_texts = sum(n for _, n in TREC_LENGTHS)
    powers = (vocabulary - 1).bit_length() - 2
    draw = Draw(7)

    def trec_length():
        at = draw.below(all_texts)
        for length, n in TREC_LENGTHS:
            at -= n
            if at < 0:
                return length

    def text():
        words = [2]
        length = fixed_length or trec_length()
        while len(words) + 1 < length:
            first = 1 << (2 + draw.below(powers))
            words.append(first + draw.below(min(first, vocabulary - first)))
        return words + [3]

    return [[text() for _ in range(texts)] for _ in range(count)]


def digest(batches):
    value = 0xCBF29CE484222325
    for batch in batches:
        for text in batch:
            for word in text:
                value = ((value ^ word) * 0x100000001B3) & WORD
    return value


def valid_tokens(batches):
    return sum(len(text) for batch in batches for text in batch)


def model_operations(config, batches):
    """A step on each of the batches, as transformer_work.hpp counts."""
    d, layers = config.hidden_size, config.num_hidden_layers
    matrices = layers * (4 * d * d + 2 * d * config.intermediate_size)
    squares = sum(len(text) ** 2 for batch in batches for text in batch)
    return 6.0 * matrices * valid_tokens(batches) + 12.0 * layers * d * squares


def padded(batch, padding, multiple, device):
    """(ids, mask, labels) on the host; no mask where nothing is padded."""
    longest = max(map(len, batch))
    width = -(-longest // multiple) * multiple
    ids = torch.tensor([text + [padding] * (width - len(text)) for text in batch])
    mask = None
    if any(len(text) < width for text in batch):
        keys = torch.tensor([[True] * len(text) + [False] * (width - len(text)) for text in batch])
        mask = keys[:, None, None, :].expand(-1, 1, width, width).contiguous()
    tensors = [ids, mask, torch.arange(len(batch)) % CLASSES]
    return [t.pin_memory() if t is not None and device == "cuda" else t for t in tensors]


class Training:
    """A model, its optimizer and its batches."""

    def __init__(self, config, precision, program, batches, device):
        torch.manual_seed(7)
        self.device = device
        self.autocast = precision == "autocast"
        self.model = transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="sdpa")
        self.model.to(device, torch.float32 if self.autocast else torch.bfloat16).train()
        self.batches = [padded(batch, config.pad_token_id, 8 if program == "eager" else 16, device) for batch in batches]
        bare = {p for name, p in self.model.named_parameters() if name.endswith("bias") or "LayerNorm" in name}
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in self.model.parameters() if p not in bare], "weight_decay": 0.01},
             {"params": list(bare), "weight_decay": 0.0}], lr=3e-5, fused=True)
        self.loss_of = self.loss
        if program != "eager":
            mode = {"compile": None, "compile reduce-overhead": "reduce-overhead"}[program]
            self.loss_of = torch.compile(self.loss, dynamic=False, mode=mode)

    def loss(self, ids, mask, labels):
        logits = self.model(input_ids=ids, attention_mask=mask).logits
        return torch.nn.functional.cross_entropy(logits.float(), labels)

    def step(self, batch):
        ids, mask, labels = (t if t is None else t.to(self.device, non_blocking=True) for t in batch)
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(self.device, torch.bfloat16, enabled=self.autocast):
            loss = self.loss_of(ids, mask, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def round(self):
        for batch in self.batches:
            loss = self.step(batch)
        return loss.item()  # waits

    def rounds(self, seconds):
        """Microseconds of the steps, sorted, and rounds a second."""
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
        events = [torch.cuda.Event(enable_timing=True)]
        torch.cuda.synchronize()
        begin = time.perf_counter()
        events[0].record()
        count = 0
        last = events[0]
        while count == 0 or time.perf_counter() - begin < seconds:
            for batch in self.batches:
                self.step(batch)
                events.append(torch.cuda.Event(enable_timing=True))
                events[-1].record()
            last.synchronize()  # the host is a round ahead, and no more: it looks at the time
            last = events[-1]
            count += 1
        torch.cuda.synchronize()
        took = time.perf_counter() - begin
        if torch._dynamo.utils.counters["stats"]["unique_graphs"] != graphs:
            raise SystemExit("transformer_torch: something was compiled while it was timed")
        return sorted(1e3 * a.elapsed_time(b) for a, b in zip(events, events[1:])), count / took


class Report:
    def __init__(self, file):
        self.file = file
        self.fastest = {}  # tokens/s and variant, by model, texts and program
        self.tail = [torch.cuda.get_device_name(), os.environ.get("CANDIST_GPU_DRIVER", f"CUDA {torch.version.cuda}"),
                     os.environ.get("CANDIST_GIT_COMMIT", "unknown"),
                     datetime.datetime.now(datetime.timezone.utc).date().isoformat()]
        print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}, {self.tail}\n")
        print("| " + " | ".join(HEAD[:13]) + " |\n|---|---|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|")

    def add(self, model, texts, program, precision, times, tokens_a_second, of_peak):
        at = [times[int(share * (len(times) - 1) + 0.5)] for share in (0.5, 0.2, 0.8)]
        variant = f"torch {program} {precision}"
        row = [model, texts, "step", variant, "bf16", *(f"{t:.1f}" for t in at), f"{tokens_a_second:.1f}", "tokens/s",
               f"{100 * of_peak:.1f}" if of_peak else "", "", f"{torch.cuda.max_memory_allocated() / 1e6:.0f}"]
        print("| " + " | ".join(row) + " |", flush=True)
        known = self.fastest.setdefault((model, texts), {})
        known[program] = max(known.get(program, (0.0, "")), (tokens_a_second, variant))
        if self.file:
            new = not os.path.exists(self.file)
            with open(self.file, "a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                if new:
                    writer.writerow(HEAD)
                writer.writerow(row + self.tail)

    def summary(self):
        """The fastest of each program, and bench_transformer over the fastest of all."""
        candist = {}
        if self.file and os.path.exists(self.file):
            with open(self.file, newline="", encoding="utf-8") as file:
                candist = {(row["model"], row["texts"]): float(row["rate"]) for row in csv.DictReader(file)
                           if row["work"] == "step" and row["variant"] == "candist" and row["dtype"] == "bf16"}
        for case, programs in self.fastest.items():
            best = sorted(programs.values(), reverse=True)
            line = "; ".join(f"{variant} {rate:.0f} tokens/s" for rate, variant in best)
            if case in candist:
                line += f"; candist {candist[case]:.0f} tokens/s, {candist[case] / best[0][0]:.2f} times the fastest"
            print(f"{case[0]} {case[1]}: {line}")


def measure(report, model, shape, program, precision):
    """Tokens a second, 0 where it does not fit."""
    config = configuration(model)
    batches = draw_batches(shape, config.vocab_size)
    torch._dynamo.reset()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        training = Training(config, precision, program, batches, "cuda")
        for _ in range(ROUNDS_BEFORE):
            loss = training.round()
        if not abs(loss) < 100.0:
            raise SystemExit(f"transformer_torch: the result is wrong, so it is not timed: loss {loss}")
        times, rounds_a_second = training.rounds(2.0)
    except torch.cuda.OutOfMemoryError:
        print(f"{model} {shape[0]}: {program} {precision} does not fit this card")
        return 0.0
    peak = BF16_PEAKS.get(torch.cuda.get_device_name(), 0.0)
    rate = rounds_a_second * valid_tokens(batches)
    report.add(model, shape[0], program, precision, times, rate,
               rounds_a_second * model_operations(config, batches) / peak if peak else 0.0)
    return rate


def check():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for model in ("MiniLM-L6", "RoBERTa-base"):
        config = configuration(model)
        for shape in TEXT_SHAPES:
            print(f"{model} {shape[0]}: digest {digest(draw_batches(shape, config.vocab_size)):016x}", flush=True)
        with torch.device("meta"):
            count = sum(p.numel() for p in
                        transformers.AutoModelForSequenceClassification.from_config(config).parameters())
        print(f"{model}: {count} parameters")
        config.vocab_size, config.num_hidden_layers = 500, 2
        config.hidden_size, config.intermediate_size = 128, 256
        config.num_attention_heads = {"MiniLM-L6": 4, "RoBERTa-base": 2}[model]
        for batches in (draw_batches(("", 6, 0, 2), 500), draw_batches(("", 2, 16, 2), 500)):  # padded, and not
            for precision in ("autocast", "bf16 model"):
                training = Training(config, precision, "eager", batches, device)
                losses = [training.round() for _ in range(8)]
                if not (abs(losses[0]) < 10.0 and losses[-1] < losses[0] + 0.5):
                    raise SystemExit(f"transformer_torch: {model} {precision}: losses {losses}")
    print(f"transformer_torch: every eager step runs, on {device}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv")
    parser.add_argument("--seconds", type=float, default=420.0)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        return check()
    if not torch.cuda.is_available():
        print("transformer_torch: skipped, there is no GPU")
        sys.exit(77)
    begin = time.monotonic()
    report = Report(options.csv)
    cases = [(model, shape) for model in ("RoBERTa-base", "MiniLM-L6") for shape in TEXT_SHAPES]
    precisions = {}  # the faster one, by model and texts

    def in_time():
        return time.monotonic() - begin < options.seconds

    def eager(model, shape):
        rates = {p: measure(report, model, shape, "eager", p) for p in ("autocast", "bf16 model")}
        precisions[model, shape[0]] = max(rates, key=rates.get)

    def compiled(program):
        return lambda model, shape: measure(report, model, shape, program, precisions[model, shape[0]])

    # Most promising first: launches decide on short texts, and there CUDA graphs take them away.
    short = [case for case in cases if case[1][2] == 0]
    long = [case for case in cases if case[1][2] > 0]
    work = [(eager, case) for case in cases]
    work += [(compiled("compile reduce-overhead"), case) for case in short]
    work += [(compiled("compile"), case) for case in long]
    work += [(compiled("compile"), case) for case in short]
    work += [(compiled("compile reduce-overhead"), case) for case in long]
    while work and in_time():
        run, case = work.pop(0)
        run(*case)
    print()
    report.summary()
    print(f"transformer_torch: {len(work)} measurements not begun, for want of time")


main()
