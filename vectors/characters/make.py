#!/usr/bin/env python3
"""Makes this folder: characters and dialogues in every format, with the dirt that is seen in the wild.

What each file must come to stands beside it in expected.json, written here by hand from the formats' specifications.
Needs Python 3 and nothing else, except `soundfile` and `av` (PyPI) for the recordings that are not WAV; without them those
stay as they are. Run it in this folder. Same input, same bytes.
"""
import base64, io, json, os, struct, zipfile, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = []

V1 = {
    "name": "Vesper", "description": "{{char}} sings in a tower.", "personality": "warm, dry", "scenario": "{{user}} tuned in.",
    "first_mes": "There you are.",
    "mes_example": "<START>\n{{user}}: Who are you?\n{{char}}: A voice on 107.3.\n<START>\n{{user}}: Sing.\n{{char}}: *hums*\nMore?\n{{user}}: Yes.",
}
BOOK = {
    "name": "Tower", "description": "", "scan_depth": 3, "token_budget": 200, "recursive_scanning": True, "extensions": {"x/y": 1},
    "entries": [
        {"keys": ["tower", "mast"], "content": "The tower is 90 m high; its keeper is Mirela.", "extensions": {}, "enabled": True,
         "insertion_order": 10, "case_sensitive": False, "name": "tower", "priority": 5, "id": 1, "comment": "", "position": "before_char"},
        {"keys": ["Mirela"], "secondary_keys": ["amplifier"], "selective": True, "content": "Mirela fixes amplifiers.", "extensions": {"depth": 4.5},
         "enabled": True, "insertion_order": 20},
        {"keys": [], "content": "It rains.", "extensions": {}, "enabled": True, "insertion_order": 5, "constant": True, "position": "after_char"},
    ],
}
V2_DATA = dict(V1, creator_notes="for tests", system_prompt="You are {{char}}. {{original}}", post_history_instructions="Stay in the tower.",
               alternate_greetings=["Again you."], tags=["singer", "noir"], creator="the makers", character_version="1.1",
               extensions={"talkativeness": 0.5, "fav": False, "chub": {"id": 7, "alt": None}}, character_book=BOOK)
V3_DATA = dict(V2_DATA, nickname="Vee", creator_notes_multilingual={"de": "für Tests"}, source=["https://example.org/1"],
               group_only_greetings=["All of you."], creation_date=1700000000, modification_date=1700000001,
               assets=[{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
                       {"type": "x_theme", "uri": "data:audio/wav;base64,UklGRg==", "name": "theme", "ext": "wav"}])
V3_DATA["character_book"] = dict(BOOK, entries=[
    dict(BOOK["entries"][0], use_regex=False),
    {"keys": ["/tow(er|n)/i"], "content": "@@depth 2\n@@@role user\nA regex found it.", "extensions": {}, "enabled": True, "insertion_order": 1, "use_regex": True, "id": "r-1"},
])


def v2(**changes):
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": dict(V2_DATA, **changes)}


def v3(**changes):
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": dict(V3_DATA, **changes)}


def text(value):
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def expect(file, content, **outcome):
    if content is not None:
        path = os.path.join(HERE, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
    EXPECTED.append(dict(file=file, **outcome))


CARD = dict(kind="character", name="Vesper", dialogues=2, turns=5, assets=0, lorebook_entries=0, dropped=[], changed=[], container="json")


def card(file, content, **outcome):
    expect(file, content, **dict(CARD, **outcome))


# PNG: signature, then chunks of length, kind, data and CRC-32.
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"\0\x00\xff\0\xff\x00", 9))
END = chunk(b"IEND", b"")
b64 = lambda value: base64.b64encode(json.dumps(value).encode())
tEXt = lambda key, data: chunk(b"tEXt", key + b"\0" + data)
png = lambda *texts: HEAD + b"".join(texts) + PIXELS + END

# ---- cards as JSON
card("json/v1.json", text(V1), spec="chara_card_v1")
card("json/v1-short.json", text({"name": "Vesper", "description": "sings"}), spec="chara_card_v1", dialogues=0, turns=0)
card("json/v1-pygmalion.json", text({"char_name": "Vesper", "char_persona": "sings", "char_greeting": "Hi.", "world_scenario": "", "example_dialogue": V1["mes_example"]}), spec="chara_card_v1")
card("json/v1-extra-fields.json", text(dict(V1, metadata={"tool": "x"}, create_date="2023")), spec="chara_card_v1")
card("json/v2.json", text(v2()), spec="chara_card_v2", lorebook_entries=3)
card("json/v2-book-null.json", text(v2(character_book=None)), spec="chara_card_v2", changed=["data.character_book"])
card("json/v2-greetings-text.json", text(v2(alternate_greetings="Just one.")), spec="chara_card_v2", lorebook_entries=3, changed=["data.alternate_greetings"])
card("json/v2-name-outside.json", text(dict(v2(name=""), name="Vesper")), spec="chara_card_v2", lorebook_entries=3, changed=["data.name"])
card("json/v2-copies-outside.json", text(dict(V1, **v2(), avatar="none", create_date="2024", description="older")), spec="chara_card_v2", lorebook_entries=3, dropped=["description"])
card("json/v2-empty-numbers.json", text(v2(extensions={"talkativeness": "", "depth_prompt": {"depth": "", "prompt": ""}}, character_book=dict(BOOK, scan_depth="", token_budget="")))
     , spec="chara_card_v2", lorebook_entries=3, dropped=["data.character_book.scan_depth", "data.character_book.token_budget"])
card("json/v2-no-extensions.json", text({"spec": "chara_card_v2", "spec_version": "2.0", "data": dict(V1)}), spec="chara_card_v2")
card("json/v2-without-spec.json", text({"data": dict(V2_DATA)}), spec="chara_card_v2", lorebook_entries=3, changed=["spec"])
card("json/v2-site-cut.json", text(v2(first_mes="test", mes_example="", description="Cut off in the mid")), spec="chara_card_v2", lorebook_entries=3, dialogues=0, turns=0)
card("json/v2-wrong-types.json", text(v2(description=["a", "b"], tags="noir", creator=7, extensions=[], nonsense={"kept": [1, 2.5, None]}, personality={"not": "text"})),
     spec="chara_card_v2", lorebook_entries=3, dropped=["data.personality"], changed=["data.description", "data.tags", "data.creator", "data.extensions"])
card("json/v2-bom.json", b"\xef\xbb\xbf" + text(v2()), spec="chara_card_v2", lorebook_entries=3)
card("json/v2-utf16.json", json.dumps(v2()).encode("utf-16"), spec="chara_card_v2", lorebook_entries=3)
card("json/v2-latin1.json", text(v2(creator="Zoé")).replace("é".encode(), b"\xe9"), spec="chara_card_v2", lorebook_entries=3, changed=["text"])
card("json/v2-surrogates.json", json.dumps(v2(creator_notes="🎷 \u0000 \u200b é")).encode() + b"\0\0", spec="chara_card_v2", lorebook_entries=3)
card("json/v3.json", text(v3()), spec="chara_card_v3", lorebook_entries=2, assets=2)
card("json/v3-future.json", text(dict(v3(new_field={"a": 1}), spec_version="3.7")), spec="chara_card_v3", lorebook_entries=2, assets=2, changed=["spec_version"])
card("json/v3-number-version.json", text(dict(v3(), spec_version=3.0)), spec="chara_card_v3", lorebook_entries=2, assets=2)
card("json/v3-dirty-book.json", text(v3(character_book={"entries": [None, {"keys": "tower", "content": "x", "insertion_order": "7", "enabled": "true", "use_regex": 0}, 5]})),
     spec="chara_card_v3", lorebook_entries=1, assets=2, dropped=["data.character_book.entries[0]", "data.character_book.entries[2]"],
     changed=["data.character_book.entries[1].keys", "data.character_book.entries[1].enabled", "data.character_book.entries[1].insertion_order", "data.character_book.entries[1].use_regex"])
