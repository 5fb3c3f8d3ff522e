//! MCP over the standard streams: a message a line.

use std::io::{self, BufRead, ErrorKind, Read as _, Write};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;

use super::super::Loopback;
use super::mcp;
use crate::http::rpc::{MAX_BYTES, RpcError, answer};

/// Messages that are answered at a time; the next line waits.
const MAX_AT_ONCE: usize = 32;
/// How long replies under way are waited for once the input ended: they are paid either way.
const PATIENCE: Duration = Duration::from_secs(5);

impl Loopback {
    /// Answers an agent by the Model Context Protocol: a message a line comes in, a message a line goes out, until the input ends. Answers come
    /// as they are there. Runs on threads of its own; nothing else may write to the output.
    ///
    /// # Errors
    /// The operating system's, of the threads; of the output, but for its end: an agent that is gone is no error.
    pub fn serve_lines(&self, input: Box<dyn BufRead + Send>, output: &mut dyn Write) -> io::Result<()> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("lazai-mcp").enable_all().build()?;
        let (to, answers) = channel();
        let (proxy, handle) = (self.clone(), runtime.handle().clone());
        runtime.spawn(async move { proxy.inner.keep_taking_back() });
        let proxy = self.clone();
        // Its own thread: a line may never come.
        std::thread::Builder::new().name("lazai-mcp-in".into()).spawn(move || read(&proxy, input, &handle, &to))?;
        for answer in answers {
            match writeln!(output, "{answer}").and_then(|()| output.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            }
        }
        runtime.block_on(async {
            let waiting = async {
                for task in self.inner.agents.tasks.under_way() {
                    task.wait(PATIENCE).await;
                }
            };
            let _ = tokio::time::timeout(PATIENCE, waiting).await;
        });
        runtime.shutdown_background();
        Ok(())
    }
}

fn read(proxy: &Loopback, mut input: Box<dyn BufRead + Send>, runtime: &Handle, to: &Sender<Value>) {
    let slots = Arc::new(Semaphore::new(MAX_AT_ONCE));
    loop {
        let line = match line(&mut *input) {
            Ok(Line::Whole(line)) => line,
            Ok(Line::TooLong) => {
                if to.send(answer(Value::Null, Err(RpcError::too_long()))).is_err() {
                    return;
                }
                continue;
            }
            Ok(Line::End) => return,
            Err(error) => {
                tracing::warn!(%error, "the agent's messages cannot be read any more");
                return;
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Ok(slot) = runtime.block_on(slots.clone().acquire_owned()) else { return };
        let (proxy, to) = (proxy.clone(), to.clone());
        runtime.spawn(async move {
            if let Some(answer) = mcp::answered(&proxy, line.trim_ascii()).await {
                let _ = to.send(answer);
            }
            drop(slot);
        });
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// The next line. One that is too long is read to its end and thrown away.
fn line(input: &mut dyn BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let most = MAX_BYTES as u64 + 1;
    if input.take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') || line.len() <= MAX_BYTES {
        return Ok(Line::Whole(line));
    }
    loop {
        line.clear();
        let read = input.take(most).read_until(b'\n', &mut line)?;
        if read == 0 || line.last() == Some(&b'\n') {
            return Ok(Line::TooLong);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end_however_long_they_are() {
        let mut input = Vec::new();
        for (length, end) in [(3, "\n"), (MAX_BYTES, "\n"), (MAX_BYTES + 1, "\n"), (3 * MAX_BYTES, "\n"), (5, "")] {
            input.extend(vec![b'x'; length]);
            input.extend(end.as_bytes());
        }
        let (mut input, mut found) = (&input[..], Vec::new());
        loop {
            found.push(match line(&mut input).unwrap() {
                Line::Whole(line) => line.trim_ascii().len(),
                Line::TooLong => 0,
                Line::End => break,
            });
        }
        assert_eq!(found, [3, MAX_BYTES, 0, 0, 5]);
    }
}
