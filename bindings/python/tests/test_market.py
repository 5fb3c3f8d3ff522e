"""The whole market in Python, on the real model: from dialogue to paid reply, and where that comes from."""

import asyncio
import json
import os
import pathlib
import re
import runpy
import threading

import pytest
import support

import lazai
from lazai import aio, progress
from support import refused

ROOT = pathlib.Path(__file__).parents[3]
BASE = os.environ.get("LAZAI_BASE_MODEL", "")
COINS = "0x" + "00" * 20
# ANCHOR: settings
SETTINGS = lazai.TrainingSettings(max_steps=2, block_tokens=128)
# ANCHOR_END: settings

pytestmark = pytest.mark.skipif(not BASE, reason="no base model: LAZAI_BASE_MODEL names it")


class People:
    def __init__(self):
        for name in ("creator", "ada", "exex", "node", "consumer", "app"):
            setattr(self, name, lazai.LocalKey.random())
        self.validators = [lazai.LocalKey.random() for _ in range(3)]
        self.voters = [lazai.LocalKey.random() for _ in range(3)]


@pytest.fixture(scope="module")
def base():
    # ANCHOR: open
    base = lazai.BaseModel.open(BASE)
    # ANCHOR_END: open
    return base


@pytest.fixture(scope="module")
def scene(tmp_path_factory, base):
    """Everything up to a minted model; what a failing test needs to be read alone is in its name."""
    home, people = tmp_path_factory.mktemp("market"), People()
    addresses = lambda keys: [key.address for key in keys]
    funds = [lazai.Funds(people.consumer.address, COINS, 10**19)]
    founding = lazai.Founding(addresses(people.validators), addresses(people.voters), funds)
    market = lazai.Market.found_folder(str(home / "market"), founding)
    store, dataset, public = (str(home / name) for name in ("store", "set.pov", "public.json"))
    lines = (ROOT / "examples/cyber-diva/data/dialogues.jsonl").read_text().splitlines()[::6]
    (home / "chats.jsonl").write_text("\n".join(lines))
    chats, ada = str(home / "chats.jsonl"), people.ada.address
    # ANCHOR: prepare
    terms = lazai.ContributorTerms(ada, "Ada", "CC-BY-4.0", "for training")
    with progress.bar(disable=True) as told:
        facts = lazai.prepare_dataset([chats], terms, BASE, dataset, told)
    # ANCHOR_END: prepare
    # ANCHOR: public
    character = lazai.Character.from_bytes((ROOT / "examples/cyber-diva/card.json").read_bytes())
    prompts = json.loads((ROOT / "examples/cyber-diva/prompts.json").read_text())
    lazai.write_public_part(character, prompts, [terms], "", public)
    # ANCHOR_END: public

    cancelled = threading.Event()
    cancelled.set()
    # ANCHOR: binding
    ledger, creator, proofs = market.ledger_id, people.creator.address, str(home / "proof")
    # ANCHOR_END: binding
    with progress.bar(cancelled, disable=True) as told:
        refused("cancelled", lazai.prove_dataset, dataset, public, ledger, creator, 1, proofs, told)
    # ANCHOR: prove
    proof = lazai.prove_dataset(dataset, public, ledger, creator, 1, proofs)
    # ANCHOR: exex
    exex = lazai.ExEx(market, people.exex, "0x" + "09" * 32, store, str(home / "exex"))
    # ANCHOR_END: exex
    submission = market.submit(people.creator, store, 1, dataset, public, proof, exex.contact, [people.ada])
    # ANCHOR_END: prove
    assert submission == proof.submission and market.submission(submission).status == "pending"
    assert exex.follow() == []
    assert all(market.pending(validator.address) == [submission] for validator in people.validators)
    validator, *others = people.validators
    # ANCHOR: attest
    for waiting in market.pending(validator.address):
        attested = market.attest(validator, store, waiting)
    # ANCHOR_END: attest
    for validator in others:
        attested = market.attest(validator, store, submission)
    assert attested.status == "accepted" and attested.tokens == facts.tokens
    # ANCHOR: follow
    (accepted,) = exex.follow()
    # ANCHOR_END: follow
    assert accepted == submission
    assert market.pending(people.validators[0].address) == []
    # Another process would see the same folder as this second handle does.
    with lazai.Market.open_folder(str(home / "market")) as again:
        again.refresh()
        assert again.submission(submission) == attested

    # ANCHOR: terms
    access = lazai.AccessTerms("teen", 13, "gas", "no real person's words", "mailto:report@example.org")
    model = lazai.ModelTerms("SmolLM2-135M-Instruct", "Apache-2.0", access, ["http://127.0.0.1"])
    # ANCHOR_END: terms
    seen = []
    refused("cancelled", exex.fine_tune, submission, base, SETTINGS, model, lambda p: seen.append(p) or p.done < 1)
    # ANCHOR: mint
    minted = exex.fine_tune(accepted, base, SETTINGS, model, seen.append)
    # ANCHOR_END: mint
    # The step that was done before the cancellation is not done again.
    assert [p.done for p in seen] == [1, 2] and all(p.note.startswith("loss ") for p in seen)
    assert exex.fine_tune(submission, base, SETTINGS, model).adapter.digest == minted.adapter.digest
    return home, people, market, store, exex, submission, minted


