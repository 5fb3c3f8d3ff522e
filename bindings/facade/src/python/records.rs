//! Written by `cargo xtask surface write` out of the records.
#![allow(clippy::too_many_arguments, reason = "constructors take the fields")]

use pyo3::prelude::*;

use super::{PathText, Units, repr};

#[cfg(feature = "native")]
mod access_terms {
    use super::*;
    use crate::native::exex::AccessTerms;

    #[pymethods]
    impl AccessTerms {
        #[new]
        #[pyo3(signature = (rating, minimum_age, payment, consent, report_contact))]
        fn from_python(
            rating: crate::native::exex::Rating,
            minimum_age: u8,
            payment: crate::native::exex::PaymentMeans,
            consent: String,
            report_contact: String,
        ) -> Self {
            Self { rating, minimum_age, payment, consent, report_contact }
        }

        /// The audience.
        #[getter(rating)]
        fn python_rating(&self) -> crate::native::exex::Rating {
            self.rating
        }

        /// Minimum age in years; the application that opens a session answers for it.
        #[getter(minimum_age)]
        fn python_minimum_age(&self) -> u8 {
            self.minimum_age
        }

        /// The means of payment for a session.
        #[getter(payment)]
        fn python_payment(&self) -> crate::native::exex::PaymentMeans {
            self.payment
        }

        /// The consent under which real persons' words and voices are used.
        #[getter(consent)]
        fn python_consent(&self) -> String {
            self.consent.clone()
        }

        /// The contact for reports of misuse.
        #[getter(report_contact)]
        fn python_report_contact(&self) -> String {
            self.report_contact.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "AccessTerms", &["rating", "minimum_age", "payment", "consent", "report_contact"])
        }
    }
}

#[cfg(feature = "native")]
mod adapter_facts {
    use super::*;
    use crate::native::model::AdapterFacts;

    #[pymethods]
    impl AdapterFacts {
        #[new]
        #[pyo3(signature = (digest, base_digest, rank, alpha, rank_stabilised, parameters))]
        fn from_python(
            digest: String,
            base_digest: String,
            rank: u32,
            alpha: u32,
            rank_stabilised: bool,
            parameters: u64,
        ) -> Self {
            Self { digest, base_digest, rank, alpha, rank_stabilised, parameters }
        }

        /// SHA-256 of its weights.
        #[getter(digest)]
        fn python_digest(&self) -> String {
            self.digest.clone()
        }

        /// SHA-256 of the base model it is for.
        #[getter(base_digest)]
        fn python_base_digest(&self) -> String {
            self.base_digest.clone()
        }

        /// Rank of the update.
        #[getter(rank)]
        fn python_rank(&self) -> u32 {
            self.rank
        }

        /// Its scale: the update is multiplied by `alpha / rank`, or `alpha / sqrt(rank)`.
        #[getter(alpha)]
        fn python_alpha(&self) -> u32 {
            self.alpha
        }

        /// True if it is rank-stabilised (arXiv:2312.03732).
        #[getter(rank_stabilised)]
        fn python_rank_stabilised(&self) -> bool {
            self.rank_stabilised
        }

        /// Numbers that were learnt.
        #[getter(parameters)]
        fn python_parameters(&self) -> u64 {
            self.parameters
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "AdapterFacts",
                &["digest", "base_digest", "rank", "alpha", "rank_stabilised", "parameters"],
            )
        }
    }
}

#[cfg(feature = "native")]
mod agent_registration {
    use super::*;
    use crate::native::agent::AgentRegistration;

    #[pymethods]
    impl AgentRegistration {
        #[new]
        #[pyo3(signature = (chain_id, registry, agent))]
        fn from_python(chain_id: u64, registry: String, agent: u64) -> Self {
            Self { chain_id, registry, agent }
        }

        /// EIP-155 chain id.
        #[getter(chain_id)]
        fn python_chain_id(&self) -> u64 {
            self.chain_id
        }

        /// The registry's contract.
        #[getter(registry)]
        fn python_registry(&self) -> String {
            self.registry.clone()
        }

        /// The agent's number there.
        #[getter(agent)]
        fn python_agent(&self) -> u64 {
            self.agent
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "AgentRegistration", &["chain_id", "registry", "agent"])
        }
    }
}

mod character_report {
    use super::*;
    use crate::safety::CharacterReport;

    #[pymethods]
    impl CharacterReport {
        #[new]
        #[pyo3(signature = (session, class_id, version, concern, words, reported_at_s))]
        fn from_python(
            session: String,
            class_id: u64,
            version: u32,
            concern: crate::safety::Concern,
            words: String,
            reported_at_s: u64,
        ) -> Self {
            Self { session, class_id, version, concern, words, reported_at_s }
        }

        /// The session in which the character spoke.
        #[getter(session)]
        fn python_session(&self) -> String {
            self.session.clone()
        }

        /// The class that was served.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version that was served.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// The concern.
        #[getter(concern)]
        fn python_concern(&self) -> crate::safety::Concern {
            self.concern
        }

        /// A description: at most 2,000 bytes.
        #[getter(words)]
        fn python_words(&self) -> String {
            self.words.clone()
        }

        /// The time of the report, seconds since 1970.
        #[getter(reported_at_s)]
        fn python_reported_at_s(&self) -> u64 {
            self.reported_at_s
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "CharacterReport",
                &["session", "class_id", "version", "concern", "words", "reported_at_s"],
            )
        }
    }
}

mod chat_turn {
    use super::*;
    use crate::chat::ChatTurn;

    #[pymethods]
    impl ChatTurn {
        #[new]
        #[pyo3(signature = (text, finish_reason, prompt_tokens, completion_tokens, owed, token_check, model_checked, *, payment=None))]
        fn from_python(
            text: String,
            finish_reason: crate::chat::FinishReason,
            prompt_tokens: u64,
            completion_tokens: u64,
            owed: Units,
            token_check: crate::chat::TokenCheck,
            model_checked: bool,
            payment: Option<crate::transport::HttpRequest>,
        ) -> Self {
            Self {
                text,
                finish_reason,
                prompt_tokens,
                completion_tokens,
                owed: owed.0,
                token_check,
                model_checked,
                payment,
            }
        }

        /// The reply's text.
        #[getter(text)]
        fn python_text(&self) -> String {
            self.text.clone()
        }

        /// The reason for its end, as the node claims it.
        #[getter(finish_reason)]
        fn python_finish_reason(&self) -> crate::chat::FinishReason {
            self.finish_reason
        }

        /// Tokens of the conversation before it.
        #[getter(prompt_tokens)]
        fn python_prompt_tokens(&self) -> u64 {
            self.prompt_tokens
        }

        /// Tokens of the reply.
        #[getter(completion_tokens)]
        fn python_completion_tokens(&self) -> u64 {
            self.completion_tokens
        }

        /// The amount owed for the session by now, in base units.
        #[getter(owed)]
        fn python_owed(&self) -> PyResult<u128> {
            Units(self.owed.clone()).whole()
        }

        /// The check of its token counts.
        #[getter(token_check)]
        fn python_token_check(&self) -> crate::chat::TokenCheck {
            self.token_check
        }

        /// True if base and adapter are those that the ledger names for the version; otherwise only the node claims them.
        #[getter(model_checked)]
        fn python_model_checked(&self) -> bool {
            self.model_checked
        }

        /// The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        /// owed.
        #[getter(payment)]
        fn python_payment(&self) -> Option<crate::transport::HttpRequest> {
            self.payment.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ChatTurn",
                &[
                    "text",
                    "finish_reason",
                    "prompt_tokens",
                    "completion_tokens",
                    "owed",
                    "token_check",
                    "model_checked",
                    "payment",
                ],
            )
        }
    }
}

mod contributor_facts {
    use super::*;
    use crate::verify::ContributorFacts;

    #[pymethods]
    impl ContributorFacts {
        #[new]
        #[pyo3(signature = (address, records, tokens, root))]
        fn from_python(address: String, records: u64, tokens: u64, root: String) -> Self {
            Self { address, records, tokens, root }
        }

        /// The contributor's account, as the creator declares it.
        #[getter(address)]
        fn python_address(&self) -> String {
            self.address.clone()
        }

        /// The number of the contributor's records.
        #[getter(records)]
        fn python_records(&self) -> u64 {
            self.records
        }

        /// The number of their tokens.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// Root of the tree over the contributor's records.
        #[getter(root)]
        fn python_root(&self) -> String {
            self.root.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ContributorFacts", &["address", "records", "tokens", "root"])
        }
    }
}

#[cfg(feature = "native")]
mod contributor_terms {
    use super::*;
    use crate::native::data::ContributorTerms;

    #[pymethods]
    impl ContributorTerms {
        #[new]
        #[pyo3(signature = (address, name, licence, consent))]
        fn from_python(address: String, name: String, licence: String, consent: String) -> Self {
            Self { address, name, licence, consent }
        }

        /// The contributor's account.
        #[getter(address)]
        fn python_address(&self) -> String {
            self.address.clone()
        }

        /// A name to show.
        #[getter(name)]
        fn python_name(&self) -> String {
            self.name.clone()
        }

        /// SPDX identifier of the contributor's licence.
        #[getter(licence)]
        fn python_licence(&self) -> String {
            self.licence.clone()
        }

        /// The contributor's consent, in words.
        #[getter(consent)]
        fn python_consent(&self) -> String {
            self.consent.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ContributorTerms", &["address", "name", "licence", "consent"])
        }
    }
}

#[cfg(feature = "native")]
mod dat_facts {
    use super::*;
    use crate::native::dat::DatFacts;

    #[pymethods]
    impl DatFacts {
        #[new]
        #[pyo3(signature = (class_id, version, character, base_name, base_digest, base_licence, adapter_digest, record_digest, submission, exex, access, endpoints, integrity_hash, withdrawn, *, voice_base_digest=None, voice_digest=None, quality=None))]
        fn from_python(
            class_id: u64,
            version: u32,
            character: String,
            base_name: String,
            base_digest: String,
            base_licence: String,
            adapter_digest: String,
            record_digest: String,
            submission: String,
            exex: String,
            access: crate::native::exex::AccessTerms,
            endpoints: Vec<String>,
            integrity_hash: String,
            withdrawn: bool,
            voice_base_digest: Option<String>,
            voice_digest: Option<String>,
            quality: Option<crate::native::retraining::QualityFacts>,
        ) -> Self {
            Self {
                class_id,
                version,
                character,
                base_name,
                base_digest,
                base_licence,
                adapter_digest,
                voice_base_digest,
                voice_digest,
                quality,
                record_digest,
                submission,
                exex,
                access,
                endpoints,
                integrity_hash,
                withdrawn,
            }
        }

        /// The class.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// The character's name.
        #[getter(character)]
        fn python_character(&self) -> String {
            self.character.clone()
        }

        /// Public name of the base model.
        #[getter(base_name)]
        fn python_base_name(&self) -> String {
            self.base_name.clone()
        }

        /// SHA-256 of the base model.
        #[getter(base_digest)]
        fn python_base_digest(&self) -> String {
            self.base_digest.clone()
        }

        /// SPDX identifier of its licence.
        #[getter(base_licence)]
        fn python_base_licence(&self) -> String {
            self.base_licence.clone()
        }

        /// SHA-256 of the adapter's weights.
        #[getter(adapter_digest)]
        fn python_adapter_digest(&self) -> String {
            self.adapter_digest.clone()
        }

        /// Digest of the base voice; none if no voice was trained.
        #[getter(voice_base_digest)]
        fn python_voice_base_digest(&self) -> Option<String> {
            self.voice_base_digest.clone()
        }

        /// SHA-256 of the character's voice; none if no voice was trained.
        #[getter(voice_digest)]
        fn python_voice_digest(&self) -> Option<String> {
            self.voice_digest.clone()
        }

        /// How well base and tuned model predict records that were held out, by the execution node's word; none if none were.
        #[getter(quality)]
        fn python_quality(&self) -> Option<crate::native::retraining::QualityFacts> {
            self.quality.clone()
        }

        /// Digest of the signed training record.
        #[getter(record_digest)]
        fn python_record_digest(&self) -> String {
            self.record_digest.clone()
        }

        /// The submission that it was trained on.
        #[getter(submission)]
        fn python_submission(&self) -> String {
            self.submission.clone()
        }

