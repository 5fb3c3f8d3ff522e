"""Vectors of the base voice by another's program: ONNX Runtime on the file of the package `hibari-tts`.

    python hibari.py hibari.onnx PACKAGE_FOLDER

Writes `hibari.safetensors`: for each utterance, ids, durations, pitch and a grid of the spectral parts of the graph with its
weights as 32-bit floats; and the Whisper log-mel of the sound that the package itself makes (8-bit weights and activations, its own
noise), as bytes. Needs numpy, onnx, onnxruntime, safetensors."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

PHONEMES = [
    "həlˈO ðˈɛɹ.",
    "ðə lˈæmp ɔn ðə tˈWəɹ ɪz wˈɔɹm, ænd ðə ɹˈɪvəɹ sˈɪŋz bənˈiθ ðə wˈɪndO.",
    "plˈiz kˌʌm bˈæk təmˈɔɹO wˌɛn ðə ɹˈAn hɐz stˈɑpt, mI fɹˈɛnd.",
]
SPEEDS = [1.0, 1.0, 1.3]
FRAMES, BINS = 7, 6


def dequantised(model):
    """The graph with floats for bytes: a product of integers becomes one of floats, with the same result name."""
    graph = model.graph
    weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    gone, new, floats = set(), [], {}
    for node in graph.node:
        if node.op_type != "MatMulInteger":
            continue
        quantise = made[node.input[0]]
        (cast,) = readers[node.output[0]]
        (scaled,) = readers[cast.output[0]]
        name = node.input[1]
        scale = weights[name.replace("_quantized", "_scale")]
        zero = weights[node.input[3]]
        floats[name + "_f32"] = ((weights[name].astype(np.float32) - zero.astype(np.float32)) * scale).astype(np.float32)
        product = helper.make_node("MatMul", [quantise.input[0], name + "_f32"], list(scaled.output), name=node.name)
        (scales,) = [made[i] for i in scaled.input if i != cast.output[0]]
        gone.update(id(n) for n in (node, quantise, cast, scaled, scales))
        new.append((id(scaled), product))
    new = dict(new)
    nodes = [new.get(id(n), n) for n in graph.node if id(n) not in gone or id(n) in new]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in floats.items())
    return model


def session(model, extra=()):
    for name in extra:
        model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def mel_filters():
    """Slaney's filters, 80 up to 8 kHz for windows of 400 samples."""
    to_mel = lambda hz: np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1) / 1000) * 27 / np.log(6.4))
    to_hz = lambda mel: np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
    edges = to_hz(np.linspace(0, to_mel(np.array(8000.0)), 82))
    hz = np.arange(201) * 40.0
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.maximum(0, np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre))) * 2 / (high - low)


def log_mel(sound):
    spectrum = np.fft.rfft(sound.astype(np.float64))
    count = len(sound) * 2 // 3
    sound = np.fft.irfft(spectrum[: count // 2 + 1], count) * 2 / 3
    padded = np.pad(sound, 200, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([padded[i * 160 : i * 160 + 400] * hann for i in range(count // 160)])
    mel = np.log10(np.maximum(np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters().T, 1e-10))
    return (np.maximum(mel, mel.max() - 8) + 4) / 4


def main(path, package):
    sys.path.insert(0, package)
    from hibari import dsp
    from hibari.tts import ASSETS

    vocabulary = json.load(open(f"{ASSETS}/vocab.json", encoding="utf-8"))
    original = session(onnx.load(path))
    exact = session(dequantised(onnx.load(path)), ["/Clip_output_0"])
    out = {}
    for i, (phonemes, speed) in enumerate(zip(PHONEMES, SPEEDS)):
        ids = [0, *[vocabulary[c] for c in phonemes], 0]
        inputs = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
        *parts, f0, durations = exact.run(None, inputs)
        out[f"{i}.ids"] = np.array(ids, np.uint32)
        out[f"{i}.speed"] = np.array([speed], np.float32)
        out[f"{i}.durations"] = durations.reshape(-1).astype(np.uint32)
        out[f"{i}.f0"] = f0[0]
        # [frames, parts, bins]
        grid = np.stack([part[0].T[::FRAMES, ::BINS] for part in parts], 1)
        out[f"{i}.parts"] = np.ascontiguousarray(grid if i < 2 else grid[:8])
        heard = [a[0] for a in original.run(None, inputs)]
        sound = dsp.synth(*heard, np.random.default_rng(0))
        mel = log_mel(sound)
        if heard[5].shape != f0[0].shape:
            print(phonemes, "with bytes lasts", heard[5].shape, "frames, with floats", f0[0].shape)
            continue
        out[f"{i}.mel"] = np.clip(np.round((mel + 1.5) * 80), 0, 255).astype(np.uint8)
        full = log_mel(dsp.synth(*[p[0] for p in parts], f0[0], np.random.default_rng(1)))
        print(phonemes, "correlation of bytes and floats", np.corrcoef(mel.ravel(), full.ravel())[0, 1])
    save_file(out, "hibari.safetensors")


main(*sys.argv[1:])
