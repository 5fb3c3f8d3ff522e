"""What sentence-transformers makes of twenty texts with an encoder, and how fast: for the test of `lazai-lora/tests/embed.rs` that
is run by hand. Writes `expected.json` into the encoder's folder: python beside.py FOLDER

Needs: torch transformers sentence-transformers (the versions in versions.json).
"""

import json
import os
import pathlib
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from sentence_transformers import SentenceTransformer

TEXTS = [
    "Her cat is called Miso.",
    "What is the name of her pet?",
    "The rent is due on Friday.",
    "He sold the car last summer and has taken the train ever since.",
    "rain",
    "",
    "Was für ein Wetter! Ünïcode, naïve, café.",
    "東京は夜の七時。",
    "Она любит джаз и старые фильмы.",
    "🎷🎶 she plays every night 🎶🎷",
    "user@example.com wrote 1,234.56 on 2024-02-29 at 12:34:56",
    "fn main() { println!(\"{}\", 1 << 20); }",
    "[CLS] and [SEP] are written out here, and [MASK] too.",
    "  white \t\n space \u00a0 everywhere  ",
    "pneumonoultramicroscopicsilicovolcanoconiosis antidisestablishmentarianism",
    "x" * 300,
    "The market pays creators by what they gave. " * 5,
    "Nobody knows why the lamps of the harbour burn by day. " * 12,
    "A long story about a short night, told slowly. " * 22,
    "More words than the model reads, again and again and again. " * 60,
]


def main(folder):
    encoder = SentenceTransformer(str(folder), device="cpu")
    # One at a time: sentence-transformers pads texts of one batch.
    expected = {
        "texts": TEXTS,
        "mean": [[float(x) for x in encoder.encode(text, normalize_embeddings=True)] for text in TEXTS],
        "tokens": [int(encoder.tokenize([text])["input_ids"].shape[1]) for text in TEXTS],
    }
    (folder / "expected.json").write_text(json.dumps(expected))
    print(f"{torch.get_num_threads()} threads")
    for words, count in ((10, 256), (60, 64), (250, 16)):
        texts, best = [" ".join(["rain"] * words)] * count, 0
        for _ in range(7):
            start = time.perf_counter()
            encoder.encode(texts, batch_size=32)
            best = max(best, count * (words + 2) / (time.perf_counter() - start))
        print(f"{count} texts of {words + 2} tokens: {best:.0f} tokens/s")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