card("json/v3-dirty-assets.json", text(v3(assets=[{"type": "icon", "uri": "embeded://a.png", "name": "main", "ext": ".PNG"}, "x", {"type": "icon"}])),
     spec="chara_card_v3", lorebook_entries=2, assets=1, dropped=["data.assets[1]", "data.assets[2]"])

# ---- cards in images
card("png/chara.png", png(tEXt(b"chara", b64(v2()))), spec="chara_card_v2", lorebook_entries=3, container="png")
card("png/chara-v1-capital.png", png(tEXt(b"Chara", b64(V1))), spec="chara_card_v1", container="png")
card("png/both.png", png(tEXt(b"chara", b64(v2(name="Old"))), tEXt(b"ccv3", b64(v3()))), spec="chara_card_v3", lorebook_entries=2, assets=2, container="png")
card("png/after-pixels.png", HEAD + PIXELS + tEXt(b"ccv3", b64(v3())) + END, spec="chara_card_v3", lorebook_entries=2, assets=2, container="png")
card("png/ztxt.png", png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b64(v2())))), spec="chara_card_v2", lorebook_entries=3, container="png")
card("png/itxt.png", png(chunk(b"iTXt", b"chara\0\0\0en\0x\0" + b64(v2()))), spec="chara_card_v2", lorebook_entries=3, container="png")
card("png/itxt-compressed.png", png(chunk(b"iTXt", b"ccv3\0\1\0\0\0" + zlib.compress(b64(v3())))), spec="chara_card_v3", lorebook_entries=2, assets=2, container="png")
card("png/apng.png", HEAD + chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 10, 0, 0)) + tEXt(b"chara", b64(v2())) + PIXELS + END,
     spec="chara_card_v2", lorebook_entries=3, container="apng")
card("png/unpadded-base64.png", png(tEXt(b"chara", b64(v2()).rstrip(b"=") + b"\n")), spec="chara_card_v2", lorebook_entries=3, container="png")
card("png/plain-json.png", png(tEXt(b"chara", json.dumps(v2()).encode())), spec="chara_card_v2", lorebook_entries=3, container="png")
card("png/bad-crc.png", png(tEXt(b"chara", b64(v2()))[:-4] + b"\0\0\0\0"), spec="chara_card_v2", lorebook_entries=3, container="png", changed=["PNG chunk \"chara\" at byte 33"])
card("png/cut-off.png", png(tEXt(b"chara", b64(v2())))[:-20], spec="chara_card_v2", lorebook_entries=3, container="png", dropped=["PNG"])
card("png/broken-ccv3.png", png(tEXt(b"ccv3", b"!!!"), tEXt(b"chara", b64(v2()))), spec="chara_card_v2", lorebook_entries=3, container="png", dropped=["PNG chunk \"ccv3\" at byte 33"])
card("png/embedded-assets.png", png(tEXt(b"chara-ext-asset_:0", base64.b64encode(b"picture")), tEXt(b"ccv3", b64(v3(assets=[{"type": "icon", "uri": "__asset:0", "name": "main", "ext": "png"}])))),
     spec="chara_card_v3", lorebook_entries=2, assets=1, container="png")
exif = b"II*\0\x08\0\0\0\x01\0\x86\x92\x07\0" + struct.pack("<II", len(json.dumps(v2())) + 8, 26) + b"\0\0\0\0ASCII\0\0\0" + json.dumps(v2()).encode()
webp = lambda exif: b"RIFF" + struct.pack("<I", 4 + 8 + len(exif) + len(exif) % 2) + b"WEBPEXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
card("png/really-webp.png", webp(exif), spec="chara_card_v2", lorebook_entries=3, container="webp")
card("png/webp-bytes.webp", webp(b"ASCII\0\0\0" + ",".join(str(b) for b in json.dumps(V1).encode()).encode()), spec="chara_card_v1", container="webp")


