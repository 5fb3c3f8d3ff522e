"""The peer of `cargo xtask bench data`: the same work with Hugging Face datasets, tokenizers, rensa and librosa.

    data.py import FILE.jsonl TOKENIZER.json FOLDER   ->  one JSON line
    data.py mel SAMPLES.f32 SECONDS FOLDER            ->  one JSON line

`import` reads chats, normalises, removes exact and near duplicates (MinHash, twelve bands of five), holds a part out that
shares no eight words in a row with the rest, tokenizes with a mask of the replies, and writes tensors. Each step is
timed; the packages' own parallelism is on.
"""

import json
import os
import re
import resource
import sys
import time
import unicodedata

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def peak_mb():
    """Of this process and its largest child."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


SPACES = re.compile(r"[ \t\u00a0\u202f]+")
BREAKS = re.compile(r" *\n *")
MANY = re.compile(r"\n{3,}")
UNSEEN = dict.fromkeys(map(ord, "\ufeff\u00ad\u200b\u2060"), None)
WORDS = re.compile(r"\w+")


def normalise(text):
    text = unicodedata.normalize("NFC", text).translate(UNSEEN).replace("\r\n", "\n")
    return MANY.sub("\n\n", BREAKS.sub("\n", SPACES.sub(" ", text))).strip()


def normalise_batch(batch):
    return {"messages": [[{"role": m["role"], "content": normalise(m["content"])} for m in chat] for chat in batch["messages"]]}


def import_chats(file, tokenizer_file, folder):
    import datasets
    import numpy
    import rensa
    import tokenizers

    datasets.disable_progress_bars()
    tokenizer = tokenizers.Tokenizer.from_file(tokenizer_file)
    steps = {}
    clock = time.perf_counter()

    def step(name):
        nonlocal clock
        now = time.perf_counter()
        steps[name] = now - clock
        clock = now

    chats = datasets.load_dataset("json", data_files=file, split="train", cache_dir=os.path.join(folder, "cache"))
    step("read")
    chats = chats.map(normalise_batch, batched=True, num_proc=2, load_from_cache_file=False)
    step("normalise")

    seen, keep = set(), []
    index = rensa.RMinHashLSH(threshold=0.85, num_perm=60, num_bands=12)
    hashes = {}
    said = []
    for number, messages in enumerate(chats["messages"]):
        words = [w for m in messages for w in WORDS.findall(m["content"].lower())]
        said.append([WORDS.findall(m["content"].lower()) for m in messages])
        exact = hash(tuple((m["role"], m["content"]) for m in messages))
        if exact in seen:
            continue
        seen.add(exact)
        sketch = rensa.RMinHash(num_perm=60, seed=1)
        sketch.update([" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))])
        if any(sketch.jaccard(hashes[other]) >= 0.85 for other in index.query(sketch)):
            continue
        index.insert(number, sketch)
        hashes[number] = sketch
        keep.append(number)
    step("duplicates")

    grams = lambda number: (hash(tuple(words[i : i + 8])) for words in said[number] for i in range(len(words) - 7))
    order = sorted(keep, key=lambda number: hash((0, number)))
    wanted = min(500, len(keep) // 20)
    candidates = set(order[: wanted * 4])
    owners = {gram: number for number in candidates for gram in grams(number)}
    touched = {owners[gram] for number in keep if number not in candidates for gram in grams(number) if gram in owners}
    held_out = set([number for number in order[: wanted * 4] if number not in touched][:wanted])
    train = chats.select([number for number in keep if number not in held_out])
    step("split")

    ids, masks, lengths = [], [], []
    start = tokenizer.token_to_id("<|im_start|>")
    for batch in train.iter(batch_size=1000):
        texts = [
            ("" if chat[0]["role"] == "system" else SYSTEM)
            + "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in chat)
            for chat in batch["messages"]
        ]
        for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            tokens = numpy.asarray(encoding.ids, dtype=numpy.uint32)
            starts = numpy.flatnonzero(tokens == start)
            mask = numpy.zeros(len(tokens), dtype=numpy.uint8)
            for begin, end in zip(starts, [*starts[1:], len(tokens)]):
                # <|im_start|>, role, line break, reply, <|im_end|>, line break.
                if tokens[begin + 1] == ASSISTANT:
                    mask[begin + 3 : end - 1] = 1
            ids.append(tokens)
            masks.append(mask)
            lengths.append(len(tokens))
    step("tokenize")
    for name, parts in (("ids", ids), ("mask", masks)):
        numpy.save(os.path.join(folder, name), numpy.concatenate(parts))
    numpy.save(os.path.join(folder, "offsets"), numpy.cumsum(lengths))
    step("write")
    return {"seconds": sum(steps.values()), "steps": steps, "tokens": int(sum(lengths)), "kept": len(keep), "held_out": len(held_out), "peak_mb": peak_mb()}


SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
ASSISTANT = None


def mel(samples_file, seconds, folder):
    import librosa
    import numpy

    samples = numpy.fromfile(samples_file, dtype=numpy.float32).reshape(-1, int(seconds) * 16000)

    def log_mel(audio):
        power = librosa.feature.melspectrogram(y=audio, sr=16000, n_fft=400, hop_length=160, n_mels=80, power=2.0, pad_mode="reflect")
        log = numpy.log10(numpy.maximum(power[:, :-1], 1e-10))
        return ((numpy.maximum(log, log.max() - 8.0) + 4.0) / 4.0).T

    log_mel(samples[0])  # plans and filters are made once
    started = time.perf_counter()
    spectrograms = [log_mel(audio) for audio in samples]
    taken = time.perf_counter() - started
    numpy.stack(spectrograms).astype(numpy.float32).tofile(os.path.join(folder, "mel.f32"))
    return {"seconds": taken, "librosa": librosa.__version__}


if __name__ == "__main__":
    if sys.argv[1] == "import":
        import tokenizers

        ASSISTANT = tokenizers.Tokenizer.from_file(sys.argv[3]).encode("assistant", add_special_tokens=False).ids[0]
        print(json.dumps(import_chats(*sys.argv[2:5])))
    else:
        print(json.dumps(mel(*sys.argv[2:5])))
