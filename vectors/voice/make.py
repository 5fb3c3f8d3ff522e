"""Makes log-mel.json (needs librosa): Whisper's spectrogram of a sweep and a tone."""

import json
import pathlib

import librosa
import numpy as np

RATE = 16000
t = np.arange(RATE // 2) / RATE
sweep = 8000 * np.sin(2 * np.pi * (200 * t + 400 * t * t)) + 3000 * np.sin(2 * np.pi * 3000 * t)
samples = np.round(sweep).astype(np.int16).astype(np.float32) / 32768
spectrum = librosa.stft(samples, n_fft=400, hop_length=160, window="hann", center=True, pad_mode="reflect")
power = np.abs(spectrum)[:, :-1] ** 2
mel = librosa.filters.mel(sr=RATE, n_fft=400, n_mels=80, norm="slaney", htk=False) @ power
log = np.log10(np.maximum(mel, 1e-10))
log = (np.maximum(log, log.max() - 8) + 4) / 4
vector = {
    "made_by": f"librosa {librosa.__version__}, stft and filters.mel, in 32-bit floats",
    "signal": "round(8000 sin(2 pi (200 t + 400 t^2)) + 3000 sin(2 pi 3000 t)) / 32768, t = i / 16000, i < 8000",
    "frames": log.shape[1],
    "rows": {str(f): [round(float(v), 6) for v in log[:, f]] for f in (0, 1, 20, 48, 49)},
}
pathlib.Path(__file__).with_name("log-mel.json").write_text(json.dumps(vector))