# ---- archives
def charx(files, stub=b""):
    out = io.BytesIO()
    out.write(stub)
    with zipfile.ZipFile(out, "a" if stub else "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            z.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


packed = {"card.json": text(v3(assets=[{"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}])),
          "assets/icon/images/main.png": png(), "module.risum": b"risu"}
card("charx/card.charx", charx(packed), spec="chara_card_v3", lorebook_entries=2, assets=1, container="charx")
card("charx/behind-jpeg.charx", charx(packed, b"\xff\xd8\xff\xe0" + b"\0" * 60 + b"\xff\xd9"), spec="chara_card_v3", lorebook_entries=2, assets=1, container="charx")
plain = charx(packed)
card("charx/behind-jpeg-plain-offsets.charx", b"\xff\xd8\xff\xe0" + b"\0" * 60 + b"\xff\xd9" + plain, spec="chara_card_v3", lorebook_entries=2, assets=1, container="charx")
card("charx/path-outside.charx", charx(dict(packed, **{"../../evil.sh": b"rm"})), spec="chara_card_v3", lorebook_entries=2, assets=1, container="charx", dropped=["../../evil.sh"])

plain = dict(name="Nim", description="A keeper of lamps.", first_mes="Hello there.", mes_example="", personality="", scenario="")
dirty = lambda old, new: text(v2())[:0] + json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": plain}).encode().replace(old, new)
nim = dict(kind="character", spec="chara_card_v2", name="Nim", container="json", dialogues=0, turns=0, assets=0, lorebook_entries=0, dropped=[])
expect("json/v2-half-emoji.json", dirty(b"of lamps.", b"of lamps. " + b"\\ud83d"), **nim, changed=["text"])
expect("json/v2-nan.json", dirty(b'"scenario": ""', b'"scenario": "", "extensions": {"talkativeness": NaN}'), **nim, changed=["text", "data.extensions"][:1])
expect("json/v2-trailing-comma.json", dirty(b'"scenario": ""', b'"scenario": "",\n'), **nim, changed=["text"])
expect("json/v2-line-breaks.json", dirty(b"of lamps.", b"of\nlamps."), **nim, changed=["text"])
expect("json/v2-utf16-unmarked.json", dirty(b"", b"").decode().encode("utf-16-le"), **nim, changed=["text"])
expect("json/v2-cp1251.json", dirty(b"A keeper of lamps.", "Хранитель ламп, который живёт в башне над городом.".encode("cp1251")), **nim, changed=["text"])
expect("png/half-emoji.png", png(chunk(b"tEXt", b"chara\0" + base64.b64encode(dirty(b"of lamps.", b"of lamps. " + b"\\ud83d")))), **dict(nim, container="png"), changed=["text"])

# ---- characters as YAML, and archives of Backyard's
yaml = dict(nim, container="yaml", dialogues=0, turns=0, changed=[])
expect("yaml/webui.yaml", b"name: Nim\ngreeting: |-\n  Hello there.\n  Sit down, {{user}}.\ncontext: |\n  {{char}} keeps lamps: all of them.\n", **dict(yaml, spec="chara_card_v1"))
expect("yaml/v2.yaml", b"# a card\nspec: chara_card_v2\nspec_version: '2.0'\ndata:\n  name: Nim\n  description: \"A keeper of lamps.\"\n  first_mes: Hello.\n  tags: [lamps]\n", **yaml)
expect("yaml/eliza.yaml", b"---\nname: Nim\nbio:\n  - Keeps lamps.\nmessageExamples:\n  - - {name: '{{name1}}', content: {text: Hi}}\n    - {name: Nim, content: {text: Hello.}}\n", **dict(yaml, spec="eliza", dialogues=1, turns=2))
expect("refused/broken.yaml", b"name: Nim\ngreeting: [Hello\ncontext: x\n", error="card.malformed")
expect("refused/other.yaml", b"version: 3\nservices: {}\n", error="card.not_a_character")
backyard = {"manifest.json": text({"schemaVersion": 1, "createdAt": "2025-06-06T00:00:00Z", "characters": ["characters/c1/character.json"], "scenarios": ["scenarios/s1.json", "scenarios/s2.json"], "author": {"name": "pat", "backyardURL": ""}}),
    "characters/c1/character.json": text({"schemaVersion": 1, "id": "c1", "name": "Nim", "displayName": "Nim of the Lamps", "isNSFW": False, "persona": "{character} keeps lamps for {user}.", "createdAt": "", "updatedAt": "", "loreItems": [{"key": "lamp, light", "value": "{character} lit it."}], "images": [{"path": "images/nim.png", "label": ""}]}),
    "characters/c1/images/nim.png": png(),
    "scenarios/s1.json": text({"schemaVersion": 1, "title": "Dusk", "formattingInstructions": "Be brief.", "exampleMessages": [{"characterID": "c1", "text": "#{user}: Hi\n#{character}: Hello."}, {"characterID": "c1", "text": "Sit down."}], "firstMessages": [{"characterID": "c1", "text": "Hello, {user}."}], "narrative": "It is dusk.", "messages": [{"type": "human", "text": "x"}], "temperature": 1.2}),
    "scenarios/s2.json": text({"schemaVersion": 1, "formattingInstructions": "", "exampleMessages": [], "firstMessages": [{"characterID": "c1", "text": "Good night."}], "narrative": "It is night.", "messages": []})}
expect("charx/backyard.byaf", charx(backyard), **dict(nim, spec="byaf", container="byaf", lorebook_entries=1, assets=1, dialogues=2, turns=3, dropped=["scenarios/s1.json", "scenarios/s2.json"]), changed=["data.character_book.entries[0].keys"])
expect("refused/backyard-without-character.byaf", charx({"manifest.json": backyard["manifest.json"]}), error="card.no_card")
expect("json/spec-v1.json", text(dict(plain, spec="chara_card_v1")), **dict(nim, spec="chara_card_v1"), changed=[])
expect("json/spec-empty.json", text({"spec": "", "spec_version": "2.0", "data": plain}), **nim, changed=["spec"])

# ---- Eliza
ELIZA = {"name": "Eliza", "modelProvider": "openai", "system": "Be {{agentName}}.", "bio": ["Listens.", "Asks."], "lore": ["Born 1966."],
         "topics": ["therapy", "computers"], "adjectives": ["patient"], "knowledge": ["Weizenbaum wrote about computers.", {"path": "docs/a.md", "shared": True}],
         "style": {"all": ["short"], "chat": ["ask back"], "post": ["wry"]}, "postExamples": ["Go on."], "clients": ["discord"], "plugins": [],
         "settings": {"secrets": {"OPENAI_API_KEY": "sk-XXXXXXXXXXXXXXXXXXXXXXXX"}, "model": "small", "DISCORD_API_TOKEN": "abc", "voice": {"model": "en"}, "maxTokens": 100}}
said = lambda key: [[{key: "{{user1}}", "content": {"text": "I am sad."}}, {key: "Eliza", "content": {"text": "Why?", "action": "NONE"}}],
                    [{key: "{{user1}}", "content": {"text": "Bye."}}, {key: "Eliza", "content": {"text": "Till then."}}]]
eliza = dict(kind="character", spec="eliza", name="Eliza", container="json", dialogues=2, turns=4, assets=0, lorebook_entries=1, changed=[])
secrets = ["settings.DISCORD_API_TOKEN", "settings.secrets"]
expect("eliza/v0.json", text(dict(ELIZA, messageExamples=said("user"))), **eliza, dropped=secrets + ["knowledge"])
expect("eliza/v1.json", text(dict(ELIZA, messageExamples=said("name"), bio="Listens.")), **dict(eliza, changed=["bio"]), dropped=secrets + ["knowledge"])
expect("eliza/v2.json", text(dict({k: v for k, v in ELIZA.items() if k not in ("lore", "knowledge")}, message_examples=[{"examples": [{"name": m["user"], "content": m["content"]} for m in c]} for c in said("user")],
       secrets={"KEY": "v"})), **dict(eliza, lorebook_entries=0), dropped=["secrets"] + secrets)
expect("eliza/digital-twin.json", text({"bio": ["Twin."], "lore": [], "adjectives": ["quick"], "topics": ["chains"], "style": {"all": [], "chat": [], "post": []},
       "messageExamples": [[{"user": "{{user1}}", "content": {"text": "gm"}}, {"user": "zoe", "content": {"text": "gm."}}]], "postExamples": ["gm"]}),
       **dict(eliza, name="zoe", dialogues=1, turns=2, lorebook_entries=0, changed=["name"]), dropped=[])
expect("eliza/private-key.json", text(dict(ELIZA, knowledge=[], messageExamples=said("user"), notes="0x" + "a1" * 32, settings={"wallet": {"EVM_PRIVATE_KEY": "x"}}, clientConfig={"urls": ["ok", "ghp_0123456789abcdefghij"]})),
       **dict(eliza, lorebook_entries=0), dropped=["clientConfig.urls", "notes", "settings.wallet.EVM_PRIVATE_KEY"])

# Placeholders: of the version that says name1, of the agent, and of templates.
NIM = {"name": "Nim", "bio": "Keeps lamps for {{user1}}.", "messageExamples": [[{"name": "{{name1}}", "content": {"text": "Hi, I am {{name1}}."}}, {"name": "{{name2}}", "content": {"text": "Me too."}},
        {"name": "Nim", "content": {"text": "Hello {{name1}}.", "actions": ["REPLY"]}}]], "knowledge": ["{{agentName}} knows that lamps burn oil."], "lore": ["{{name}} is small."], "topics": ["{{name}}'s lamps"],
        "style": {"all": ["Be brief with {{user}}."], "chat": []}, "system": "You are {{name}}. Be kind."}
nim = dict(kind="character", spec="eliza", name="Nim", container="json", dialogues=1, turns=2, assets=0, lorebook_entries=1, dropped=[])
expect("eliza/placeholders.json", text(NIM), **nim, changed=["bio"])
expect("eliza/placeholders-agent.json", text(dict(NIM, bio=["x"], system="{{agentName}}: {{recentMessages}} {{providers}} {{what}}", messageExamples=[[{"user": "{{user1}}", "content": {"text": "Hi {{agentName}}"}},
       {"user": "{{agentName}}", "content": {"text": "Hi {{ user1 }}"}}]])), **nim, changed=["system", "system"])
expect("eliza/placeholders-no-name.json", text({"bio": ["x"], "messageExamples": [[{"name": "{{name1}}", "content": {"text": "a"}}, {"name": "{{name1}}", "content": {"text": "b"}}, {"name": "Nim", "content": {"text": "c"}}]]}),
       **dict(nim, lorebook_entries=0, changed=["name"]))

# ---- lorebooks alone
expect("lorebook/v3.json", text({"spec": "lorebook_v3", "data": V3_DATA["character_book"]}), kind="lorebook", name="Tower", lorebook_entries=2, dropped=[], changed=[])
expect("lorebook/world-info.json", text({"entries": {"0": {"uid": 0, "key": ["tower"], "keysecondary": [], "comment": "", "content": "High.", "constant": False, "selective": True, "order": 100, "position": 0, "disable": False},
       "10": {"uid": 10, "key": ["x"], "keysecondary": ["y"], "comment": "c", "content": "Deep.", "order": 50, "position": 4, "depth": 4, "disable": True}}}),
       kind="lorebook", name=None, lorebook_entries=2, dropped=[], changed=[])

# Worlds as their makers write them; notes of what is not heeded, and of entries that can never be active.
st = lambda i, keys, content, ext={}, **more: dict({"id": i, "keys": keys, "secondary_keys": [], "comment": "", "content": content, "constant": False, "selective": True,
    "insertion_order": 100, "enabled": True, "position": "after_char", "use_regex": True,
    "extensions": dict({"position": 1, "selectiveLogic": 0, "case_sensitive": None, "probability": 100, "useProbability": True, "display_index": i}, **ext)}, **more)
LAMP = [st(0, [], "Always known.", constant=True), st(1, ["C++"], "About C++."), st(2, ["*sigh*"], "About sighs."), st(3, ["lamp"], "Lamp with oil only.", secondary_keys=["oil"]),
        st(4, ["/oi(l|ls)/i"], "Expression on oil."), st(5, ["Mr. (Grey"], "About Grey.")]
lamp = lambda entries: v2(character_book={"name": "b", "extensions": {}, "entries": entries})
book = "data.character_book.entries[%d]"
card("json/v2-sillytavern-lore.json", text(lamp(LAMP)), spec="chara_card_v2", lorebook_entries=6)
card("json/v2-sillytavern-not-heeded.json", text(lamp([st(0, ["a"], "x", {"sticky": 3, "cooldown": 0, "group": "g"}), st(1, ["a"], "x", {"vectorized": True, "position": 2, "match_scenario": True}),
     st(2, ["/a(?=b)/"], "x"), st(3, ["a"], "x", {"triggers": ["continue"], "sticky": None, "group": ""})])),
     spec="chara_card_v2", lorebook_entries=4, changed=[book % 0, book % 1, book % 2 + ".keys", book % 3])
card("json/v2-dead-lore.json", text(lamp([st(0, [], "No keys."), st(1, ["a"], " "), st(2, ["a"], "x", {"probability": 0}), st(3, [""], "@@activate\nForced."), st(4, [], "Off.", enabled=False),
     {"keys": [], "content": "Constant.", "constant": True}, {"keys": [], "content": "@@additional_keys b\nOther keys."}])), spec="chara_card_v2", lorebook_entries=7, changed=[book % 0, book % 1, book % 2])
card("json/v3-keys-in-one-text.json", text(v3(character_book={"entries": [{"keys": "lamp, light", "content": "x"}, {"keys": "/a{1,2}/i, b", "content": "x", "extensions": {"selectiveLogic": 0}},
     {"keys": "a{1,2}", "content": "x", "use_regex": True}, {"keys": "c", "secondary_keys": "d,e", "selective": True, "content": "x"}]})),
     spec="chara_card_v3", lorebook_entries=4, assets=2, changed=[book % 0 + ".keys", book % 1 + ".keys", book % 2 + ".keys", book % 3 + ".keys", book % 3 + ".secondary_keys"])
card("json/v3-macros.json", text(v3(first_mes="Hi {{user}}, {{persona}} {{foo}} {{img::a}} {{}} {{random::a::b}}", description="{{charIfNotGroup}} {{time}} {{trim}} {user} {{// x}} <BOT>", alternate_greetings=["{{bar}}", "{{bot}}"],
     character_book={"entries": [{"keys": ["a"], "content": "{{user}} {{outlet::x}}"}]})), spec="chara_card_v3", lorebook_entries=1, assets=2,
     changed=["data.first_mes", "data.alternate_greetings[0]", "data.character_book.entries[0].content"])
alone = dict(kind="lorebook", name=None, dropped=[])
WORLD = {"0": {"uid": 0, "key": ["tower"], "keysecondary": ["storm"], "comment": "t", "content": "High.", "constant": False, "selective": True, "selectiveLogic": 2, "order": 100, "position": 4, "depth": 2, "role": 1,
               "disable": False, "probability": 100, "useProbability": True, "excludeRecursion": True, "displayIndex": 0, "caseSensitive": None, "matchWholeWords": None, "scanDepth": None, "group": "", "sticky": 0},
         "1": {"uid": 1, "key": ["/mas(t|ts)/i", "{{user}}"], "content": "Deep.", "order": 50, "position": 5, "disable": False, "sticky": 2}}
expect("lorebook/sillytavern.json", text({"entries": WORLD}), **alone, lorebook_entries=2, changed=["entries[1]"])
expect("lorebook/sillytavern-list.json", text({"entries": list(WORLD.values())[:1], "name": "W", "extensions": {}}), **dict(alone, name="W"), lorebook_entries=1, changed=[])
expect("lorebook/chub.json", text({"name": "Chub", "description": "", "is_creation": False, "scan_depth": 2, "token_budget": 500, "recursive_scanning": False, "extensions": {}, "entries": {"1": {"uid": 1, "key": ["lamp"], "keysecondary": [],
       "keys": ["lamp"], "secondary_keys": [], "comment": "", "content": "Bright.", "constant": False, "selective": False, "selectiveLogic": 0, "insertion_order": 10, "order": 10, "enabled": True, "disable": False, "position": 1,
       "name": "lamp", "priority": 10, "id": 1, "case_sensitive": False, "probability": 100, "useProbability": True, "extensions": {"displayIndex": 1, "excludeRecursion": True, "useProbability": True}}}}), **dict(alone, name="Chub"), lorebook_entries=1, changed=[])
nai = lambda text, keys, **more: dict({"text": text, "contextConfig": {"prefix": "", "suffix": "\n", "tokenBudget": 2048, "reservedTokens": 0, "budgetPriority": 400, "trimDirection": "trimBottom", "insertionType": "newline",
       "insertionPosition": -1}, "lastUpdatedAt": 1, "displayName": "n", "id": "u-1", "keys": keys, "searchRange": 1000, "enabled": True, "forceActivation": False, "keyRelative": False, "nonStoryActivatable": False, "category": "",
       "loreBiasGroups": []}, **more)
expect("lorebook/novelai.json", text({"lorebookVersion": 5, "entries": [nai("Lamps burn.", ["lamp", "/ligh(t|ts)/i"]), nai("Always.", [], forceActivation=True), nai("Closed.", ["x"], category="c")],
       "settings": {"orderByKeyLocations": False}, "categories": [{"id": "c", "enabled": False}]}), **alone, lorebook_entries=3, changed=["the format"])
expect("lorebook/novelai-more.json", text({"lorebookVersion": 6, "entries": [nai("Both.", ["oil & lamp"], searchRange=500), nai("", ["x"]), nai("Dead.", [])]}), **alone, lorebook_entries=3,
       changed=["entries", "the format", "entries[1]", "entries[2]"])
agnai = {"kind": "memory", "_id": "1", "name": "Mem", "description": "d", "entries": [{"name": "lamp", "entry": "Lamps burn oil.", "keywords": ["lamp", "light"], "priority": 5, "weight": 7, "enabled": True},
         {"name": "none", "entry": "Nothing brings it up.", "keywords": [], "priority": 0, "weight": 0, "enabled": True}]}
expect("lorebook/agnai.json", text(agnai), **dict(alone, name="Mem"), lorebook_entries=2, changed=["the format", "entries[1]"])
expect("lorebook/agnai-no-kind.json", text(dict({k: v for k, v in agnai.items() if k != "kind"}, entries=agnai["entries"][:1])), **dict(alone, name="Mem"), lorebook_entries=1, changed=["the format"])
risu = lambda key, content, **more: dict({"key": key, "secondkey": "", "comment": "c", "content": content, "mode": "normal", "insertorder": 100, "alwaysActive": False, "selective": False}, **more)
expect("lorebook/risu.json", text({"type": "risu", "ver": 1, "data": [risu("lamp, light", "Bright."), risu("", "Always.", alwaysActive=True), risu("oil", "Slick.", secondkey="lamp,can", selective=True)]}), **alone, lorebook_entries=3, changed=["the format"])
expect("lorebook/risu-more.json", text({"type": "risu", "ver": 1, "data": [risu("", "Heading", mode="folder"), risu("/a,b/i", "x", useRegex=True, alwaysActive=True), risu("a", "x", activationPercent=50), risu("", "Dead."), risu("a", "x", mode="child")]}),
       **alone, lorebook_entries=5, changed=["entries[4].mode", "the format", "entries[3]"])

# ---- dialogues
jsonl = lambda rows: b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in rows)
talk = dict(kind="dialogue", name=None, lorebook_entries=0, assets=0)
chat = lambda *said: {"messages": [{"role": r, "content": c} for r, c in said]}
U, A, S = "user", "assistant", "system"
expect("dialogue/openai.jsonl", jsonl([chat((S, "Be kind."), (U, "Hi"), (A, "Hello.")), b"\n", b"{broken\n", chat((U, "Anyone?")), chat((U, "a"), (U, "b"), (A, ""), (A, "c")),
       {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "x"}}]}, {"role": "assistant", "content": None, "tool_calls": []}, {"role": "tool", "content": "1"}, {"role": "assistant", "content": "A tower."}]}]),
       **talk, spec="openai_chat", dialogues=3, turns=7, dropped=["line 3", "line 4", "line 5, message 3", "line 6, message 1", "line 6, message 2", "line 6, message 3"], changed=["line 5, message 2"])
