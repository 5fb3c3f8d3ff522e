//! When a server stops: at a signal, or at the end of its input.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use lazai_facade::LazaiError;
use signal_hook::consts::{SIGINT, SIGTERM};

/// The pause between looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

/// Set by the first of the signals that stop a server. The second one says so and ends the process at once, as a kill would: its book has
/// everything.
pub(crate) struct Stop {
    told: Arc<AtomicBool>,
    #[cfg(not(windows))]
    watched: signal_hook::iterator::Handle,
}

#[cfg(not(windows))]
impl Drop for Stop {
    fn drop(&mut self) {
        self.watched.close();
    }
}

fn failed(error: std::io::Error) -> LazaiError {
    LazaiError::new("io", format!("signals: {error}"))
}

#[cfg(not(windows))]
pub(crate) fn told_to_stop() -> Result<Stop, LazaiError> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let (told, watched) = (Arc::new(AtomicBool::new(false)), signals.handle());
    let first = told.clone();
    let watch = move || {
        for _ in signals.forever() {
            if first.swap(true, Ordering::Relaxed) {
                eprintln!("lazai: stopping at once: replies in progress are cut off; what was promised is in the book");
                std::process::exit(1);
            }
        }
    };
    std::thread::Builder::new().name("lazai-signals".into()).spawn(watch).map_err(failed)?;
    Ok(Stop { told, watched })
}

#[cfg(windows)]
pub(crate) fn told_to_stop() -> Result<Stop, LazaiError> {
    use signal_hook::flag;
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let watched = flag::register_conditional_shutdown(signal, 1, told.clone());
        watched.and_then(|_| flag::register(signal, told.clone())).map_err(failed)?;
    }
    Ok(Stop { told })
}

/// Waits for a signal, or for the end of the input.
pub(crate) fn wait(stop: &Stop, input: Option<Box<dyn BufRead + Send>>) {
    let (open, ended) = channel::<()>();
    let open = match input {
        None => Some(open),
        Some(mut input) => {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut input, &mut std::io::sink());
                drop(open);
            });
            None
        }
    };
    while !stop.told.load(Ordering::Relaxed) {
        if ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    drop(open);
}
