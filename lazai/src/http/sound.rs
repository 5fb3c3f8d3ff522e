//! Speech in progress as an answer: as events, as a stream of samples, or as a file. The same for a node's front and the loopback proxy.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_lite::{StreamExt as _, stream};
use lazai_core::{Digest, Domain};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::Instrument as _;

use crate::speech::{SignedSpeechTerms, SpeechManifest, SpeechReply};
use crate::wire::openai::ApiError;
use crate::wire::payment::{PAYMENT_RESPONSE, encode};
use crate::wire::speech::{SoundFormat, SpeechCall, SpokenDetails, bytes, delta, done};

/// An event in the making of speech.
pub(super) enum Piece {
    /// Samples a second.
    Rate(u32),
    Samples(Vec<i16>),
    Done(Box<Made>),
    Failed(ApiError),
}

/// Speech that was made, and what its file says of it.
pub(super) struct Made {
    pub reply: SpeechReply,
    pub terms: SignedSpeechTerms,
    pub salt: Digest,
}

/// Where samples go.
pub(super) struct Sink {
    tell: Box<dyn FnMut(Piece) + Send>,
    wanted: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Sink {
    /// A sink for the samples of a reply that is spoken.
    pub fn new(
        wanted: impl Fn() -> bool + Send + Sync + 'static,
        mut on_samples: impl FnMut(Vec<i16>) + Send + 'static,
    ) -> Self {
        let tell = Box::new(move |piece| {
            if let Piece::Samples(samples) = piece {
                on_samples(samples);
            }
        });
        Self { tell, wanted: Arc::new(wanted) }
    }

    fn of(to: UnboundedSender<Piece>) -> Self {
        let asked = to.clone();
        let tell = Box::new(move |piece| drop(to.send(piece)));
        Self { tell, wanted: Arc::new(move || !asked.is_closed()) }
    }

    /// A check of whether the client is still connected, for code that can stop.
    pub fn is_wanted(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let wanted = self.wanted.clone();
        move || wanted()
    }

    /// Tells the rate of the samples, before the first.
    pub fn rate(&mut self, rate: u32) {
        (self.tell)(Piece::Rate(rate));
    }

    pub fn samples(&mut self, samples: &[i16]) {
        (self.tell)(Piece::Samples(samples.to_vec()));
    }
}

/// Answers a request with what `make` speaks. A failure before the first sample is an error with its own status.
pub(super) async fn answer<F, Make>(asked: &SpeechCall, domain: Domain, make: Make) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Made, ApiError>> + Send + 'static,
    Make: FnOnce(Sink) -> F,
{
    let (sender, mut pieces) = unbounded_channel();
    let made = make(Sink::of(sender.clone()));
    let ended = async move {
        let _ = sender.send(made.await.map_or_else(Piece::Failed, |made| Piece::Done(Box::new(made))));
    };
    tokio::spawn(ended.in_current_span());
    match (asked.events, asked.format) {
        (false, format @ (SoundFormat::Wav | SoundFormat::Flac)) => whole(format, domain, pieces).await,
        (events, _) => {
            let mut rate = None;
            let first = loop {
                match pieces.recv().await {
                    Some(Piece::Rate(told)) => rate = Some(told),
                    Some(Piece::Failed(error)) => return Err(error),
                    Some(piece) => break piece,
                    None => return Err(lost()),
                }
            };
            Ok(if events { as_events(first, pieces) } else { as_samples(rate.unwrap_or_default(), first, pieces) })
        }
    }
}

/// A file: the sound, and who signed for it.
async fn whole(
    format: SoundFormat,
    domain: Domain,
    mut pieces: UnboundedReceiver<Piece>,
) -> Result<Response, ApiError> {
    let Made { reply, terms, salt } = loop {
        match pieces.recv().await {
            Some(Piece::Samples(_) | Piece::Rate(_)) => {}
            Some(Piece::Done(made)) => break *made,
            Some(Piece::Failed(error)) => return Err(error),
            None => return Err(lost()),
        }
    };
    let rate = terms.terms.sample_rate;
    let details = SpokenDetails { receipt: reply.receipt.clone() };
    let file = data(format, domain, Made { reply, terms, salt }).await?;
    let mut response = (headers(format, rate), file).into_response();
    if let Ok(value) = HeaderValue::from_str(&encode(&json!({"success": true, "extensions": {"lazai": details}}))) {
        response.headers_mut().insert(PAYMENT_RESPONSE, value);
    }
    Ok(response)
}

/// Speech in a form: a file with its manifest, or samples alone.
pub(super) async fn data(format: SoundFormat, domain: Domain, made: Made) -> Result<Vec<u8>, ApiError> {
    let Made { reply: SpeechReply { samples, receipt }, terms, salt } = made;
    let manifest = SpeechManifest::new(domain, terms, receipt, salt);
    match format {
        SoundFormat::Wav => Ok(manifest.wav(&samples)),
        SoundFormat::Pcm => Ok(bytes(&samples)),
        SoundFormat::Flac => {
            // Ten minutes of sound take seconds.
            let encoded = tokio::task::spawn_blocking(move || manifest.flac(&samples)).await;
            let failed =
                |reason: &dyn std::fmt::Display| ApiError::new(500, "node.generation", format!("FLAC: {reason}"));
            encoded.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
        }
    }
}

fn headers(format: SoundFormat, rate: u32) -> [(header::HeaderName, String); 2] {
    [(header::CONTENT_TYPE, format.media_type(rate)), (header::CACHE_CONTROL, "no-store".into())]
}

/// Samples as they come. Where speech fails, the stream breaks off: its receipt is not there, nothing is owed for it.
fn as_samples(rate: u32, first: Piece, pieces: UnboundedReceiver<Piece>) -> Response {
    let pieces = after(first, pieces).filter_map(|piece| match piece {
        Piece::Samples(samples) => Some(Ok(bytes(&samples))),
        Piece::Done(_) | Piece::Rate(_) => None,
        Piece::Failed(error) => Some(Err(error)),
    });
    (headers(SoundFormat::Pcm, rate), Body::from_stream(pieces)).into_response()
}

fn as_events(first: Piece, pieces: UnboundedReceiver<Piece>) -> Response {
    let events = after(first, pieces).filter_map(|piece| {
        let event = match piece {
            Piece::Samples(samples) => delta(&samples),
            Piece::Done(made) => {
                let receipt = made.reply.receipt;
                done(receipt.receipt.characters, &SpokenDetails { receipt })
            }
            Piece::Failed(error) => error.body(),
            Piece::Rate(_) => return None,
        };
        Some(Ok::<_, Infallible>(Event::default().data(event.to_string())))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// A first piece, and those that come up to the last.
fn after(first: Piece, pieces: UnboundedReceiver<Piece>) -> impl futures_lite::Stream<Item = Piece> + Send + 'static {
    stream::unfold((Some(first), pieces, false), |(first, mut pieces, ended)| async move {
        if ended {
            return None;
        }
        let piece = match first {
            Some(piece) => piece,
            None => pieces.recv().await.unwrap_or_else(|| Piece::Failed(lost())),
        };
        let is_last = matches!(piece, Piece::Done(_) | Piece::Failed(_));
        Some((piece, (None, pieces, is_last)))
    })
}

fn lost() -> ApiError {
    ApiError::new(500, "node.generation", "the speech broke off")
}
