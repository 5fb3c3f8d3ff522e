"""An unmodified agent of Alith with this library's package for Python: characters as plain functions, and Alith's own example of a consumer."""

import gc
import json
import os
import subprocess
import sys
import tempfile

from eth_account import Account

from lazai_mcp import keystore
from scripted_model import Model
from told import Client

# ANCHOR: tools
from alith import Agent

import lazai
from lazai.alith import LazAIClient, NoCounterpart, Purse, tools


def ask(model, key, market, node):
    with Purse(key, market=market, nodes=[node], budget=100_000) as purse:
        agent = Agent(**model, tools=tools(purse))
        return agent.prompt("Ask the character who it is.")
# ANCHOR_END: tools


# What nobody holds is freed at once: a tool's callback must be held.
gc.set_threshold(1, 1, 1)
client = Client("Alith for Python, with `lazai.alith`", "alith")
key = lazai.LocalKey.from_keystore(*keystore())


def asked(tool, arguments):
    model = Model(tool, arguments)
    answer = ask({"model": "scripted", "api_key": "none", "base_url": model.url}, key, os.environ["LAZAI_MARKET"], os.environ["LAZAI_NODE_URL"])
    assert model.end() == ["lazai_characters", "lazai_say", "lazai_verify"]
    return answer


assert "dat:1:1" in (found := asked("lazai_characters", {})), found
client.does("functions that list characters")
assert len(said := asked("lazai_say", {"message": "Who are you?"}).strip()) > 5, said
client.does("and ask one, for money")
assert "All links hold" in (verified := asked("lazai_verify", {"character": "dat:1:1"})), verified
client.does("and verify one")

# Alith's own example, in a process of its own, whose settings are in the environment.
with open(keystore()[0]) as file:
    secret = Account.decrypt(json.load(file), keystore()[1]).hex()
address = lazai.NodeClient(os.environ["LAZAI_NODE_URL"]).models()[0].offer.node
environment = {**os.environ, "PRIVATE_KEY": secret, "LAZAI_NODES": os.environ["LAZAI_NODE_URL"], "LAZAI_NODE_ADDRESS": address}
environment["LAZAI_FOLDER"] = tempfile.mkdtemp()
program = [sys.executable, os.path.join(os.path.dirname(__file__), "alith_consumer.py")]
for _ in range(2):  # Registered the second time, it goes on with its budget.
    said = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.strip(), said
client.does("`LazAIClient`: Alith's example of a consumer, with another first line")
ours = LazAIClient(private_key=secret, market=os.environ["LAZAI_MARKET"], nodes=[os.environ["LAZAI_NODE_URL"]], folder=environment["LAZAI_FOLDER"])
registered = ours.get_user(ours.wallet.address)
assert registered[1:3] == (900000, 1000000) and registered[4] == [address.lower()], registered
for name in ("request_proof", "add_file_with_hash", "deposit_query"):
    try:
        getattr(ours, name)(1, 2)
        raise AssertionError(f"{name} stands for something")
    except NoCounterpart as error:
        assert str(error).startswith(f"{name}: "), error
client.does_not("`LazAIClient`: contributing data call by call", "a dataset is proved and submitted in one act here; those names raise `NoCounterpart`, which says by what")
client.end()