def test_what_was_minted_says_what_was_trained(scene, base):
    _, people, market, _, _, submission, minted = scene
    assert len(minted.adapter.losses) == 2 and minted.adapter.losses[0] > 0
    dat = market.dat(minted.class_id, minted.version)
    assert (dat.character, dat.submission, dat.access.rating) == ("Vesper Volt", submission, "teen")
    assert dat.adapter_digest == minted.adapter.digest == base.adapter(minted.adapter.folder).digest
    assert dat.base_digest == base.digest and dat.exex == people.exex.address and not dat.withdrawn
    # Whoever has the dataset repeats what the record says, and a record that is not true does not hold.
    dataset, folder = str(scene[0] / "set.pov"), minted.adapter.folder
    again = lazai.recheck_training(minted.record, dataset, BASE, folder, 1)
    assert again.holds and again.differing_step is None and "bit for bit" in again.says, again
    assert again.quality == dat.quality and again.found is None
    lying = json.loads(pathlib.Path(minted.record).read_text())
    lying["loss_micronats"][0] += 1
    path = scene[0] / "lying.json"
    path.write_text(json.dumps(lying))
    assert lazai.recheck_training(str(path), dataset, BASE, folder, 1).differing_step == 1
    (token,) = market.tokens(minted.class_id)
    assert token.owner == people.ada.address and token.shares == market.submission(submission).tokens
    refused("dat.unknown", market.dat, 99, 1)
    refused("submission.unknown", market.submission, "0x" + "01" * 32)


def test_an_adapter_without_a_market(scene, base, tmp_path):
    dataset, folder = str(scene[0] / "set.pov"), str(tmp_path / "adapter")
    # ANCHOR: train
    trained = base.train(dataset, SETTINGS, folder)
    facts = base.adapter(trained.folder)
    # ANCHOR_END: train
    assert (facts.digest, facts.base_digest, facts.rank) == (trained.digest, base.digest, 8)
    # Who trained it hears it at once, beside the base.
    # ANCHOR: generate
    asked, greedy = [lazai.Message("user", "Who are you?")], lazai.ReplySettings(max_tokens=6, temperature_milli=0)
    heard = []
    tuned, bare = base.generate(asked, trained.folder, greedy, heard.append), base.generate(asked, settings=greedy)
    # ANCHOR_END: generate
    assert "".join(heard) == tuned and tuned and bare
    assert asyncio.run(aio.generate(base, asked, trained.folder, greedy)) == tuned
    with pytest.raises(ValueError, match="bot"):
        lazai.Message("bot", "hi")
    # The same data, settings and machine: the same adapter as the market's.
    assert trained.digest == scene[-1].adapter.digest


