//! `say`.

use std::path::Path;

use lazai_facade::native::data::keep_file;
use lazai_facade::{LazaiError, Spoken, SpokenVoice};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::talk::{CONSUMER, client, conversation};
use crate::{Done, Output};

pub(crate) fn say(verb: &args::Say, out: &mut Output<'_>) -> Done {
    let speed_milli = pace(verb.speed)?;
    let (market, key) = acting(&verb.chat.acting, CONSUMER)?;
    let node = client(&verb.chat.node, verb.chat.ca.as_deref(), &verb.chat.way)?;
    let kept = conversation(&verb.chat, &market, &key, &node)?;
    let keep = |text: &str| keep_file(&verb.chat.conversation.to_string_lossy(), text.as_bytes());
    keep(&kept)?;
    let session = market.resume(&node, key, &kept)?;
    let spoken = block_on(session.speak(verb.text.clone(), Some(speed_milli), verb.most.clone(), None));
    // The sound first: until the conversation is kept, the same can be asked for again.
    if let Ok(spoken) = &spoken {
        keep_file(&verb.out.to_string_lossy(), &spoken.wav)?;
    }
    keep(&session.to_json()?)?;
    let spoken = spoken?;
    let told = json!({
        "file": verb.out, "characters": spoken.characters, "sampleRate": spoken.sample_rate, "voice": spoken.voice,
        "owed": spoken.owed,
    });
    out.tell(&told, |_| about(&spoken, &verb.out))?;
    Ok(true)
}

fn pace(speed: f64) -> Result<u32, LazaiError> {
    let milli = (speed * 1_000.0).round();
    if (500.0..=2_000.0).contains(&milli) {
        return Ok(milli as u32);
    }
    Err(LazaiError::new("request.speed", format!("--speed is {speed}, from 0.5 to 2 is spoken")))
}

/// What was spoken, for people.
fn about(spoken: &Spoken, file: &Path) -> String {
    let Spoken { characters, owed, voice, .. } = spoken;
    format!("{}: {characters} characters, {}; {owed} promised so far", file.display(), whose(*voice))
}

/// Whose voice it is, for people.
pub(crate) fn whose(voice: SpokenVoice) -> &'static str {
    match voice {
        SpokenVoice::Character => "the character's voice, as the node claims",
        SpokenVoice::PitchAndPace => "the base's voice at the character's pitch and pace, which is not the character's",
        SpokenVoice::Base => "the base's own voice, which is not the character's",
    }
}
