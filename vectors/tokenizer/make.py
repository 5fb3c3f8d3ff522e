"""Makes smollm2.json: python3 make.py FOLDER FILE.gguf (needs torch, transformers, gguf)."""

import json
import pathlib
import sys

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, file = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
    ]
)


def ids(text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


here = pathlib.Path(__file__).with_name("smollm2.json")
texts = [entry["text"] for entry in json.loads(here.read_text())["texts"]]
messages = [{"role": "user", "content": "What is the capital of France?"}]
chat = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
with torch.no_grad():
    top = torch.topk(model(torch.tensor([ids(chat)])).logits[0, -1], 10)
vector = {
    "texts": [{"text": text, "ids": ids(text)} for text in texts],
    "chat": {"messages": messages, "text": chat, "ids": ids(chat)},
    "logits": {"ids": top.indices.tolist(), "values": [round(value, 5) for value in top.values.tolist()]},
}
here.write_text(json.dumps(vector, ensure_ascii=False, indent=1))
