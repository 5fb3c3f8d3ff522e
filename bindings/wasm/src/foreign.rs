//! JavaScript functions as transports and listeners of the facade.

use std::sync::Arc;

use lazai_facade::{BodySink, HttpRequest, LazaiError, ReplyListener, Transport};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

// A page has one thread.
struct JsTransport(SendWrapper<js_sys::Function>);
struct JsListener(SendWrapper<js_sys::Function>);

/// A transport from a function: it gets a request and a sink for bytes of the body, and promises the status.
pub(crate) fn transport(post: js_sys::Function) -> Arc<dyn Transport> {
    Arc::new(JsTransport(SendWrapper::new(post)))
}

/// A listener from a function that gets pieces of text.
pub(crate) fn listener(on_text: js_sys::Function) -> Arc<dyn ReplyListener> {
    Arc::new(JsListener(SendWrapper::new(on_text)))
}

/// A thrown value as the facade's error: with its code, if it has one.
fn caught(thrown: &JsValue, code: &str) -> LazaiError {
    let field = |name: &str| js_sys::Reflect::get(thrown, &name.into()).ok().and_then(|value| value.as_string());
    let message = field("message").unwrap_or_else(|| format!("{thrown:?}"));
    LazaiError::new(field("code").as_deref().unwrap_or(code), message)
}

#[async_trait::async_trait]
impl Transport for JsTransport {
    async fn post(&self, request: HttpRequest, sink: Arc<BodySink>) -> Result<u16, LazaiError> {
        let posting = SendWrapper::new(async {
            let push = Closure::<dyn FnMut(Vec<u8>)>::new(move |bytes| sink.push(bytes));
            let promise = self.0.call2(&JsValue::NULL, &crate::object(&request)?, push.as_ref())?;
            wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&promise)).await
        });
        let status = posting.await.map_err(|e| caught(&e, "node.transport"))?;
        let status = status.as_f64().filter(|status| (100.0..600.0).contains(status));
        // Whole numbers of that size: nothing is lost.
        status.map(|status| status as u16).ok_or_else(|| LazaiError::new("node.transport", "no status was given"))
    }
}

impl ReplyListener for JsListener {
    fn on_text(&self, text: String) -> bool {
        let answer = self.0.call1(&JsValue::NULL, &text.into());
        answer.is_ok_and(|answer| answer != JsValue::FALSE)
    }
}
