//! What every part of the LazAI market is made of.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | newtypes for addresses, digests and the identifiers of the market |
//! | [`money`] | [`Amount`], [`Money`], [`BasisPoints`]: integers, checked, never mixed |
//! | [`digest`] | domain-separated hashing and canonical JSON |
//! | [`sign`] | EIP-712 typed data, secp256k1 signatures, the [`Signer`] trait |
//! | [`seal`] | encryption of private data, sealing of its key (HPKE, RFC 9180) |
//! | [`character`] | a character, out of cards and Eliza files, and back; what a model is sent for it |
//! | [`dialogue`] | conversations, out of the files that people have |
//! | [`prepare`] | dialogues of any number without duplicates, split and measured |
//! | [`tokenizer`] | counting tokens as a node does, without weights |
//! | [`voice`] | recordings, turned into log-mel spectrograms |
//! | [`mod@inspect`] | what a file is and holds |
//! | [`report`] | what an importer dropped, merged or repaired |
//! | [`pov`] | the container: a dataset in Point-of-View form |
//! | [`dat`] | what a Data Anchoring Token says about its model |
//! | [`record`] | how an adapter was trained |
//! | [`mod@file`] | replacing a file whole or not at all |
//! | [`parallel`] | threads as a number that the caller gives |
//!
//! Nothing here touches the network or keeps time. Of its surroundings it asks two things: where temporary files go, and how
//! many threads the machine has, where the caller gives no number.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod character;
pub mod dat;
pub mod dialogue;
pub mod digest;
pub mod file;
pub mod id;
pub mod inspect;
pub mod money;
pub mod parallel;
pub mod pov;
#[cfg(feature = "prepare")]
pub mod prepare;
pub mod record;
pub mod report;
pub mod seal;
pub mod sign;
mod text;
#[cfg(feature = "tokenizer")]
pub mod tokenizer;
pub mod voice;

pub use id::{
    Address, ClassId, Digest, LedgerId, NoRandomness, ParamsVersion, ProposalId, SessionId, SubmissionId, TokenId,
    VersionNumber,
};
pub use money::{Amount, Asset, BasisPoints, Money, MoneyError};
pub use sign::{Domain, LocalSigner, Signature, Signer, SignerError, TypedData};
