"""Tiny random models of each family, and what PyTorch computes with them: vectors for lazai-lora.

Needs: torch transformers peft gguf sentencepiece tokenizers safetensors (the versions in versions.json are those that
made the committed files). Run in this folder: python make.py
"""

import importlib.metadata
import json
import os
import pathlib
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import gguf
import numpy
import sentencepiece
import tokenizers
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
LINES = [json.loads(line) for line in (HERE / "../../examples/cyber-diva/data/dialogues.jsonl").resolve().open()]
TEXTS = [m["content"] for line in LINES for m in line["messages"]]
PROBES = [
    "Hush, darling: the rain is early tonight.",
    "It's 2024, they'll say 12345 times...\n\n  and\tmore ",
    "Ünïcode, 日本語, e\u0301 and 🎷!",
    "<|im_start|>user\nhello<|im_end|>\n",
    "",
    "   spaces   ",
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPM_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
# As Gemma's: no role of the system, whose words are folded into the first turn.
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% set folded = messages[0].content + '\n\n' if messages[0].role == 'system' else '' %}"
    "{% for m in messages %}{% if m.role != 'system' %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ folded if loop.index0 == (1 if folded else 0) else '' }}{{ m.content | trim }}<end_of_turn>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GEMMA_CONTROL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
GEMMA_DEFINED = ["\n", "\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "\t", "<b>"]
GEMMA_PROBES = PROBES[:3] + ["", "   spaces   ", "a  b   c", "\n\n\n\nline\n", "<b>bold</b>", "one\u2581two", "\t\ttabs"]
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|end|>"]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def byte_level(pre, normalizer=None, ignore_merges=False):
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=384, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def trained_pieces(**options):
    """What SentencePiece learns of the texts: its processor, pieces and scores, and the `tokenizers` library's model of them."""
    path = HERE / "spm"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_prefix=str(path), model_type="bpe", byte_fallback=True,
        character_coverage=0.99, normalization_rule_name="identity", remove_extra_whitespaces=False,
        split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2, **options,
    )
    spm = sentencepiece.SentencePieceProcessor(model_file=f"{path}.model")
    for suffix in (".model", ".vocab"):
        path.with_suffix(suffix).unlink()
    pieces = [spm.id_to_piece(i) for i in range(spm.vocab_size())]
    scores = [spm.get_score(i) for i in range(spm.vocab_size())]
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for piece, score in zip(pieces, scores):
        pairs = [(ids[piece[:i]], ids[piece[i:]], piece[:i], piece[i:]) for i in range(1, len(piece))
                 if piece[:i] in ids and piece[i:] in ids]
        merges += [(score, left, right) for _, _, left, right in sorted(pairs)]
    merges.sort(key=lambda merge: -merge[0])
    tokenizer = tokenizers.Tokenizer(models.BPE(
        ids, [(left, right) for _, left, right in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    return spm, pieces, scores, tokenizer


def sentence_piece():
    """A model by SentencePiece itself, and as the `tokenizers` library has it."""
    spm, pieces, scores, tokenizer = trained_pieces(vocab_size=450)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([tokenizers.AddedToken(t, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    return spm, pieces, scores, tokenizer


def gemma_pieces():
    """A vocabulary as Gemma's: no space in front, runs of white space that are tokens whatever stands beside them."""
    spm, pieces, scores, tokenizer = trained_pieces(
        vocab_size=460, add_dummy_prefix=False,
        pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
        control_symbols=GEMMA_CONTROL[4:], user_defined_symbols=GEMMA_DEFINED,
    )
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([tokenizers.AddedToken(t, normalized=False) for t in GEMMA_CONTROL])
    tokenizer.add_tokens([tokenizers.AddedToken(t, normalized=False) for t in GEMMA_DEFINED if "\u2581" not in t])
    return spm, pieces, scores, tokenizer


def gemma_tokens(pieces, scores):
    """As llama.cpp's converter writes them: tokens of white space with spaces, and no scores of tokens that are not merged."""
    def kind(piece):
        if piece in GEMMA_CONTROL:
            return 3
        if piece in GEMMA_DEFINED:
            return 4
        return 6 if piece.startswith("<0x") else 1

    def write(writer):
        kinds = [kind(piece) for piece in pieces]
        writer.add_tokenizer_model("llama")
        writer.add_token_list([p.replace("\u2581", " ") if k == 4 else p for p, k in zip(pieces, kinds)])
        writer.add_token_scores([-1000.0 if k in (3, 4) else s for s, k in zip(scores, kinds)])
        writer.add_token_types(kinds)
        writer.add_add_space_prefix(False)
        writer.add_bos_token_id(2)
        writer.add_eos_token_id(1)
        writer.add_chat_template(GEMMA_TEMPLATE)
    return write


def randomise(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms of Gemma keep what is added to one.
            centre = 1.0 if "norm" in name and "Gemma" not in type(model).__name__ else 0.0
            parameter.copy_(centre + torch.randn_like(parameter) * 0.15)


def save(folder, model, tokenizer, template, eos, bos=None, **options):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model.save_pretrained(folder, **options)
    for extra in ("generation_config.json",):
        (folder / extra).unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {"eos_token": eos, "bos_token": bos, "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))


def rounded(tensor):
    return [[round(float(v), 6) for v in row] for row in tensor]


def expect(folder, model, tokenizer, vocab, probes=PROBES, extra=None):
    ids = [(7 * i * i + 3 * i + 5) % vocab for i in range(24)]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0]
    expected = {
        "ids": ids,
        "logits": rounded(logits[[0, 1, 7, 23]]),
        "rows": [0, 1, 7, 23],
        "texts": [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in probes],
    }
    expected.update(extra or {})
    (folder / "expected.json").write_text(json.dumps(expected))


def sizes(vocab, **more):
    return dict(vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, eos_token_id=1,
                bos_token_id=None, attn_implementation="eager", **more)


def adapters(folder, make, only=None):
    """Adapters that PEFT made, and what the model says with them."""
    ids = json.loads((folder / "expected.json").read_text())["ids"]
    kinds = {
        "lora": dict(r=4, lora_alpha=8, target_modules="all-linear"),
        "rslora": dict(r=8, lora_alpha=8, target_modules=["q_proj", "v_proj"], use_rslora=True),
        "pattern": dict(r=2, lora_alpha=6, target_modules=r"model\.layers\.1\.(self_attn\.o|mlp\.down)_proj"),
    }
    for seed, (name, options) in enumerate(kinds.items()):
        if only and name != only:
            continue
        model = get_peft_model(make(), LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **options))
        torch.manual_seed(seed)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_B" in key:
                    parameter.copy_(torch.randn_like(parameter) * 0.2)
            logits = model(input_ids=torch.tensor([ids])).logits[0]
        out = folder / name
        model.peft_config["default"].base_model_name_or_path = "tiny"
        model.save_pretrained(out)
        (out / "README.md").unlink(missing_ok=True)
        (out / "expected.json").write_text(json.dumps({"logits": rounded(logits[[7, 23]]), "rows": [7, 23]}))


def write_gguf(path, model, arch, quant, tokens):
    """As llama.cpp's converter does: query and key rows of Llama permuted, matrices quantised."""
    config = model.config
    writer = gguf.GGUFWriter(str(path), arch)
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = getattr(config, "rope_parameters", None) or {}
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10000.0)))
    if rope.get("rope_type") in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope.get("rope_type") == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if arch == "gemma3":
        writer.add_sliding_window(config.sliding_window)
    if arch == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    tokens(writer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch.upper()], config.num_hidden_layers)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name == "lm_head.weight" and config.tie_word_embeddings:
                continue
            new = names.get_name(name, try_suffixes=(".weight", ".bias"))
            data = tensor.float().numpy()
            if quant is not None and data.ndim == 2:
                # What is stored is what PyTorch computes with.
                packed = gguf.quants.quantize(data, quant)
                data = gguf.quants.dequantize(packed, quant)
                tensor.copy_(torch.from_numpy(data))
            if arch == "gemma3" and "norm" in name:
                data = data + 1
            if arch in ("llama", "smollm3", "granite") and (".q_proj." in name or ".k_proj." in name):
                heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
                data = data.reshape(heads, 2, data.shape[0] // heads // 2, *data.shape[1:]).swapaxes(1, 2).reshape(data.shape)
            data = numpy.ascontiguousarray(data)
            if quant is not None and data.ndim == 2:
                writer.add_tensor(new, gguf.quants.quantize(data, quant), raw_dtype=quant)
            else:
                writer.add_tensor(new, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def bpe_tokens(tokenizer, pre):
    value = json.loads(tokenizer.to_str())
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])

    def write(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list([token for token, _ in by_id])
        writer.add_token_types([3 if token in SPECIAL else 1 for token, _ in by_id])
        writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in value["model"]["merges"]])
        writer.add_eos_token_id(1)
        writer.add_chat_template(TEMPLATE)
    return write


def spm_tokens(pieces, scores):
    def kind(piece):
        if piece == "<unk>":
            return 2
        if piece in ("<s>", "</s>"):
            return 3
        return 6 if piece.startswith("<0x") else 1

    def write(writer):
        writer.add_tokenizer_model("llama")
        writer.add_token_list(pieces)
        writer.add_token_scores(scores)
        writer.add_token_types([kind(p) for p in pieces])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_chat_template(SPM_TEMPLATE)
    return write


def main():
    llama3, qwen2 = byte_level(split(LLAMA3), ignore_merges=True), byte_level(split(QWEN2), normalizers.NFC())
    vocab = llama3.get_vocab_size()

    # Llama 3: scaled rotary embedding, output of its own.
    rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    config = transformers.LlamaConfig(**sizes(vocab, rope_parameters=rope, tie_word_embeddings=False))
    make = lambda: randomised(transformers.LlamaForCausalLM, config, 1)
    save(HERE / "llama3", make(), llama3, TEMPLATE, "<|im_end|>")
    expect(HERE / "llama3", make(), llama3, vocab)
    adapters(HERE / "llama3", make)

    # Qwen2: biases, tied embeddings.
    config = transformers.Qwen2Config(**sizes(vocab, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1e6}))
    model = randomised(transformers.Qwen2ForCausalLM, config, 2)
    save(HERE / "qwen2", model, qwen2, TEMPLATE, "<|im_end|>")
    expect(HERE / "qwen2", model, qwen2, vocab)

    # Qwen3: heads wider than the model, normalised; a vocabulary that is padded.
    config = transformers.Qwen3Config(**sizes(vocab + 8, head_dim=16, tie_word_embeddings=True))
    model = randomised(transformers.Qwen3ForCausalLM, config, 3)
    save(HERE / "qwen3", model, qwen2, TEMPLATE, "<|im_end|>")
    expect(HERE / "qwen3", model, qwen2, vocab)

    # Mistral: SentencePiece, several files, bfloat16.
    spm, pieces, scores, tokenizer = sentence_piece()
    config = transformers.MistralConfig(**sizes(len(pieces), tie_word_embeddings=False, sliding_window=None, dtype=torch.bfloat16))
    model = randomised(transformers.MistralForCausalLM, config, 4).bfloat16()
    save(HERE / "mistral", model, tokenizer, SPM_TEMPLATE, "</s>", "<s>", max_shard_size="30KB")
    texts = [{"text": t, "ids": spm.encode(t)} for t in PROBES[:3]]
    # Read again: a model that was made in bfloat16 has rounded its rotary embedding too.
    model = transformers.MistralForCausalLM.from_pretrained(HERE / "mistral", dtype=torch.float32, attn_implementation="eager")
    expect(HERE / "mistral", model, tokenizer, len(pieces), extra={"sentencepiece": texts})

    # GGUF, as written by the format's own library.
    files = HERE / "gguf"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    quants = gguf.GGMLQuantizationType
    spm_config = transformers.LlamaConfig(**sizes(len(pieces), tie_word_embeddings=False))
    kinds = {
        "llama-q8_0": (transformers.LlamaForCausalLM, spm_config, "llama", quants.Q8_0, spm_tokens(pieces, scores), tokenizer),
        "llama-f16": (transformers.LlamaForCausalLM, spm_config, "llama", quants.F16, spm_tokens(pieces, scores), tokenizer),
        "qwen2-q4_0": (transformers.Qwen2ForCausalLM, None, "qwen2", quants.Q4_0, bpe_tokens(qwen2, "qwen2"), qwen2),
        "qwen3-q5_1": (transformers.Qwen3ForCausalLM, None, "qwen3", quants.Q5_1, bpe_tokens(qwen2, "qwen2"), qwen2),
        "llama3-f32": (transformers.LlamaForCausalLM, None, "llama", None, bpe_tokens(llama3, "llama-bpe"), llama3),
    }
    configs = {
        "qwen2-q4_0": transformers.Qwen2Config(**sizes(vocab, tie_word_embeddings=True)),
        "qwen3-q5_1": transformers.Qwen3Config(**sizes(vocab, head_dim=16, tie_word_embeddings=True)),
        "llama3-f32": transformers.LlamaConfig(**sizes(vocab, tie_word_embeddings=False)),
    }
    for seed, (name, (kind, config, arch, quant, tokens, tokenizer)) in enumerate(kinds.items()):
        model = randomised(kind, config or configs[name], 10 + seed)
        write_gguf(files / f"{name}.gguf", model, arch, quant, tokens)
        expect(files, model, tokenizer, model.config.vocab_size)
        (files / "expected.json").rename(files / f"{name}.json")

    later_families(llama3, qwen2)

    names = ["torch", "transformers", "peft", "gguf", "sentencepiece", "tokenizers", "safetensors"]
    versions = {name: importlib.metadata.version(name) for name in names} | {"python": sys.version.split()[0]}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1))


