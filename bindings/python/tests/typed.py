"""What a type checker must accept, and know the types of. Checked by mypy --strict, not run."""

import pathlib
from typing import assert_type

import lazai
from lazai import aio, alith, progress, tensors

parts = lazai.split_revenue(10, 7000, 2000, 1000)
assert_type(parts.creator, int)
assert_type(lazai.verify_evidence(b"", b"").links, list[lazai.ProvenanceLink])
assert_type(lazai.verify_proof(b"", b"").tokens, int)
assert_type(lazai.Character.from_bytes(b"").greeting(0, "you"), str | None)
assert_type(lazai.Message("user", "hi").role, lazai.Role)
asked: lazai.Signer = lazai.LocalKey.random()
key = lazai.LocalKey.random()


class Wallet:
    """A signer of one's own."""

    address = "0x00"

    def sign(self, request: lazai.SigningRequest) -> str:
        return key.sign_digest(request.digest)


def talk(node: lazai.NodeClient, market: lazai.Market) -> lazai.ChatTurn:
    model = node.models()[0]
    with market:
        conversation = market.open_session(Wallet(), key, 1, model, 1000)
        chat = lazai.Chat(conversation, market.domain, key)
    return chat.say("hi", lazai.ReplySettings(), node, lambda text: None)


async def later(chat: lazai.Chat, node: lazai.NodeClient) -> str:
    facts = await aio.inspect_file("card.png")
    assert_type(facts.tokens, int)
    return "".join([piece async for piece in aio.stream(chat, "hi", lazai.ReplySettings(max_tokens=8, temperature_milli=0, seed=1), node)])


def mint(market: lazai.Market, base: lazai.BaseModel, terms: lazai.ModelTerms) -> lazai.DatFacts:
    settings = lazai.TrainingSettings(max_steps=4)
    with progress.bar(disable=True) as told:
        exex = lazai.ExEx(market, Wallet(), "0x", pathlib.Path("store"), "exex")
        minted = exex.fine_tune("0x", base, settings, terms, told)
    assert_type(minted.adapter.losses, list[float])
    assert_type(market.place, lazai.MarketPlace | None)
    return market.dat(minted.class_id, minted.version)


for name, tensor in tensors.views("adapter_model.safetensors").items():
    assert_type(name, str)

try:
    lazai.LocalKey.from_hex("0x")
except lazai.LazaiError as error:
    assert_type(error.code, str)
    assert_type(error.message, str)


def agents(key: lazai.LocalKey) -> None:
    with alith.Purse(key, nodes=["http://127.0.0.1:8028"], market="market", budget=10) as purse:
        assert_type(purse.say("hi")[0], str)
        assert_type(alith.tools(purse)[0](), str)
    assert_type(alith.LazAIClient().get_inference_node("0x00")[1], str)
