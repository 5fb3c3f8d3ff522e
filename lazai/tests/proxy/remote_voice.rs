//! A node that lets another server speak: here the proxy of a second node, which has OpenAI's API as any such server.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::response::IntoResponse as _;
use axum::routing::post;
use lazai::http::OpenAiSpeaker;
use lazai::settle::speech::SpokenVoice;
use lazai::speech::{Speaker, SpeechJob};
use lazai_core::digest::sha256;
use serde_json::{Value, json};

use super::speech::{Speaking, speak};
use super::stage::*;

#[test]
fn a_node_sells_what_another_server_speaks() {
    let server = Speaking::new(Duration::ZERO);
    let front = server.front();
    let proxy = Listening::on(server.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    let (_, _, sound) = speak(&proxy.url, "Good night.", &json!({"response_format": "pcm", "speed": 1.25}));

    let remote = Arc::new(OpenAiSpeaker::new(&format!("{}/v1/", proxy.url), MODEL, "default"));
    let sold = Speaking::of(remote.clone(), None);
    let front = sold.front();
    let proxy = Listening::on(sold.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    let (status, _, heard) = speak(&proxy.url, "Good night.", &json!({"response_format": "pcm", "speed": 1.25}));
    assert_eq!((status, heard), (200, sound), "the samples of the server, and no others");
    // It is nobody's adapter: the terms say so, and a trained voice is refused.
    let (_, _, file) = speak(&proxy.url, "Good night.", &json!({}));
    let terms = lazai::speech::SpeechManifest::of_wav(&file).unwrap().terms.terms;
    assert_eq!((terms.voice, terms.base_digest), (SpokenVoice::Base, remote.about().base_digest));
    let folder = sold.stage.path("voice");
    assert!(remote.load_voice(&folder).unwrap_err().to_string().contains("is of another base"));
}

#[test]
fn what_a_server_answers_wrongly_is_no_speech() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let answer = |Json(body): Json<Value>| async move {
        let sound = |form: &str, bytes: usize| ([("content-type", form.to_owned())], vec![1_u8; bytes]).into_response();
        match body["input"].as_str().unwrap() {
            "file" => sound("audio/wav", 100),
            "rate" => sound("audio/pcm;rate=16000", 100),
            "half" => sound("audio/pcm", 4_801),
            "none" => sound("audio/pcm", 0),
            "sound" => sound("application/octet-stream", 9_602),
            words => {
                let said = json!({"error": {"message": format!("cannot say {words}"), "code": 500}});
                (axum::http::StatusCode::INTERNAL_SERVER_ERROR, Json(said)).into_response()
            }
        }
    };
    let url = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().route("/v1/audio/speech", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://me:secret@{address}")
    });
    let speaker = OpenAiSpeaker::new(&url, "kokoro", "af_heart");
    let said = |text: &str| {
        let job = SpeechJob { text: text.into(), adapter: None, speed_milli: 1_000, seed: 1 };
        let mut heard = Vec::new();
        let spoken = speaker.speak(&job, &mut |samples| {
            heard.push(samples.len());
            true
        });
        spoken.map(|()| heard).map_err(|error| error.to_string())
    };
    assert_eq!(said("sound").unwrap(), [2_400, 2_400, 1]);
    assert_eq!(said("none").unwrap(), [0; 0], "the node says that nothing in it can be spoken");
    for (words, wrong) in [
        ("file", "answers \"audio/wav\", samples at 24000 a second are expected"),
        ("rate", "answers \"audio/pcm;rate=16000\""),
        ("half", "within a sample"),
        ("a private word", "500"),
    ] {
        let error = said(words).unwrap_err();
        assert!(error.contains(wrong), "{error}");
        assert!(!error.contains("private") && !error.contains("secret"), "{error}");
    }
    let job = SpeechJob { text: "sound".into(), adapter: Some(sha256(b"voice")), speed_milli: 1_000, seed: 1 };
    assert!(speaker.speak(&job, &mut |_| true).unwrap_err().to_string().contains("is not loaded"));
    // Who has heard enough is sent no more.
    let (mut heard, job) = (0, SpeechJob { adapter: None, ..job });
    let mut once = |_: &[i16]| {
        heard += 1;
        false
    };
    speaker.speak(&job, &mut once).unwrap();
    assert_eq!(heard, 1);
}