        /// The execution node that trained it.
        #[getter(exex)]
        fn python_exex(&self) -> String {
            self.exex.clone()
        }

        /// The access terms.
        #[getter(access)]
        fn python_access(&self) -> crate::native::exex::AccessTerms {
            self.access.clone()
        }

        /// The URLs that serve it.
        #[getter(endpoints)]
        fn python_endpoints(&self) -> Vec<String> {
            self.endpoints.clone()
        }

        /// Digest of the version's metadata.
        #[getter(integrity_hash)]
        fn python_integrity_hash(&self) -> String {
            self.integrity_hash.clone()
        }

        /// True if it takes no new sessions.
        #[getter(withdrawn)]
        fn python_withdrawn(&self) -> bool {
            self.withdrawn
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "DatFacts",
                &[
                    "class_id",
                    "version",
                    "character",
                    "base_name",
                    "base_digest",
                    "base_licence",
                    "adapter_digest",
                    "voice_base_digest",
                    "voice_digest",
                    "quality",
                    "record_digest",
                    "submission",
                    "exex",
                    "access",
                    "endpoints",
                    "integrity_hash",
                    "withdrawn",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod dataset_facts {
    use super::*;
    use crate::native::data::DatasetFacts;

    #[pymethods]
    impl DatasetFacts {
        #[new]
        #[pyo3(signature = (records, tokens, held_out, recordings, notes))]
        fn from_python(
            records: u64,
            tokens: u64,
            held_out: u64,
            recordings: u64,
            notes: Vec<crate::character::FileNote>,
        ) -> Self {
            Self { records, tokens, held_out, recordings, notes }
        }

        /// Records.
        #[getter(records)]
        fn python_records(&self) -> u64 {
            self.records
        }

        /// Tokens of all records.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// Dialogues that were held out for measuring.
        #[getter(held_out)]
        fn python_held_out(&self) -> u64 {
            self.held_out
        }

        /// Recordings of the character's voice.
        #[getter(recordings)]
        fn python_recordings(&self) -> u64 {
            self.recordings
        }

        /// Notes on data that was dropped, merged or repaired.
        #[getter(notes)]
        fn python_notes(&self) -> Vec<crate::character::FileNote> {
            self.notes.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "DatasetFacts", &["records", "tokens", "held_out", "recordings", "notes"])
        }
    }
}

#[cfg(feature = "native")]
mod dialogue_message {
    use super::*;
    use crate::native::data::DialogueMessage;

    #[pymethods]
    impl DialogueMessage {
        #[new]
        #[pyo3(signature = (role, content, learnt))]
        fn from_python(role: crate::chat::Role, content: String, learnt: bool) -> Self {
            Self { role, content, learnt }
        }

        /// Its author.
        #[getter(role)]
        fn python_role(&self) -> crate::chat::Role {
            self.role
        }

        /// The message's text.
        #[getter(content)]
        fn python_content(&self) -> String {
            self.content.clone()
        }

        /// True if training learns these words; all others are context.
        #[getter(learnt)]
        fn python_learnt(&self) -> bool {
            self.learnt
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "DialogueMessage", &["role", "content", "learnt"])
        }
    }
}

#[cfg(feature = "native")]
mod dispute {
    use super::*;
    use crate::native::disputes::Dispute;

    #[pymethods]
    impl Dispute {
        #[new]
        #[pyo3(signature = (dispute, node, challenger, stake, deadline_s, state, same, other, silent, total, same_by, other_by, *, session=None, turn=None, submission=None, training_state=None))]
        fn from_python(
            dispute: String,
            node: String,
            challenger: String,
            stake: Units,
            deadline_s: u64,
            state: crate::native::disputes::DisputeState,
            same: u64,
            other: u64,
            silent: u64,
            total: u64,
            same_by: Vec<String>,
            other_by: Vec<String>,
            session: Option<String>,
            turn: Option<u32>,
            submission: Option<String>,
            training_state: Option<u32>,
        ) -> Self {
            Self {
                dispute,
                session,
                turn,
                submission,
                training_state,
                node,
                challenger,
                stake: stake.0,
                deadline_s,
                state,
                same,
                other,
                silent,
                total,
                same_by,
                other_by,
            }
        }

        /// Its name: the hash of the receipt, or of the doubt.
        #[getter(dispute)]
        fn python_dispute(&self) -> String {
            self.dispute.clone()
        }

        /// The session, of a reply.
        #[getter(session)]
        fn python_session(&self) -> Option<String> {
            self.session.clone()
        }

        /// The reply's turn in it.
        #[getter(turn)]
        fn python_turn(&self) -> Option<u32> {
            self.turn
        }

        /// The submission that was minted, of a training.
        #[getter(submission)]
        fn python_submission(&self) -> Option<String> {
            self.submission.clone()
        }

        /// The place of the state in the training record, from 0.
        #[getter(training_state)]
        fn python_training_state(&self) -> Option<u32> {
            self.training_state
        }

        /// The node that signed the reply, or the ExEx that minted.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The consumer or payer who doubts a reply; the submitter or contributor who doubts a training.
        #[getter(challenger)]
        fn python_challenger(&self) -> String {
            self.challenger.clone()
        }

        /// The amount that each of both puts at risk, in base units of coins.
        #[getter(stake)]
        fn python_stake(&self) -> PyResult<u128> {
            Units(self.stake.clone()).whole()
        }

        /// Votes count up to this time, seconds since 1970.
        #[getter(deadline_s)]
        fn python_deadline_s(&self) -> u64 {
            self.deadline_s
        }

        /// How far it is.
        #[getter(state)]
        fn python_state(&self) -> crate::native::disputes::DisputeState {
            self.state
        }

        /// Weight of the validators who repeated it.
        #[getter(same)]
        fn python_same(&self) -> u64 {
            self.same
        }

        /// Weight of those who got something else.
        #[getter(other)]
        fn python_other(&self) -> u64 {
            self.other
        }

        /// Weight of those who may still vote.
        #[getter(silent)]
        fn python_silent(&self) -> u64 {
            self.silent
        }

        /// All weight, that of parties too: two thirds of it decide.
        #[getter(total)]
        fn python_total(&self) -> u64 {
            self.total
        }

        /// The validators who repeated it.
        #[getter(same_by)]
        fn python_same_by(&self) -> Vec<String> {
            self.same_by.clone()
        }

        /// The validators who got something else.
        #[getter(other_by)]
        fn python_other_by(&self) -> Vec<String> {
            self.other_by.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "Dispute",
                &[
                    "dispute",
                    "session",
                    "turn",
                    "submission",
                    "training_state",
                    "node",
                    "challenger",
                    "stake",
                    "deadline_s",
                    "state",
                    "same",
                    "other",
                    "silent",
                    "total",
                    "same_by",
                    "other_by",
                ],
            )
        }
    }
}

mod domain {
    use super::*;
    use crate::sign::Domain;

    #[pymethods]
    impl Domain {
        #[new]
        #[pyo3(signature = (name, version, chain_id, verifying_contract, *, salt=None))]
        fn from_python(
            name: String,
            version: String,
            chain_id: u64,
            verifying_contract: String,
            salt: Option<String>,
        ) -> Self {
            Self { name, version, chain_id, verifying_contract, salt }
        }

        /// Name of the application.
        #[getter(name)]
        fn python_name(&self) -> String {
            self.name.clone()
        }

        /// Version of its signed types.
        #[getter(version)]
        fn python_version(&self) -> String {
            self.version.clone()
        }

        /// EIP-155 chain id.
        #[getter(chain_id)]
        fn python_chain_id(&self) -> u64 {
            self.chain_id
        }

        /// The contract that checks the signature.
        #[getter(verifying_contract)]
        fn python_verifying_contract(&self) -> String {
            self.verifying_contract.clone()
        }

        /// The field `salt`, if the domain has one: that of an embedded ledger does.
        #[getter(salt)]
        fn python_salt(&self) -> Option<String> {
            self.salt.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Domain", &["name", "version", "chain_id", "verifying_contract", "salt"])
        }
    }
}

#[cfg(feature = "native")]
mod ex_ex_contact {
    use super::*;
    use crate::native::roles::ExExContact;

    #[pymethods]
    impl ExExContact {
        #[new]
        #[pyo3(signature = (address, sealing_key))]
        fn from_python(address: String, sealing_key: String) -> Self {
            Self { address, sealing_key }
        }

        /// Its account.
        #[getter(address)]
        fn python_address(&self) -> String {
            self.address.clone()
        }

        /// Its public key (X25519).
        #[getter(sealing_key)]
        fn python_sealing_key(&self) -> String {
            self.sealing_key.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ExExContact", &["address", "sealing_key"])
        }
    }
}

#[cfg(feature = "native")]
mod file_facts {
    use super::*;
    use crate::native::data::FileFacts;

    #[pymethods]
    impl FileFacts {
        #[new]
        #[pyo3(signature = (kind, spec, lorebook_entries, assets, dialogues, turns, audio_seconds, tokens, dropped, changed, *, name=None, container=None))]
        fn from_python(
            kind: crate::native::data::FileKind,
            spec: String,
            lorebook_entries: u64,
            assets: u64,
            dialogues: u64,
            turns: u64,
            audio_seconds: f64,
            tokens: u64,
            dropped: Vec<crate::character::FileNote>,
            changed: Vec<crate::character::FileNote>,
            name: Option<String>,
            container: Option<String>,
        ) -> Self {
            Self {
                kind,
                name,
                spec,
                container,
                lorebook_entries,
                assets,
                dialogues,
                turns,
                audio_seconds,
                tokens,
                dropped,
                changed,
            }
        }

        /// Its kind.
        #[getter(kind)]
        fn python_kind(&self) -> crate::native::data::FileKind {
            self.kind
        }

        /// Name of the character, of the lorebook, or of a dataset's first contributor.
        #[getter(name)]
        fn python_name(&self) -> Option<String> {
            self.name.clone()
        }

        /// Name of the format.
        #[getter(spec)]
        fn python_spec(&self) -> String {
            self.spec.clone()
        }

        /// The container of the format, if it has several.
        #[getter(container)]
        fn python_container(&self) -> Option<String> {
            self.container.clone()
        }

        /// Entries of lorebooks.
        #[getter(lorebook_entries)]
        fn python_lorebook_entries(&self) -> u64 {
            self.lorebook_entries
        }

        /// Files that a card names or carries; recordings of a list or a dataset.
        #[getter(assets)]
        fn python_assets(&self) -> u64 {
            self.assets
        }

        /// Conversations; of a dataset, records.
        #[getter(dialogues)]
        fn python_dialogues(&self) -> u64 {
            self.dialogues
        }

        /// Messages of these conversations.
        #[getter(turns)]
        fn python_turns(&self) -> u64 {
            self.turns
        }

        /// Seconds of sound.
        #[getter(audio_seconds)]
        fn python_audio_seconds(&self) -> f64 {
            self.audio_seconds
        }

        /// Tokens of a dataset.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// Data that was left out, with the reasons.
        #[getter(dropped)]
        fn python_dropped(&self) -> Vec<crate::character::FileNote> {
            self.dropped.clone()
        }

        /// Data that was merged or repaired.
        #[getter(changed)]
        fn python_changed(&self) -> Vec<crate::character::FileNote> {
            self.changed.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "FileFacts",
                &[
                    "kind",
                    "name",
                    "spec",
                    "container",
                    "lorebook_entries",
                    "assets",
                    "dialogues",
                    "turns",
                    "audio_seconds",
                    "tokens",
                    "dropped",
                    "changed",
                ],
            )
        }
    }
}

mod file_note {
    use super::*;
    use crate::character::FileNote;

    #[pymethods]
    impl FileNote {
        #[new]
        #[pyo3(signature = (action, place, reason))]
        fn from_python(action: crate::character::FileAction, place: String, reason: String) -> Self {
            Self { action, place, reason }
        }

        /// The action.
        #[getter(action)]
        fn python_action(&self) -> crate::character::FileAction {
            self.action
        }

        /// The place in the file.
        #[getter(place)]
        fn python_place(&self) -> String {
            self.place.clone()
        }

        /// The reason.
        #[getter(reason)]
        fn python_reason(&self) -> String {
            self.reason.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "FileNote", &["action", "place", "reason"])
        }
    }
}