def later_families(llama3, qwen2):
    """Gemma 3, SmolLM3, Granite, YaRN and sliding windows, in folders and GGUF files."""
    vocab = llama3.get_vocab_size()
    files = HERE / "gguf"
    quants = gguf.GGMLQuantizationType

    def both(name, kind, config, seed, tokenizer, quant=None, write=None, **more):
        make = lambda: randomised(kind, config, seed)
        folder = HERE / name
        if more.pop("folder", True):
            save(folder, make(), tokenizer, more["template"], more["eos"], more.get("bos"))
            expect(folder, make(), tokenizer, config.vocab_size, more.get("probes", PROBES), more.get("extra"))
            if more.get("peft"):
                adapters(folder, make, "lora")
        if write:
            file = f"{name}-{quant.name.lower() if quant is not None else 'f32'}"
            model = randomised(kind, more.get("gguf_config", config), seed + 1)
            write_gguf(files / f"{file}.gguf", model, more["arch"], quant, write)
            expect(files, model, tokenizer, config.vocab_size, more.get("probes", PROBES), more.get("extra"))
            (files / "expected.json").rename(files / f"{file}.json")

    bpe = dict(template=TEMPLATE, eos="<|im_end|>")

    # Gemma 3: windows and two rotary embeddings, of which one is scaled; scores by a scalar of the model's.
    spm, pieces, scores, tokenizer = gemma_pieces()
    texts = [{"text": t, "ids": spm.encode(t)} for t in GEMMA_PROBES]
    rope = {"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}
    gemma = dict(hidden_size=32, intermediate_size=48, num_attention_heads=2, num_key_value_heads=1, head_dim=24,
                 max_position_embeddings=256, sliding_window=6, rms_norm_eps=1e-6, vocab_size=len(pieces),
                 attn_implementation="eager")
    config = transformers.Gemma3TextConfig(**gemma, num_hidden_layers=4, query_pre_attn_scalar=40, rope_parameters=rope,
                                           sliding_window_pattern=3)
    # A GGUF file leaves the pattern of six layers and the scalar to the reader.
    written = transformers.Gemma3TextConfig(**gemma, num_hidden_layers=7, query_pre_attn_scalar=24, rope_parameters=rope)
    both("gemma3", transformers.Gemma3ForCausalLM, config, 20, tokenizer, quants.F16, gemma_tokens(pieces, scores),
         arch="gemma3", gguf_config=written, template=GEMMA_TEMPLATE, eos="<eos>", bos="<bos>", probes=GEMMA_PROBES,
         extra={"sentencepiece": texts}, peft=True)

    # SmolLM3: every fourth layer knows no positions.
    config = transformers.SmolLM3Config(**{**sizes(vocab), "num_hidden_layers": 4, "intermediate_size": 48},
                                        pad_token_id=None, rope_parameters={"rope_type": "default", "rope_theta": 5e6})
    both("smollm3", transformers.SmolLM3ForCausalLM, config, 22, llama3, quants.Q8_0, bpe_tokens(llama3, "llama-bpe"),
         arch="smollm3", peft=True, **bpe, gguf_config=transformers.SmolLM3Config(
             **{**sizes(vocab), "num_hidden_layers": 5}, pad_token_id=None))

    # Granite: multipliers.
    config = transformers.GraniteConfig(**sizes(vocab, tie_word_embeddings=True, embedding_multiplier=12.0,
                                        residual_multiplier=0.22, attention_multiplier=0.2, logits_scaling=3.0))
    both("granite", transformers.GraniteForCausalLM, config, 24, llama3, None, bpe_tokens(llama3, "llama-bpe"),
         arch="granite", peft=True, **bpe)

    # Phi-4-mini: fused modules, heads of which a part turns, LongRoPE.
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75,
            "short_factor": [1.0, 1.25, 2.0], "long_factor": [1.0, 4.0, 9.0]}
    config = transformers.Phi3Config(**sizes(vocab, tie_word_embeddings=True, pad_token_id=None, rope_parameters=rope,
                                             sliding_window=9, original_max_position_embeddings=64))
    both("phi3", transformers.Phi3ForCausalLM, config, 30, llama3, peft=True, **bpe)

    # YaRN, with windows from the second layer on.
    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    config = transformers.Qwen2Config(**sizes(vocab, tie_word_embeddings=True, rope_parameters=yarn,
                                      use_sliding_window=True, sliding_window=5, max_window_layers=1))
    plain = transformers.Qwen2Config(**sizes(vocab, tie_word_embeddings=True, rope_parameters=yarn))
    both("qwen2-yarn", transformers.Qwen2ForCausalLM, config, 26, qwen2, quants.Q8_0, bpe_tokens(qwen2, "qwen2"),
         arch="qwen2", gguf_config=plain, **bpe)

    # Mistral's first: a window in every layer.
    config = transformers.MistralConfig(**sizes(vocab, tie_word_embeddings=False, sliding_window=7))
    both("mistral-window", transformers.MistralForCausalLM, config, 28, llama3, **bpe)


def randomised(kind, config, seed):
    model = kind(config).eval()
    randomise(model, seed)
    return model


if __name__ == "__main__":
    main()
