//! What a process says beside its answers: lines for its operator on the error output, and traces for a collector.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};

use lazai_facade::LazaiError;
#[cfg(feature = "otel")]
use lazai_facade::native::Traces;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[cfg(not(feature = "otel"))]
type Traces = std::convert::Infallible;

/// Begins to log what goes wrong beside an answer: no prompt, key or word of a reply is in it. A process that has a subscriber keeps it.
/// What this returns sends the last traces once it is dropped.
pub(crate) fn start(collector: Option<&str>) -> Result<Option<Traces>, LazaiError> {
    let traces = collector.map(to).transpose()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(LevelFilter::WARN));
    #[cfg(feature = "otel")]
    let subscriber = subscriber.with(traces.as_ref().map(Traces::layer));
    if subscriber.try_init().is_err() && traces.is_some() {
        return Err(LazaiError::new("config", "traces: this process has a subscriber of its own, which takes them"));
    }
    Ok(traces)
}

#[cfg(feature = "otel")]
fn to(collector: &str) -> Result<Traces, LazaiError> {
    Traces::to(collector).map_err(|error| LazaiError::new("config", format!("traces: {error}")))
}

#[cfg(not(feature = "otel"))]
fn to(_: &str) -> Result<Traces, LazaiError> {
    Err(LazaiError::new("feature_missing", "traces for a collector: the feature `otel`"))
}

/// From now on, a panic says where it happened, and its message only if that stands so in the source: one that was put together may repeat
/// the words that the code worked on.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        eprintln!("lazai: thread {:?} panicked at {place}: {}", thread.name().unwrap_or("?"), told(panic.payload()));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            eprintln!("{trace}");
        }
    }));
}

fn told(message: &(dyn Any + Send)) -> &'static str {
    // A message with values in it is a `String`.
    message
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("its message is not told, since private words may stand in it")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_repeats_no_words_that_it_was_about() {
        let (words, place) = ("zanzibarite", std::hint::black_box(1));
        let sliced = std::panic::catch_unwind(|| "ä zanzibarite"[place..].len()).unwrap_err();
        assert!(!told(&*sliced).contains(words) && told(&*sliced).contains("not told"));
        let fixed = std::panic::catch_unwind(|| panic!("no room")).unwrap_err();
        assert_eq!(told(&*fixed), "no room");
    }
}