def test_a_reply_is_sold_redeemed_claimed_and_its_provenance_holds(scene, base):
    home, people, market, store, _, _, minted = scene
    adapter, key, book = minted.adapter.folder, people.node, str(home / "node")
    # ANCHOR: serve
    served = [
        lazai.ServedModel(
            minted.class_id, minted.version, adapter, prompt_price=3, completion_price=7, prompt_ceiling=512, session_s=600
        )
    ]
    with lazai.NodeServer.start(market, key, base, served, 8, book, "127.0.0.1:0") as server:
        # ANCHOR_END: serve
        node = lazai.NodeClient(server.url)
        (model,) = node.models()
        assert model.name == "Vesper Volt" and model.offer.completion_ceiling == 8
        conversation = market.open_session(people.consumer, people.app, 1, model, 10_000)
        chat = lazai.Chat(conversation, market.domain, people.app)
        heard = []
        turn = chat.say("Who are you?", lazai.ReplySettings(seed=1), node, heard.append)
        assert "".join(heard) == turn.text and turn.owed == 3 * turn.prompt_tokens + 7 * turn.completion_tokens
        # ANCHOR: redeem
        # It serves until the end of `with`; what is owed is redeemed before.
        unredeemed = server.redeem()
        # ANCHOR_END: redeem
        assert unredeemed == 0
    refused("node.transport", node.models)

    parts = market.split(turn.owed)
    assert parts.creator + parts.node + parts.pool == turn.owed
    assert market.balance(people.node.address, COINS) == parts.node
    (token,) = market.tokens(minted.class_id)
    claimed = market.claim(people.ada, "first", token.token_id, COINS)
    # Less than a base unit is carried to the next claim.
    assert parts.creator - claimed in (0, 1) and market.balance(people.ada.address, COINS) == claimed

    # ANCHOR: provenance
    evidence = market.evidence(store, minted.record, chat.to_json())
    anchor = market.anchor(base.digest)
    report = lazai.verify_evidence(evidence, anchor)
    assert report.holds and {link.trust for link in report.links} >= {"proved", lazai.TrustLevel.CLAIMED}
    # ANCHOR_END: provenance
    assert not lazai.verify_evidence(evidence, market.anchor("0x" + "01" * 32)).holds

    # Which words it is of, she says only if she wants to.
    told = {link.name: link.says for link in report.links}
    assert "of which words, is not said" in told["receipt"] and turn.text not in evidence
    shown = lazai.evidence_with_words(evidence, chat.to_json())
    told = {link.name: link.says for link in lazai.verify_evidence(shown, anchor).links}
    assert "the last is of the reply" in told["receipt"]
    other = shown.replace("Who are you?", "Who is she?")
    refused("provenance.words", lazai.verify_evidence, other, anchor)


def test_a_node_speaks_and_is_heard_phrase_by_phrase(scene, base):
    package = os.environ.get("LAZAI_VOICE_PACKAGE")
    if not package:
        pytest.skip("no base voice on this machine")
    home, people, market, _, _, _, minted = scene
    voice = lazai.ServedVoice(package, 2, 200)
    served = [lazai.ServedModel(minted.class_id, minted.version, minted.adapter.folder, 3, 7, 512, 600, voice=voice)]
    with lazai.NodeServer.start(market, people.node, base, served, 8, str(home / "node 3"), "127.0.0.1:0") as server:
        heard = []

        async def talk():
            async with await aio.talk(market, server.url, people.consumer, 10_000) as session:
                spoken = await session.speak("Hello, night. It is late.", on_sound=lambda *phrase: heard.append(phrase))
                assert spoken.owed == session.owed == 2 * 25 and spoken.payment is None
                return spoken

        spoken = asyncio.run(talk())
        samples = b"".join(samples for samples, rate in heard)
        assert heard and {rate for _, rate in heard} == {spoken.sample_rate}
        assert spoken.wav[44 : 44 + len(samples)] == samples and len(samples) > spoken.sample_rate
        assert (lazai.speech_note(spoken.wav).characters, spoken.voice) == (25, "base")
        # A conversation over any transport does the same, and one that stops listening pays as well.
        node = lazai.NodeClient(server.url)
        terms = node.models()[0].speech_terms
        session = market.talk(server.url, people.consumer, 10_000)
        chat, few = lazai.Chat(session.to_json(), market.domain, people.consumer), []
        words = "Good night. Good night. Good night."
        spoken = chat.speak(words, terms, node, on_sound=lambda *phrase: few.append(phrase) or False)
        assert len(few) == 1 and spoken.owed == chat.owed == 2 * 35
        refused("consumer.price", chat.speak, "too dear", terms, node, most=1)
        assert market.talk_on(server.url, people.consumer, chat.to_json()).end() == 10_000 - 70


