"""Runs scenarios/*.json word for word; every other language has a runner like this."""

import json
import os
import pathlib

import pytest

import lazai

ROOT = pathlib.Path(__file__).parents[3]
# Amounts and numbers of 64 bits stand in scenarios as text, since JavaScript would lose digits.
WHOLE = {"chainId", "classId", "sessionS", "validUntilS", "series", "promptTokens", "completionTokens", "seed", "reportedAtS"}
WHOLE |= {"amount", "deposit", "promptPrice", "completionPrice", "minDeposit", "quotaDeposit", "cumulative"}


def whole(name, value):
    return int(value) if name in WHOLE and isinstance(value, str) and value.isdecimal() else value


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def record(kind, fields):
    return kind(**{snake(k): whole(k, v) for k, v in fields.items()})


def plain(value):
    """A record as the JSON that scenarios have."""
    if value is None or isinstance(value, (str, int, dict, bytes)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    enums = (lazai.TrustLevel, lazai.TokenCheck, lazai.FinishReason, lazai.Role, lazai.FileAction, lazai.SpokenVoice)
    if isinstance(value, enums):
        return str(value)
    fields = [f for f in dir(value) if not f.startswith("_")]
    camel = lambda f: f.split("_")[0] + "".join(p.capitalize() for p in f.split("_")[1:])
    return {camel(f): plain(getattr(value, f)) for f in fields}


def content(source):
    if "text" in source:
        return source["text"].encode()
    data = (ROOT / source["file"]).read_bytes()
    if "replace" in source:
        old, new = source["replace"]
        data = data.replace(old.encode(), new.encode(), 1)
    if "flip" in source:
        at = source["flip"]
        data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    return data[: source["cut"]] if "cut" in source else data


def copy_character(card, form, image):
    first = lazai.Character.from_bytes(content(card))
    forms = {"v2": lambda: first.to_v2_json().encode(), "v3": lambda: first.to_v3_json().encode()}
    copied = forms.get(form, lambda: first.to_png(content(image)))()
    return "same" if lazai.Character.from_bytes(copied).to_v3_json() == first.to_v3_json() else "different"


def open_character(card):
    character = lazai.Character.from_bytes(content(card))
    return {"name": character.name, "lorebookEntries": character.lorebook_entries}


def open_counter(source):
    if "gguf" in source:
        return lazai.TokenCounter.from_gguf(content(source["gguf"]))
    return lazai.TokenCounter.from_json(content(source["tokenizer"]), content(source["config"]))


def count_tokens(counter, messages, texts):
    counter = open_counter(counter)
    count = counter.count([record(lazai.Message, m) for m in messages], texts)
    return {"digest": counter.digest, **plain(count)}


def open_chat(source):
    vector = json.loads(content(source))
    key = lazai.LocalKey.from_hex(vector["key"])
    return vector, lazai.Chat(vector["conversation"], record(lazai.Domain, vector["domain"]), key)


def chat_turn(chat, chunk, replace=None, counter=None, says="stream"):
    vector, talk = open_chat(chat)
    if counter:
        talk.recount_with(open_counter(counter))
    messages = [record(lazai.Message, m) for m in vector["messages"]]
    settings = lazai.ReplySettings(seed=vector["settings"]["seed"])
    request = talk.ask(messages, settings)
    wanted = vector["request"]
    assert (request.path, plain(request.headers)) == (wanted["path"], wanted["headers"])
    assert json.loads(request.body) == json.loads(wanted["body"])
    stream = vector[says].replace(*replace, 1) if replace else vector[says]
    data, heard = stream.encode(), ""
    for at in range(0, len(data), chunk):
        heard += "".join(talk.hear(data[at : at + chunk]))
    turn = talk.finish()
    talk.paid()
    wanted = {**vector["turn"], "tokenCheck": "counted" if counter else "bounded"}
    assert agrees(plain(turn), wanted) and heard == turn.text and talk.owed == turn.owed
    return "*"


def chat_speech(chat, chunk, replace=None, says="stream", most=None):
    vector, talk = open_chat(chat)
    most = None if most is None else int(most)
    request = talk.ask_speech(vector["text"], vector["speechTerms"], vector["speedMilli"], most)
    wanted = vector["request"]
    assert (request.path, plain(request.headers)) == (wanted["path"], wanted["headers"])
    assert json.loads(request.body) == json.loads(wanted["body"])
    stream = vector[says].replace(*replace, 1) if replace else vector[says]
    data, heard = stream.encode(), b""
    for at in range(0, len(data), chunk):
        heard += talk.hear_speech(data[at : at + chunk])
    spoken = talk.finish_speech()
    talk.paid()
    assert spoken.wav[44 : 44 + len(heard)] == heard
    assert agrees(plain(lazai.speech_note(spoken.wav)), vector["note"])
    told = plain(spoken)
    del told["wav"]
    assert agrees(told, vector["spoken"]) and talk.owed == spoken.owed
    return "*"


def blocklist(list, block, unblock):
    blocked = lazai.Blocklist.from_json(list)
    for class_id in block:
        blocked.block(int(class_id))
    for class_id in unblock:
        blocked.unblock(int(class_id))
    asked = [*unblock, *block[:1]]
    return {"list": blocked.to_json(), "blocked": [blocked.is_blocked(int(c)) for c in asked]}


def pay(key, limits, request, nowS, asked, again=None, answered=None):
    """A payer that is asked for a payment, maybe once more, and maybe told what became of it."""
    limits = [lazai.SpendingLimit(**{**limit, "payment": int(limit["payment"]), "total": int(limit["total"])}) for limit in limits]
    said = lambda answer: ([lazai.Header(**header) for header in answer["headers"]], answer["body"].encode())
    payer, now_s = lazai.Payer(lazai.LocalKey.from_hex(key), limits), int(nowS)
    payment = payer.pay(request, *said(asked), now_s)
    same = payer.pay(request, *said(again), now_s) == payment if again else None
    outcome = payer.answered(payment, answered["status"], *said(answered)) if answered else None
    spent = payer.spent(limits[0].network, limits[0].asset)
    # What was signed outlives the app.
    payer = lazai.Payer(lazai.LocalKey.from_hex(key), limits, payer.to_json())
    return {
        "header": payment.header.name,
        "network": payment.network,
        "amount": str(payment.amount),
        "payTo": payment.pay_to,
        "spent": str(spent),
        "same": same,
        "open": payer.open(request, now_s) is not None,
        "outcome": plain(outcome) if outcome else None,
    }


def chat_refusal(chat, status, body):
    raise open_chat(chat)[1].refusal(status, body.encode())


def model(fields):
    return lazai.ModelOffer(**{**fields, "offer": record(lazai.Offer, fields["offer"])})


def with_records(function):
    kinds = {"model": model, "place": lambda source: lazai.read_market_place(content(source)), "nonce": int}
    records = {"domain": lazai.Domain, "voucher": lazai.Voucher, "offer": lazai.Offer, "receipt": lazai.Receipt, "report": lazai.CharacterReport}

    def call(**args):
        args = {k: record(records[k], v) if k in records else kinds[k](v) if k in kinds else whole(k, v) for k, v in args.items()}
        if "key" in args:
            args["signer"] = lazai.LocalKey.from_hex(args.pop("key"))
        return function(**args)

    return call


def verify_words(evidence, conversation, anchor):
    words = lazai.evidence_with_words(content(evidence), content(conversation).decode())
    return lazai.verify_evidence(words, content(anchor))


CALLS = {
    "key_address": lambda key: lazai.LocalKey.from_hex(key).address,
    "open_character": open_character,
    "copy_character": copy_character,
    "verify_evidence": lambda evidence, anchor: lazai.verify_evidence(content(evidence), content(anchor)),
    "verify_words": verify_words,
    "verify_proof": lambda statement, proof: lazai.verify_proof(content(statement), content(proof)),
    "chat_turn": chat_turn,
    "chat_speech": chat_speech,
    "count_tokens": count_tokens,
    "chat_refusal": chat_refusal,
    "blocklist": blocklist,
    "pay": pay,
    **{
        name: with_records(getattr(lazai, name))
        for name in (
            "split_revenue",
            "voucher_digest",
            "sign_voucher",
            "check_voucher",
            "sign_offer",
            "check_offer",
            "offer_step",
            "sign_receipt",
            "check_receipt",
            "report_character",
            "fail_with",
            "open_session_call",
            "begin_conversation",
            "close_session_call",
            "withdraw_call",
        )
    },
}


def agrees(found, wanted):
    if wanted == "*":
        return True
    if isinstance(wanted, dict):
        return isinstance(found, dict) and found.keys() == wanted.keys() and all(agrees(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(agrees, found, wanted))
    return found == wanted or isinstance(found, int) and str(found) == wanted


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.json")), ids=lambda p: p.stem)
def test_scenario(path):
    scenario = json.loads(path.read_text())
    for number, step in enumerate(scenario["steps"]):
        place = f"step {number}, {step['call']}"
        try:
            found = plain(CALLS[step["call"]](**step["args"]))
        except lazai.LazaiError as error:
            assert error.code == step.get("fails"), f"{place}: {error}"
            assert error.message and error.code in str(error)
            continue
        except (TypeError, OverflowError):
            # Amounts are integers here: what is none does not come as far as the library.
            assert step.get("fails") in ("money.not_decimal", "money.overflow"), place
            continue
        assert "fails" not in step, f"{place}: {found}"
        assert agrees(found, step["gives"]), f"{place}: {found}"
    if ran := os.environ.get("LAZAI_RAN"):
        with open(ran, "a") as file:
            file.write(f"Python {scenario['name']} {len(scenario['steps'])}\n")
