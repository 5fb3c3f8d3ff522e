"""PEFT and transformers on the files of `lazai-lora/examples/card.rs`: python3 card.py FOLDER. Prints JSON."""

import json
import sys
import time

import torch
import transformers
from peft import LoraConfig, get_peft_model

STEPS, BLOCKS, TOKENS, REPLY = 4, 4, 256, 64  # as there
device = "cuda" if torch.cuda.is_available() else "cpu"
base = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).to(device)
model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
tokens = torch.randint(10, 310, (BLOCKS, TOKENS), device=device)


def step():
    model(input_ids=tokens, labels=tokens).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()


def seconds(work):
    work()  # warms up
    if device == "cuda":
        torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def train():
    for _ in range(STEPS - 1):
        step()


def decode():
    with torch.no_grad():
        model.generate(input_ids=tokens[:1, :16], max_new_tokens=REPLY, min_new_tokens=REPLY, do_sample=False)


print(json.dumps({
    "device": device,
    "peft_train_tokens_per_s": (STEPS - 1) * BLOCKS * TOKENS / seconds(train),
    "transformers_decode_tokens_per_s": REPLY / seconds(decode),
}, indent=2))