def test_a_session_is_talked_in_and_ended(scene, base, capsys):
    home, people, market, _, _, _, minted = scene
    served = [lazai.ServedModel(minted.class_id, minted.version, minted.adapter.folder, 3, 7, 512, 600)]
    with lazai.NodeServer.start(market, people.node, base, served, 8, str(home / "node 2"), "127.0.0.1:0") as server:
        before = market.balance(people.consumer.address, COINS)
        runpy.run_path(str(ROOT / "bindings/python/examples/talk.py"))["chat"](market, server.url, people.consumer, 10_000)
        said = capsys.readouterr().out
        owed = re.findall(r"(\d+) base units owed", said)
        assert len(owed) == 2 and int(owed[0]) < int(owed[1])
        # The session is over: what is not owed is the payer's again.
        assert before - market.balance(people.consumer.address, COINS) == int(owed[1])

        async def talk():
            async with await aio.talk(market, server.url, people.consumer, 10_000) as session:
                heard = [piece async for piece in session.stream("hi")]
                turn = await session.say("again")
                assert heard and turn.owed == session.owed > 0
                return session.to_json()

        ended = asyncio.run(talk())
        on = market.talk_on(server.url, people.consumer, ended)
        refused("node.not_served", on.say, "still there?")
        node, domain = people.node.address, market.domain
        assert [signed.receipt.turn for signed in on.receipts] == [1, 2]
        for signed in on.receipts:
            lazai.check_receipt(domain, signed.receipt, signed.signature, node)
            refused("signature.wrong_signer", lazai.check_receipt, domain, signed.receipt, signed.signature, people.consumer.address)
        # Ending again gives the same, and there is nothing more to take back.
        assert on.end() + on.owed == 10_000 and on.take_back() is None

        # Whatever is raised, the deposit comes back; who stops listening in the middle pays what was made.
        before = market.balance(people.consumer.address, COINS)
        with pytest.raises(ZeroDivisionError):
            with market.talk(server.url, people.consumer, 10_000) as session:
                session.say("hi", on_text=lambda piece: 1 / 0)

        async def impatient():
            async with await aio.talk(market, server.url, people.consumer, 10_000, system="You are Vesper.") as talk:
                async for _ in talk.stream("Who are you?"):
                    break
                await talk.say("again")
            return talk

        talk = asyncio.run(impatient())
        said = [message["role"] for message in json.loads(talk.to_json())["messages"]]
        assert said == ["system", "user", "assistant", "user", "assistant"]
        spent = before - market.balance(people.consumer.address, COINS)
        assert spent == session.owed + talk.owed > 0

        # Many at once: turns wait for one another.
        with market.talk(server.url, people.consumer, 100_000) as session:
            asking = [threading.Thread(target=session.say, args=(f"Question {n}?",)) for n in range(6)]
            [thread.start() for thread in asking]
            [thread.join() for thread in asking]
            assert len(json.loads(session.to_json())["messages"]) == 12
        refused("node.deposit_exhausted", market.talk, server.url, people.consumer, 1)
        refused("request.model", market.talk, server.url, people.consumer, 10_000, "nobody")
        refused("node.transport", market.talk, "nowhere", people.consumer, 10_000)


