//! What a node offers: its models, and what it wants for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use lazai_core::pov::PublicPart;
use lazai_core::{ClassId, VersionNumber};
use lazai_settle::market::Market;
use lazai_settle::session::Offer;
use serde_json::{Value, json};

use super::sealed::refused;
use super::{Front, refusal};
use crate::conversation::{asks_for_the_card, published};
use crate::node::SignedOffer;
use crate::provider::{OfferTerms, Provider};
use crate::speech::SignedSpeechTerms;
use crate::wire::exact::ExactRequirement;
use crate::wire::openai::ApiError;
use crate::wire::payment::{self, Accepted, Extra, REQUIRED, Required, Requirement, Resource, SCHEME};
use crate::wire::talk::model_id;

/// The validity of an offer that is given out, in seconds.
const VALID_S: u64 = 600;

/// A node's terms, and the offers that it signed under them.
pub(super) struct Offers {
    provider: Arc<Provider>,
    /// Offers are used until half of their time is over: signing may cost (a key service, a phone).
    all: Vec<(OfferTerms, Mutex<Option<SignedOffer>>)>,
    /// The terms of speech, by version; used like offers.
    speech: Mutex<BTreeMap<(ClassId, VersionNumber), SignedSpeechTerms>>,
}

impl Offers {
    pub(super) fn new(provider: Arc<Provider>, terms: Vec<OfferTerms>) -> Self {
        Self {
            provider,
            all: terms.into_iter().map(|terms| (terms, Mutex::default())).collect(),
            speech: Mutex::default(),
        }
    }

