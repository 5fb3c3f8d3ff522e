//! When a server stops: at a signal, or at the end of its input.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use lazai_facade::LazaiError;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The pause between looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

/// Set by the first of the signals that stop a server. The second one ends the process at once, as a kill would: its book has everything.
pub(crate) fn told_to_stop() -> Result<Arc<AtomicBool>, LazaiError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let watched = flag::register_conditional_shutdown(signal, 1, stop.clone());
        watched
            .and_then(|_| flag::register(signal, stop.clone()))
            .map_err(|e| LazaiError::new("io", format!("signals: {e}")))?;
    }
    Ok(stop)
}

/// Waits for a signal, or for the end of the input.
pub(crate) fn wait(stop: &AtomicBool, input: Option<Box<dyn BufRead + Send>>) {
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
    while !stop.load(Ordering::Relaxed) {
        if ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    drop(open);
}
