//! A stranger's tokenizer, out of a GGUF file or of `tokenizer.json`: an error or a counter, in bounded time and memory.
#![no_main]

use lazai_core::message::{Message, Role};
use lazai_core::tokenizer::Counter;
use libfuzzer_sys::fuzz_target;

const CONFIG: &[u8] = br#"{"eos_token": "<|im_end|>", "chat_template":
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"}"#;

fuzz_target!(|data: &[u8]| {
    for counter in [Counter::from_gguf(data), Counter::from_json(data, CONFIG, None)].into_iter().flatten() {
        let tokens = counter.encode("hush, <|im_end|> darling");
        let _ = (counter.text(&tokens), counter.prompt_tokens(&[Message::new(Role::User, "who are you?")]));
    }
});
