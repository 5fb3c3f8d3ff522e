//! Speech through the proxy: paid by the character, checked, marked as synthetic, and taken from the same session as replies.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai::http::{Front, HttpNode};
use lazai::node::{Node as _, NodeError, ReplySettings};
use lazai::provider::{Provider, VoiceTerms};
use lazai::settle::session::SessionPayment;
use lazai::settle::speech::SpokenVoice;
use lazai::speech::{
    AboutSpeaker, SpeakError, Speaker, SpeechJob, SpeechManifest, SpeechReply, SpeechSettings, audio_digest,
};
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_core::{Asset, ClassId, Digest, VersionNumber};
use pollster::block_on;
use serde_json::{Value, json};

use super::stage::*;

/// The price of a character.
const PRICE: u128 = 2;
const CEILING: u32 = 60;

/// A stand-in for a voice: each word is a phrase of its own tone.
#[derive(Debug)]
struct Tones {
    about: AboutSpeaker,
    begun: Arc<AtomicU64>,
    pace: Duration,
}

impl Speaker for Tones {
    fn about(&self) -> &AboutSpeaker {
        &self.about
    }

    fn load_voice(&self, _: &Path) -> Result<(SpokenVoice, Digest), SpeakError> {
        Ok((SpokenVoice::Character, sha256(b"voice")))
    }

    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        for word in job.text.split_whitespace() {
            std::thread::sleep(self.pace);
            let tone = i16::from(sha256(word.as_bytes()).as_bytes()[0]) + 1;
            let samples: Vec<i16> = (0..1_000).map(|at| if at % 2 == 0 { tone } else { -tone }).collect();
            if !on_samples(&samples) {
                break;
            }
        }
        Ok(())
    }
}

pub struct Speaking {
    pub stage: Stage,
    provider: Arc<Provider>,
    begun: Arc<AtomicU64>,
}

impl Speaking {
    pub fn new(pace: Duration) -> Self {
        let begun = Arc::<AtomicU64>::default();
        let about = AboutSpeaker { base_digest: sha256(b"base voice"), rate: 24_000 };
        let tones = Arc::new(Tones { about, begun: begun.clone(), pace });
        Self { begun, ..Self::of(tones, Some(sha256(b"voice"))) }
    }

    /// A node with a speaker, and the digest of its character's voice.
    pub fn of(speaker: Arc<dyn Speaker>, voice: Option<Digest>) -> Self {
        let stage = Stage::new();
        let terms = VoiceTerms {
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            character_price: UNITS(PRICE),
            character_ceiling: CEILING,
        };
        let node = stage.node("node", Duration::ZERO);
        let folder = stage.path("voice");
        let provider = Arc::into_inner(node.provider).unwrap();
        let provider = provider.with_voice(speaker, voice.map(|digest| (&*folder, digest)), terms).unwrap();
        Self { stage, provider: Arc::new(provider), begun: Arc::default() }
    }

    pub fn front(&self) -> Listening {
        Listening::on(Front::new(self.provider.clone(), vec![terms(3)]).router())
    }
}

fn post(url: &str, body: &Value) -> (u16, String, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = agent.post(url).header("content-type", "application/json");
    let mut answer = post.send(body.to_string()).unwrap();
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), media, answer.body_mut().read_to_vec().unwrap())
}

