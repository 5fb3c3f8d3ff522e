//! The facade for Swift and Kotlin. Apps bring their own network ([`Transport`](lazai_facade::Transport)): the system's TLS,
//! proxies and rules hold, and nothing here needs a C compiler.

pub use lazai_facade::*;

lazai_facade::uniffi_reexport_scaffolding!();
