//! Servers of others as generators.

use super::*;

/// A server like vLLM's or llama.cpp's, as their references have it; it says back which model and adapter was asked for.
fn foreign(loaded: Arc<Mutex<Vec<Value>>>) -> axum::Router {
    use axum::Json;
    use axum::routing::{get, post};
    let load = move |Json(body): Json<Value>| {
        let mut loaded = loaded.lock().unwrap();
        let again = loaded.contains(&body);
        loaded.push(body);
        let status = if again { 400 } else { 200 };
        let said = json!({"error": {"message": "The lora adapter has already been loaded.", "code": 400}});
        std::future::ready((axum::http::StatusCode::from_u16(status).unwrap(), Json(said)))
    };
    let chat = |Json(body): Json<Value>| async move {
        if body["messages"][0]["content"] == "fail" {
            return format!("data: {}\n\n", json!({"error": {"message": "out of memory", "code": 500}}));
        }
        let mut words = format!("{} {}", body["model"].as_str().unwrap(), body["lora"]);
        if !body["stop"].is_null() {
            words = format!("{} {}", body["stop"], body["response_format"]["json_schema"]["schema"]);
        }
        let piece = |text: &str| json!({"choices": [{"delta": {"content": text}}]});
        let (one, two) = words.split_at(5);
        format!("data: {}\n\n: still there\n\ndata: {}\n\ndata: [DONE]\n\n", piece(one), piece(two))
    };
    axum::Router::new()
        .route("/v1/models", get(|| async { Json(json!({"data": [{"id": "smol"}]})) }))
        .route("/v1/load_lora_adapter", post(load))
        .route("/lora-adapters", get(|| async { Json(json!([{"id": 3, "path": "/models/diva/lora.gguf"}])) }))
        .route("/v1/chat/completions", post(chat))
}

#[test]
fn servers_of_others_answer_as_generators() {
    use lazai::core::Digest;
    use lazai::core::message::{Message, Role};
    use lazai::core::reply::ResponseFormat;
    use lazai::http::{OpenAiError, OpenAiGenerator, Server};
    use lazai::lora::generate::{GenerateJob, Reply, Sampler};
    use lazai::lora::{GenerateError, Generator};
    use lazai::models::ModelCounter;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let loaded = Arc::default();
    let url = runtime.block_on(listen(foreign(Arc::clone(&loaded))));
    let counter = Arc::new(ModelCounter::from_gguf(&lazai_examples::stage::base_path().unwrap()).unwrap());
    let connect = |model: &str, server| {
        OpenAiGenerator::connect(&url, model, server, Digest::from_bytes([1; 32]), counter.clone())
    };
    assert!(matches!(connect("llama", Server::Vllm), Err(OpenAiError::UnknownModel { .. })));

    let folder = tempfile::tempdir().unwrap();
    let adapter = folder.path().join("diva");
    std::fs::create_dir(&adapter).unwrap();
    std::fs::write(adapter.join("adapter_model.safetensors"), b"weights").unwrap();
    let job = |adapter, asked: &str| {
        let messages = vec![Message::new(Role::User, asked)];
        let (sampler, patience) = (Sampler::default(), GenerateJob::PATIENCE);
        GenerateJob { adapter, conversation: None, shared: Vec::new(), messages, sampler, seed: u64::MAX, patience }
    };
    let reply = |generator: &OpenAiGenerator, adapter, asked: &str| -> Result<(String, Reply), GenerateError> {
        runtime.block_on(async {
            let (mut generation, mut heard) = (generator.generate(job(adapter, asked)), String::new());
            while let Some(piece) = generation.next().await {
                heard += &piece;
            }
            Ok((heard, generation.reply().await?))
        })
    };
    for (server, with_adapter, without) in [
        (Server::Vllm, "lazai-9a129038d9a00aed null", "smol null"),
        (Server::LlamaCpp, "smol [{\"id\":3,\"scale\":1.0}]", "smol []"),
    ] {
        let generator = connect("smol", server).unwrap();
        let digest = generator.load_adapter(&adapter).unwrap();
        assert_eq!(digest, generator.load_adapter(&adapter).unwrap(), "a node that starts again finds it loaded");
        let (heard, whole) = reply(&generator, Some(digest), "hi").unwrap();
        assert_eq!((whole.text.as_str(), heard.as_str()), (with_adapter, with_adapter));
        assert_eq!(counter.tokenizer().decode(&whole.tokens).unwrap(), with_adapter);
        assert_eq!(reply(&generator, None, "hi").unwrap().1.text, without);
        // What the server can do is asked of it, what it would pass over is refused.
        let format = Some(ResponseFormat::JsonSchema(r#"{"z":1,"a":{}}"#.into()));
        let sampler = Sampler { stop: vec!["!".into()], format, ..Sampler::default() };
        let asked = GenerateJob { sampler, ..job(None, "hi") };
        let words = runtime.block_on(generator.generate(asked).reply()).unwrap().text;
        assert_eq!(words, r#"["!"] {"z":1,"a":{}}"#);
        let grammar = ResponseFormat::Grammar("start: \"a\"".into());
        let (other, named) = match server {
            Server::Vllm => (Sampler { typical_p_milli: 500, ..Sampler::default() }, "typical_p"),
            _ => (Sampler { min_tokens: 2, ..Sampler::default() }, "min_tokens"),
        };
        for (sampler, named) in [
            (Sampler { format: Some(grammar), ..Sampler::default() }, "response_format"),
            (Sampler { top_logprobs: Some(1), ..Sampler::default() }, "top_logprobs"),
            (other, named),
        ] {
            let refused = runtime.block_on(generator.generate(GenerateJob { sampler, ..job(None, "hi") }).reply());
            assert!(matches!(refused, Err(GenerateError::Setting { setting, .. }) if setting == named));
        }
        let unknown = reply(&generator, Some(Digest::ZERO), "hi");
        assert!(matches!(unknown, Err(GenerateError::UnknownAdapter { .. })));
        // A server's message may repeat the words that it was asked: the error, which goes to the node's log, has its code.
        let failed = reply(&generator, None, "fail").unwrap_err().to_string();
        assert!(failed.ends_with(": refused with 500"), "{failed}");
        assert_eq!(generator.about().device, "remote");
    }
    let asked: Vec<Value> = loaded.lock().unwrap().clone();
    assert!(asked[0]["lora_path"].as_str().unwrap().ends_with("diva"));
}
