#!/usr/bin/env bash
# How the recordings were made: eSpeak NG 1.51 speaks each transcript of voice.jsonl, SoX brings it to 16 kHz mono.
# No person's voice is in them. Needs the packages espeak-ng and sox.
set -euo pipefail
cd "$(dirname "$0")"
python3 - <<'PY' | while IFS=$'\t' read -r file transcript; do
import json
for line in open("voice.jsonl"):
    clip = json.loads(line)
    print(clip["file"], clip["transcript"], sep="\t")
PY
    espeak-ng -v en-us+f4 -s 175 -p 38 -a 80 --stdout "$transcript" </dev/null |
        sox -q -t wav - -r 16000 -c 1 -b 16 -D "$file" silence 1 0.02 0.5% reverse silence 1 0.02 0.5% reverse
done