expect("dialogue/openai-pretty.json", json.dumps(chat((U, "Hi"), (A, "Hello.")), indent=2).encode(), **talk, spec="openai_chat", dialogues=1, turns=2, dropped=[], changed=[])
expect("dialogue/messages-list.json", json.dumps(chat((U, "Hi"), (A, "Hello."))["messages"]).encode(), **talk, spec="openai_chat", dialogues=1, turns=2, dropped=[], changed=[])
expect("dialogue/sharegpt.json", json.dumps([{"id": "x1", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
       {"id": 2, "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "Hi"}, {"from": "function", "value": "f"}, {"from": "gpt", "value": "Hello."}]}, "stray", {"conversations": []}], indent=1).encode(),
       **talk, spec="sharegpt", dialogues=2, turns=5, dropped=["line 15, message 3", "line 36", "line 37"], changed=[])
expect("dialogue/alpaca.json", json.dumps([{"instruction": "Sum up.", "input": "Long text.", "output": "Short."}, {"instruction": "Go.", "input": "", "output": ""}, {"instruction": "Say hi.", "output": "Hi.", "history": [["a", "b"]]}]).encode(),
       **talk, spec="alpaca", dialogues=2, turns=6, dropped=["line 1"], changed=[])
expect("dialogue/sillytavern.jsonl", jsonl([{"user_name": "Bo", "character_name": "Vesper", "create_date": "2024-01-01", "chat_metadata": {}},
       {"name": "Vesper", "is_user": False, "is_system": False, "mes": "There you are.", "swipes": ["There you are.", "Oh."], "swipe_id": 0}, {"name": "Bo", "is_user": True, "is_system": False, "mes": "Hi."},
       {"name": "System", "is_user": False, "is_system": True, "mes": "hidden"}, b"{\"name\": \"cut off\n", {"name": "Vesper", "is_user": False, "mes": "Hush."}, {"name": "Vesper", "is_user": False, "mes": "Listen."}]),
       **dict(talk, name="Vesper"), spec="sillytavern_chat", dialogues=1, turns=3, dropped=["line 4", "line 5"], changed=["line 7"])
expect("dialogue/examples.txt", V1["mes_example"].encode(), **talk, spec="mes_example", dialogues=2, turns=5, dropped=[], changed=[])
expect("dialogue/examples-no-start.txt", b"{{user}}: Hi\r\n{{char}}: Hello\r\nthere.\r\n", **talk, spec="mes_example", dialogues=1, turns=2, dropped=[], changed=[])
expect("dialogue/examples-named.txt", b"<START>\nBob: hello\nAnna: hi there\n<START>\nBob: bye\nand good night\nAnna: ciao", **talk, spec="mes_example", dialogues=2, turns=4, dropped=[], changed=["line 1", "line 4"])
expect("dialogue/lists.json", json.dumps([chat((U, "a"), (A, "b"))["messages"], chat((U, "c"), (A, "d"))["messages"]]).encode(), **talk, spec="openai_chat", dialogues=2, turns=4, dropped=[], changed=[])
expect("dialogue/lists.jsonl", jsonl([chat((U, "a"), (A, "b"))["messages"], chat((U, "c"), (A, "d"))["messages"]]), **talk, spec="openai_chat", dialogues=2, turns=4, dropped=[], changed=[])
expect("dialogue/pairs.csv", b'prompt,response,contributor\n"Hi, you","Hello ""you""\nover there",mira\nlonely\n,empty prompt,mira\nBye,Till then,mira\n', **talk, spec="csv", dialogues=3, turns=5, dropped=["line 4", "line 5"], changed=[])
expect("dialogue/messages.csv", "\ufeffconversation_id;role;content\n1;human;Hi\n1;bot;Höllo\n2;human;Bye\n2;narrator;Rain.\n2;bot;Till then\n".encode(), **talk, spec="csv", dialogues=2, turns=4, dropped=["line 5"], changed=[])
expect("dialogue/latin1.jsonl", json.dumps(chat((U, "Zoé?"), (A, "Oui.")), ensure_ascii=False).encode("latin-1") + b"\n", **talk, spec="openai_chat", dialogues=1, turns=2, dropped=[], changed=["the file"])

# ---- dialogues with the dirt of real programs; tests/wild.rs looks into them
wild = lambda file, content, spec, dialogues, turns, **more: expect("wild/" + file, content, **dict(talk, spec=spec, dialogues=dialogues, turns=turns, **dict(dict(dropped=[], changed=[]), **more)))
half = chr(92) + "ud83d"
wild("half-emoji.jsonl", b'{"messages":[{"role":"user","content":"Cut here ' + half.encode() + b'"},{"role":"assistant","content":"Fine."}]}\n' + jsonl([chat((U, "Whole"), (A, "Good."))]), "openai_chat", 2, 4, changed=["line 1"])
wild("nan.json", b'[{"messages":[{"role":"user","content":"a","score":NaN},{"role":"assistant","content":"b"}]},{"messages":[{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}]', "openai_chat", 2, 4, changed=["line 1"])
wild("nan.jsonl", b'{"id": NaN, "score": -Infinity, "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Good."}]}\n', "openai_chat", 1, 2, changed=["line 1"])
wild("trailing-commas.json", b'{\n  "messages": [\n    {"role": "user", "content": "Hi",},\n    {"role": "assistant", "content": "Two\nlines."},\n  ],\n}\n', "openai_chat", 1, 2, changed=["line 1", "line 1"])
wild("half-emoji-log.jsonl", b'{"user_name": "Pat", "character_name": "Nim", "chat_metadata": {}}\n{"name":"Nim","is_user":false,"mes":"Half ' + half.encode() + b'"}\n{"name": "Pat", "is_user": true, "mes": "Hi"}\n{"name": "Nim", "is_user": false, "mes": "Hello"}\n', "sillytavern_chat", 1, 3, name="Nim", changed=["line 2"])
header = {"chat_metadata": {"note_prompt": ""}, "user_name": "unused", "character_name": "unused"}
mes = lambda name, words, user=False, **more: dict({"name": name, "is_user": user, "is_system": False, "mes": words, "send_date": "2026-01-01T00:00:00Z", "extra": {}}, **more)
wild("narrator.jsonl", jsonl([header, mes("Nim", "Hello.", swipes=["Hi!", "Hello."], swipe_id=1), mes("Pat", "Hi.", True), mes("System", "Rain begins to fall.", extra={"type": "narrator"}), mes("Nim", "Come in.")]).replace(b"\n", b"\r\n"),
     "sillytavern_chat", 1, 4, name=None, changed=["line 4"])
group = [header, mes("Nim", "Hello."), mes("Kai", "Ho."), mes("Pat", "Hi, both.", True), mes("Kai", "Sit down."), mes("Nim", "Tea?"), mes("Note", "a comment", extra={"type": "comment"})]
wild("group.jsonl", jsonl(group), "sillytavern_chat", 1, 3, name=None, changed=["line 1", "line 3", "line 4", "line 5"], dropped=["line 7"])
wild("renamed.jsonl", jsonl([dict(header, character_name="Nim of the Lamps", user_name="Pat"), mes("Pat", "Hi.", True), mes("Nim", "Hello.")]), "sillytavern_chat", 1, 2, name="Nim of the Lamps")
wild("weight.jsonl", jsonl([{"messages": [{"role": U, "content": "Capital of France?"}, {"role": A, "content": "Berlin.", "weight": 0}, {"role": U, "content": "No."}, {"role": A, "content": "Paris.", "weight": 1}]}]), "openai_chat", 1, 4, changed=["line 1, message 2"])
wild("train-false.jsonl", jsonl([{"conversations": [{"from": "human", "value": "Capital of France?"}, {"from": "gpt", "value": "Berlin.", "train": False}, {"from": "human", "value": "No."}, {"from": "gpt", "value": "Paris."}]},
     {"conversations": [{"from": "human", "value": "Capital?"}, {"from": "gpt", "value": "Berlin.", "loss": 0}]}]), "sharegpt", 1, 4, changed=["line 1, message 2", "line 2, message 2"], dropped=["line 2"])
wild("weight-beside.jsonl", jsonl([{"messages": [{"role": U, "content": "Hi"}, {"role": A, "content": "Draft.", "weight": 0}, {"role": A, "content": "Hello."}]}]), "openai_chat", 1, 2, changed=["line 1, message 2"], dropped=["line 1, message 2"])
wild("alpaca-empty.jsonl", jsonl([{"instruction": "", "input": "Name a colour.", "output": "Blue."}, {"system": "", "system_prompt": "Be brief.", "prompt": "Name a fruit.", "response": "Pear."}, {"instruction": "Name a tree.", "input": "", "output": "", "response": "Oak."}]), "alpaca", 3, 7)
wild("alpaca-nulls.jsonl", jsonl([{"instruction": "Name a colour.", "input": None, "output": "Blue.", "system": None, "history": None}, {"instruction": "Add 2 and 2.", "input": "", "output": 4}, {"instruction": "Add.", "output": None}]), "alpaca", 2, 4, changed=["line 2"], dropped=["line 3"])
wild("filled.jsonl", jsonl([{"contributor": "", "author": "mira", "prompt": "Hi", "response": "Hello."}, {"id": "", "conversation_id": "c7", "prompt": "Hi", "response": "Hello."}]), "alpaca", 2, 4)
wild("joined.jsonl", jsonl([{"messages": [{"role": None, "from": "human", "content": None, "value": "Hi"}, {"role": None, "from": "gpt", "content": None, "value": "Yo"}]}, {"messages": [], "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo"}]}]), "sharegpt", 2, 4)
wild("cp1252.csv", "prompt;response\r\nWhat is a café?;A small résumé of a bar × naïve.\r\n".encode("cp1252"), "csv", 1, 2, changed=["the file"])
wild("cp1252.txt", "<START>\r\n{{user}}: What is a café?\r\n{{char}}: A bar.\r\n".encode("cp1252"), "mes_example", 1, 2, changed=["the file"])
wild("cp1252-late.jsonl", jsonl([chat((U, "Hi %d" % n + "." * 600), (A, "Hello.")) for n in range(120)]) + json.dumps(chat((U, "café"), (A, "oui")), ensure_ascii=False).encode("cp1252"), "openai_chat", 121, 242, changed=["line 121"])
wild("sep.csv", b"\xef\xbb\xbfsep=;\r\nprompt;response\r\nHi;Hello\r\n", "csv", 1, 2)
wild("sep-tab.csv", b"sep=\t\r\nprompt\tresponse\r\nHi, you\tHello; you\r\nlonely\r\n", "csv", 1, 2, dropped=["line 4"])
wild("utf16.csv", "prompt,response\r\nHi,Hello\r\n".encode("utf-16"), "csv", 1, 2)
wild("utf16be.jsonl", json.dumps(chat((U, "Zoé 😀?"), (A, "Oui."))).encode("utf-16-be"), "openai_chat", 1, 2, changed=["the file"])
wild("shift-jis.txt", "<START>\n{{user}}: 塔はどこにありますか。\n{{char}}: 街の上に立っています。夜はラジオが歌います。\n".encode("shift_jis"), "mes_example", 1, 2, changed=["the file"])
wild("by-row.csv", "instruction,input,output,response,author\nSum up.,Long text.,Short.,,mira\n,Name a colour.,,Blue.,\nGo.,,,,\n".encode(), "csv", 2, 4, dropped=["line 4"])
tree = {"title": "Lamps", "mapping": {"r": {"id": "r", "message": None, "parent": None, "children": ["s"]}, "s": {"id": "s", "message": {"author": {"role": "system"}, "content": {"content_type": "text", "parts": [""]}, "weight": 0.0}, "parent": "r", "children": ["u"]},
        "u": {"id": "u", "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Light a lamp."]}, "weight": 1.0, "recipient": "all"}, "parent": "s", "children": ["a1", "t"]},
        "a1": {"id": "a1", "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["No."]}, "weight": 1.0, "recipient": "all"}, "parent": "u", "children": []},
        "t": {"id": "t", "message": {"author": {"role": "assistant"}, "content": {"content_type": "code", "text": "light()"}, "recipient": "python"}, "parent": "u", "children": ["o"]},
        "o": {"id": "o", "message": {"author": {"role": "tool", "name": "python"}, "content": {"content_type": "execution_output", "text": "lit"}, "recipient": "all"}, "parent": "t", "children": ["a2"]},
        "a2": {"id": "a2", "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["It is lit."]}, "weight": 1.0, "recipient": "all"}, "parent": "o", "children": []}}, "current_node": "a2", "conversation_id": "c-1"}
wild("chatgpt.json", json.dumps([tree, dict(tree, current_node=None, conversation_id="c-2"), dict(tree, current_node="a1", conversation_id="c-3")]).encode(), "chatgpt_export", 3, 6,
     dropped=["line 1", 'line 1, message "t"', 'line 1, message "o"'] * 2 + ["line 1"])
discord = lambda name, words, **more: dict({"id": "1", "type": "Default", "content": words, "author": {"id": "7", "name": name.lower(), "nickname": name, "isBot": False}}, **more)
listed = dict(kind="voice_manifest", name=None, assets=1, dropped=[], changed=[])
expect("wild/voice.tsv", b"client_id\tpath\tsentence\tlicence\tconsent\nx\ta.wav\tHush now\tCC0-1.0\tI agree\n", **listed)
expect("wild/voice-semicolons.csv", b"\xef\xbb\xbffile;transcript;contributor;licence;consent\r\na.wav;Hush now;mira;CC0-1.0;I agree\r\n", **listed)
expect("wild/voice-cp1252.csv", "file,transcript,contributor,licence,consent\r\na.wav,Le café,mira,CC0-1.0,I agree\r\nb.wav,Hush,mira,CC0-1.0,I agree\r\n".encode("cp1252"), **dict(listed, assets=2, changed=["the file"]))
expect("wild/voice-nan.jsonl", b'{"file": "", "path": "a.wav", "text": "Hush", "speaker": "mira", "license": "CC0-1.0", "consent": "I agree", "score": NaN}\n', **dict(listed, spec="jsonl", changed=["line 1"]))
expect("wild/discord.json", text({"guild": {"name": "g"}, "channel": {"name": "lamps"}, "messages": [discord("Pat", "Hi"), discord("Nim", "Hello."), discord("Kai", "Ho."), discord("Nim", "Tea?")]}), error="dialogue.none")

# ---- what must be refused, and as what
expect("refused/empty.json", b"", error="dialogue.empty")
expect("refused/no-card.png", png(), error="card.no_card")
expect("refused/no-card.zip", charx({"readme.txt": b"hi"}), error="card.no_card")
expect("refused/charx-without-spec.charx", charx({"card.json": text({"data": V3_DATA})}), error="card.unknown_spec")
expect("refused/no-name.json", text(v2(name=" ")), error="card.no_name")
expect("refused/other-spec.json", text({"spec": "chara_card_v9", "data": V2_DATA}), error="card.unknown_spec")
expect("refused/other-json.json", text({"version": 1, "dependencies": {}}), error="card.not_a_character")
expect("refused/package.json", text({"name": "left-pad", "version": "1.0.0", "description": "pads"}), error="card.not_a_character")
expect("refused/eliza-placeholders-only.json", text({"bio": ["x"], "messageExamples": [[{"name": "{{name1}}", "content": {"text": "a"}}, {"name": "{{name2}}", "content": {"text": "b"}}]]}), error="card.no_name")
expect("refused/entries-of-a-feed.json", text({"entries": [{"title": "News", "content": "Rain.", "link": "x"}]}), error="card.not_a_character")
expect("refused/entries-of-a-dictionary.json", text({"entries": {"a": {"key": "a", "value": "1"}}}), error="card.not_a_character")
expect("refused/entries-none.json", text({"entries": [], "total": 0}), error="card.not_a_character")
expect("refused/risu-module.json", text({"type": "risuModule", "module": {"lorebook": []}}), error="card.not_a_character")
expect("refused/cut-off.json", text(v2())[:-40], error="card.malformed")
expect("refused/deep.json", b"{\"name\":" + b"[" * 5000 + b"]" * 5000 + b"}", error="card.malformed")
expect("refused/length-4gib.png", HEAD + b"\xff\xff\xff\xff" + b"tEXtchara\0", error="card.damaged")
expect("refused/bomb-ztxt.png", png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"A" * (26 << 20), 9))), error="card.too_large")
expect("refused/bomb.charx", charx({"card.json": b" " * (17 << 20)}), error="card.too_large")
expect("refused/bomb-asset.charx", charx(dict(packed, **{"assets/x.bin": b"\0" * (65 << 20)})), error="card.too_large")
expect("refused/base64-inside.png", png(chunk(b"zTXt", b"chara\0\0" + zlib.compress(b64(v2(extensions={"icon": "A" * (17 << 20)})), 9))), error="card.too_large")
expect("refused/user-only.jsonl", jsonl([chat((U, "hello?"))]), error="dialogue.none")
expect("refused/prose.txt", b"Once upon a time\nthere was a tower.\n", error="dialogue.unknown_format")
expect("refused/webp-without-card.png", webp(b"II*\0"), error="card.no_card")
expect("refused/wav-length-4gib.wav", b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff\x01\0\x01\0", error="voice.malformed")
expect("refused/pov-header-4gib.safetensors", struct.pack("<Q", 1 << 32) + b"{\"a\":1}", error="pov.malformed")
expect("refused/other.safetensors", struct.pack("<Q", 64) + json.dumps({"t": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode().ljust(64) + b"\0", error="pov.malformed")

# ---- recordings: a second of 440 Hz
import math
tone = [int(8000 * math.sin(2 * math.pi * 440 * i / 22050)) for i in range(22050)]
stereo = b"".join(struct.pack("<hh", s, -s // 2) for s in tone)
wav = lambda channels, rate, data: b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16) + b"data" + struct.pack("<I", len(data)) + data
sound = dict(kind="audio", name=None, dropped=[], changed=[])
expect("audio/stereo-22050.wav", wav(2, 22050, stereo), **sound, spec="wav", audio_seconds=1.0)
expect("audio/piped.wav", wav(1, 22050, stereo).replace(struct.pack("<I", 36 + len(stereo)), b"\xff" * 4, 1).replace(b"data" + struct.pack("<I", len(stereo)), b"data" + b"\xff" * 4),
       **dict(sound, changed=["data size", "RIFF size"]), spec="wav", audio_seconds=2.0)

# ---- WAV whose lengths disagree with the file: half a second of 440 Hz
half = b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / 8000))) for i in range(4000))
riff = lambda kind, size, *chunks: kind + struct.pack("<I", size) + b"WAVE" + b"".join(chunks)
part = lambda name, data, size=None: name + struct.pack("<I", len(data) if size is None else size) + data
FMT = lambda tag=1, bits=16: part(b"fmt ", struct.pack("<HHIIHH", tag, 1, 8000, 8000 * bits // 8, bits // 8, bits))
LIST = part(b"LIST", b"INFOISFT\x05\0\0\0lathe")
half_second = dict(sound, spec="wav", audio_seconds=0.5)
expect("audio/zero-sizes.wav", riff(b"RIFF", 0, FMT(), part(b"data", half, 0)), **dict(half_second, changed=["data size", "RIFF size"]))
expect("audio/riff-without-data-head.wav", riff(b"RIFF", 4 + 24 + 8000, FMT(), part(b"data", half)), **dict(half_second, changed=["RIFF size"]))
expect("audio/pad-not-counted.wav", riff(b"RIFF", 4 + 24 + 25 + 8 + 8000, FMT(), LIST + b"\0", part(b"data", half)), **dict(half_second, changed=["RIFF size"]))
expect("audio/not-padded.wav", riff(b"RIFF", 4 + 24 + 25 + 8 + 8000, FMT(), LIST, part(b"data", half)), **dict(half_second, changed=["chunk \"LIST\" at byte 36"]))
expect("audio/list-endless.wav", riff(b"RIFF", 0xffffffff, FMT(), part(b"LIST", b"INFO", 0xffffffff), part(b"data", half)), **dict(half_second, changed=["chunk \"LIST\" at byte 36", "RIFF size"]))
expect("audio/data-too-long.wav", riff(b"RIFF", 4 + 24 + 8 + 99999, FMT(), part(b"data", half, 99999)), **dict(half_second, changed=["data size", "RIFF size"]))
expect("audio/rf64.wav", riff(b"RF64", 0xffffffff, part(b"ds64", struct.pack("<QQQI", 4 + 36 + 24 + 8 + 8000 + 26, 8000, 4000, 0)), FMT(), part(b"data", half, 0xffffffff), LIST, b"\0"), **half_second)
expect("audio/bw64-sizes-zero.wav", riff(b"BW64", 0xffffffff, part(b"ds64", bytes(28)), FMT(), part(b"data", half, 0xffffffff)), **dict(half_second, changed=["data size", "RIFF size"]))
expect("audio/chunks-behind.wav", riff(b"RIFF", 4 + 24 + 8 + 8000 + 26, FMT(), part(b"data", half), LIST, b"\0"), **half_second)
for name, tag in [("adpcm-ms", 2), ("adpcm-ima", 0x11), ("gsm", 0x31), ("mp3-inside", 0x55)]:
    expect("refused/%s.wav" % name, riff(b"RIFF", 4 + 24 + 8 + 800, FMT(tag, 0), part(b"data", half[:800])), error="voice.unsupported")
expect("refused/no-samples.wav", riff(b"RIFF", 4 + 24 + 8 + 26, FMT(), part(b"data", b""), LIST, b"\0"), error="voice.malformed")
expect("refused/no-fmt.wav", riff(b"RIFF", 4 + 8 + 8000, part(b"data", half)), error="voice.malformed")

# ---- recordings of kinds that are not read: their first bytes
expect("refused/voice.amr", b"#!AMR\n" + (b"\x3c" + bytes(31)) * 10, error="voice.unsupported")
expect("refused/voice.webm", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(100), error="voice.unsupported")
expect("refused/voice.aiff", b"FORM\0\0\0\x2eAIFFCOMM\0\0\0\x12" + bytes(34), error="voice.unsupported")
expect("refused/voice.caf", b"caff\0\1\0\0desc" + bytes(40), error="voice.unsupported")
expect("refused/speex.ogg", b"OggS\0\2" + bytes(20) + b"\1\x50Speex   1.2.1" + bytes(67), error="voice.unsupported")
try:
    import numpy, soundfile
    for name, rate, kind, args in [("mono-44100.flac", 44100, "flac", {}), ("mono-48000.ogg", 48000, "ogg", {"subtype": "VORBIS"}), ("mono-24000.mp3", 24000, "mp3", {}),
                                   ("mono-48000.opus", 48000, "ogg", {"subtype": "OPUS"}), ("stereo-24000.opus", 24000, "ogg", {"subtype": "OPUS"})]:
        path = os.path.join(HERE, "audio", name)
        if not os.path.exists(path):
            samples = (0.25 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(rate) / rate)).astype("float32")
            soundfile.write(path, numpy.stack([samples, samples], 1) if name.startswith("stereo") else samples, rate, format=kind.upper(), **args)
    import av  # PyPI: `av`
    for name, kind, codec in [("mono-44100.m4a", "ipod", "aac"), ("mono-44100.aac", "adts", "aac"), ("alac.m4a", "ipod", "alac")]:
        path = os.path.join(HERE, "refused" if codec == "alac" else "audio", name)
        if not os.path.exists(path):
            with av.open(path, "w", format=kind, options={"fflags": "+bitexact"}) as out:
                stream = out.add_stream(codec, rate=44100, layout="mono", format="s16p" if codec == "alac" else "fltp")
                samples = (0.25 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(44100) / 44100)).astype("float32")
                frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
                frame.sample_rate = 44100
                for piece in av.AudioResampler(format=stream.format, layout="mono", rate=44100).resample(frame):
                    out.mux(stream.encode(piece))
                out.mux(stream.encode(None))
