"""The quick start on a real chain: the market of the example page, whose URL is in LAZAI_PAGE_URL."""

import json
import os
import pathlib
import runpy
import tempfile
import urllib.request

import lazai

# The first account of every test node: everybody knows its key.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
PAGE = os.environ["LAZAI_PAGE_URL"]


def get(name: str) -> str:
    with urllib.request.urlopen(PAGE + name) as answer:
        return answer.read().decode()


about = json.loads(get("market.json"))
chat = runpy.run_path(str(pathlib.Path(__file__).parents[1] / "examples/talk.py"))["chat"]
with tempfile.TemporaryDirectory() as folder:
    with lazai.Market.on_chain(about["rpcUrl"], get("deployment.json"), folder, 1) as market:
        chat(market, about["nodeUrl"], lazai.LocalKey.from_hex(KEY), int(about["deposit"]))