def test_the_dao_changes_the_split(scene):
    _, people, market, *_ = scene
    assert market.place is None
    # ANCHOR: vote
    number = market.propose_split(people.voters[0], "more for nodes", 6_500, 2_500, 1_000)
    market.vote(people.voters[0], number, True)
    refused("market", market.execute, people.voters[0], number)
    assert "voted" in refused("market", market.vote, people.voters[0], number, False).message
    market.vote(people.voters[1], number, True)
    market.execute(people.voters[2], number)
    # ANCHOR_END: vote
    assert market.split(1000).node == 250


def test_what_is_wrong_is_refused(scene, base, tmp_path):
    home, people, market, store, exex, submission, minted = scene
    proof = lazai.ProofFiles(str(home / "proof/statement.json"), str(home / "proof/proof.bin"), "", "")
    files = (str(home / "set.pov"), str(home / "public.json"), proof, exex.contact)
    refused("creator.no_signer", market.submit, people.creator, store, 1, *files, [])
    # A proof is of one number, and of no other.
    refused("zk.rejected", market.submit, people.creator, store, 2, *files, [people.ada])
    refused("market", market.attest, lazai.LocalKey.random(), store, submission)
    refused("file", market.attest, people.validators[0], str(tmp_path), submission)
    refused("model", lazai.BaseModel.open, str(ROOT / "vectors/zk/proof.bin"))
    refused("file", lazai.BaseModel.open, "/nowhere")
    refused("file", base.adapter, str(tmp_path))
    served = [lazai.ServedModel(minted.class_id, 9, minted.adapter.folder, 3, 7, 512, 600)]
    refused("dat.unknown", lazai.NodeServer.start, market, people.node, base, served, 8, str(tmp_path), "127.0.0.1:0")
    refused("io", lazai.NodeServer.start, market, people.node, base, [], 8, str(tmp_path), "256.0.0.1:1")
    with pytest.raises(ValueError, match="everybody"):
        lazai.AccessTerms("everybody", 0, "gas", "", "")


def test_a_task_that_is_cancelled_stops_the_work(base, scene, tmp_path):
    folder = str(tmp_path / "adapter")
    slow = lazai.TrainingSettings(epochs=50, max_steps=500, block_tokens=128)
    begun = threading.Event()

    async def impatient():
        training = asyncio.ensure_future(aio.train(base, str(scene[0] / "set.pov"), slow, folder, lambda _: begun.set()))
        await asyncio.to_thread(begun.wait, 60)
        training.cancel()
        with pytest.raises(asyncio.CancelledError):
            await training

    asyncio.run(asyncio.wait_for(impatient(), 120))
    assert not (tmp_path / "adapter/adapter_model.safetensors").exists()


@pytest.mark.skipif(not support.MEASURED, reason="memory is measured where /proc is")
def test_ten_thousand_rounds_of_each_role_leave_no_memory_behind(base, scene, tmp_path, capsys):
    _, people, market, store, *_ = scene
    founding = lazai.Founding([people.ada.address], [people.ada.address], [])

    def exex():
        lazai.ExEx(market, people.exex, "0x" + "09" * 32, store, str(tmp_path / "exex")).contact

    def server():
        with lazai.NodeServer.start(market, people.node, base, [], 8, str(tmp_path / "node"), "127.0.0.1:0"):
            pass

    def folder():
        with lazai.Market.found_folder(str(tmp_path / "market"), founding):
            pass

    def model():
        # Half a gigabyte each: one that stays is seen.
        lazai.BaseModel.open(BASE)

    for work, rounds, before in ((exex, 10_000, 1_000), (server, 10_000, 500), (folder, 10_000, 500), (model, 4, 2)):
        grown = support.grown(work, rounds, before)
        with capsys.disabled():
            print(f" {work.__name__}: {rounds} rounds, {grown} bytes more;", end="")
        assert grown < 16 << 20
