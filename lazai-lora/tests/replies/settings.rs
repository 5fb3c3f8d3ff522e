//! Each setting, on a model of random weights.

use lazai_core::reply::{FinishReason, ResponseFormat, before_stop};
use lazai_lora::generate::{Dry, Sampler};
use lazai_lora::{GenerateError, Generator};
use pollster::block_on;

use super::{base, candle, engine, heard, job, reply};

fn usual() -> Sampler {
    Sampler { max_tokens: 40, temperature_milli: 1_000, ..Sampler::default() }
}

/// Any part of a reply, as a stop string: the reply is the same up to there, and nothing beyond is heard.
#[test]
fn a_reply_ends_before_a_stop_string() {
    for generator in [&engine() as &dyn Generator, &candle()] {
        for seed in 0..12 {
            let whole = reply(generator, job(usual(), seed));
            let places: Vec<usize> = whole.text.char_indices().map(|(place, _)| place).collect();
            let (from, to) = (places.len() / 3, places.len() / 3 + 1 + seed as usize % 5);
            let Some(part) = places.get(to).map(|end| &whole.text[places[from]..*end]) else { continue };
            let stop = vec!["never said".into(), part.to_owned()];
            let (cut, heard) = heard(generator, job(Sampler { stop: stop.clone(), ..usual() }, seed)).unwrap();
            assert_eq!(cut.text, before_stop(&whole.text, &stop));
            assert_eq!(heard, cut.text, "all of it is heard, and nothing else");
            assert!(whole.tokens.starts_with(&cut.tokens));
            assert_eq!(cut.notes.finish_reason, FinishReason::Stop);
        }
    }
}

#[test]
fn a_reply_ends_before_a_stop_token() {
    let (engine, base) = (engine(), base());
    for seed in 0..8 {
        let whole = reply(&engine, job(usual(), seed));
        let token = whole.tokens[whole.tokens.len() / 2];
        let first = whole.tokens.iter().position(|other| *other == token).unwrap();
        let cut = reply(&engine, job(Sampler { stop_tokens: vec![token], ..usual() }, seed));
        assert_eq!(cut.tokens, whole.tokens[..=first], "it counts");
        assert_eq!(cut.text, base.tokenizer().decode(&whole.tokens[..first]).unwrap(), "and has no text");
        assert_eq!(cut.notes.finish_reason, FinishReason::Stop);
    }
}

#[test]
fn a_reply_has_its_least_length() {
    let (engine, base) = (engine(), base());
    let eager = Sampler { logit_bias_milli: [(base.tokenizer().eos(), 100_000)].into(), ..usual() };
    let at_once = reply(&engine, job(eager.clone(), 1));
    assert_eq!((at_once.tokens.len(), at_once.notes.finish_reason), (1, FinishReason::Stop));
    let later = reply(&engine, job(Sampler { min_tokens: 7, ..eager }, 1));
    assert_eq!((later.tokens.len(), later.tokens.last()), (8, Some(&base.tokenizer().eos())));
    let cut = reply(&engine, job(Sampler { max_tokens: 5, min_tokens: 5, ..usual() }, 1));
    assert_eq!((cut.tokens.len(), cut.notes.finish_reason), (5, FinishReason::Length));
    // A form that is complete ends it all the same.
    let yes = ResponseFormat::Choice(vec!["yes".into()]);
    let said = reply(&engine, job(Sampler { min_tokens: 30, format: Some(yes), ..usual() }, 1));
    assert_eq!((said.text.as_str(), said.notes.finish_reason), ("yes", FinishReason::Stop));
}

