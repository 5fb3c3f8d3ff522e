"""PEFT beside lazai-lora: python3 lora.py VERB JOB.json OUT.json (see benches/src/lora/).

Verbs: `agree` repeats given steps from a given adapter and measures; `speed` times steps; `logits` computes them.
"""

import json
import math
import pathlib
import resource
import sys
import time

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def row(block, length):
    """A block of sequences as one padded row: ids, labels, positions, and attention kept inside each sequence."""
    ids, labels, positions = [], [], []
    mask = torch.full((length, length), float("-inf"))
    for sequence in block:
        start, size = len(ids), len(sequence["tokens"])
        ids += sequence["tokens"]
        said = [False] + sequence["mask"][1:]
        labels += [token if learnt else -100 for token, learnt in zip(sequence["tokens"], said)]
        positions += range(size)
        causal = torch.full((size, size), float("-inf")).triu(1)
        mask[start:start + size, start:start + size] = causal
    for i in range(len(ids), length):
        mask[i, i] = 0.0
    padding = length - len(ids)
    return ids + [0] * padding, labels + [-100] * padding, positions + [0] * padding, mask


def batch(blocks, dtype):
    length = max(sum(len(s["tokens"]) for s in block) for block in blocks)
    rows = [row(block, length) for block in blocks]
    return {
        "input_ids": torch.tensor([r[0] for r in rows]),
        "labels": torch.tensor([r[1] for r in rows]),
        "position_ids": torch.tensor([r[2] for r in rows]),
        "attention_mask": torch.stack([r[3] for r in rows]).unsqueeze(1).to(dtype),
    }


def padded(sequences):
    """Each sequence a row of its own, as data collators do it."""
    length = max(len(s["tokens"]) for s in sequences)
    ids = [s["tokens"] + [0] * (length - len(s["tokens"])) for s in sequences]
    labels = [[t if m and i else -100 for i, (t, m) in enumerate(zip(s["tokens"], s["mask"]))] for s in sequences]
    labels = [l + [-100] * (length - len(l)) for l in labels]
    seen = [[1] * len(s["tokens"]) + [0] * (length - len(s["tokens"])) for s in sequences]
    return {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels), "attention_mask": torch.tensor(seen)}


def load(job, dtype):
    return transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=dtype)


def parameters(model):
    return [p for p in model.parameters() if p.requires_grad]


def agree(job):
    dtype = torch.float64 if job["double"] else torch.float32
    model = PeftModel.from_pretrained(load(job, dtype), job["adapter"], is_trainable=True).to(dtype)
    optimiser = torch.optim.AdamW(parameters(model), lr=1.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=job["decay"])
    losses = []
    for blocks, rate in zip(job["steps"], job["rates"]):
        for group in optimiser.param_groups:
            group["lr"] = rate
        inputs = batch(blocks, dtype)
        loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters(model), job["clip"])
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    model.save_pretrained(job["out"])
    total, count = 0.0, 0
    with torch.no_grad():
        for sequence in job.get("heldout", []):
            inputs = batch([[sequence]], dtype)
            said = int((inputs["labels"][0, 1:] != -100).sum())
            if said:
                total += model(**inputs).loss.item() * said
                count += said
    return {"losses": losses, "heldout_perplexity": math.exp(total / count) if count else None}


def speed(job):
    dtype = torch.bfloat16 if job["dtype"] == "bf16" else torch.float32
    config = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(load(job, dtype), config)
    optimiser = torch.optim.AdamW(parameters(model), lr=1e-3)
    blocks = job["blocks"]
    sequences = [s for block in blocks for s in block]
    tokens_of = lambda group: sum(len(s["tokens"]) for s in group)
    ways = {}
    for size in job["batches"]:
        groups = [blocks[i:i + size] for i in range(0, len(blocks), size)]
        ways[f"{size} packed blocks"] = [(batch(g, dtype), sum(map(tokens_of, g))) for g in groups]
    for size in job["rows"]:
        ordered = sorted(sequences, key=lambda s: len(s["tokens"]))
        groups = [ordered[i:i + size] for i in range(0, len(ordered), size)]
        ways[f"{size} padded rows of like length"] = [(padded(g), tokens_of(g)) for g in groups]

    def step(inputs):
        model(**inputs).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters(model), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    found = {}
    for name, inputs in ways.items():
        # The largest first, as warm-up.
        step(max(inputs, key=lambda i: i[1])[0])
        started, seen = time.perf_counter(), 0
        for i, (item, tokens) in enumerate(inputs):
            step(item)
            seen += tokens
            if time.perf_counter() - started > job["seconds"]:
                break
        found[name] = seen / (time.perf_counter() - started)
    # Linux counts kibibytes.
    return {"tokens_per_s": found, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def logits(job):
    dtype = torch.float64 if job["double"] else torch.float32
    model = PeftModel.from_pretrained(load(job, dtype), job["adapter"]).to(dtype)
    with torch.no_grad():
        return {"logits": model(input_ids=torch.tensor([job["ids"]])).logits[0].tolist()}


def make(job):
    """An adapter that PEFT initialises, with something in its second factor."""
    torch.manual_seed(job["seed"])
    options = dict(r=8, lora_alpha=16, use_rslora=job["stabilised"], target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(load(job, torch.float32), LoraConfig(**options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.01)
    model.save_pretrained(job["out"])
    return {}


if __name__ == "__main__":
    verb, job, out = sys.argv[1:]
    result = {"agree": agree, "speed": speed, "logits": logits, "make": make}[verb](json.loads(pathlib.Path(job).read_text()))
    pathlib.Path(out).write_text(json.dumps(result))
