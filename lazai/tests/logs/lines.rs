//! Everything that a process logs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Everything that is logged.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// This library's crates at every level, with what is wanted of their spans; others as `lazai` logs them.
    pub fn collect(spans: FmtSpan) -> Self {
        let lines = Self::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone()).with_ansi(false);
        let wanted = filter_fn(|about| about.target().starts_with("lazai") || *about.level() <= tracing::Level::WARN);
        tracing_subscriber::registry().with(layer.with_span_events(spans).with_filter(wanted)).init();
        lines
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub fn all(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until something is logged.
    pub fn soon(&self, holds: impl Fn(&str) -> bool, most: Duration) -> bool {
        let begun = Instant::now();
        while !holds(&self.all()) {
            if begun.elapsed() > most {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
