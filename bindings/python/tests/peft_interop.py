"""PEFT loads the adapter that this package trained, at once, and says what it says: run by `cargo xtask bindings peft`."""

import json
import os
import pathlib
import sys
import tempfile

import lazai
import peft
import torch
import transformers

base_path = pathlib.Path(os.environ["LAZAI_BASE_MODEL"])
home = pathlib.Path(tempfile.mkdtemp())
said = [{"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": f"It is {n}, then {n * 7}."}]} for n in range(60)]
(home / "chats.jsonl").write_text("\n".join(map(json.dumps, said)))
terms = lazai.ContributorTerms("0x" + "22" * 20, "Ada", "CC-BY-4.0", "for training")
lazai.prepare_dataset([str(home / "chats.jsonl")], terms, str(base_path), str(home / "set.pov"))
ours = lazai.BaseModel.open(str(base_path))
settings = lazai.TrainingSettings(max_steps=8, block_tokens=256)
trained = ours.train(str(home / "set.pov"), settings, str(home / "adapter"))

model = transformers.AutoModelForCausalLM.from_pretrained(base_path.parent, gguf_file=base_path.name, dtype=torch.float32)
tokenizer = transformers.AutoTokenizer.from_pretrained(base_path.parent, gguf_file=base_path.name)
text = tokenizer.apply_chat_template(said[5]["messages"], tokenize=False)
tokens = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])


def loss(of):
    with torch.no_grad():
        return of(tokens, labels=tokens).loss.item()


bare = loss(model)
tuned = peft.PeftModel.from_pretrained(model, home / "adapter").eval()
learnt = loss(tuned)
print(f"PEFT {peft.__version__}: loss {bare:.4f} bare, {learnt:.4f} with our adapter ({trained.digest[:12]}…, last step {trained.losses[-1]:.4f})")
assert learnt < bare - 0.2, "the adapter does nothing"
# And back: what PEFT writes, we read.
tuned.save_pretrained(home / "theirs")
config = json.loads((home / "theirs/adapter_config.json").read_text())
facts = ours.adapter(str(home / "theirs"))
assert (facts.rank, facts.alpha) == (config["r"], config["lora_alpha"]) == (8, 16) and facts.base_digest == ours.digest
sys.exit(0)
