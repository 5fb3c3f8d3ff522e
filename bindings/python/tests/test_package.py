"""The package for Python: interop with what others made, callbacks, threads, memory, the command line."""

import asyncio
import concurrent.futures
import copy
import json
import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import support

import lazai
from lazai import aio, tensors
from support import refused

ROOT = pathlib.Path(__file__).parents[3]
SIGNING = next(s for s in json.loads((ROOT / "scenarios/signatures.json").read_text())["steps"] if s["call"] == "sign_voucher")["args"]
DOMAIN = lazai.Domain("LazAI Market", "1", int(SIGNING["domain"]["chainId"]), SIGNING["domain"]["verifyingContract"])
VOUCHER = lazai.Voucher(*(int(v) if k in ("classId", "version", "cumulative") else v for k, v in SIGNING["voucher"].items()))
BASE = os.environ.get("LAZAI_BASE_MODEL", "")


def run(*args):
    done = subprocess.run([sys.executable, "-m", "lazai", *map(str, args)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_eth_account_signs_what_we_check_and_checks_what_we_sign():
    from eth_account import Account
    from eth_account.messages import encode_typed_data

    typed = encode_typed_data(full_message=json.loads(lazai.voucher_typed_data(DOMAIN, VOUCHER)))
    account = Account.from_key(SIGNING["key"])
    ours = lazai.sign_voucher(DOMAIN, VOUCHER, lazai.LocalKey.from_hex(SIGNING["key"]))
    assert Account.recover_message(typed, signature=ours) == account.address
    lazai.check_voucher(DOMAIN, VOUCHER, "0x" + account.sign_message(typed).signature.hex().removeprefix("0x"), account.address)


class Wallet:
    def __init__(self, key, refuses=None):
        self.key, self.refuses, self.asked = key, refuses, []

    def address(self):
        return self.key.address

    def sign(self, request):
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.asked.append(request.encode_type)
        return self.key.sign_digest(request.digest)


def test_a_signer_of_ones_own():
    wallet = Wallet(lazai.LocalKey.random())
    signature = lazai.sign_voucher(DOMAIN, VOUCHER, wallet)
    lazai.check_voucher(DOMAIN, VOUCHER, signature, wallet.address())
    assert wallet.asked[0].startswith("Voucher(bytes32 session")
    assert "not today" in refused("signer.refused", lazai.sign_voucher, DOMAIN, VOUCHER, Wallet(wallet.key, "not today")).message
    liar = Wallet(lazai.LocalKey.random())
    liar.address = wallet.address
    refused("signer.wrong_signature", lazai.sign_voucher, DOMAIN, VOUCHER, liar)
    with pytest.raises(AttributeError):
        lazai.sign_voucher(DOMAIN, VOUCHER, object())


def prepared(folder, on_progress=None):
    chats = folder / "chats.jsonl"
    said = [{"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": f"It is {n} and {n * 7}, {'la ' * (n % 9)}."}]} for n in range(60)]
    chats.write_text("\n".join(map(json.dumps, said)))
    terms = lazai.ContributorTerms("0x" + "22" * 20, "Ada", "CC-BY-4.0", "for training")
    return lazai.prepare_dataset([str(chats)], terms, BASE, str(folder / "set.pov"), on_progress)


@pytest.mark.skipif(not BASE, reason="no base model: LAZAI_BASE_MODEL names it")
def test_a_dataset_is_prepared_and_others_read_it(tmp_path):
    from safetensors import safe_open

    heard = []
    facts = prepared(tmp_path, lambda progress: heard.append((progress.stage, progress.done)))
    assert facts.records > 10 and facts.tokens > facts.records and facts.held_out > 0
    assert repr(facts).startswith(f"DatasetFacts(records={facts.records}, tokens={facts.tokens}, ")
    assert {stage for stage, _ in heard} >= {"reading", "writing"} and heard[-1][1] == facts.records
    # ANCHOR: inspect
    found = lazai.inspect_file(str(tmp_path / "set.pov"))
    # ANCHOR_END: inspect
    assert (found.kind, found.dialogues, found.tokens) == ("pov", facts.records, facts.tokens)
    shown = lazai.read_dialogues(tmp_path / "chats.jsonl", 2)
    assert [(m.role, m.learnt) for m in shown[1].messages] == [("user", False), ("assistant", True)] and len(shown) == 2
    # Readers of others find the same tensors as ours, which copy nothing.
    views = tensors.views(tmp_path / "set.pov")
    with safe_open(tmp_path / "set.pov", framework="np") as theirs:
        assert set(theirs.keys()) == set(views)
        for name in theirs.keys():
            assert (theirs.get_tensor(name) == views[name]).all()
    assert not any(view.flags.writeable or view.flags.owndata for view in views.values())


