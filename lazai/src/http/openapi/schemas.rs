//! The schemas of requests and answers (JSON Schema 2020-12). A test holds the bounds to what is read.

use serde_json::{Map, Value, json};

use super::Server;

/// A reference to a schema.
pub(super) fn refer(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": ["boolean", "null"]})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn number(least: f64, most: f64) -> Value {
    json!({"type": ["number", "null"], "minimum": least, "maximum": most})
}

fn whole(least: u64) -> Value {
    json!({"type": ["integer", "null"], "minimum": least, "maximum": u32::MAX})
}

fn whole_up_to(most: u64) -> Value {
    json!({"type": ["integer", "null"], "minimum": 0, "maximum": most})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// An amount in base units, in decimal: it may be too large for a number of JSON.
fn amount() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+$"})
}

fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// The settings of a reply, which all APIs have.
pub(super) fn settings() -> Map<String, Value> {
    // Bytes are counted, and a character has at most four.
    let texts = |most: usize, bytes: usize| {
        let text = json!({"type": "string", "minLength": 1, "maxLength": bytes / 4});
        json!({"type": "array", "items": text, "maxItems": most})
    };
    let stop = json!({"anyOf": [{"type": "string", "maxLength": 64}, texts(16, 256), {"type": "null"}]});
    let biases = json!({
        "type": ["object", "null"], "propertyNames": {"pattern": "^[0-9]{1,9}$"}, "maxProperties": 300,
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
    });
    let stop_tokens = json!({
        "type": ["array", "null"], "maxItems": 64, "items": {"type": "integer", "minimum": 0, "maximum": u32::MAX},
    });
    let fields = [
        ("dry_allowed_length", whole(0)),
        ("dry_base", number(0.0, 100.0)),
        ("dry_multiplier", number(0.0, 100.0)),
        ("dry_sequence_breakers", json!({"anyOf": [texts(16, 40), {"type": "null"}]})),
        ("frequency_penalty", number(-2.0, 2.0)),
        ("guided_calls", json!({"type": ["object", "null"]})),
        ("guided_choice", json!({"type": ["array", "null"], "items": text()})),
        ("guided_grammar", json!({"type": ["string", "null"]})),
        ("guided_json", json!({"type": ["object", "string", "null"]})),
        ("guided_regex", json!({"type": ["string", "null"]})),
        ("logit_bias", biases),
        ("min_p", number(0.0, 1.0)),
        ("min_tokens", whole(0)),
        ("presence_penalty", number(-2.0, 2.0)),
        ("repetition_penalty", number(0.0, 10.0)),
        ("seed", json!({"type": ["integer", "null"], "minimum": i64::MIN, "maximum": i64::MAX})),
        ("stop", stop),
        ("stop_token_ids", stop_tokens),
        ("stream", flag()),
        ("temperature", number(0.0, 2.0)),
        ("top_k", whole(0)),
        ("top_p", number(0.0, 1.0)),
        ("typical_p", number(0.0, 1.0)),
        ("user", json!({"type": ["string", "null"]})),
    ];
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A request of these fields, and the settings.
fn asking(required: &[&str], fields: Value) -> Value {
    let mut properties = settings();
    properties.insert("model".into(), text());
    if let Value::Object(fields) = fields {
        properties.extend(fields);
    }
    let mut schema = object(required, properties.into());
    schema["additionalProperties"] = true.into();
    schema
}

fn part(kind: &str) -> Value {
    object(&["type", "text"], json!({"type": {"const": kind}, "text": text()}))
}

fn message() -> Value {
    let content = json!({"anyOf": [text(), list(part("text"))]});
    let said = json!({"role": words(&["system", "developer", "user", "assistant"]), "content": content});
    let call = json!({"role": {"const": "assistant"}, "content": {}, "tool_calls": list(refer("ToolCall"))});
    let result = json!({"role": {"const": "tool"}, "tool_call_id": text(), "content": content});
    json!({"anyOf": [
        object(&["role", "content"], said), object(&["role", "tool_calls"], call),
        object(&["role", "tool_call_id", "content"], result),
    ]})
}

fn function(is_flat: bool) -> Value {
    let fields = json!({
        "name": {"type": "string", "minLength": 1}, "description": {"type": ["string", "null"]},
        "parameters": {"type": ["object", "null"]}, "strict": flag(),
    });
    if is_flat {
        let mut flat = object(&["type", "name"], fields);
        flat["properties"]["type"] = json!({"const": "function"});
        return flat;
    }
    object(&["type", "function"], json!({"type": {"const": "function"}, "function": object(&["name"], fields)}))
}

fn requests(all: &mut Map<String, Value>) {
    let tools = |is_flat: bool| json!({"type": ["array", "null"], "maxItems": 128, "items": function(is_flat)});
    let choice = json!({"anyOf": [words(&["none", "auto", "required"]), {"type": "object"}, {"type": "null"}]});
    let options = json!({"type": ["object", "null"], "properties": {"include_usage": flag()}});
    let form = json!({
        "type": ["object", "null"], "properties": {"type": words(&["text", "json_object", "json_schema"])}, "required": ["type"],
    });
    let chat = json!({
        "messages": {"type": "array", "minItems": 1, "items": message()}, "max_completion_tokens": whole(1), "max_tokens": whole(1),
        "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 8}, "logprobs": flag(), "top_logprobs": whole_up_to(20),
        "response_format": form, "stream_options": options, "tools": tools(false), "tool_choice": choice,
        "parallel_tool_calls": flag(),
    });
    let prompt = json!({"anyOf": [text(), {"type": "array", "items": text(), "minItems": 1, "maxItems": 1}]});
    let completion = json!({
        "prompt": prompt, "max_tokens": whole(1), "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 8},
        "logprobs": whole_up_to(5), "echo": {"enum": [false, null]}, "suffix": {"enum": ["", null]}, "stream_options": options,
    });
    let item = json!({"anyOf": [
        object(&["role", "content"], json!({
            "type": {"const": "message"}, "role": words(&["system", "developer", "user", "assistant"]),
            "content": {"anyOf": [text(), list(json!({"anyOf": [part("input_text"), part("output_text")]}))]},
        })),
        object(&["type", "call_id", "name", "arguments"], json!({
            "type": {"const": "function_call"}, "call_id": text(), "name": text(),
            "arguments": {"type": "string", "contentMediaType": "application/json"},
        })),
        object(&["type", "call_id", "output"], json!({
            "type": {"const": "function_call_output"}, "call_id": text(), "output": {"anyOf": [text(), list(part("input_text"))]},
        })),
        object(&["type"], json!({"type": {"const": "reasoning"}})),
    ]});
    let format = json!({"type": ["object", "null"], "properties": {"format": form}});
    let nothing = json!({"enum": [false, null]});
    let response = json!({
        "input": {"anyOf": [text(), {"type": "array", "minItems": 1, "items": item}]}, "instructions": {"type": ["string", "null"]},
        "max_output_tokens": whole(1), "include": {"type": ["array", "null"], "items": words(&["message.output_text.logprobs", "reasoning.encrypted_content"])},
        "top_logprobs": whole_up_to(20), "text": format, "tools": tools(true), "tool_choice": choice,
        "parallel_tool_calls": flag(), "metadata": {"type": ["object", "null"]}, "store": nothing, "background": nothing,
        "previous_response_id": {"type": "null"}, "conversation": {"type": "null"},
        "truncation": {"enum": ["disabled", null]},
    });
    let input = json!({"type": "string", "minLength": 1});
    let embedding = object(
        &["model", "input"],
        json!({
            "model": text(), "input": {"anyOf": [input, {"type": "array", "items": input, "minItems": 1, "maxItems": 2048}]},
            "encoding_format": {"enum": ["float", "base64", null]}, "dimensions": {"type": ["integer", "null"], "minimum": 0},
            "user": {"type": ["string", "null"]},
        }),
    );
    let speech = object(
        &["model", "input"],
        json!({
            "model": text(), "input": input, "voice": {"enum": ["default", "", null]},
            "response_format": {"enum": ["wav", "flac", "pcm", "mp3", null]}, "stream_format": {"enum": ["audio", "sse", null]},
            "speed": {"type": ["number", "null"], "minimum": 0.5, "maximum": 2.0},
            "seed": {"type": ["integer", "null"], "minimum": 0}, "instructions": {"enum": ["", null]},
            "user": {"type": ["string", "null"]},
        }),
    );
    for (name, schema) in [
        ("SpeechRequest", speech),
        ("ChatRequest", asking(&["model", "messages"], chat)),
        ("CompletionRequest", asking(&["model", "prompt"], completion)),
        ("ResponseRequest", asking(&["model", "input"], response)),
        ("EmbeddingRequest", embedding),
    ] {
        all.insert(name.into(), schema);
    }
}

/// The receipt of a reply, and what comes with it.
fn details() -> Value {
    let receipt = object(
        &["session", "turn", "prompt_tokens", "completion_tokens", "cumulative"],
        json!({
            "session": text(), "turn": count(), "prompt_tokens": count(), "completion_tokens": count(), "cumulative": amount(),
        }),
    );
    object(
        &["receipt", "tokens", "adapter", "device"],
        json!({
            "receipt": object(&["receipt", "signature"], json!({"receipt": receipt, "signature": text()})),
            "tokens": list(count()), "text": text(), "adapter": text(), "device": text(), "checked": {},
            "trail": object(
                &["trail", "sampler", "machine", "signature"],
                json!({"trail": text(), "sampler": {"type": "object"}, "machine": text(), "signature": text()}),
            ),
        }),
    )
}

fn replies(all: &mut Map<String, Value>) {
    let usage = object(
        &["prompt_tokens", "completion_tokens", "total_tokens"],
        json!({"prompt_tokens": count(), "completion_tokens": count(), "total_tokens": count()}),
    );
    let call = object(
        &["id", "type", "function"],
        json!({
            "id": text(), "type": {"const": "function"},
            "function": object(&["name", "arguments"], json!({"name": text(), "arguments": text()})),
        }),
    );
    let message = object(
        &["role", "content"],
        json!({"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}, "tool_calls": list(refer("ToolCall"))}),
    );
    let finish = words(&["stop", "length", "tool_calls"]);
    let chat = object(
        &["index", "message", "finish_reason"],
        json!({"index": count(), "message": message, "logprobs": {"type": ["object", "null"]}, "finish_reason": finish, "lazai": refer("Details")}),
    );
    let completion = object(
        &["index", "text", "finish_reason"],
        json!({"index": count(), "text": text(), "logprobs": {"type": ["object", "null"]}, "finish_reason": words(&["stop", "length"]), "lazai": refer("Details")}),
    );
    let whole = |kind: &str, choice: Value| {
        object(
            &["id", "object", "created", "model", "choices", "usage", "lazai"],
            json!({
                "id": text(), "object": {"const": kind}, "created": count(), "model": text(), "choices": list(choice),
                "usage": refer("Usage"), "lazai": refer("Details"), "lazai_missing": {"type": "object"},
            }),
        )
    };
    let output = json!({"anyOf": [
        object(&["type", "id", "status", "role", "content"], json!({"type": {"const": "message"}, "id": text(), "content": list(part("output_text"))})),
        object(&["type", "id", "status", "call_id", "name", "arguments"], json!({"type": {"const": "function_call"}, "call_id": text(), "name": text(), "arguments": text()})),
    ]});
    let used = object(
        &["input_tokens", "output_tokens", "total_tokens"],
        json!({"input_tokens": count(), "output_tokens": count(), "total_tokens": count()}),
    );
    let response = object(
        &["id", "object", "created_at", "status", "model", "output", "usage", "store", "lazai"],
        json!({
            "id": text(), "object": {"const": "response"}, "created_at": count(), "model": text(),
            "status": words(&["completed", "incomplete"]), "output": list(output), "usage": used, "store": {"const": false},
            "lazai": refer("Details"),
        }),
    );
    for (name, schema) in [
        ("ToolCall", call),
        ("Usage", usage),
        ("Details", details()),
        ("ChatCompletion", whole("chat.completion", chat)),
        ("Completion", whole("text_completion", completion)),
        ("Response", response),
    ] {
        all.insert(name.into(), schema);
    }
}

fn others(all: &mut Map<String, Value>, server: Server) {
    let error = object(
        &["message", "type", "param", "code"],
        json!({"message": text(), "type": text(), "param": {"type": ["string", "null"]}, "code": text()}),
    );
    let model = object(
        &["id", "object", "created", "owned_by", "lazai"],
        json!({"id": text(), "object": {"const": "model"}, "created": count(), "owned_by": text(), "lazai": {"type": "object"}}),
    );
    let embedding = json!({"anyOf": [list(json!({"type": "number"})), text()]});
    let embeddings = object(
        &["object", "data", "model", "usage"],
        json!({
            "object": {"const": "list"}, "model": text(), "usage": {"type": "object"},
            "data": list(object(&["object", "index", "embedding"], json!({"object": {"const": "embedding"}, "index": count(), "embedding": embedding}))),
        }),
    );
    let mut add = |name: &str, schema: Value| {
        all.insert(name.into(), schema);
    };
    add("Error", object(&["error"], json!({"error": error})));
    add("Model", model);
    add("ModelList", object(&["object", "data"], json!({"object": {"const": "list"}, "data": list(refer("Model"))})));
    add("EmbeddingList", embeddings);
    let id = json!({"type": ["string", "number", "null"]});
    let version = json!({"const": "2.0"});
    let asked = json!({"jsonrpc": version, "id": id, "method": text(), "params": {"type": "object"}});
    add("RpcRequest", object(&["jsonrpc", "method"], asked));
    add("RpcAnswer", object(&["jsonrpc", "id"], json!({"jsonrpc": version, "id": id, "error": {"type": "object"}})));
    let card =
        json!({"name": text(), "description": text(), "url": text(), "version": text(), "skills": {"type": "array"}});
    add("AgentCard", object(&["name", "description", "url", "version", "skills"], card));
    match server {
        Server::Proxy => {
            let amounts = ["total", "deposit", "max_step", "spent", "bound"].map(|name| (name.to_owned(), amount()));
            let mut fields: Map<String, Value> = amounts.into_iter().collect();
            fields.insert("asset".into(), text());
            fields.insert("max_session_s".into(), count());
            fields.insert("sessions".into(), list(text()));
            add("Budget", object(&["asset", "total", "spent", "bound", "sessions"], fields.into()));
        }
        Server::Node => {
            let signed = |name: &str, required: &[&str], fields: Value| {
                object(&[name, "signature"], json!({name: object(required, fields), "signature": text()}))
            };
            let required = object(
                &["x402Version", "error", "resource", "accepts"],
                json!({"x402Version": {"const": 2}, "error": text(), "resource": {"type": "object"}, "accepts": list(json!({"type": "object"}))}),
            );
            let payments = json!({"x402Version": {"const": 2}, "resources": list(text()), "accepts": list(json!({"type": "object"}))});
            add("Payments", object(&["x402Version", "resources", "accepts"], payments));
            let opening = json!({"payer": text(), "nonce": {"type": "integer"}, "consumer": text(), "deposit": amount(),
                "offer": {"type": "object"}, "offer_signature": text(), "valid_after_s": {"type": "integer"},
                "valid_before_s": {"type": "integer"}, "signature": text()});
            let names = [
                "payer",
                "nonce",
                "consumer",
                "deposit",
                "offer",
                "offer_signature",
                "valid_after_s",
                "valid_before_s",
                "signature",
            ];
            add("SignedOpening", object(&names, opening));
            add("Opened", object(&["session"], json!({"session": text()})));
            add("Unpaid", object(&["error", "payment"], json!({"error": error, "payment": required})));
            add("SealedMessage", json!({"type": "string", "format": "binary"}));
            let hex = json!({"type": "string", "pattern": "^([0-9a-f]{2})*$"});
            let snp =
                object(&["kind", "report", "vcek"], json!({"kind": {"const": "sev_snp"}, "report": hex, "vcek": hex}));
            let tdx = object(
                &["kind", "quote", "collateral"],
                json!({"kind": {"const": "tdx"}, "quote": hex, "collateral": {"type": "object"}}),
            );
            add("Quote", json!({"anyOf": [snp, tdx]}));
            add("Health", object(&["status"], json!({"status": {"const": "ok"}})));
            add(
                "SignedVoucher",
                signed("voucher", &["session", "cumulative"], json!({"session": text(), "cumulative": amount()})),
            );
            let blind = json!({"type": "array", "items": text()});
            let order = json!({"session": text(), "turn": {"type": "integer"}, "terms": text(), "blinded": blind,
                               "signature": text()});
            add("CreditOrder", object(&["session", "turn", "terms", "blinded", "signature"], order));
            let named = ["session", "turn", "terms_digest", "order_digest", "credits", "cumulative"];
            let receipt = signed("receipt", &named, json!({"session": text(), "cumulative": amount()}));
            add("CreditDelivery", object(&["receipt"], json!({"receipt": receipt, "signatures": blind})));
            add("ReleaseRequest", object(&["session", "signature"], json!({"session": text(), "signature": text()})));
            add(
                "SignedRelease",
                signed("release", &["session", "redeemed"], json!({"session": text(), "redeemed": amount()})),
            );
            add(
                "SignedReport",
                signed(
                    "report",
                    &["session", "class", "version", "concern", "words"],
                    json!({"session": text(), "words": text()}),
                ),
            );
        }
    }
}

/// All schemas of a server.
pub(super) fn schemas(server: Server) -> Value {
    let mut all = Map::new();
    requests(&mut all);
    replies(&mut all);
    others(&mut all, server);
    all.sort_keys();
    all.into()
}