#[cfg(feature = "native")]
mod founding {
    use super::*;
    use crate::native::market::Founding;

    #[pymethods]
    impl Founding {
        #[new]
        #[pyo3(signature = (validators, voters, funds))]
        fn from_python(validators: Vec<String>, voters: Vec<String>, funds: Vec<crate::native::market::Funds>) -> Self {
            Self { validators, voters, funds }
        }

        /// Accounts of the iDAO's validators.
        #[getter(validators)]
        fn python_validators(&self) -> Vec<String> {
            self.validators.clone()
        }

        /// Accounts of the DAO's voters.
        #[getter(voters)]
        fn python_voters(&self) -> Vec<String> {
            self.voters.clone()
        }

        /// Initial balances.
        #[getter(funds)]
        fn python_funds(&self) -> Vec<crate::native::market::Funds> {
            self.funds.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Founding", &["validators", "voters", "funds"])
        }
    }
}

#[cfg(feature = "native")]
mod funds {
    use super::*;
    use crate::native::market::Funds;

    #[pymethods]
    impl Funds {
        #[new]
        #[pyo3(signature = (account, asset, amount))]
        fn from_python(account: String, asset: String, amount: Units) -> Self {
            Self { account, asset, amount: amount.0 }
        }

        /// The account.
        #[getter(account)]
        fn python_account(&self) -> String {
            self.account.clone()
        }

        /// Address of the asset; zero for coins.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The amount, in base units.
        #[getter(amount)]
        fn python_amount(&self) -> PyResult<u128> {
            Units(self.amount.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Funds", &["account", "asset", "amount"])
        }
    }
}

mod header {
    use super::*;
    use crate::transport::Header;

    #[pymethods]
    impl Header {
        #[new]
        #[pyo3(signature = (name, value))]
        fn from_python(name: String, value: String) -> Self {
            Self { name, value }
        }

        /// Its name.
        #[getter(name)]
        fn python_name(&self) -> String {
            self.name.clone()
        }

        /// Its value.
        #[getter(value)]
        fn python_value(&self) -> String {
            self.value.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Header", &["name", "value"])
        }
    }
}

mod http_request {
    use super::*;
    use crate::transport::HttpRequest;

    #[pymethods]
    impl HttpRequest {
        #[new]
        #[pyo3(signature = (path, headers, body))]
        fn from_python(path: String, headers: Vec<crate::transport::Header>, body: String) -> Self {
            Self { path, headers, body }
        }

        /// Path under the node's URL.
        #[getter(path)]
        fn python_path(&self) -> String {
            self.path.clone()
        }

        /// Headers.
        #[getter(headers)]
        fn python_headers(&self) -> Vec<crate::transport::Header> {
            self.headers.clone()
        }

        /// The body, JSON.
        #[getter(body)]
        fn python_body(&self) -> String {
            self.body.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "HttpRequest", &["path", "headers", "body"])
        }
    }
}

#[cfg(feature = "native")]
mod lineage {
    use super::*;
    use crate::native::roles::Lineage;

    #[pymethods]
    impl Lineage {
        #[new]
        #[pyo3(signature = (class_id, keep_bps, *, after=None))]
        fn from_python(class_id: u64, keep_bps: u16, after: Option<u32>) -> Self {
            Self { class_id, after, keep_bps }
        }

        /// The class, which is the submitter's.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version that it comes after; none: the last one when it is submitted.
        #[getter(after)]
        fn python_after(&self) -> Option<u32> {
            self.after
        }

        /// The part of its revenue that the version before keeps, in basis points: at most 5,000.
        #[getter(keep_bps)]
        fn python_keep_bps(&self) -> u16 {
            self.keep_bps
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Lineage", &["class_id", "after", "keep_bps"])
        }
    }
}

mod market_place {
    use super::*;
    use crate::wallet::MarketPlace;

    #[pymethods]
    impl MarketPlace {
        #[new]
        #[pyo3(signature = (ledger, domain, settlement))]
        fn from_python(ledger: String, domain: crate::sign::Domain, settlement: String) -> Self {
            Self { ledger, domain, settlement }
        }

        /// The ledger's id.
        #[getter(ledger)]
        fn python_ledger(&self) -> String {
            self.ledger.clone()
        }

        /// The domain of everything that is signed for it.
        #[getter(domain)]
        fn python_domain(&self) -> crate::sign::Domain {
            self.domain.clone()
        }

        /// The contract that holds the money.
        #[getter(settlement)]
        fn python_settlement(&self) -> String {
            self.settlement.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "MarketPlace", &["ledger", "domain", "settlement"])
        }
    }
}

mod memory_entry {
    use super::*;
    use crate::memory::MemoryEntry;

    #[pymethods]
    impl MemoryEntry {
        #[new]
        #[pyo3(signature = (id, at_s, author, text, pinned, edited))]
        fn from_python(
            id: String,
            at_s: u64,
            author: crate::memory::MemoryAuthor,
            text: String,
            pinned: bool,
            edited: bool,
        ) -> Self {
            Self { id, at_s, author, text, pinned, edited }
        }

        /// Its number: 16 hex digits.
        #[getter(id)]
        fn python_id(&self) -> String {
            self.id.clone()
        }

        /// When it was said, in seconds since 1970, by the user's clock; 0 if no clock was at hand.
        #[getter(at_s)]
        fn python_at_s(&self) -> u64 {
            self.at_s
        }

        /// Whose words these are.
        #[getter(author)]
        fn python_author(&self) -> crate::memory::MemoryAuthor {
            self.author
        }

        /// The words.
        #[getter(text)]
        fn python_text(&self) -> String {
            self.text.clone()
        }

        /// True if every prompt has it, as far as the budget reaches.
        #[getter(pinned)]
        fn python_pinned(&self) -> bool {
            self.pinned
        }

        /// True if the user changed the words.
        #[getter(edited)]
        fn python_edited(&self) -> bool {
            self.edited
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "MemoryEntry", &["id", "at_s", "author", "text", "pinned", "edited"])
        }
    }
}

mod memory_recall {
    use super::*;
    use crate::memory::MemoryRecall;

    #[pymethods]
    impl MemoryRecall {
        #[new]
        #[pyo3(signature = (lines, tokens, counted))]
        fn from_python(lines: Vec<crate::memory::RecalledLine>, tokens: u64, counted: bool) -> Self {
            Self { lines, tokens, counted }
        }

        /// The lines, the oldest first.
        #[getter(lines)]
        fn python_lines(&self) -> Vec<crate::memory::RecalledLine> {
            self.lines.clone()
        }

        /// Tokens that they add to the prompt.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// True if a model's tokenizer counted these tokens; otherwise three bytes are taken for one.
        #[getter(counted)]
        fn python_counted(&self) -> bool {
            self.counted
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "MemoryRecall", &["lines", "tokens", "counted"])
        }
    }
}

mod message {
    use super::*;
    use crate::chat::Message;

    #[pymethods]
    impl Message {
        #[new]
        #[pyo3(signature = (role, content))]
        fn from_python(role: crate::chat::Role, content: String) -> Self {
            Self { role, content }
        }

        /// Its author.
        #[getter(role)]
        fn python_role(&self) -> crate::chat::Role {
            self.role
        }

        /// The message's text.
        #[getter(content)]
        fn python_content(&self) -> String {
            self.content.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Message", &["role", "content"])
        }
    }
}

#[cfg(feature = "native")]
mod minted_model {
    use super::*;
    use crate::native::exex::MintedModel;

    #[pymethods]
    impl MintedModel {
        #[new]
        #[pyo3(signature = (class_id, version, adapter, record, *, voice_folder=None))]
        fn from_python(
            class_id: u64,
            version: u32,
            adapter: crate::native::model::TrainedAdapter,
            record: PathText,
            voice_folder: Option<String>,
        ) -> Self {
            Self { class_id, version, adapter, record: record.0, voice_folder }
        }

        /// Its class.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// Its version.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// Its adapter; its weights are encrypted where the execution node seals its files.
        #[getter(adapter)]
        fn python_adapter(&self) -> crate::native::model::TrainedAdapter {
            self.adapter.clone()
        }

        /// The file of the signed training record.
        #[getter(record)]
        fn python_record(&self) -> String {
            self.record.clone()
        }

        /// The folder of its voice, if one was trained: an adapter in PEFT's files, or pitch and pace alone.
        #[getter(voice_folder)]
        fn python_voice_folder(&self) -> Option<String> {
            self.voice_folder.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "MintedModel", &["class_id", "version", "adapter", "record", "voice_folder"])
        }
    }
}

mod model_offer {
    use super::*;
    use crate::chat::ModelOffer;

    #[pymethods]
    impl ModelOffer {
        #[new]
        #[pyo3(signature = (id, offer, signature, *, name=None, public_part=None, character_price=None, speech_terms=None, seal_terms=None))]
        fn from_python(
            id: String,
            offer: crate::session::Offer,
            signature: String,
            name: Option<String>,
            public_part: Option<String>,
            character_price: Option<Units>,
            speech_terms: Option<String>,
            seal_terms: Option<String>,
        ) -> Self {
            Self {
                id,
                name,
                offer,
                signature,
                public_part,
                character_price: character_price.map(|units| units.0),
                speech_terms,
                seal_terms,
            }
        }

        /// Its name among the node's models.
        #[getter(id)]
        fn python_id(&self) -> String {
            self.id.clone()
        }

        /// The character's name, as the node tells it.
        #[getter(name)]
        fn python_name(&self) -> Option<String> {
            self.name.clone()
        }

        /// The offer.
        #[getter(offer)]
        fn python_offer(&self) -> crate::session::Offer {
            self.offer.clone()
        }

        /// The node's signature of it.
        #[getter(signature)]
        fn python_signature(&self) -> String {
            self.signature.clone()
        }

        /// The version's public part, as the node tells it, if the character's card is part of the prompt. Only a model by itself
        /// has it, not one in a list.
        #[getter(public_part)]
        fn python_public_part(&self) -> Option<String> {
            self.public_part.clone()
        }

        /// The price of one character of text that the node speaks with its voice, in base units; none if it does not speak.
        #[getter(character_price)]
        fn python_character_price(&self) -> PyResult<Option<u128>> {
            self.character_price.clone().map(|units| Units(units).whole()).transpose()
        }

        /// The node's signed terms of speech, as JSON: `Chat.speak` takes them. None if it does not speak.
        #[getter(speech_terms)]
        fn python_speech_terms(&self) -> Option<String> {
            self.speech_terms.clone()
        }

        /// The node's signed key, as JSON: `SealedPost` seals requests to it. None if the node takes none that are sealed.
        #[getter(seal_terms)]
        fn python_seal_terms(&self) -> Option<String> {
            self.seal_terms.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ModelOffer",
                &["id", "name", "offer", "signature", "public_part", "character_price", "speech_terms", "seal_terms"],
            )
        }
    }
}

#[cfg(feature = "native")]
mod model_terms {
    use super::*;
    use crate::native::exex::ModelTerms;

    #[pymethods]
    impl ModelTerms {
        #[new]
        #[pyo3(signature = (base_name, base_licence, access, endpoints))]
        fn from_python(
            base_name: String,
            base_licence: String,
            access: crate::native::exex::AccessTerms,
            endpoints: Vec<String>,
        ) -> Self {
            Self { base_name, base_licence, access, endpoints }
        }

        /// Public name of the base model.
        #[getter(base_name)]
        fn python_base_name(&self) -> String {
            self.base_name.clone()
        }

        /// SPDX identifier of its licence.
        #[getter(base_licence)]
        fn python_base_licence(&self) -> String {
            self.base_licence.clone()
        }

        /// The access terms.
        #[getter(access)]
        fn python_access(&self) -> crate::native::exex::AccessTerms {
            self.access.clone()
        }

        /// The URLs that will serve it.
        #[getter(endpoints)]
        fn python_endpoints(&self) -> Vec<String> {
            self.endpoints.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ModelTerms", &["base_name", "base_licence", "access", "endpoints"])
        }
    }
}

#[cfg(feature = "native")]
mod node_bond {
    use super::*;
    use crate::native::disputes::NodeBond;

