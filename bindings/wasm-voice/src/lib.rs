//! The base voice for JavaScript. It computes on the caller's thread: pages run it in a worker.

use std::sync::Arc;

use js_sys::{Error, Function, Int16Array, Reflect, Uint8Array};
use lazai_voice::narrator::{ASSETS, Narrator};
use lazai_voice::{Adapter, Character, Result, Speech, SpeechError};
use wasm_bindgen::prelude::*;

/// An `Error` by the name of `LazaiError`, with the code that base voices fail with in every language.
fn thrown(error: &SpeechError) -> JsValue {
    let thrown = Error::new(&error.to_string());
    thrown.set_name("LazaiError");
    // Setting a field of a fresh object does not fail.
    let _ = Reflect::set(&thrown, &"code".into(), &"model".into());
    thrown.into()
}

/// The files of the package `hibari-tts` 0.2.1 that a base voice is made of, in its folder `assets`.
#[wasm_bindgen(js_name = voiceAssets)]
pub fn voice_assets() -> Vec<String> {
    ASSETS.map(str::to_owned).to_vec()
}

/// A character's voice: an adapter of the base.
#[wasm_bindgen]
pub struct CharacterVoice(Arc<Adapter>);

/// What a text says is spoken sentence by sentence.
#[wasm_bindgen]
pub struct Saying(Box<dyn Iterator<Item = Result<Speech>>>);

#[wasm_bindgen]
impl Saying {
    /// The samples of the next sentence, 16 bits; `undefined` after the last.
    pub fn next(&mut self) -> std::result::Result<Option<Int16Array>, JsValue> {
        let speech = self.0.next().transpose().map_err(|error| thrown(&error))?;
        Ok(speech.map(|speech| Int16Array::from(&speech.to_pcm16()[..])))
    }
}

/// A base voice that reads English texts.
#[wasm_bindgen]
pub struct Base(Narrator);

#[wasm_bindgen]
impl Base {
    /// Reads the files of the package, whose bytes `asset` gives by their names.
    #[wasm_bindgen(constructor)]
    pub fn new(asset: &Function) -> std::result::Result<Self, JsValue> {
        let read = Narrator::read(|name| {
            let given = asset.call1(&JsValue::NULL, &name.into());
            match given.and_then(|bytes| bytes.dyn_into::<Uint8Array>()) {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(_) => {
                    let reason = "is not given as bytes, expected a Uint8Array".into();
                    Err(SpeechError::Malformed { what: name.into(), reason })
                }
            }
        });
        read.map(Self).map_err(|error| thrown(&error))
    }

    /// Samples a second.
    #[wasm_bindgen(getter, js_name = sampleRate)]
    pub fn sample_rate(&self) -> u32 {
        self.0.base().sample_rate_hz()
    }

    /// The digest of its weights, which adapters name.
    #[wasm_bindgen(getter)]
    pub fn digest(&self) -> String {
        self.0.base().digest().to_string()
    }

    /// A character's voice, of the bytes of `adapter_config.json` and `adapter_model.safetensors`.
    #[wasm_bindgen(js_name = characterVoice)]
    pub fn character_voice(&self, config: &[u8], weights: &[u8]) -> std::result::Result<CharacterVoice, JsValue> {
        let adapter = Adapter::from_bytes(config, weights, &**self.0.base()).map_err(|error| thrown(&error))?;
        Ok(CharacterVoice(Arc::new(adapter)))
    }

    /// Says a text with the base's own voice. `speed` is a part of its pace, 0.5 to 2.
    pub fn say(&self, text: &str, speed: f32, seed: u64) -> Saying {
        self.said(text, Character::Base, speed, seed)
    }

    /// Says a text with a character's voice.
    #[wasm_bindgen(js_name = sayAs)]
    pub fn say_as(&self, voice: &CharacterVoice, text: &str, speed: f32, seed: u64) -> Saying {
        self.said(text, Character::Adapter(voice.0.clone()), speed, seed)
    }

    fn said(&self, text: &str, character: Character, speed: f32, seed: u64) -> Saying {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Saying(Box::new(self.0.say(text, character, speed, bytes)))
    }
}
