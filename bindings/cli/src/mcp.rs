//! `mcp`: characters as an agent's tools.

use std::io::BufRead;

use serde_json::json;

use crate::args;
use crate::proxy::{end, open};
use crate::stopping::{told_to_stop, wait};
use crate::{Done, Output};

/// Serves one agent over the standard streams until its input ends, or agents over HTTP until a signal. Over the streams, nothing but the
/// protocol is printed: what else there is to say goes to the error output.
pub(crate) fn mcp(verb: args::Mcp, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let server = open(verb.paying)?;
    if let Some(files) = &verb.files {
        server.allow_files(files.to_string_lossy().into_owned());
    }
    let Some(address) = &verb.listen else {
        server.serve_lines(input, out.out)?;
        return Ok(true);
    };
    let stop = told_to_stop()?;
    let (url, key) = (format!("{}/mcp", server.listen(address)?), server.key());
    out.tell(&json!({"url": url, "key": key}), |_| format!("LAZAI_MCP_URL={url}\nLAZAI_MCP_KEY={key}"))?;
    wait(&stop, verb.until_input_ends.then_some(input));
    end(&server, out)
}