    pub(super) fn terms(&self) -> impl Iterator<Item = &OfferTerms> {
        self.all.iter().map(|(terms, _)| terms)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The time, and the series of offers that are good now.
    fn now(&self) -> (u64, u64) {
        (self.provider.ledger().now_s(), self.provider.series())
    }

    /// The offer under some terms, signed anew if it is not fresh.
    async fn one(
        &self,
        (terms, signed): &(OfferTerms, Mutex<Option<SignedOffer>>),
        (now_s, series): (u64, u64),
    ) -> Result<SignedOffer, ApiError> {
        let fresh =
            |o: &SignedOffer| o.offer.valid_until_s >= now_s.saturating_add(VALID_S / 2) && o.offer.series == series;
        let found = signed.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(fresh);
        if let Some(offer) = found {
            return Ok(offer);
        }
        let offer = self.provider.offer(terms, now_s.saturating_add(VALID_S)).await;
        let offer = offer.map_err(|e| refusal(&e.into()))?;
        *signed.lock().unwrap_or_else(PoisonError::into_inner) = Some(offer.clone());
        Ok(offer)
    }

    /// The terms of speech of a version, signed anew if they are not fresh; `None` if it has no voice here.
    async fn speech_of(&self, class: ClassId, version: VersionNumber) -> Result<Option<SignedSpeechTerms>, ApiError> {
        let (now_s, series) = self.now();
        let fresh = |signed: &SignedSpeechTerms| {
            signed.terms.valid_until_s >= now_s.saturating_add(VALID_S / 2) && signed.terms.series == series
        };
        let kept = || self.speech.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept().get(&(class, version)).cloned().filter(fresh);
        if found.is_some() {
            return Ok(found);
        }
        let signed = self.provider.speech_terms(class, version, now_s.saturating_add(VALID_S)).await;
        let signed = signed.map_err(|e| refusal(&e.into()))?;
        if let Some(terms) = &signed {
            kept().insert((class, version), terms.clone());
        }
        Ok(signed)
    }

    /// The offer of a model, if it is one of the node's.
    pub(super) async fn of_model(&self, model: &str) -> Result<Option<SignedOffer>, ApiError> {
        let named = self.all.iter().find(|(terms, _)| model_id(terms.class, terms.version) == model);
        match named {
            Some(named) => self.one(named, self.now()).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn each(&self) -> Result<Vec<SignedOffer>, ApiError> {
        let (now, mut offers) = (self.now(), Vec::with_capacity(self.all.len()));
        for terms in &self.all {
            offers.push(self.one(terms, now).await?);
        }
        Ok(offers)
    }

    /// An offer as one of the node's models.
    async fn model(&self, market: &Market, offer: SignedOffer) -> Result<Value, ApiError> {
        let Offer { class, version, node, .. } = offer.offer;
        let speech = self.speech_of(class, version).await?;
        let mut about = json!({
            "name": name(market, class, version), "offer": offer, "ledger": market.ledger(),
            "device": self.provider.about().device, "adapter": "claimed",
        });
        if let Some(terms) = speech {
            about["speech"] = json!(terms);
        }
        let credits = self.provider.credit_terms_of(class, version).await.map_err(|e| refusal(&e))?;
        if !credits.is_empty() {
            about["credits"] = json!(credits);
        }
        if let Some(terms) = self.provider.seal_terms().await.map_err(|e| refused(&e))? {
            about["seal"] = json!(terms);
        }
        Ok(json!({"id": model_id(class, version), "object": "model", "created": 0, "owned_by": node, "lazai": about}))
    }

    /// Everything that is needed to pay for what is at a path.
    pub(super) async fn required(&self, error: &str, url: &str) -> Result<Required, ApiError> {
        let (offers, market) = (self.each().await?, self.provider.ledger().market());
        Ok(Required {
            x402_version: 2,
            error: error.into(),
            resource: Resource { url: url.into(), description: "replies of a character".into() },
            accepts: offers.into_iter().filter_map(|offer| requirement(&market, offer)).collect::<Vec<_>>(),
        })
    }

    /// Status 402, with everything that is needed to pay.
    pub(super) async fn unpaid(&self, error: ApiError, url: &str, exact: Vec<ExactRequirement>) -> Response {
        let mut required = match self.required(&error.message, url).await {
            Ok(required) => required,
            Err(error) => return error.into_response(),
        };
        required.accepts.extend(exact.into_iter().map(|one| Accepted::Exact(Box::new(one))));
        let mut body = error.body();
        body["payment"] = json!(required);
        let mut response = error.into_response();
        let header = HeaderValue::from_str(&payment::encode(&required));
        *response.body_mut() = Body::from(body.to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        if let Ok(header) = header {
            response.headers_mut().insert(REQUIRED, header);
        }
        response
    }
}

fn requirement(market: &Market, signed: SignedOffer) -> Option<Accepted> {
    let offer = &signed.offer;
    Some(Accepted::Session(Box::new(Requirement {
        scheme: SCHEME.into(),
        network: payment::network(market.domain(), market.ledger()),
        amount: offer.step().ok()?,
        asset: offer.asset.0.to_string(),
        pay_to: offer.node.to_string(),
        max_timeout_seconds: offer.session_s,
        extra: Extra { ledger: market.ledger(), model: model_id(offer.class, offer.version), offer: signed },
    })))
}

/// The character's name, from the public part that its version was submitted with.
pub(super) fn name(market: &Market, class: ClassId, version: VersionNumber) -> Option<String> {
    let public = PublicPart::from_bytes(published(market, class, version)?.as_bytes()).ok()?;
    Some(public.character.name)
}

/// `GET /v1/models`.
pub(super) async fn models(State(front): State<Front>) -> Result<Response, ApiError> {
    let offers = &front.0.offers;
    let (market, signed) = (offers.provider.ledger().market(), offers.each().await?);
    let mut models = Vec::with_capacity(signed.len());
    for offer in signed {
        models.push(offers.model(&market, offer).await?);
    }
    Ok(axum::Json(json!({"object": "list", "data": models})).into_response())
}

/// `GET /v1/models/ID`.
pub(super) async fn model(
    State(front): State<Front>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(id) = id.map_err(|_| no_model("that is no text"))?;
    let offers = &front.0.offers;
    let named = offers.all.iter().find(|(terms, _)| model_id(terms.class, terms.version) == id);
    let named = named.ok_or_else(|| no_model(&id))?;
    let (market, offer) = (offers.provider.ledger().market(), offers.one(named, offers.now()).await?);
    let part = published(&market, offer.offer.class, offer.offer.version).filter(|part| asks_for_the_card(part));
    let mut model = offers.model(&market, offer).await?;
    // Too long for the list of all.
    if let Some(part) = part {
        model["lazai"]["public_part"] = part.into();
    }
    Ok(axum::Json(model).into_response())
}

/// The error for a model that is not there.
pub(in crate::http) fn no_model(id: &str) -> ApiError {
    let error =
        ApiError::new(404, "request.model", format!("no model {:?} here", id.chars().take(80).collect::<String>()));
    ApiError { parameter: Some("model".into()), ..error }
}
