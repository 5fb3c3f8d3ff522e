//! JavaScript's values as what the facade takes: objects as records and signers, functions as transports and listeners.

use std::sync::Arc;

use lazai_facade::{
    BodySink, HttpRequest, LazaiError, ReplyListener, Signer, SigningRequest, SpeechListener, Transport,
};
use send_wrapper::SendWrapper;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::generated::LocalKey;
use crate::thrown;

#[wasm_bindgen(typescript_custom_section)]
const RECORDS: &str = include_str!("records.ts");
#[wasm_bindgen(typescript_custom_section)]
const FOREIGN: &str = include_str!("foreign.ts");

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

/// A listener from a function that gets samples and their rate.
pub(crate) fn hearing(on_sound: js_sys::Function) -> Arc<dyn SpeechListener> {
    Arc::new(JsListener(SendWrapper::new(on_sound)))
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

impl SpeechListener for JsListener {
    fn on_sound(&self, samples: Vec<u8>, sample_rate: u32) -> bool {
        let samples = js_sys::Uint8Array::from(&samples[..]);
        let answer = self.0.call2(&JsValue::NULL, &samples, &sample_rate.into());
        answer.is_ok_and(|answer| answer != JsValue::FALSE)
    }
}

/// A plain object as a record.
pub(crate) fn record<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|e| thrown(LazaiError::new("json.malformed", e)))
}

/// Any object with `address()` and `sign(request)`, a `LocalKey` among them.
struct JsSigner {
    // A page has one thread.
    object: SendWrapper<JsValue>,
    address: String,
}

/// A signer from JavaScript.
pub(crate) fn signer(value: JsValue) -> Result<Arc<dyn Signer>, JsValue> {
    let address = method(&value, "address")?.call0(&value)?;
    let address = address.as_string().ok_or_else(|| refused(&"address() gives no string"))?;
    Ok(Arc::new(JsSigner { object: SendWrapper::new(value), address }))
}

fn method(value: &JsValue, name: &str) -> Result<js_sys::Function, JsValue> {
    let found = js_sys::Reflect::get(value, &name.into())?;
    found.dyn_into().map_err(|_| refused(&format!("a signer without {name}()")))
}

fn refused(reason: &dyn std::fmt::Display) -> JsValue {
    thrown(LazaiError::new("signer.refused", reason))
}

#[async_trait::async_trait]
impl Signer for JsSigner {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn sign(&self, request: SigningRequest) -> Result<String, LazaiError> {
        let signing = SendWrapper::new(async {
            let object = &*self.object;
            let promise = method(object, "sign")?.call1(object, &crate::object(&request)?)?;
            wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&promise)).await
        });
        let signature = signing.await.map_err(|e| caught(&e, "signer.refused"))?;
        signature.as_string().ok_or_else(|| LazaiError::new("signer.refused", "sign() gives no string"))
    }
}

#[wasm_bindgen]
impl LocalKey {
    /// Signs a request to a signer.
    pub fn sign(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SigningRequest")] request: JsValue,
    ) -> Result<String, JsValue> {
        self.0.sign_digest(record::<SigningRequest>(request)?.digest).map_err(thrown)
    }
}