@pytest.mark.skipif(not BASE, reason="no base model: LAZAI_BASE_MODEL names it")
def test_callbacks_cancel_and_what_they_raise_comes_through(tmp_path):
    refused("cancelled", prepared, tmp_path, lambda _: False)
    assert not (tmp_path / "set.pov").exists()

    def broken(_):
        raise KeyError("in the callback")

    with pytest.raises(KeyError, match="in the callback"):
        prepared(tmp_path, broken)


def test_errors_have_codes_and_every_code_is_named_once():
    codes = lazai.error_codes()
    assert codes == sorted(set(codes)) and len(codes) > 40
    with pytest.raises(lazai.LazaiError):
        lazai.LocalKey.from_hex("0x12")
    refused("node.transport", lazai.NodeClient, "ftp://node")
    refused("node.transport", lazai.NodeClient("http://127.0.0.1:1").models)
    refused("file", lazai.Market.open_folder, "/nowhere")
    refused("keystore", lazai.LocalKey.from_keystore, "/nowhere", "x")
    for path in (ROOT / "vectors/characters/refused").iterdir():
        wanted = next(e for e in json.loads((ROOT / "vectors/characters/expected.json").read_text()) if e["file"] == f"refused/{path.name}")
        refused(wanted["error"], lazai.inspect_file, str(path))


def test_a_dataset_is_never_written_over_its_own_files(tmp_path):
    base = os.environ.get("LAZAI_BASE_MODEL")
    if not base:
        pytest.skip("no base model: LAZAI_BASE_MODEL names it")
    terms = lazai.ContributorTerms("0x" + "ad" * 20, "Ada", "CC-BY-4.0", "for training")
    chats, long = tmp_path / "chats.jsonl", tmp_path / "long.jsonl"
    line = '{"system": "%s", "prompt": "Hi", "response": "Yes."}\n'
    chats.write_text(line % "Be kind.")
    before = chats.read_bytes()
    refused("file", lazai.prepare_dataset, [str(chats)], terms, base, str(chats))
    assert chats.read_bytes() == before
    # A system message that fills every record is said to be the reason.
    long.write_text(line % ("lamp " * 400))
    with pytest.raises(lazai.LazaiError, match="256 tokens"):
        lazai.prepare_dataset([str(long)], terms, base, str(tmp_path / "out"))


def test_keystores_are_written_and_read(tmp_path):
    key = lazai.LocalKey.random()
    key.to_keystore(str(tmp_path), "key.json", "a password")
    path = str(tmp_path / "key.json")
    assert lazai.LocalKey.from_keystore(path, "a password").address == key.address
    refused("keystore", lazai.LocalKey.from_keystore, path, "another")


def test_eight_threads_and_asyncio():
    vectors = ROOT / "vectors/zk"
    # ANCHOR: verify
    statement = (vectors / "statement.json").read_bytes()
    proof = (vectors / "proof.bin").read_bytes()
    facts = lazai.verify_proof(statement, proof)
    # ANCHOR_END: verify
    assert (facts.records, facts.tokens) == (24, 2654)
    card = (ROOT / "vectors/characters/json/v2.json").read_bytes()
    character = lazai.Character.from_bytes(card)

    def work(n):
        lazai.check_voucher(DOMAIN, VOUCHER, lazai.sign_voucher(DOMAIN, VOUCHER, key), key.address)
        return lazai.verify_proof(statement, proof).tokens, character.name, lazai.Character.from_bytes(card).name

    key = lazai.LocalKey.random()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(64))) == {(2654, "Vesper", "Vesper")}

    async def at_once():
        return await asyncio.gather(*(aio.verify_proof(statement, proof) for _ in range(4)))

    assert [facts.records for facts in asyncio.run(at_once())] == [24] * 4


