"""Alith's names without Alith and without a node: what is set aside, what stands for nothing, and tools whose proxy is gone."""

import pytest

import lazai
from lazai.alith import COINS, LazAIClient, NoCounterpart, Purse, tools

NODE = "0x" + "ab" * 20


@pytest.fixture
def client(tmp_path):
    key = lazai.LocalKey.random()
    funds = lazai.Funds(key.address, COINS, 1_000)
    others = [lazai.LocalKey.random().address]
    market = str(tmp_path / "market")
    with lazai.Market.found_folder(market, lazai.Founding(others, others, [funds])):
        pass
    key.to_keystore(tmp_path, "key", "password")
    made = LazAIClient("0x" + "11" * 32, market=market, nodes=[], folder=str(tmp_path / "alith"))
    made.wallet.key, made.wallet.address = key, key.address
    return made


def test_what_is_set_aside_is_what_the_account_has(client):
    me = client.wallet.address
    with pytest.raises(LookupError):
        client.get_user(me)
    with pytest.raises(ValueError):
        client.add_user(1_001)
    client.add_user(600)
    client.deposit(300)
    client.withdraw(100)
    client.deposit_inference(NODE, 500)
    assert client.get_user(me) == (me, 300, 800, [], [NODE], [])
    assert client.get_inference_account(me, NODE.upper().replace("0X", "0x"))[3] == 500
    for wrong in (lambda: client.add_user(1), lambda: client.deposit(201), lambda: client.withdraw(301), lambda: client.deposit_inference(NODE, 301)):
        with pytest.raises(ValueError):
            wrong()
    for unknown in (lambda: client.get_user(NODE), lambda: client.get_inference_node(NODE), lambda: client.get_inference_account(me, me)):
        with pytest.raises(LookupError):
            unknown()
    assert client.get_balance() == 1_000
    assert client.inference_node_list() == []


def test_what_stands_for_nothing_says_what_does(client):
    with pytest.raises(NoCounterpart, match="request_proof: .*lazai publish"):
        client.request_proof(1, 100)
    with pytest.raises(AttributeError):
        client.no_such_name  # noqa: B018


def test_tools_say_what_goes_wrong():
    purse = object.__new__(Purse)
    purse.url, purse.key = "http://127.0.0.1:9", "key"
    for tool in tools(purse):
        assert tool.__doc__ and tool(**({"message": "hi"} if tool.__name__ == "lazai_say" else {})).startswith("io: ")


def test_a_proxy_that_does_not_begin_says_why(tmp_path):
    with pytest.raises(lazai.LazaiError) as caught:
        Purse(lazai.LocalKey.random(), nodes=["http://127.0.0.1:9"], market=str(tmp_path), budget=10, deposit=5, reply=5)
    assert caught.value.code == "file"