/// Probabilities are the model's own, whatever was done to the scores, and change no reply.
#[test]
fn probabilities_are_told() {
    let (engine, base) = (engine(), base());
    let greedy = Sampler { temperature_milli: 0, ..usual() };
    for (sampler, is_greedy) in [(greedy, true), (Sampler { top_k: 3, dry: dry(), ..usual() }, false)] {
        let plain = reply(&engine, job(sampler.clone(), 3));
        let told = reply(&engine, job(Sampler { top_logprobs: Some(384), ..sampler }, 3));
        assert_eq!((&told.text, &told.tokens), (&plain.text, &plain.tokens));
        let logprobs = told.notes.logprobs.unwrap();
        let spoken: Vec<u32> =
            told.tokens.iter().copied().filter(|token| !base.tokenizer().is_control(*token)).collect();
        assert_eq!(logprobs.iter().map(|token| token.chosen.token).collect::<Vec<_>>(), spoken);
        for token in &logprobs {
            let sum: f64 = token.top.iter().map(|top| (top.logprob_micro as f64 / 1e6).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
            assert!(token.top.is_sorted_by(|a, b| a.logprob_micro >= b.logprob_micro));
            assert!(token.top.contains(&token.chosen));
            assert!(!is_greedy || token.top[0] == token.chosen);
        }
    }
    assert_eq!(reply(&engine, job(usual(), 3)).notes.logprobs, None);
}

fn dry() -> Dry {
    Dry { multiplier_milli: 2_000, ..Dry::default() }
}

#[test]
fn repetition_is_penalised() {
    let engine = engine();
    // A model that would say one of two tokens for ever.
    let two: std::collections::BTreeMap<u32, i32> = [(70, 100_000), (71, 100_000)].into();
    let greedy = Sampler { temperature_milli: 0, logit_bias_milli: two, ..usual() };
    let kinds = |sampler: Sampler| {
        let tokens = reply(&engine, job(sampler, 1)).tokens;
        tokens.windows(4).collect::<std::collections::BTreeSet<_>>().len()
    };
    let (plain, penalised) = (kinds(greedy.clone()), kinds(Sampler { dry: dry(), ..greedy }));
    assert!(plain < penalised, "{plain} kinds of four tokens, {penalised} with the penalty");
}

/// All settings at once, side by side and alone, by the same seed and others: the same bits.
#[test]
fn replies_are_the_same_beside_others() {
    let engine = engine();
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"enum":["x","y"]}},"required":["b"]}"#;
    let samplers = [
        usual(),
        Sampler { typical_p_milli: 500, top_logprobs: Some(2), ..usual() },
        Sampler { dry: dry(), stop: vec!["e".into(), "\n".into()], ..usual() },
        Sampler { logit_bias_milli: [(50, 3_000), (90, -100_000)].into(), min_tokens: 9, ..usual() },
        Sampler { format: Some(ResponseFormat::JsonSchema(schema.into())), ..usual() },
        Sampler {
            format: Some(ResponseFormat::Regex("[a-f]{3,9}(, [0-9]+)*".into())),
            stop_tokens: vec![9],
            ..usual()
        },
        Sampler { format: Some(ResponseFormat::JsonObject), repetition_penalty_milli: 1_300, ..usual() },
    ];
    let jobs: Vec<_> = (0..21).map(|i| job(samplers[i % samplers.len()].clone(), i as u64 / 7)).collect();
    let running: Vec<_> = jobs.iter().map(|job| engine.generate(job.clone())).collect();
    let together: Vec<_> = running.into_iter().map(|running| block_on(running.reply()).unwrap()).collect();
    for (job, together) in jobs.iter().zip(&together) {
        assert_eq!(*together, reply(&engine, job.clone()));
    }
    let other = candle();
    for job in &jobs[..7] {
        assert_eq!(reply(&other, job.clone()), reply(&other, job.clone()));
    }
}

#[test]
fn what_cannot_be_heeded_is_refused_by_name() {
    let format = |format| Sampler { format: Some(format), ..usual() };
    let schema = |text: &str| format(ResponseFormat::JsonSchema(text.into()));
    let deep = format!("{}{}", r#"{"items":"#.repeat(4_000), "}".repeat(4_000));
    let wide =
        format!(r#"{{"enum":[{}]}}"#, (0..9_000).map(|i| format!("\"{i:x}-{i}\"")).collect::<Vec<_>>().join(","));
    for generator in [&engine() as &dyn Generator, &candle()] {
        for (sampler, named) in [
            (Sampler { logit_bias_milli: [(384, 1)].into(), ..usual() }, "logit_bias"),
            (Sampler { stop_tokens: vec![u32::MAX], ..usual() }, "stop_token_ids"),
            (schema("{"), "response_format"),
            (schema("7"), "response_format"),
            (schema("false"), "response_format"),
            (schema(r#"{"type":"text"}"#), "response_format"),
            (schema(r#"{"not":{"type":"string"}}"#), "response_format"),
            (schema(r#"{"type":"array","uniqueItems":true}"#), "response_format"),
            (schema(r##"{"$ref":"#/$defs/none"}"##), "response_format"),
            (schema(r#"{"$ref":"https://example.org/schema.json"}"#), "response_format"),
            (schema(r#"{"type":"integer","minimum":2,"maximum":1}"#), "response_format"),
            (schema(r#"{"type":"string","x-guidance":{"lenient":true}}"#), "response_format"),
            (schema(&deep), "response_format"),
            (format(ResponseFormat::Regex("(".into())), "response_format"),
            (format(ResponseFormat::Grammar("start: missing".into())), "response_format"),
        ] {
            let told = format!("{sampler:?}").chars().take(300).collect::<String>();
            match heard(generator, job(sampler, 1)) {
                Err(GenerateError::Setting { setting, reason }) => {
                    assert_eq!(setting, named);
                    assert!(reason.len() < 2_000 && !reason.contains("backtrace"), "{reason}");
                }
                other => panic!("{told}: {other:?}"),
            }
        }
        // A wide one is within the bounds, or refused.
        match heard(generator, job(schema(&wide), 1)) {
            Ok(_) | Err(GenerateError::Setting { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        reply(generator, job(usual(), 1));
    }
}