except ImportError:
    pass
for name, kind in [("mono-44100.flac", "flac"), ("mono-48000.ogg", "ogg"), ("mono-24000.mp3", "mp3"), ("mono-48000.opus", "opus"), ("stereo-24000.opus", "opus"), ("mono-44100.m4a", "m4a"), ("mono-44100.aac", "aac")]:
    expect("audio/" + name, None, **sound, spec=kind, audio_seconds=1.0)
expect("refused/alac.m4a", None, error="voice.unsupported")

# ---- tags around the sound. The picture is no picture: bytes with frame headers of MP3 in them, as every picture has.
made = lambda name: open(os.path.join(HERE, "audio", name), "rb").read()
planted = (b"\xff\xfb\x90\x00" + bytes(range(1, 97))) * 60
synchsafe = lambda n: bytes(n >> shift & 0x7f for shift in (21, 14, 7, 0))
id3 = lambda picture: b"ID3\x03\0\0" + synchsafe(10 + 14 + len(picture)) + b"APIC" + struct.pack(">I", 14 + len(picture)) + b"\0\0" + b"\0image/jpeg\0\x03\0" + picture
ape = lambda items: struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(items) + 32, 1, 0)
expect("audio/cover.mp3", id3(planted) + made("mono-24000.mp3"), **sound, spec="mp3", audio_seconds=1.0)
expect("audio/zeros-in-front.mp3", bytes(5000) + made("mono-24000.mp3"), **sound, spec="mp3", audio_seconds=1.0)
expect("audio/junk-behind-tag.mp3", id3(planted) + b"no frame here" + made("mono-24000.mp3"), **sound, spec="mp3", audio_seconds=1.0)
expect("audio/tags-behind.mp3", made("mono-24000.mp3") + planted + ape(planted) + b"TAG" + planted[:125], **sound, spec="mp3", audio_seconds=1.0)
expect("audio/cover.flac", id3(planted) + made("mono-44100.flac"), **sound, spec="flac", audio_seconds=1.0)
expect("audio/cover.aac", id3(planted) + made("mono-44100.aac"), **sound, spec="aac", audio_seconds=1.0)
expect("refused/cover-alone.mp3", id3(planted), error="voice.unsupported")

# ---- POV containers, made by `cargo run -p lazai-core --example pov_vectors -- vectors/characters/pov`
expect("pov/private.safetensors", None, kind="pov", spec="lazai.pov.private.v1", name="mira", dialogues=3, tokens=269, assets=1, audio_seconds=0.03, dropped=[], changed=[])
expect("pov/public.json", None, kind="pov", spec="lazai.pov.public.v1", name="Ada", dropped=[], changed=[])

with open(os.path.join(HERE, "expected.json"), "w") as f:
    json.dump(EXPECTED, f, indent=1, ensure_ascii=False)
    f.write("\n")
print(len(EXPECTED), "files")
