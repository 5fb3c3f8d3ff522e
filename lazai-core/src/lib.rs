//! The common parts of the LazAI market.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | newtypes for addresses, digests and the identifiers of the market |
//! | [`money`] | [`Amount`], [`Money`], [`BasisPoints`]: integers, checked, never mixed |
//! | [`digest`] | domain-separated hashing and canonical JSON |
//! | [`sign`] | EIP-712 typed data, secp256k1 signatures, the [`Signer`] trait |
//! | [`seal`] | encryption of private data, sealing of its key (HPKE, RFC 9180) |
//! | [`message`] | messages: a role and a text |
//! | [`group`] | conversations of several: what each of them heard |
//! | [`character`] | a character, from cards and Eliza files, and back; its prompts for a model |
//! | [`dialogue`] | importers for common chat formats |
//! | [`prepare`] | dialogues of any number without duplicates, split and measured |
//! | [`tools`] | tools, calls and results in messages and replies |
//! | [`tokenizer`] | counting tokens as a node does, without weights |
//! | [`voice`] | recordings, turned into log-mel spectrograms |
//! | [`mod@inspect`] | the kind and contents of a file |
//! | [`reply`] | a reply's form, and the reason for its end |
//! | [`report`] | notes of an importer: data dropped, merged or repaired |
//! | [`pov`] | the container: a dataset in Point-of-View form |
//! | [`dat`] | the metadata that a Data Anchoring Token carries |
//! | [`record`] | the training record of an adapter |
//! | [`oms`] | signed folders of a model's files, as the OpenSSF has them |
//! | [`mod@file`] | replacing a file, whole or not at all |
//! | [`parallel`] | threads, in a number that the caller gives |
//!
//! This crate uses no network and no clock. It asks the system for randomness (keys, salts, ids), for a folder for
//! temporary files and, if the caller gives no number of threads, for the number of the machine's.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "character")]
pub mod character;
pub mod dat;
#[cfg(feature = "import")]
pub mod dialogue;
pub mod digest;
pub mod file;
pub mod group;
pub mod id;
#[cfg(feature = "import")]
pub mod inspect;
pub mod message;
pub mod money;
#[cfg(feature = "oms")]
pub mod oms;
pub mod parallel;
pub mod pov;
#[cfg(feature = "prepare")]
pub mod prepare;
pub mod quiet;
pub mod record;
pub mod reply;
pub mod report;
pub mod seal;
pub mod sign;
#[cfg(feature = "character")]
mod text;
#[cfg(feature = "tokenizer")]
pub mod tokenizer;
pub mod tools;
#[cfg(feature = "import")]
pub mod voice;

pub use id::{
    Address, ClassId, Digest, LedgerId, NoRandomness, ParamsVersion, ProposalId, SessionId, SubmissionId, TokenId,
    VersionNumber,
};
pub use money::{Amount, Asset, BasisPoints, Money, MoneyError};
pub use sign::{Domain, LocalSigner, Signature, Signer, SignerError, TypedData};