    #[pymethods]
    impl NodeBond {
        #[new]
        #[pyo3(signature = (node, bonded, leaving, locked, available_at_s))]
        fn from_python(node: String, bonded: Units, leaving: Units, locked: Units, available_at_s: u64) -> Self {
            Self { node, bonded: bonded.0, leaving: leaving.0, locked: locked.0, available_at_s }
        }

        /// The node.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The free part that stays.
        #[getter(bonded)]
        fn python_bonded(&self) -> PyResult<u128> {
            Units(self.bonded.clone()).whole()
        }

        /// The free part that is leaving: until it is taken, disputes can lock it.
        #[getter(leaving)]
        fn python_leaving(&self) -> PyResult<u128> {
            Units(self.leaving.clone()).whole()
        }

        /// The part that open disputes lock.
        #[getter(locked)]
        fn python_locked(&self) -> PyResult<u128> {
            Units(self.locked.clone()).whole()
        }

        /// The leaving part can be taken after this time, seconds since 1970.
        #[getter(available_at_s)]
        fn python_available_at_s(&self) -> u64 {
            self.available_at_s
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "NodeBond", &["node", "bonded", "leaving", "locked", "available_at_s"])
        }
    }
}

#[cfg(feature = "native")]
mod node_earnings {
    use super::*;
    use crate::native::earnings::NodeEarnings;

    #[pymethods]
    impl NodeEarnings {
        #[new]
        #[pyo3(signature = (class_id, version, asset, sessions, open_sessions, owed, signed, redeemed, at_risk, *, character=None))]
        fn from_python(
            class_id: u64,
            version: u32,
            asset: String,
            sessions: u64,
            open_sessions: u64,
            owed: Units,
            signed: Units,
            redeemed: Units,
            at_risk: Units,
            character: Option<String>,
        ) -> Self {
            Self {
                class_id,
                version,
                character,
                asset,
                sessions,
                open_sessions,
                owed: owed.0,
                signed: signed.0,
                redeemed: redeemed.0,
                at_risk: at_risk.0,
            }
        }

        /// The class.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// The character's name.
        #[getter(character)]
        fn python_character(&self) -> Option<String> {
            self.character.clone()
        }

        /// The asset; the zero address stands for coins.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// Sessions in which a reply was begun.
        #[getter(sessions)]
        fn python_sessions(&self) -> u64 {
            self.sessions
        }

        /// Of these, those that the ledger has as open.
        #[getter(open_sessions)]
        fn python_open_sessions(&self) -> u64 {
            self.open_sessions
        }

        /// For all replies that were made.
        #[getter(owed)]
        fn python_owed(&self) -> PyResult<u128> {
            Units(self.owed.clone()).whole()
        }

        /// Of that, what consumers signed vouchers for.
        #[getter(signed)]
        fn python_signed(&self) -> PyResult<u128> {
            Units(self.signed.clone()).whole()
        }

        /// Of that, what the ledger paid.
        #[getter(redeemed)]
        fn python_redeemed(&self) -> PyResult<u128> {
            Units(self.redeemed.clone()).whole()
        }

        /// Of what was signed, what is lost unless it is redeemed in time.
        #[getter(at_risk)]
        fn python_at_risk(&self) -> PyResult<u128> {
            Units(self.at_risk.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "NodeEarnings",
                &[
                    "class_id",
                    "version",
                    "character",
                    "asset",
                    "sessions",
                    "open_sessions",
                    "owed",
                    "signed",
                    "redeemed",
                    "at_risk",
                ],
            )
        }
    }
}

mod offer {
    use super::*;
    use crate::session::Offer;

    #[pymethods]
    impl Offer {
        #[new]
        #[pyo3(signature = (node, class_id, version, asset, prompt_price, completion_price, prompt_ceiling, completion_ceiling, session_s, valid_until_s, min_deposit, quota_deposit, series))]
        fn from_python(
            node: String,
            class_id: u64,
            version: u32,
            asset: String,
            prompt_price: Units,
            completion_price: Units,
            prompt_ceiling: u32,
            completion_ceiling: u32,
            session_s: u64,
            valid_until_s: u64,
            min_deposit: Units,
            quota_deposit: Units,
            series: u64,
        ) -> Self {
            Self {
                node,
                class_id,
                version,
                asset,
                prompt_price: prompt_price.0,
                completion_price: completion_price.0,
                prompt_ceiling,
                completion_ceiling,
                session_s,
                valid_until_s,
                min_deposit: min_deposit.0,
                quota_deposit: quota_deposit.0,
                series,
            }
        }

        /// The node's address.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The class it serves.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version it serves.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// Address of the asset of the prices; zero for coins.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// Price of one token of the conversation before a reply, in base units.
        #[getter(prompt_price)]
        fn python_prompt_price(&self) -> PyResult<u128> {
            Units(self.prompt_price.clone()).whole()
        }

        /// Price of one token of a reply, in base units.
        #[getter(completion_price)]
        fn python_completion_price(&self) -> PyResult<u128> {
            Units(self.completion_price.clone()).whole()
        }

        /// Most tokens of a conversation before a reply.
        #[getter(prompt_ceiling)]
        fn python_prompt_ceiling(&self) -> u32 {
            self.prompt_ceiling
        }

        /// Most tokens of a reply.
        #[getter(completion_ceiling)]
        fn python_completion_ceiling(&self) -> u32 {
            self.completion_ceiling
        }

        /// The length of a session, in seconds.
        #[getter(session_s)]
        fn python_session_s(&self) -> u64 {
            self.session_s
        }

        /// Sessions may be opened under it up to this time, seconds since 1970.
        #[getter(valid_until_s)]
        fn python_valid_until_s(&self) -> u64 {
            self.valid_until_s
        }

        /// The least that a payer reserves for a session, in base units.
        #[getter(min_deposit)]
        fn python_min_deposit(&self) -> PyResult<u128> {
            Units(self.min_deposit.clone()).whole()
        }

        /// The amount that a class's fund reserves for a session opened with a unit of quota, in base units; 0: not served
        /// by quota.
        #[getter(quota_deposit)]
        fn python_quota_deposit(&self) -> PyResult<u128> {
            Units(self.quota_deposit.clone()).whole()
        }

        /// The node's series of offers that it belongs to: beginning the next series revokes it.
        #[getter(series)]
        fn python_series(&self) -> u64 {
            self.series
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "Offer",
                &[
                    "node",
                    "class_id",
                    "version",
                    "asset",
                    "prompt_price",
                    "completion_price",
                    "prompt_ceiling",
                    "completion_ceiling",
                    "session_s",
                    "valid_until_s",
                    "min_deposit",
                    "quota_deposit",
                    "series",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod paid_answer {
    use super::*;
    use crate::native::paying::PaidAnswer;

    #[pymethods]
    impl PaidAnswer {
        #[new]
        #[pyo3(signature = (status, headers, body, *, payment=None))]
        fn from_python(
            status: u16,
            headers: Vec<crate::transport::Header>,
            body: Vec<u8>,
            payment: Option<crate::native::paying::PaymentMade>,
        ) -> Self {
            Self { status, headers, body, payment }
        }

        /// The status. Redirects are not followed.
        #[getter(status)]
        fn python_status(&self) -> u16 {
            self.status
        }

        /// Headers.
        #[getter(headers)]
        fn python_headers(&self) -> Vec<crate::transport::Header> {
            self.headers.clone()
        }

        /// The body.
        #[getter(body)]
        fn python_body(&self) -> Vec<u8> {
            self.body.clone()
        }

        /// What was paid; none if the server wanted nothing.
        #[getter(payment)]
        fn python_payment(&self) -> Option<crate::native::paying::PaymentMade> {
            self.payment.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "PaidAnswer", &["status", "headers", "body", "payment"])
        }
    }
}

#[cfg(feature = "native")]
mod payment_made {
    use super::*;
    use crate::native::paying::PaymentMade;

    #[pymethods]
    impl PaymentMade {
        #[new]
        #[pyo3(signature = (network, asset, amount, pay_to, *, outcome=None))]
        fn from_python(
            network: String,
            asset: String,
            amount: Units,
            pay_to: String,
            outcome: Option<crate::payer::PaymentOutcome>,
        ) -> Self {
            Self { network, asset, amount: amount.0, pay_to, outcome }
        }

        /// The chain, as the server names it.
        #[getter(network)]
        fn python_network(&self) -> String {
            self.network.clone()
        }

        /// Address of the ERC-20.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The amount, in base units.
        #[getter(amount)]
        fn python_amount(&self) -> PyResult<u128> {
            Units(self.amount.clone()).whole()
        }

        /// The payee.
        #[getter(pay_to)]
        fn python_pay_to(&self) -> String {
            self.pay_to.clone()
        }

        /// What the server says of the payment.
        #[getter(outcome)]
        fn python_outcome(&self) -> Option<crate::payer::PaymentOutcome> {
            self.outcome.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "PaymentMade", &["network", "asset", "amount", "pay_to", "outcome"])
        }
    }
}

mod payment_outcome {
    use super::*;
    use crate::payer::PaymentOutcome;

    #[pymethods]
    impl PaymentOutcome {
        #[new]
        #[pyo3(signature = (success, transaction, reason))]
        fn from_python(success: bool, transaction: String, reason: String) -> Self {
            Self { success, transaction, reason }
        }

        /// True if the server has it.
        #[getter(success)]
        fn python_success(&self) -> bool {
            self.success
        }

        /// The transaction; may be empty.
        #[getter(transaction)]
        fn python_transaction(&self) -> String {
            self.transaction.clone()
        }

        /// Why not, in x402's words; may be empty.
        #[getter(reason)]
        fn python_reason(&self) -> String {
            self.reason.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "PaymentOutcome", &["success", "transaction", "reason"])
        }
    }
}

#[cfg(feature = "native")]
mod progress {
    use super::*;
    use crate::native::Progress;

    #[pymethods]
    impl Progress {
        #[new]
        #[pyo3(signature = (stage, done, total, note))]
        fn from_python(stage: String, done: u64, total: u64, note: String) -> Self {
            Self { stage, done, total, note }
        }

        /// The current stage.
        #[getter(stage)]
        fn python_stage(&self) -> String {
            self.stage.clone()
        }

        /// The part that is done.
        #[getter(done)]
        fn python_done(&self) -> u64 {
            self.done
        }

        /// The total; 0 if it is not known.
        #[getter(total)]
        fn python_total(&self) -> u64 {
            self.total
        }

        /// A message for people; may be empty.
        #[getter(note)]
        fn python_note(&self) -> String {
            self.note.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Progress", &["stage", "done", "total", "note"])
        }
    }
}

mod proof_facts {
    use super::*;
    use crate::verify::ProofFacts;

    #[pymethods]
    impl ProofFacts {
        #[new]
        #[pyo3(signature = (ledger, submitter, submission, root, records, tokens, vocab_size, contributors))]
        fn from_python(
            ledger: String,
            submitter: String,
            submission: String,
            root: String,
            records: u64,
            tokens: u64,
            vocab_size: u32,
            contributors: Vec<crate::verify::ContributorFacts>,
        ) -> Self {
            Self { ledger, submitter, submission, root, records, tokens, vocab_size, contributors }
        }

        /// The ledger that it is bound to.
        #[getter(ledger)]
        fn python_ledger(&self) -> String {
            self.ledger.clone()
        }

        /// The submitter.
        #[getter(submitter)]
        fn python_submitter(&self) -> String {
            self.submitter.clone()
        }

        /// The submission it belongs to.
        #[getter(submission)]
        fn python_submission(&self) -> String {
            self.submission.clone()
        }

        /// Root over all records.
        #[getter(root)]
        fn python_root(&self) -> String {
            self.root.clone()
        }

        /// The number of records, no two alike.
        #[getter(records)]
        fn python_records(&self) -> u64 {
            self.records
        }

        /// The number of their tokens.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// Every token id is below this.
        #[getter(vocab_size)]
        fn python_vocab_size(&self) -> u32 {
            self.vocab_size
        }

        /// Each contributor's part.
        #[getter(contributors)]
        fn python_contributors(&self) -> Vec<crate::verify::ContributorFacts> {
            self.contributors.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ProofFacts",
                &["ledger", "submitter", "submission", "root", "records", "tokens", "vocab_size", "contributors"],
            )
        }
    }
}

