"""The library and the command line on a real chain: the market of the example page, whose URL is in LAZAI_PAGE_URL."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import pytest

import lazai

PAGE = os.environ.get("LAZAI_PAGE_URL", "")
# The first account of every test node: everybody knows its key.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
COINS = "0x" + "00" * 20

pytestmark = pytest.mark.skipif(not PAGE, reason="no market on a chain: LAZAI_PAGE_URL names its page")


def get(name):
    with urllib.request.urlopen(PAGE + name) as answer:
        return answer.read()


def test_a_session_on_a_chain(tmp_path):
    about, key = json.loads(get("market.json")), lazai.LocalKey.from_hex(KEY)
    rpc, node, deposit = about["rpcUrl"], about["nodeUrl"], int(about["deposit"])
    deployment, outbox = get("deployment.json").decode(), tmp_path / "outbox"
    # ANCHOR: chain
    with lazai.Market.on_chain(rpc, deployment, outbox, 1) as market:
        # ANCHOR_END: chain
        assert market.place == lazai.read_market_place(get("place.json"))
        dat = market.dat(1, 1)
        assert dat.character == "Vesper Volt" and len(market.tokens(1)) == 3
        # ANCHOR: session
        (model,) = lazai.NodeClient(node).models()
        conversation = market.open_session(key, key, 1, model, deposit)
        # ANCHOR_END: session
        # Asking again opens no other.
        assert market.open_session(key, key, 1, model, deposit) == conversation
        # ANCHOR: say
        chat = lazai.Chat(conversation, market.domain, key)
        turn = chat.say("Who are you?", lazai.ReplySettings(seed=1), lazai.NodeClient(node))
        # ANCHOR_END: say
        assert turn.owed > 0 and chat.owed == turn.owed


def test_the_command_line_opens_a_session_and_goes_on_with_it(tmp_path):
    from eth_account import Account

    about = json.loads(get("market.json"))
    (tmp_path / "deployment.json").write_bytes(get("deployment.json"))
    (tmp_path / "key.json").write_text(json.dumps(Account.encrypt(KEY, "a password", iterations=4096)))
    (tmp_path / "password").write_text("a password\n")
    words = {
        "--rpc": about["rpcUrl"],
        "--deployment": tmp_path / "deployment.json",
        "--depth": 1,
        "--keystore": tmp_path / "key.json",
        "--password-file": tmp_path / "password",
        "--node": about["nodeUrl"],
        "--deposit": about["deposit"],
        "--conversation": tmp_path / "conversation.json",
    }
    command = [sys.executable, "-m", "lazai", "--json", "chat", *(str(w) for pair in words.items() for w in pair)]
    owed = []
    for said in ("Who are you?\nWhat do you like?\n", "Good night.\n"):
        done = subprocess.run(command, input=said, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        turns = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert len(turns) == said.count("\n")
        owed += [int(turn["owed"]) for turn in turns]
    assert owed == sorted(set(owed)) and len(json.loads((tmp_path / "conversation.json").read_text())["receipts"]) == 3