@pytest.mark.skipif(not support.MEASURED, reason="memory is measured where /proc is")
def test_ten_thousand_rounds_of_each_handle_leave_no_memory_behind(capsys):
    vector = json.loads((ROOT / "vectors/chat/reply.json").read_text())
    card = (ROOT / "vectors/characters/json/v2.json").read_bytes()
    domain = lazai.Domain(vector["domain"]["name"], vector["domain"]["version"], int(vector["domain"]["chainId"]), vector["domain"]["verifyingContract"], salt=vector["domain"]["salt"])

    def round():
        key = lazai.LocalKey.from_hex(vector["key"])
        lazai.Character.from_bytes(card)
        lazai.Blocklist.from_json("[1]")
        lazai.Chat(vector["conversation"], domain, key)
        lazai.NodeClient("http://127.0.0.1:1")

    grown = support.grown(round, 10_000, 1_000)
    with capsys.disabled():
        print(f" 10000 rounds: {grown} bytes more", end="")
    assert grown < 16 << 20


def test_the_command_line_says_what_the_library_says(tmp_path):
    evidence, anchor = ROOT / "vectors/provenance/evidence.json", ROOT / "vectors/provenance/anchor.json"
    code, out, _ = run("verify", evidence, "--anchor", anchor)
    assert code == 0 and out.rstrip().endswith("it holds") and "proved" in out
    code, out, _ = run("--json", "verify", evidence, "--anchor", anchor)
    assert code == 0 and json.loads(out)["holds"] is True
    forged = tmp_path / "forged.json"
    forged.write_text(evidence.read_text().replace('"cumulative":"', '"cumulative":"9', 1))
    code, out, _ = run("verify", forged, "--anchor", anchor)
    assert code == 1 and "broken" in out
    code, out, _ = run("inspect", "--json", ROOT / "vectors/characters/png/both.png")
    assert code == 0 and json.loads(out)["name"] == "Vesper"
    code, out, _ = run("verify", "--json", "--proof", ROOT / "vectors/zk/proof.bin", "--statement", ROOT / "vectors/zk/statement.json")
    assert code == 0 and json.loads(out)["tokens"] == 2654
    assert run("inspect", "/nowhere")[0] == 4
    code, out, err = run("inspect", "--json", ROOT / "vectors/characters/refused/no-card.png")
    assert code == 3 and json.loads(out)["error"]["code"] == "card.no_card" and "card.no_card" in err
    assert run("dance")[0] == 2
    code, out, _ = run("--version")
    assert code == 0 and lazai.library_version() in out


def test_words_amounts_and_paths_are_what_python_expects(tmp_path):
    user = lazai.Role.USER
    assert (user, lazai.Role("user"), str(user)) == ("user", user, "user") and user != "assistant" and user != 1
    assert {user: 1}["user"] == 1 and pickle.loads(pickle.dumps(user)) == user == copy.deepcopy(user)
    assert lazai.Message(role="user", content="hi") == lazai.Message(user, "hi") and repr(user) in repr(lazai.Message(user, "hi"))
    for wrong in ("nobody", "User"):
        with pytest.raises(ValueError):
            lazai.Message(wrong, "hi")
    with pytest.raises(TypeError):
        lazai.Message(None, "hi")
    parts = lazai.split_revenue(np.int64(10), 7000, 2000, 1000)
    assert (parts.creator, parts.node, parts.pool) == (7, 2, 1)
    for wrong in (True, "10", 10.0, None):
        with pytest.raises(TypeError):
            lazai.split_revenue(wrong, 7000, 2000, 1000)
    for wrong in (-1, 2**128):
        with pytest.raises(OverflowError):
            lazai.split_revenue(wrong, 7000, 2000, 1000)
    with pytest.raises(TypeError):
        lazai.verify_evidence([], "{}")
    with pytest.raises(TypeError):
        lazai.inspect_file(None)
    assert lazai.inspect_file(ROOT / "vectors/characters/png/both.png").kind == "character"
    assert set(lazai.__all__) >= {"Market", "Signer", "Role", "verify_proof"} and "signer" not in lazai.__all__