#[cfg(feature = "prove")]
mod proof_files {
    use super::*;
    use crate::native::prove::ProofFiles;

    #[pymethods]
    impl ProofFiles {
        #[new]
        #[pyo3(signature = (statement, proof, root, submission))]
        fn from_python(statement: PathText, proof: PathText, root: String, submission: String) -> Self {
            Self { statement: statement.0, proof: proof.0, root, submission }
        }

        /// The file of the statement.
        #[getter(statement)]
        fn python_statement(&self) -> String {
            self.statement.clone()
        }

        /// The file of the proof.
        #[getter(proof)]
        fn python_proof(&self) -> String {
            self.proof.clone()
        }

        /// Root over all records.
        #[getter(root)]
        fn python_root(&self) -> String {
            self.root.clone()
        }

        /// The submission that it is bound to.
        #[getter(submission)]
        fn python_submission(&self) -> String {
            self.submission.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ProofFiles", &["statement", "proof", "root", "submission"])
        }
    }
}

#[cfg(feature = "native")]
mod proposal {
    use super::*;
    use crate::native::market::Proposal;

    #[pymethods]
    impl Proposal {
        #[new]
        #[pyo3(signature = (number, proposer, measure, in_favour, against, voting_ends_s, executed))]
        fn from_python(
            number: u64,
            proposer: String,
            measure: String,
            in_favour: u64,
            against: u64,
            voting_ends_s: u64,
            executed: bool,
        ) -> Self {
            Self { number, proposer, measure, in_favour, against, voting_ends_s, executed }
        }

        /// Its number, from 1.
        #[getter(number)]
        fn python_number(&self) -> u64 {
            self.number
        }

        /// The proposer's account.
        #[getter(proposer)]
        fn python_proposer(&self) -> String {
            self.proposer.clone()
        }

        /// The measure, as JSON.
        #[getter(measure)]
        fn python_measure(&self) -> String {
            self.measure.clone()
        }

        /// The weight of the votes in favour.
        #[getter(in_favour)]
        fn python_in_favour(&self) -> u64 {
            self.in_favour
        }

        /// The weight of the votes against.
        #[getter(against)]
        fn python_against(&self) -> u64 {
            self.against
        }

        /// Votes count up to this time, seconds since 1970.
        #[getter(voting_ends_s)]
        fn python_voting_ends_s(&self) -> u64 {
            self.voting_ends_s
        }

        /// True if it is in force.
        #[getter(executed)]
        fn python_executed(&self) -> bool {
            self.executed
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "Proposal",
                &["number", "proposer", "measure", "in_favour", "against", "voting_ends_s", "executed"],
            )
        }
    }
}

mod provenance {
    use super::*;
    use crate::verify::Provenance;

    #[pymethods]
    impl Provenance {
        #[new]
        #[pyo3(signature = (holds, links))]
        fn from_python(holds: bool, links: Vec<crate::verify::ProvenanceLink>) -> Self {
            Self { holds, links }
        }

        /// True if no link is broken.
        #[getter(holds)]
        fn python_holds(&self) -> bool {
            self.holds
        }

        /// The links, from the ledger to the split.
        #[getter(links)]
        fn python_links(&self) -> Vec<crate::verify::ProvenanceLink> {
            self.links.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Provenance", &["holds", "links"])
        }
    }
}

mod provenance_link {
    use super::*;
    use crate::verify::ProvenanceLink;

    #[pymethods]
    impl ProvenanceLink {
        #[new]
        #[pyo3(signature = (name, trust, says, not_said))]
        fn from_python(name: String, trust: crate::verify::TrustLevel, says: String, not_said: String) -> Self {
            Self { name, trust, says, not_said }
        }

        /// Its name.
        #[getter(name)]
        fn python_name(&self) -> String {
            self.name.clone()
        }

        /// The trust it rests on.
        #[getter(trust)]
        fn python_trust(&self) -> crate::verify::TrustLevel {
            self.trust
        }

        /// The finding, or the reason why it is broken.
        #[getter(says)]
        fn python_says(&self) -> String {
            self.says.clone()
        }

        /// A limit of the finding: the facts that it does not show.
        #[getter(not_said)]
        fn python_not_said(&self) -> String {
            self.not_said.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ProvenanceLink", &["name", "trust", "says", "not_said"])
        }
    }
}

#[cfg(feature = "native")]
mod quality_facts {
    use super::*;
    use crate::native::retraining::QualityFacts;

    #[pymethods]
    impl QualityFacts {
        #[new]
        #[pyo3(signature = (records, tokens, base_perplexity, tuned_perplexity, *, prompted_perplexity=None))]
        fn from_python(
            records: u32,
            tokens: u64,
            base_perplexity: f64,
            tuned_perplexity: f64,
            prompted_perplexity: Option<f64>,
        ) -> Self {
            Self { records, tokens, base_perplexity, prompted_perplexity, tuned_perplexity }
        }

        /// Records that were held out.
        #[getter(records)]
        fn python_records(&self) -> u32 {
            self.records
        }

        /// The character's tokens in them.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// The perplexity of the bare base.
        #[getter(base_perplexity)]
        fn python_base_perplexity(&self) -> f64 {
            self.base_perplexity
        }

        /// The perplexity of the base behind the published card; none if the dataset goes on from none.
        #[getter(prompted_perplexity)]
        fn python_prompted_perplexity(&self) -> Option<f64> {
            self.prompted_perplexity
        }

        /// The perplexity of the base with the adapter.
        #[getter(tuned_perplexity)]
        fn python_tuned_perplexity(&self) -> f64 {
            self.tuned_perplexity
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "QualityFacts",
                &["records", "tokens", "base_perplexity", "prompted_perplexity", "tuned_perplexity"],
            )
        }
    }
}

#[cfg(feature = "native")]
mod read_dialogue {
    use super::*;
    use crate::native::data::ReadDialogue;

    #[pymethods]
    impl ReadDialogue {
        #[new]
        #[pyo3(signature = (id, messages))]
        fn from_python(id: String, messages: Vec<crate::native::data::DialogueMessage>) -> Self {
            Self { id, messages }
        }

        /// Its name in the file, or `line-N`.
        #[getter(id)]
        fn python_id(&self) -> String {
            self.id.clone()
        }

        /// The messages in order.
        #[getter(messages)]
        fn python_messages(&self) -> Vec<crate::native::data::DialogueMessage> {
            self.messages.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ReadDialogue", &["id", "messages"])
        }
    }
}

mod recalled_line {
    use super::*;
    use crate::memory::RecalledLine;

    #[pymethods]
    impl RecalledLine {
        #[new]
        #[pyo3(signature = (id, line, score_milli, tokens))]
        fn from_python(id: String, line: String, score_milli: u64, tokens: u64) -> Self {
            Self { id, line, score_milli, tokens }
        }

        /// The number of its entry.
        #[getter(id)]
        fn python_id(&self) -> String {
            self.id.clone()
        }

        /// The line, as the prompt has it.
        #[getter(line)]
        fn python_line(&self) -> String {
            self.line.clone()
        }

        /// How well it fits, in thousandths; 0 for entries that are in every prompt.
        #[getter(score_milli)]
        fn python_score_milli(&self) -> u64 {
            self.score_milli
        }

        /// Tokens of the line.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "RecalledLine", &["id", "line", "score_milli", "tokens"])
        }
    }
}

mod receipt {
    use super::*;
    use crate::session::Receipt;

    #[pymethods]
    impl Receipt {
        #[new]
        #[pyo3(signature = (session, turn, request_digest, reply_digest, prompt_tokens, completion_tokens, tokenizer_digest, temperature_milli, top_p_milli, seed, base_digest, adapter_digest, cumulative))]
        fn from_python(
            session: String,
            turn: u32,
            request_digest: String,
            reply_digest: String,
            prompt_tokens: u64,
            completion_tokens: u64,
            tokenizer_digest: String,
            temperature_milli: u32,
            top_p_milli: u32,
            seed: u64,
            base_digest: String,
            adapter_digest: String,
            cumulative: Units,
        ) -> Self {
            Self {
                session,
                turn,
                request_digest,
                reply_digest,
                prompt_tokens,
                completion_tokens,
                tokenizer_digest,
                temperature_milli,
                top_p_milli,
                seed,
                base_digest,
                adapter_digest,
                cumulative: cumulative.0,
            }
        }

        /// The session.
        #[getter(session)]
        fn python_session(&self) -> String {
            self.session.clone()
        }

        /// The reply's number in the session, from 1.
        #[getter(turn)]
        fn python_turn(&self) -> u32 {
            self.turn
        }

        /// Salted digest of the conversation before the reply.
        #[getter(request_digest)]
        fn python_request_digest(&self) -> String {
            self.request_digest.clone()
        }

        /// Salted digest of the reply.
        #[getter(reply_digest)]
        fn python_reply_digest(&self) -> String {
            self.reply_digest.clone()
        }

        /// Tokens of the conversation before the reply.
        #[getter(prompt_tokens)]
        fn python_prompt_tokens(&self) -> u64 {
            self.prompt_tokens
        }

        /// Tokens of the reply.
        #[getter(completion_tokens)]
        fn python_completion_tokens(&self) -> u64 {
            self.completion_tokens
        }

        /// Digest of the tokenizer that counted.
        #[getter(tokenizer_digest)]
        fn python_tokenizer_digest(&self) -> String {
            self.tokenizer_digest.clone()
        }

        /// Temperature in thousandths.
        #[getter(temperature_milli)]
        fn python_temperature_milli(&self) -> u32 {
            self.temperature_milli
        }

        /// Nucleus in thousandths.
        #[getter(top_p_milli)]
        fn python_top_p_milli(&self) -> u32 {
            self.top_p_milli
        }

        /// Seed of the sampler.
        #[getter(seed)]
        fn python_seed(&self) -> u64 {
            self.seed
        }

        /// SHA-256 of the base model that the node says it used.
        #[getter(base_digest)]
        fn python_base_digest(&self) -> String {
            self.base_digest.clone()
        }

        /// SHA-256 of the adapter that the node says it used: claimed, not proved.
        #[getter(adapter_digest)]
        fn python_adapter_digest(&self) -> String {
            self.adapter_digest.clone()
        }