pub fn speak(url: &str, input: &str, more: &Value) -> (u16, String, Vec<u8>) {
    let mut body = json!({"model": MODEL, "input": input, "voice": "default"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(&format!("{url}/v1/audio/speech"), &body)
}

fn code(body: &[u8]) -> String {
    serde_json::from_slice::<Value>(body).unwrap()["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_text_is_spoken_in_every_form_and_paid_by_the_character() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let proxy = Listening::on(speaking.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    let (status, media, file) = speak(&proxy.url, "Grüß dich, night.", &json!({}));
    assert_eq!((status, media.as_str()), (200, "audio/wav"), "{}", String::from_utf8_lossy(&file));
    let manifest = SpeechManifest::of_wav(&file).unwrap();
    let receipt = &manifest.receipt.receipt;
    assert_eq!((receipt.characters, receipt.samples, receipt.turn), (17, 3_000, 1));
    assert_eq!(receipt.cumulative, UNITS(17 * PRICE));
    assert_eq!(manifest.terms.terms.adapter_digest, sha256(b"voice"));
    // Samples alone, and events, have the same sound.
    let (_, media, pcm) = speak(&proxy.url, "Grüß dich, night.", &json!({"response_format": "pcm"}));
    assert_eq!((media.as_str(), &pcm[..]), ("audio/pcm;rate=24000", &file[44..44 + 6_000]));
    let (_, media, events) = speak(&proxy.url, "Grüß dich, night.", &json!({"stream_format": "sse"}));
    assert_eq!(media, "text/event-stream");
    let events = String::from_utf8(events).unwrap();
    // Phrases that come close together may be told as one.
    let pieces = events.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let heard: Vec<u8> = pieces.filter_map(|event| STANDARD.decode(event["audio"].as_str()?).ok()).flatten().collect();
    assert_eq!(heard, file[44..44 + 6_000]);
    assert!(events.contains("speech.audio.done") && events.contains("\"input_tokens\":17"));
    // Another file of the same samples, which says the same.
    let (_, media, flac) = speak(&proxy.url, "Grüß dich, night.", &json!({"response_format": "flac"}));
    let lossless = SpeechManifest::of_flac(&flac).unwrap();
    assert_eq!((media.as_str(), lossless.receipt.receipt.samples), ("audio/flac", 3_000));
    // A reply in the same session: its sum goes on from there.
    let (status, reply) = ask(&proxy.url, &said("Who are you?"));
    assert_eq!(status, 200, "{reply}");
    let replied = &reply["lazai"]["receipt"]["receipt"];
    assert_eq!((number(&replied["cumulative"]), &replied["turn"]), (4 * 17 * PRICE + 7 + 120, &json!(5)));
    assert_eq!(number(&told(&proxy.url)["spent"]), 4 * 17 * PRICE + 7 + 120);
    let session = session_of(&reply).parse().unwrap();
    // All of it is promised, and the ledger splits it as any revenue.
    assert!(soon(|| block_on(speaking.provider.standing(session)).unwrap().promised() == UNITS(263)));
    let before = speaking.stage.ledger.market().session(session).unwrap().redeemed;
    block_on(speaking.provider.redeem(session)).unwrap();
    let after = speaking.stage.ledger.market().session(session).unwrap().redeemed;
    assert_eq!((before, after), (UNITS(0), UNITS(263)));
}

use lazai::settle::Ledger as _;

#[test]
fn a_reply_is_told_and_spoken() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let proxy = Listening::on(speaking.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    let chat = |more: Value| {
        let mut body = json!({"model": MODEL, "messages": said("Who are you?"), "modalities": ["text", "audio"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        post(&format!("{}/v1/chat/completions", proxy.url), &body)
    };
    // Sixty characters are spoken at most: a short reply.
    let short = json!({"max_tokens": 5, "audio": {"voice": "default", "format": "wav"}});
    let (status, _, body) = chat(short);
    let reply: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{reply}");
    let message = &reply["choices"][0]["message"];
    assert_eq!(message["audio"]["transcript"], message["content"]);
    let file = STANDARD.decode(message["audio"]["data"].as_str().unwrap()).unwrap();
    let manifest = SpeechManifest::of_wav(&file).unwrap();
    let receipt = &reply["choices"][0]["lazai_speech"]["receipt"];
    assert_eq!(json!(manifest.receipt), *receipt);
    let characters = message["content"].as_str().unwrap().chars().count() as u128;
    let owed = 7 + 5 * 3 + characters * PRICE;
    assert_eq!(number(&receipt["receipt"]["cumulative"]), owed);
    // Streamed: words, then sound, then the end.
    let (_, media, events) = chat(json!({"max_tokens": 5, "audio": {"format": "pcm16"}, "stream": true}));
    let events = String::from_utf8(events).unwrap();
    assert_eq!(media, "text/event-stream");
    let place = |what: &str| events.find(what).unwrap_or_else(|| panic!("no {what} in {events}"));
    assert!(place("\"content\":\"") < place("\"data\":") && place("\"data\":") < place("transcript"));
    assert!(place("transcript") < place("lazai_speech") && place("lazai_speech") < place("[DONE]"));
    // What is too long to be spoken is told, and said so.
    let (status, _, body) = chat(json!({"audio": {"format": "wav"}}));
    let reply: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &reply["choices"][0]["message"]["audio"]), (200, &Value::Null));
    assert_eq!(reply["choices"][0]["lazai_missing"]["code"], "consumer.receipt", "{reply}");
    // A node sells either.
    let node = post(
        &format!("{}/v1/chat/completions", front.url),
        &json!({
            "model": MODEL, "messages": said("Hi."), "modalities": ["text", "audio"], "audio": {"format": "wav"},
        }),
    );
    assert_eq!((node.0, code(&node.2).as_str()), (400, "request.invalid"));
}

#[test]
fn what_is_not_spoken_costs_nothing() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let proxy = Listening::on(speaking.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    for (input, more, status, why) in [
        ("", json!({}), 400, "node.setting"),
        (&"a".repeat(CEILING as usize + 1)[..], json!({}), 500, "consumer.receipt"),
        ("Hi.", json!({"voice": "alloy"}), 400, "request.invalid"),
        ("Hi.", json!({"response_format": "opus"}), 400, "request.invalid"),
        ("Hi.", json!({"model": "dat:9:9"}), 404, "loopback.voice"),
        (" \n ", json!({}), 400, "node.setting"),
    ] {
        let (found, _, body) = speak(&proxy.url, input, &more);
        assert_eq!(
            (found, code(&body).as_str()),
            (status, why),
            "{input:?} {more}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    assert_eq!(number(&told(&proxy.url)["spent"]), 0);
    // A proxy that pays less than the text costs does not ask for it.
    let small = lazai::http::Budget { max_step: UNITS(STEP), ..budget(100_000, 5_000, 1) };
    let tight = Listening::on(speaking.stage.proxy("tight", &[&front.url], small).router());
    let dear = "a".repeat(CEILING as usize);
    let (status, _, _) = speak(&tight.url, &dear, &json!({}));
    assert_eq!(status, 200, "{} is at most {STEP}", u128::from(CEILING) * PRICE);
    let none = lazai::http::Budget { max_step: UNITS(STEP), deposit: UNITS(STEP), ..budget(100_000, 100, 1) };
    let poor = Listening::on(speaking.stage.proxy("poor", &[&front.url], none).router());
    let (first, _, _) = speak(&poor.url, "Hi.", &json!({}));
    assert_eq!(first, 200);
}

#[test]
fn the_same_request_is_spoken_again_and_owed_once() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let (node, consumer) = (HttpNode::new(&front.url).unwrap(), speaking.stage.consumer());
    let model = block_on(node.models()).unwrap().remove(0);
    let terms = model.speech.unwrap();
    let deposit = SessionPayment::Deposit(UNITS(3_000));
    let mut conversation = block_on(consumer.open(1, &model.offer, deposit)).unwrap();
    let talker = consumer.talker();
    let settings = SpeechSettings { speed_milli: 1_000, seed: Some(5) };
    let mut ask =
        |text: &str| block_on(talker.ask_speech(&mut conversation, &terms, text.into(), settings, None)).unwrap();
    let (request, another) = (ask("once more"), ask("something else"));
    let once = block_on(node.speak(&request, &mut |_| {})).unwrap();
    let again = block_on(node.speak(&request, &mut |_| {})).unwrap();
    assert_eq!(once, again);
    assert_eq!((once.receipt.receipt.seed, speaking.begun.load(Ordering::SeqCst)), (5, 2));
    // Another text for the same turn is not spoken: it is owed already.
    let other = block_on(node.speak(&another, &mut |_| {})).unwrap_err();
    assert_eq!(other.code(), "node.turn_out_of_order", "{other}");
    let session = conversation.session;
    block_on(talker.take_speech(&mut conversation, &request, &once)).unwrap();
    assert_eq!(conversation.owed(), UNITS(9 * PRICE));
    // Nothing further before it is paid.
    let unpaid = block_on(talker.ask_speech(&mut conversation, &terms, "more".into(), settings, None)).unwrap_err();
    assert!(unpaid.to_string().contains("paid"), "{unpaid}");
    block_on(talker.pay_owed(&mut conversation, &node)).unwrap();
    assert_eq!(block_on(speaking.provider.standing(session)).unwrap().promised(), UNITS(9 * PRICE));
    let all = conversation.check_again(&consumer.account().domain());
    assert!(all.iter().all(Result::is_ok) && all.len() == 1, "{all:?}");
}

/// What a node makes of honest speech.
type Lie<'l> = &'l dyn Fn(&mut SpeechReply);

#[test]
fn receipts_that_lie_are_not_paid() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let (node, consumer) = (HttpNode::new(&front.url).unwrap(), speaking.stage.consumer());
    let model = block_on(node.models()).unwrap().remove(0);
    let deposit = SessionPayment::Deposit(UNITS(3_000));
    let mut conversation = block_on(consumer.open(1, &model.offer, deposit)).unwrap();
    let talker = consumer.talker();
    let terms = model.speech.unwrap();
    let request =
        block_on(talker.ask_speech(&mut conversation, &terms, "the truth".into(), SpeechSettings::default(), None))
            .unwrap();
    let honest = block_on(node.speak(&request, &mut |_| {})).unwrap();
    let key = lazai_core::LocalSigner::from_bytes(*sha256(b"node").as_bytes()).unwrap();
    let domain = consumer.account().domain();
    // The node signs each lie.
    let lie = |change: &dyn Fn(&mut SpeechReply)| {
        let mut reply = honest.clone();
        change(&mut reply);
        reply.receipt.signature = block_on(lazai_core::sign::sign(&key, &domain, &reply.receipt.receipt)).unwrap();
        let mut kept = conversation.clone();
        let taken = block_on(talker.take_speech(&mut kept, &request, &reply));
        assert!(taken.is_err() == (kept == conversation), "what is refused changes nothing");
        taken.map(drop)
    };
    lie(&|_| {}).unwrap();
    let lies: [(&str, Lie<'_>); 8] = [
        ("characters", &|reply| reply.receipt.receipt.characters += 1),
        ("sum owed", &|reply| reply.receipt.receipt.cumulative = UNITS(9 * PRICE + 1)),
        ("turn", &|reply| reply.receipt.receipt.turn = 2),
        ("samples", &|reply| reply.samples.push(1)),
        ("audio digest", &|reply| reply.samples[0] += 1),
        ("terms digest", &|reply| reply.receipt.receipt.terms_digest = Digest::ZERO),
        ("request digest", &|reply| reply.receipt.receipt.request_digest = Digest::ZERO),
        // Paid silence.
        ("sound", &|reply| {
            reply.samples.fill(0);
            reply.receipt.receipt.audio_digest = audio_digest(request.salt, 24_000, &reply.samples);
        }),
    ];
    for (field, change) in lies {
        let refused = lie(change).unwrap_err().to_string();
        assert!(refused.contains(field), "{field}: {refused}");
    }
}

#[test]
fn a_node_that_dies_in_mid_speech_costs_nothing_and_goes_on() {
    let speaking = Speaking::new(Duration::from_millis(100));
    let mut front = speaking.front();
    let (node, consumer) = (HttpNode::new(&front.url).unwrap(), speaking.stage.consumer());
    let model = block_on(node.models()).unwrap().remove(0);
    let deposit = SessionPayment::Deposit(UNITS(3_000));
    let mut conversation = block_on(consumer.open(1, &model.offer, deposit)).unwrap();
    let (talker, terms) = (consumer.talker(), model.speech.unwrap());
    let text = "one two three four five six seven";
    let mut phrases = 0;
    let mut first = conversation.clone();
    let broken = std::thread::scope(|scope| {
        let conversation = &mut first;
        let (talker, terms, node, phrases) = (&talker, &terms, &node, &mut phrases);
        let speaking = scope.spawn(move || {
            block_on(talker.speak(conversation, node, terms, text.into(), SpeechSettings::default(), None, &mut |_| {
                *phrases += 1;
            }))
        });
        std::thread::sleep(Duration::from_millis(350));
        front.kill();
        speaking.join().unwrap()
    });
    assert!(broken.is_err() && phrases < 7, "{phrases} phrases, {broken:?}");
    assert_eq!(conversation.owed(), UNITS(0));
    let front = speaking.front();
    let node = HttpNode::new(&front.url).unwrap();
    // The same words come through; the turn was begun, so other words for it are refused until then.
    let other =
        block_on(talker.ask_speech(&mut conversation, &terms, "else".into(), SpeechSettings::default(), None)).unwrap();
    let refused = block_on(node.speak(&other, &mut |_| {}));
    assert!(matches!(&refused, Err(NodeError::Refused { .. })), "{refused:?}");
    let spoken = block_on(talker.speak(
        &mut conversation,
        &node,
        &terms,
        text.into(),
        SpeechSettings::default(),
        None,
        &mut |_| {},
    ));
    assert_eq!(spoken.unwrap().0.samples.len(), 7_000);
    assert_eq!(conversation.owed(), UNITS(text.len() as u128 * PRICE));
}

#[test]
fn sillytavern_plays_what_it_asks_for() {
    let speaking = Speaking::new(Duration::ZERO);
    let front = speaking.front();
    let proxy = Listening::on(speaking.stage.proxy("proxy", &[&front.url], budget(100_000, 5_000, 1)).router());
    // The body that its server sends to the endpoint of its "OpenAI Compatible" provider, whatever is set there.
    let body = json!({
        "input": "Hello there.", "response_format": "mp3", "voice": "default", "speed": 1, "model": MODEL,
    });
    let (status, media, file) = post(&format!("{}/v1/audio/speech", proxy.url), &body);
    assert_eq!((status, media.as_str()), (200, "audio/wav"));
    assert_eq!(SpeechManifest::of_wav(&file).unwrap().receipt.receipt.characters, 12);
}

/// Sends a request as it is: no busy node is asked again. Gives the error's code, if it is one.
fn once(url: &str, path: &str, (name, header, body): (&'static str, String, String)) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = agent.post(format!("{url}{path}")).header("content-type", "application/json").header(name, header);
    let mut answer = post.send(body).unwrap();
    let body = answer.body_mut().read_to_vec().unwrap();
    (answer.status() != 200).then(|| code(&body))
}

#[test]
fn speech_that_waits_takes_no_place_of_replies() {
    let speaking = Speaking::new(Duration::from_millis(400));
    let front = speaking.front();
    let (node, consumer) = (HttpNode::new(&front.url).unwrap(), speaking.stage.consumer());
    let model = block_on(node.models()).unwrap().remove(0);
    let terms = model.speech.unwrap();
    let open = |nonce| {
        let deposit = SessionPayment::Deposit(UNITS(3_000));
        block_on(consumer.open(nonce, &model.offer, deposit)).unwrap()
    };
    let (mut heard, told) = (open(1), open(2));
    let settings = SpeechSettings::default();
    let asked = consumer.talker().ask_speech(&mut heard, &terms, "one two three".into(), settings, None);
    let sound = lazai::wire::speech::speak(&block_on(asked).unwrap());
    let messages = vec![Message::new(Role::User, "Who are you?")];
    let words = block_on(consumer.talker().ask(&told, messages, ReplySettings::default())).unwrap();
    // More copies of one request than there are places for anything: one is spoken, the others wait for it.
    let busy = AtomicU64::new(0);
    let codes: Vec<Option<String>> = std::thread::scope(|scope| {
        let say = || {
            let code = once(&front.url, "/v1/audio/speech", sound.clone());
            if code.as_deref() == Some("node.busy") {
                busy.fetch_add(1, Ordering::SeqCst);
            }
            code
        };
        let crowd: Vec<_> = (0..80).map(|_| scope.spawn(say)).collect();
        assert!(soon(|| busy.load(Ordering::SeqCst) > 0), "nobody was told to come back");
        assert_eq!(once(&front.url, "/v1/chat/completions", lazai::wire::talk::chat(&words)), None);
        crowd.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(codes.contains(&None), "{codes:?}");
}
