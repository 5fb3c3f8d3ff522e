"""A tiny random BERT as a sentence encoder, and what sentence-transformers makes of texts with it: vectors for lazai-lora.

Needs: torch transformers sentence-transformers tokenizers (the versions in versions.json are those that made the committed
files). Run in this folder: python make.py
"""

import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LINES = [json.loads(line) for line in (HERE / "../../examples/cyber-diva/data/dialogues.jsonl").resolve().open()]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_TOKENS = 80
TEXTS = [
    "Hush, darling: the rain is early tonight.",
    "HUSH, DARLING: THE RAIN IS EARLY TONIGHT.",
    "",
    "a",
    "Ünïcode, 日本語, e\u0301 and 🎷!",
    "[CLS] written out [SEP] and [MASK]",
    "  white \t\n space  ",
    # Longer than a tile of attention.
    " ".join(["the rain"] * 22),
    # As long as the model reads, and longer.
    " ".join(["the rain"] * 26),
    " ".join(["and nobody sleeps"] * 60),
]


def word_piece():
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=320, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([m["content"] for line in LINES for m in line["messages"]], trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends)
    return tokenizer


def tiny(tokenizer):
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=96)
    model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "LayerNorm.weight" in name else 0.0
            parameter.copy_(centre + torch.randn_like(parameter) * 0.25)
    return model


def main():
    out = HERE / "tiny-bert"
    shutil.rmtree(out, ignore_errors=True)
    tokenizer = word_piece()
    expected = {"max_tokens": MAX_TOKENS, "texts": TEXTS}
    with tempfile.TemporaryDirectory() as folder:
        tiny(tokenizer).save_pretrained(folder)
        names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL))
        fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, **names)
        fast.save_pretrained(folder)
        for mode in ("cls", "mean"):
            encoder = SentenceTransformer(
                modules=[Transformer(folder), Pooling(32, pooling_mode=mode), Normalize()], device="cpu")
            # One at a time: sentence-transformers pads texts of one batch.
            expected[mode] = [[round(float(x), 7) for x in encoder.encode(text)] for text in TEXTS]
            expected["tokens"] = [int(encoder.tokenize([text])["input_ids"].shape[1]) for text in TEXTS]
        encoder.save(str(out), create_model_card=False)
    (out / "expected.json").write_text(json.dumps(expected))
    packages = ("torch", "transformers", "sentence-transformers", "tokenizers", "safetensors")
    versions = {name: importlib.metadata.version(name) for name in packages} | {"python": platform.python_version()}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1))


if __name__ == "__main__":
    main()