        /// The amount owed for the session, this reply included, in base units.
        #[getter(cumulative)]
        fn python_cumulative(&self) -> PyResult<u128> {
            Units(self.cumulative.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "Receipt",
                &[
                    "session",
                    "turn",
                    "request_digest",
                    "reply_digest",
                    "prompt_tokens",
                    "completion_tokens",
                    "tokenizer_digest",
                    "temperature_milli",
                    "top_p_milli",
                    "seed",
                    "base_digest",
                    "adapter_digest",
                    "cumulative",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod recheck_settings {
    use super::*;
    use crate::native::recheck::RecheckSettings;

    #[pymethods]
    impl RecheckSettings {
        #[new]
        #[pyo3(signature = (*, threads=None, floats=None, portable=None))]
        fn from_python(threads: Option<u32>, floats: Option<bool>, portable: Option<bool>) -> Self {
            Self { threads, floats, portable }
        }

        /// Threads; as many as the machine has cores.
        #[getter(threads)]
        fn python_threads(&self) -> Option<u32> {
            self.threads
        }

        /// True computes the weights as 32-bit floats; else as their file has them, as nodes do.
        #[getter(floats)]
        fn python_floats(&self) -> Option<bool> {
            self.floats
        }

        /// True computes by plain loops, which all machines share: slowly.
        #[getter(portable)]
        fn python_portable(&self) -> Option<bool> {
            self.portable
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "RecheckSettings", &["threads", "floats", "portable"])
        }
    }
}

#[cfg(feature = "native")]
mod rechecked_reply {
    use super::*;
    use crate::native::recheck::RecheckedReply;

    #[pymethods]
    impl RecheckedReply {
        #[new]
        #[pyo3(signature = (outcome, holds, says, node, session, turn, adapter, machine, machine_here, *, token=None, deviation_ppm=None))]
        fn from_python(
            outcome: crate::native::recheck::RepeatOutcome,
            holds: bool,
            says: String,
            node: String,
            session: String,
            turn: u32,
            adapter: String,
            machine: String,
            machine_here: String,
            token: Option<u64>,
            deviation_ppm: Option<u32>,
        ) -> Self {
            Self { outcome, holds, says, token, deviation_ppm, node, session, turn, adapter, machine, machine_here }
        }

        /// What the repeat came to.
        #[getter(outcome)]
        fn python_outcome(&self) -> crate::native::recheck::RepeatOutcome {
            self.outcome
        }

        /// True for the same reply, or one within the tolerance.
        #[getter(holds)]
        fn python_holds(&self) -> bool {
            self.holds
        }

        /// The outcome in words.
        #[getter(says)]
        fn python_says(&self) -> String {
            self.says.clone()
        }

        /// The first token that is not what was signed, where one is.
        #[getter(token)]
        fn python_token(&self) -> Option<u64> {
            self.token
        }

        /// The states' deviation, in millionths of their size, where they deviate.
        #[getter(deviation_ppm)]
        fn python_deviation_ppm(&self) -> Option<u32> {
            self.deviation_ppm
        }

        /// The node that signed the reply.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The session.
        #[getter(session)]
        fn python_session(&self) -> String {
            self.session.clone()
        }

        /// The reply's turn in it.
        #[getter(turn)]
        fn python_turn(&self) -> u32 {
            self.turn
        }

        /// SHA-256 of the adapter, as the receipt names it.
        #[getter(adapter)]
        fn python_adapter(&self) -> String {
            self.adapter.clone()
        }

        /// The kind of machine that the node says it has.
        #[getter(machine)]
        fn python_machine(&self) -> String {
            self.machine.clone()
        }

        /// The kind of machine that repeated: only on the same kind are all bits the same.
        #[getter(machine_here)]
        fn python_machine_here(&self) -> String {
            self.machine_here.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "RecheckedReply",
                &[
                    "outcome",
                    "holds",
                    "says",
                    "token",
                    "deviation_ppm",
                    "node",
                    "session",
                    "turn",
                    "adapter",
                    "machine",
                    "machine_here",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod rechecked_training {
    use super::*;
    use crate::native::retraining::RecheckedTraining;

    #[pymethods]
    impl RecheckedTraining {
        #[new]
        #[pyo3(signature = (holds, says, submission, adapter, machine, machine_here, *, quality=None, found=None, differing_step=None))]
        fn from_python(
            holds: bool,
            says: String,
            submission: String,
            adapter: String,
            machine: String,
            machine_here: String,
            quality: Option<crate::native::retraining::QualityFacts>,
            found: Option<crate::native::retraining::QualityFacts>,
            differing_step: Option<u32>,
        ) -> Self {
            Self { holds, says, submission, adapter, quality, found, differing_step, machine, machine_here }
        }

        /// True if all that was repeated is as recorded, or within what another kind of machine explains.
        #[getter(holds)]
        fn python_holds(&self) -> bool {
            self.holds
        }

        /// What the repeat came to, in words.
        #[getter(says)]
        fn python_says(&self) -> String {
            self.says.clone()
        }

        /// The submission.
        #[getter(submission)]
        fn python_submission(&self) -> String {
            self.submission.clone()
        }

        /// SHA-256 of the adapter, as the record names it.
        #[getter(adapter)]
        fn python_adapter(&self) -> String {
            self.adapter.clone()
        }

        /// What the record says of records that were held out; none if it says nothing.
        #[getter(quality)]
        fn python_quality(&self) -> Option<crate::native::retraining::QualityFacts> {
            self.quality.clone()
        }

        /// What was found here, where it is something else.
        #[getter(found)]
        fn python_found(&self) -> Option<crate::native::retraining::QualityFacts> {
            self.found.clone()
        }

        /// The first step that is not as recorded, if one of those that were repeated is not.
        #[getter(differing_step)]
        fn python_differing_step(&self) -> Option<u32> {
            self.differing_step
        }

        /// The kind of machine that the record names.
        #[getter(machine)]
        fn python_machine(&self) -> String {
            self.machine.clone()
        }

        /// The kind of machine that repeated: only on the same kind are all bits the same.
        #[getter(machine_here)]
        fn python_machine_here(&self) -> String {
            self.machine_here.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "RecheckedTraining",
                &[
                    "holds",
                    "says",
                    "submission",
                    "adapter",
                    "quality",
                    "found",
                    "differing_step",
                    "machine",
                    "machine_here",
                ],
            )
        }
    }
}

mod reply_settings {
    use super::*;
    use crate::settings::ReplySettings;

    #[pymethods]
    impl ReplySettings {
        #[new]
        #[pyo3(signature = (*, max_tokens=None, temperature_milli=None, top_p_milli=None, seed=None, top_k=None, min_p_milli=None, repetition_penalty_milli=None, presence_penalty_milli=None, frequency_penalty_milli=None, typical_p_milli=None, dry_multiplier_milli=None, dry_base_milli=None, dry_allowed_length=None, dry_sequence_breakers=None, logit_bias=None, stop=None, stop_token_ids=None, min_tokens=None, json_schema=None, regex=None, choices=None, grammar=None))]
        fn from_python(
            max_tokens: Option<u32>,
            temperature_milli: Option<u32>,
            top_p_milli: Option<u32>,
            seed: Option<u64>,
            top_k: Option<u32>,
            min_p_milli: Option<u32>,
            repetition_penalty_milli: Option<u32>,
            presence_penalty_milli: Option<i32>,
            frequency_penalty_milli: Option<i32>,
            typical_p_milli: Option<u32>,
            dry_multiplier_milli: Option<u32>,
            dry_base_milli: Option<u32>,
            dry_allowed_length: Option<u32>,
            dry_sequence_breakers: Option<Vec<String>>,
            logit_bias: Option<Vec<crate::settings::TokenBias>>,
            stop: Option<Vec<String>>,
            stop_token_ids: Option<Vec<u32>>,
            min_tokens: Option<u32>,
            json_schema: Option<String>,
            regex: Option<String>,
            choices: Option<Vec<String>>,
            grammar: Option<String>,
        ) -> Self {
            Self {
                max_tokens,
                temperature_milli,
                top_p_milli,
                seed,
                top_k,
                min_p_milli,
                repetition_penalty_milli,
                presence_penalty_milli,
                frequency_penalty_milli,
                typical_p_milli,
                dry_multiplier_milli,
                dry_base_milli,
                dry_allowed_length,
                dry_sequence_breakers,
                logit_bias,
                stop,
                stop_token_ids,
                min_tokens,
                json_schema,
                regex,
                choices,
                grammar,
            }
        }

        /// Most tokens of the reply.
        #[getter(max_tokens)]
        fn python_max_tokens(&self) -> Option<u32> {
            self.max_tokens
        }

        /// Temperature in thousandths.
        #[getter(temperature_milli)]
        fn python_temperature_milli(&self) -> Option<u32> {
            self.temperature_milli
        }

        /// Nucleus in thousandths.
        #[getter(top_p_milli)]
        fn python_top_p_milli(&self) -> Option<u32> {
            self.top_p_milli
        }

        /// A number that varies the reply.
        #[getter(seed)]
        fn python_seed(&self) -> Option<u64> {
            self.seed
        }

        /// So many of the likeliest tokens at most.
        #[getter(top_k)]
        fn python_top_k(&self) -> Option<u32> {
            self.top_k
        }

        /// Tokens at least so likely, in thousandths of the likeliest one's probability.
        #[getter(min_p_milli)]
        fn python_min_p_milli(&self) -> Option<u32> {
            self.min_p_milli
        }

        /// The factor by which scores of tokens that were said before shrink, in thousandths.
        #[getter(repetition_penalty_milli)]
        fn python_repetition_penalty_milli(&self) -> Option<u32> {
            self.repetition_penalty_milli
        }

        /// Taken from the scores of tokens that the reply holds, in thousandths.
        #[getter(presence_penalty_milli)]
        fn python_presence_penalty_milli(&self) -> Option<i32> {
            self.presence_penalty_milli
        }

        /// Taken from them for each time that the reply holds them, in thousandths.
        #[getter(frequency_penalty_milli)]
        fn python_frequency_penalty_milli(&self) -> Option<i32> {
            self.frequency_penalty_milli
        }

        /// Locally typical sampling: tokens of about the expected surprise, with this probability together, in thousandths.
        #[getter(typical_p_milli)]
        fn python_typical_p_milli(&self) -> Option<u32> {
            self.typical_p_milli
        }

        /// The penalty on a token that goes on with the shortest repetition (DRY), in thousandths; 0 for none.
        #[getter(dry_multiplier_milli)]
        fn python_dry_multiplier_milli(&self) -> Option<u32> {
            self.dry_multiplier_milli
        }

        /// The factor of this penalty for each further token that is repeated, in thousandths.
        #[getter(dry_base_milli)]
        fn python_dry_base_milli(&self) -> Option<u32> {
            self.dry_base_milli
        }

        /// Tokens of the shortest repetition.
        #[getter(dry_allowed_length)]
        fn python_dry_allowed_length(&self) -> Option<u32> {
            self.dry_allowed_length
        }

        /// Texts that end a repetition.
        #[getter(dry_sequence_breakers)]
        fn python_dry_sequence_breakers(&self) -> Option<Vec<String>> {
            self.dry_sequence_breakers.clone()
        }

        /// Added to the scores of tokens.
        #[getter(logit_bias)]
        fn python_logit_bias(&self) -> Option<Vec<crate::settings::TokenBias>> {
            self.logit_bias.clone()
        }

        /// Texts before which the reply ends.
        #[getter(stop)]
        fn python_stop(&self) -> Option<Vec<String>> {
            self.stop.clone()
        }

        /// Tokens before which the reply ends.
        #[getter(stop_token_ids)]
        fn python_stop_token_ids(&self) -> Option<Vec<u32>> {
            self.stop_token_ids.clone()
        }

        /// Tokens before which the character cannot end the reply.
        #[getter(min_tokens)]
        fn python_min_tokens(&self) -> Option<u32> {
            self.min_tokens
        }

        /// A JSON Schema: the reply is JSON of it. `{"type": "object"}` is any object.
        #[getter(json_schema)]
        fn python_json_schema(&self) -> Option<String> {
            self.json_schema.clone()
        }

        /// A regular expression: the reply matches it as a whole.
        #[getter(regex)]
        fn python_regex(&self) -> Option<String> {
            self.regex.clone()
        }

        /// Texts: the reply is one of them.
        #[getter(choices)]
        fn python_choices(&self) -> Option<Vec<String>> {
            self.choices.clone()
        }

        /// A grammar in Lark's notation: the reply is of it.
        #[getter(grammar)]
        fn python_grammar(&self) -> Option<String> {
            self.grammar.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ReplySettings",
                &[
                    "max_tokens",
                    "temperature_milli",
                    "top_p_milli",
                    "seed",
                    "top_k",
                    "min_p_milli",
                    "repetition_penalty_milli",
                    "presence_penalty_milli",
                    "frequency_penalty_milli",
                    "typical_p_milli",
                    "dry_multiplier_milli",
                    "dry_base_milli",
                    "dry_allowed_length",
                    "dry_sequence_breakers",
                    "logit_bias",
                    "stop",
                    "stop_token_ids",
                    "min_tokens",
                    "json_schema",
                    "regex",
                    "choices",
                    "grammar",
                ],
            )
        }
    }
}

mod revenue_parts {
    use super::*;
    use crate::money::RevenueParts;

    #[pymethods]
    impl RevenueParts {
        #[new]
        #[pyo3(signature = (creator, node, pool))]
        fn from_python(creator: Units, node: Units, pool: Units) -> Self {
            Self { creator: creator.0, node: node.0, pool: pool.0 }
        }

        /// For the creator's class.
        #[getter(creator)]
        fn python_creator(&self) -> PyResult<u128> {
            Units(self.creator.clone()).whole()
        }

        /// For the node that served.
        #[getter(node)]
        fn python_node(&self) -> PyResult<u128> {
            Units(self.node.clone()).whole()
        }

        /// For the governance pool.
        #[getter(pool)]
        fn python_pool(&self) -> PyResult<u128> {
            Units(self.pool.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "RevenueParts", &["creator", "node", "pool"])
        }
    }
}

#[cfg(feature = "native")]
mod served_model {
    use super::*;
    use crate::native::provider::ServedModel;

    #[pymethods]
    impl ServedModel {
        #[new]
        #[pyo3(signature = (class_id, version, adapter_folder, prompt_price, completion_price, prompt_ceiling, session_s, *, voice=None))]
        fn from_python(
            class_id: u64,
            version: u32,
            adapter_folder: PathText,
            prompt_price: Units,
            completion_price: Units,
            prompt_ceiling: u32,
            session_s: u64,
            voice: Option<crate::native::voice::ServedVoice>,
        ) -> Self {
            Self {
                class_id,
                version,
                adapter_folder: adapter_folder.0,
                prompt_price: prompt_price.0,
                completion_price: completion_price.0,
                prompt_ceiling,
                session_s,
                voice,
            }
        }

        /// The class.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// Its adapter, in PEFT's files.
        #[getter(adapter_folder)]
        fn python_adapter_folder(&self) -> String {
            self.adapter_folder.clone()
        }

        /// Price of one token of the conversation before a reply, in base units of coins.
        #[getter(prompt_price)]
        fn python_prompt_price(&self) -> PyResult<u128> {
            Units(self.prompt_price.clone()).whole()
        }

        /// Price of one token of a reply, in base units of coins.
        #[getter(completion_price)]
        fn python_completion_price(&self) -> PyResult<u128> {
            Units(self.completion_price.clone()).whole()
        }

        /// Most tokens of a conversation before a reply.
        #[getter(prompt_ceiling)]
        fn python_prompt_ceiling(&self) -> u32 {
            self.prompt_ceiling
        }

        /// The length of a session, in seconds.
        #[getter(session_s)]
        fn python_session_s(&self) -> u64 {
            self.session_s
        }

        /// The voice that it speaks with; none if it does not speak.
        #[getter(voice)]
        fn python_voice(&self) -> Option<crate::native::voice::ServedVoice> {
            self.voice.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ServedModel",
                &[
                    "class_id",
                    "version",
                    "adapter_folder",
                    "prompt_price",
                    "completion_price",
                    "prompt_ceiling",
                    "session_s",
                    "voice",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod served_voice {
    use super::*;
    use crate::native::voice::ServedVoice;

    #[pymethods]
    impl ServedVoice {
        #[new]
        #[pyo3(signature = (package, character_price, character_ceiling, *, voice_folder=None))]
        fn from_python(
            package: PathText,
            character_price: Units,
            character_ceiling: u32,
            voice_folder: Option<String>,
        ) -> Self {
            Self { package: package.0, character_price: character_price.0, character_ceiling, voice_folder }
        }

        /// The folder of the base voice's assets.
        #[getter(package)]
        fn python_package(&self) -> String {
            self.package.clone()
        }

        /// Price of one character of text, in base units of coins.
        #[getter(character_price)]
        fn python_character_price(&self) -> PyResult<u128> {
            Units(self.character_price.clone()).whole()
        }

        /// Most characters of one request.
        #[getter(character_ceiling)]
        fn python_character_ceiling(&self) -> u32 {
            self.character_ceiling
        }

        /// The folder of the character's voice; none for the base's own voice, which is not the character's.
        #[getter(voice_folder)]
        fn python_voice_folder(&self) -> Option<String> {
            self.voice_folder.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ServedVoice", &["package", "character_price", "character_ceiling", "voice_folder"])
        }
    }
}

#[cfg(feature = "native")]
mod server_price {
    use super::*;
    use crate::native::paying::ServerPrice;

    #[pymethods]
    impl ServerPrice {
        #[new]
        #[pyo3(signature = (network, asset, amount, pay_to))]
        fn from_python(network: String, asset: String, amount: Units, pay_to: String) -> Self {
            Self { network, asset, amount: amount.0, pay_to }
        }

        /// The chain, as the server names it.
        #[getter(network)]
        fn python_network(&self) -> String {
            self.network.clone()
        }

        /// Address of the ERC-20.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The amount, in base units.
        #[getter(amount)]
        fn python_amount(&self) -> PyResult<u128> {
            Units(self.amount.clone()).whole()
        }

        /// The payee.
        #[getter(pay_to)]
        fn python_pay_to(&self) -> String {
            self.pay_to.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "ServerPrice", &["network", "asset", "amount", "pay_to"])
        }
    }
}

#[cfg(feature = "native")]
mod share_earnings {
    use super::*;
    use crate::native::earnings::ShareEarnings;

    #[pymethods]
    impl ShareEarnings {
        #[new]
        #[pyo3(signature = (token_id, class_id, owner, shares, total_shares, asset, claimable, pending, *, version=None, character=None, contributor=None, claimed=None))]
        fn from_python(
            token_id: u64,
            class_id: u64,
            owner: String,
            shares: u64,
            total_shares: u64,
            asset: String,
            claimable: Units,
            pending: Units,
            version: Option<u32>,
            character: Option<String>,
            contributor: Option<String>,
            claimed: Option<Units>,
        ) -> Self {
            Self {
                token_id,
                class_id,
                version,
                character,
                owner,
                contributor,
                shares,
                total_shares,
                asset,
                claimed: claimed.map(|units| units.0),
                claimable: claimable.0,
                pending: pending.0,
            }
        }

        /// The token.
        #[getter(token_id)]
        fn python_token_id(&self) -> u64 {
            self.token_id
        }

        /// Its class.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version whose revenue its shares have a part of; none in a class without versions.
        #[getter(version)]
        fn python_version(&self) -> Option<u32> {
            self.version
        }

        /// The character's name.
        #[getter(character)]
        fn python_character(&self) -> Option<String> {
            self.character.clone()
        }

        /// The owner.
        #[getter(owner)]
        fn python_owner(&self) -> String {
            self.owner.clone()
        }

        /// The name under which the owner contributed to the version; none for who bought the token.
        #[getter(contributor)]
        fn python_contributor(&self) -> Option<String> {
            self.contributor.clone()
        }

        /// Its shares.
        #[getter(shares)]
        fn python_shares(&self) -> u64 {
            self.shares
        }

        /// All shares of that revenue.
        #[getter(total_shares)]
        fn python_total_shares(&self) -> u64 {
            self.total_shares
        }

        /// The asset; the zero address stands for coins.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The amount that was claimed since the token was minted, by all its owners; none in a class without versions.
        #[getter(claimed)]
        fn python_claimed(&self) -> PyResult<Option<u128>> {
            self.claimed.clone().map(|units| Units(units).whole()).transpose()
        }

        /// The amount that its owner can claim now.
        #[getter(claimable)]
        fn python_claimable(&self) -> PyResult<u128> {
            Units(self.claimable.clone()).whole()
        }

        /// The amount that can be claimed once the ledger's last entries are confirmed.
        #[getter(pending)]
        fn python_pending(&self) -> PyResult<u128> {
            Units(self.pending.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "ShareEarnings",
                &[
                    "token_id",
                    "class_id",
                    "version",
                    "character",
                    "owner",
                    "contributor",
                    "shares",
                    "total_shares",
                    "asset",
                    "claimed",
                    "claimable",
                    "pending",
                ],
            )
        }
    }
}

#[cfg(feature = "native")]
mod signed_model {
    use super::*;
    use crate::native::signed::SignedModel;

    #[pymethods]
    impl SignedModel {
        #[new]
        #[pyo3(signature = (key, files, *, account=None))]
        fn from_python(key: String, files: Vec<String>, account: Option<String>) -> Self {
            Self { key, account, files }
        }

        /// The key that signed: SHA-256 of its PEM, as hex.
        #[getter(key)]
        fn python_key(&self) -> String {
            self.key.clone()
        }

        /// The account that stands for the key; without one, the signature tells nothing of who made the files.
        #[getter(account)]
        fn python_account(&self) -> Option<String> {
            self.account.clone()
        }

        /// The files that were signed.
        #[getter(files)]
        fn python_files(&self) -> Vec<String> {
            self.files.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SignedModel", &["key", "account", "files"])
        }
    }
}

mod signed_payment {
    use super::*;
    use crate::payer::SignedPayment;

    #[pymethods]
    impl SignedPayment {
        #[new]
        #[pyo3(signature = (header, network, asset, amount, pay_to, nonce, valid_before_s))]
        fn from_python(
            header: crate::transport::Header,
            network: String,
            asset: String,
            amount: Units,
            pay_to: String,
            nonce: String,
            valid_before_s: u64,
        ) -> Self {
            Self { header, network, asset, amount: amount.0, pay_to, nonce, valid_before_s }
        }

        /// The header that pays: the request is sent again with it.
        #[getter(header)]
        fn python_header(&self) -> crate::transport::Header {
            self.header.clone()
        }

        /// The chain, as the server names it.
        #[getter(network)]
        fn python_network(&self) -> String {
            self.network.clone()
        }

        /// Address of the ERC-20.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The amount, in base units.
        #[getter(amount)]
        fn python_amount(&self) -> PyResult<u128> {
            Units(self.amount.clone()).whole()
        }

        /// The payee.
        #[getter(pay_to)]
        fn python_pay_to(&self) -> String {
            self.pay_to.clone()
        }

        /// The payer's number for it: a chain takes it once.
        #[getter(nonce)]
        fn python_nonce(&self) -> String {
            self.nonce.clone()
        }

        /// The time until which it can be taken, in seconds since 1970.
        #[getter(valid_before_s)]
        fn python_valid_before_s(&self) -> u64 {
            self.valid_before_s
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "SignedPayment",
                &["header", "network", "asset", "amount", "pay_to", "nonce", "valid_before_s"],
            )
        }
    }
}

mod signed_receipt {
    use super::*;
    use crate::session::SignedReceipt;

    #[pymethods]
    impl SignedReceipt {
        #[new]
        #[pyo3(signature = (receipt, signature))]
        fn from_python(receipt: crate::session::Receipt, signature: String) -> Self {
            Self { receipt, signature }
        }

        /// The receipt.
        #[getter(receipt)]
        fn python_receipt(&self) -> crate::session::Receipt {
            self.receipt.clone()
        }

        /// The node's signature: `check_receipt` checks it.
        #[getter(signature)]
        fn python_signature(&self) -> String {
            self.signature.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SignedReceipt", &["receipt", "signature"])
        }
    }
}

mod signing_request {
    use super::*;
    use crate::sign::SigningRequest;

    #[pymethods]
    impl SigningRequest {
        #[new]
        #[pyo3(signature = (digest, encode_type, struct_hash))]
        fn from_python(digest: String, encode_type: String, struct_hash: String) -> Self {
            Self { digest, encode_type, struct_hash }
        }

        /// The 32 bytes to sign, as hex: Keccak-256 of domain and struct (EIP-712).
        #[getter(digest)]
        fn python_digest(&self) -> String {
            self.digest.clone()
        }

        /// `encodeType` of the value, such as `Voucher(bytes32 session,…)`; empty for a transaction.
        #[getter(encode_type)]
        fn python_encode_type(&self) -> String {
            self.encode_type.clone()
        }

        /// `hashStruct` of the value; empty for a transaction.
        #[getter(struct_hash)]
        fn python_struct_hash(&self) -> String {
            self.struct_hash.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SigningRequest", &["digest", "encode_type", "struct_hash"])
        }
    }
}

mod speech_note {
    use super::*;
    use crate::speech::SpeechNote;

    #[pymethods]
    impl SpeechNote {
        #[new]
        #[pyo3(signature = (node, model, voice, characters, session, *, voice_digest=None))]
        fn from_python(
            node: String,
            model: String,
            voice: crate::speech::SpokenVoice,
            characters: u64,
            session: String,
            voice_digest: Option<String>,
        ) -> Self {
            Self { node, model, voice, voice_digest, characters, session }
        }

        /// The node's address.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The character's model: `dat:CLASS:VERSION`.
        #[getter(model)]
        fn python_model(&self) -> String {
            self.model.clone()
        }

        /// Whose voice it is, as the node claims.
        #[getter(voice)]
        fn python_voice(&self) -> crate::speech::SpokenVoice {
            self.voice
        }

        /// SHA-256 of the file that makes the voice; none of the base's own.
        #[getter(voice_digest)]
        fn python_voice_digest(&self) -> Option<String> {
            self.voice_digest.clone()
        }

        /// Characters of the text.
        #[getter(characters)]
        fn python_characters(&self) -> u64 {
            self.characters
        }

        /// The session in which it was spoken.
        #[getter(session)]
        fn python_session(&self) -> String {
            self.session.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SpeechNote", &["node", "model", "voice", "voice_digest", "characters", "session"])
        }
    }
}

mod spending_limit {
    use super::*;
    use crate::payer::SpendingLimit;

    #[pymethods]
    impl SpendingLimit {
        #[new]
        #[pyo3(signature = (network, asset, payment, total))]
        fn from_python(network: String, asset: String, payment: Units, total: Units) -> Self {
            Self { network, asset, payment: payment.0, total: total.0 }
        }

        /// The chain, as CAIP-2 names it: `eip155:8453`.
        #[getter(network)]
        fn python_network(&self) -> String {
            self.network.clone()
        }

        /// Address of the ERC-20.
        #[getter(asset)]
        fn python_asset(&self) -> String {
            self.asset.clone()
        }

        /// The most for one payment, in base units.
        #[getter(payment)]
        fn python_payment(&self) -> PyResult<u128> {
            Units(self.payment.clone()).whole()
        }

        /// The most in all, in base units. A payment counts from when it is signed.
        #[getter(total)]
        fn python_total(&self) -> PyResult<u128> {
            Units(self.total.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SpendingLimit", &["network", "asset", "payment", "total"])
        }
    }
}

mod spoken {
    use super::*;
    use crate::speech::Spoken;

    #[pymethods]
    impl Spoken {
        #[new]
        #[pyo3(signature = (wav, sample_rate, characters, owed, voice, *, payment=None))]
        fn from_python(
            wav: Vec<u8>,
            sample_rate: u32,
            characters: u64,
            owed: Units,
            voice: crate::speech::SpokenVoice,
            payment: Option<crate::transport::HttpRequest>,
        ) -> Self {
            Self { wav, sample_rate, characters, owed: owed.0, voice, payment }
        }

        /// A WAV file: one channel, 16 bits, with a signed note that it is synthetic (`speech_note`).
        #[getter(wav)]
        fn python_wav(&self) -> Vec<u8> {
            self.wav.clone()
        }

        /// Samples a second.
        #[getter(sample_rate)]
        fn python_sample_rate(&self) -> u32 {
            self.sample_rate
        }

        /// Characters that are paid for.
        #[getter(characters)]
        fn python_characters(&self) -> u64 {
            self.characters
        }

        /// The amount owed for the session by now, in base units.
        #[getter(owed)]
        fn python_owed(&self) -> PyResult<u128> {
            Units(self.owed.clone()).whole()
        }

        /// Whose voice it is, as the node claims.
        #[getter(voice)]
        fn python_voice(&self) -> crate::speech::SpokenVoice {
            self.voice
        }

        /// The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        /// owed.
        #[getter(payment)]
        fn python_payment(&self) -> Option<crate::transport::HttpRequest> {
            self.payment.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Spoken", &["wav", "sample_rate", "characters", "owed", "voice", "payment"])
        }
    }
}

#[cfg(feature = "native")]
mod submission_facts {
    use super::*;
    use crate::native::roles::SubmissionFacts;

    #[pymethods]
    impl SubmissionFacts {
        #[new]
        #[pyo3(signature = (submission, submitter, status, root, tokens))]
        fn from_python(
            submission: String,
            submitter: String,
            status: crate::native::roles::SubmissionStatus,
            root: String,
            tokens: u64,
        ) -> Self {
            Self { submission, submitter, status, root, tokens }
        }

        /// Its id.
        #[getter(submission)]
        fn python_submission(&self) -> String {
            self.submission.clone()
        }

        /// The submitter.
        #[getter(submitter)]
        fn python_submitter(&self) -> String {
            self.submitter.clone()
        }

        /// Its state.
        #[getter(status)]
        fn python_status(&self) -> crate::native::roles::SubmissionStatus {
            self.status
        }

        /// Root over all records.
        #[getter(root)]
        fn python_root(&self) -> String {
            self.root.clone()
        }

        /// Tokens of all records, as proved.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "SubmissionFacts", &["submission", "submitter", "status", "root", "tokens"])
        }
    }
}

mod token_bias {
    use super::*;
    use crate::settings::TokenBias;

    #[pymethods]
    impl TokenBias {
        #[new]
        #[pyo3(signature = (token, bias_milli))]
        fn from_python(token: u32, bias_milli: i32) -> Self {
            Self { token, bias_milli }
        }

        /// The token's id.
        #[getter(token)]
        fn python_token(&self) -> u32 {
            self.token
        }

        /// Added to its score, in thousandths, at most 100000 either way.
        #[getter(bias_milli)]
        fn python_bias_milli(&self) -> i32 {
            self.bias_milli
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "TokenBias", &["token", "bias_milli"])
        }
    }
}

mod token_count {
    use super::*;
    use crate::counter::TokenCount;

    #[pymethods]
    impl TokenCount {
        #[new]
        #[pyo3(signature = (prompt_tokens, ids))]
        fn from_python(prompt_tokens: u64, ids: Vec<Vec<u32>>) -> Self {
            Self { prompt_tokens, ids }
        }

        /// Tokens of the conversation before a reply.
        #[getter(prompt_tokens)]
        fn python_prompt_tokens(&self) -> u64 {
            self.prompt_tokens
        }

        /// Token ids of each text.
        #[getter(ids)]
        fn python_ids(&self) -> Vec<Vec<u32>> {
            self.ids.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "TokenCount", &["prompt_tokens", "ids"])
        }
    }
}

#[cfg(feature = "native")]
mod token_facts {
    use super::*;
    use crate::native::dat::TokenFacts;

    #[pymethods]
    impl TokenFacts {
        #[new]
        #[pyo3(signature = (token_id, owner, shares, quota, expires_at_s, *, version=None))]
        fn from_python(
            token_id: u64,
            owner: String,
            shares: u64,
            quota: u64,
            expires_at_s: u64,
            version: Option<u32>,
        ) -> Self {
            Self { token_id, owner, shares, version, quota, expires_at_s }
        }

        /// Its id.
        #[getter(token_id)]
        fn python_token_id(&self) -> u64 {
            self.token_id
        }

        /// The owner.
        #[getter(owner)]
        fn python_owner(&self) -> String {
            self.owner.clone()
        }

        /// Its weight in the revenue of its version.
        #[getter(shares)]
        fn python_shares(&self) -> u64 {
            self.shares
        }

        /// The version whose revenue that is; none for a token without shares, or of a class without versions.
        #[getter(version)]
        fn python_version(&self) -> Option<u32> {
            self.version
        }

        /// Sessions that it pays for.
        #[getter(quota)]
        fn python_quota(&self) -> u64 {
            self.quota
        }

        /// Its quota can be used up to this time, seconds since 1970; 0 for ever.
        #[getter(expires_at_s)]
        fn python_expires_at_s(&self) -> u64 {
            self.expires_at_s
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "TokenFacts", &["token_id", "owner", "shares", "version", "quota", "expires_at_s"])
        }
    }
}

#[cfg(feature = "native")]
mod trained_adapter {
    use super::*;
    use crate::native::model::TrainedAdapter;

    #[pymethods]
    impl TrainedAdapter {
        #[new]
        #[pyo3(signature = (folder, digest, tokens, tokens_per_s, losses))]
        fn from_python(folder: PathText, digest: String, tokens: u64, tokens_per_s: f64, losses: Vec<f64>) -> Self {
            Self { folder: folder.0, digest, tokens, tokens_per_s, losses }
        }

        /// Its folder, in PEFT's files.
        #[getter(folder)]
        fn python_folder(&self) -> String {
            self.folder.clone()
        }

        /// SHA-256 of its weights.
        #[getter(digest)]
        fn python_digest(&self) -> String {
            self.digest.clone()
        }

        /// Tokens that were seen, repeats included.
        #[getter(tokens)]
        fn python_tokens(&self) -> u64 {
            self.tokens
        }

        /// Tokens per second; 0 if everything was done before.
        #[getter(tokens_per_s)]
        fn python_tokens_per_s(&self) -> f64 {
            self.tokens_per_s
        }

        /// Mean loss of each step, in nats per learnt token.
        #[getter(losses)]
        fn python_losses(&self) -> Vec<f64> {
            self.losses.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "TrainedAdapter", &["folder", "digest", "tokens", "tokens_per_s", "losses"])
        }
    }
}

#[cfg(feature = "native")]
mod training_settings {
    use super::*;
    use crate::native::model::TrainingSettings;

    #[pymethods]
    impl TrainingSettings {
        #[new]
        #[pyo3(signature = (*, epochs=None, max_steps=None, block_tokens=None, learning_rate_micro=None, rank=None, alpha=None, seed=None))]
        fn from_python(
            epochs: Option<u32>,
            max_steps: Option<u32>,
            block_tokens: Option<u32>,
            learning_rate_micro: Option<u32>,
            rank: Option<u32>,
            alpha: Option<u32>,
            seed: Option<u64>,
        ) -> Self {
            Self { epochs, max_steps, block_tokens, learning_rate_micro, rank, alpha, seed }
        }

        /// The number of passes over each dialogue.
        #[getter(epochs)]
        fn python_epochs(&self) -> Option<u32> {
            self.epochs
        }

        /// Most steps, whatever the epochs.
        #[getter(max_steps)]
        fn python_max_steps(&self) -> Option<u32> {
            self.max_steps
        }

        /// Tokens of one step.
        #[getter(block_tokens)]
        fn python_block_tokens(&self) -> Option<u32> {
            self.block_tokens
        }

        /// Peak learning rate, in millionths.
        #[getter(learning_rate_micro)]
        fn python_learning_rate_micro(&self) -> Option<u32> {
            self.learning_rate_micro
        }

        /// Rank of the update (LoRA, arXiv:2106.09685).
        #[getter(rank)]
        fn python_rank(&self) -> Option<u32> {
            self.rank
        }

        /// The update is multiplied by `alpha / rank`.
        #[getter(alpha)]
        fn python_alpha(&self) -> Option<u32> {
            self.alpha
        }

        /// Seed of the adapter's initial values and of the order of dialogues.
        #[getter(seed)]
        fn python_seed(&self) -> Option<u64> {
            self.seed
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(
                slf.as_any(),
                "TrainingSettings",
                &["epochs", "max_steps", "block_tokens", "learning_rate_micro", "rank", "alpha", "seed"],
            )
        }
    }
}

mod voucher {
    use super::*;
    use crate::session::Voucher;

    #[pymethods]
    impl Voucher {
        #[new]
        #[pyo3(signature = (session, node, class_id, version, cumulative))]
        fn from_python(session: String, node: String, class_id: u64, version: u32, cumulative: Units) -> Self {
            Self { session, node, class_id, version, cumulative: cumulative.0 }
        }

        /// The session.
        #[getter(session)]
        fn python_session(&self) -> String {
            self.session.clone()
        }

        /// The node that may redeem it.
        #[getter(node)]
        fn python_node(&self) -> String {
            self.node.clone()
        }

        /// The class that is served.
        #[getter(class_id)]
        fn python_class_id(&self) -> u64 {
            self.class_id
        }

        /// The version that is served.
        #[getter(version)]
        fn python_version(&self) -> u32 {
            self.version
        }

        /// The amount owed so far, in base units.
        #[getter(cumulative)]
        fn python_cumulative(&self) -> PyResult<u128> {
            Units(self.cumulative.clone()).whole()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "Voucher", &["session", "node", "class_id", "version", "cumulative"])
        }
    }
}

mod wallet_call {
    use super::*;
    use crate::wallet::WalletCall;

    #[pymethods]
    impl WalletCall {
        #[new]
        #[pyo3(signature = (to, value, data))]
        fn from_python(to: String, value: String, data: String) -> Self {
            Self { to, value, data }
        }

        /// The contract.
        #[getter(to)]
        fn python_to(&self) -> String {
            self.to.clone()
        }

        /// Coins that go with it, in base units, as hex without leading zeros.
        #[getter(value)]
        fn python_value(&self) -> String {
            self.value.clone()
        }

        /// The calldata, as hex.
        #[getter(data)]
        fn python_data(&self) -> String {
            self.data.clone()
        }

        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
            repr(slf.as_any(), "WalletCall", &["to", "value", "data"])
        }
    }
}
