//! Conformance suites for the traits that others implement.
//!
//! | macro | of | the maker gives |
//! |---|---|---|
//! | [`store!`](crate::conformance::store) | [`Store`](crate::store::Store) | an empty store |
//! | [`signer!`](crate::conformance::signer) | [`Signer`](lazai_core::Signer) | a signer |
//! | [`ledger!`](crate::conformance::ledger) | [`Ledger`](lazai_settle::Ledger) | a [`Funded`]: a ledger, and an account with at least 1,000 base units of coins |
//! | [`generator!`](crate::conformance::generator) | [`Generator`](lazai_lora::Generator) | a generator (feature `serve`) |
//! | [`book!`](crate::conformance::book) | [`Book`](crate::provider::Book) | two handles on one empty book (feature `serve`) |
//! | [`trainer!`](crate::conformance::trainer) | [`Trainer`](lazai_lora::Trainer) | a [`TrainerCase`] (feature `train`) |
//!
//! Each macro makes a test of each rule. The maker is called once for each, and may give what must live as long, such as a folder, in a
//! pair behind it.
//!
//! ```
//! mod my_store {
//!     use lazai::store::FolderStore;
//!
//!     lazai::conformance::store!(|| {
//!         let folder = tempfile::tempdir().expect("a folder");
//!         (FolderStore::new(folder.path()), folder)
//!     });
//! }
//! ```
#![allow(clippy::panic, clippy::expect_used, reason = "what is here fails a test")]

// Macros name the rules by path.
#[cfg(feature = "serve")]
#[doc(hidden)]
pub mod books;
#[cfg(feature = "serve")]
#[doc(hidden)]
pub mod generating;
#[doc(hidden)]
pub mod ledgers;
#[doc(hidden)]
pub mod signers;
#[doc(hidden)]
pub mod stores;
#[cfg(feature = "train")]
#[doc(hidden)]
pub mod training;

pub use ledgers::Funded;
#[cfg(feature = "train")]
pub use training::TrainerCase;

/// Waits for a rule on a thread without a runtime.
#[doc(hidden)]
pub fn wait<T>(rule: impl Future<Output = T>) -> T {
    futures_lite::future::block_on(rule)
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($rules:ident, $make:expr, [$($rule:ident),* $(,)?]) => {
        $(
            #[test]
            fn $rule() {
                let (made, _kept) = ($make)();
                $crate::conformance::wait($crate::conformance::$rules::$rule(made));
            }
        )*
    };
}

/// Tests of a [`Store`](crate::store::Store): see the [module](crate::conformance).
#[macro_export]
macro_rules! store_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            stores,
            $make,
            [
                an_object_is_read_as_it_was_written,
                writing_twice_is_writing_once,
                no_more_is_read_than_asked_for,
                what_is_not_there_is_an_error,
                objects_are_written_side_by_side,
            ]
        );
    };
}

/// Tests of a [`Signer`](lazai_core::Signer): see the [module](crate::conformance).
#[macro_export]
macro_rules! signer_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            signers,
            $make,
            [what_is_signed_is_the_accounts, every_request_is_signed_for_itself,]
        );
    };
}

/// Tests of a [`Ledger`](lazai_settle::Ledger): see the [module](crate::conformance).
#[macro_export]
macro_rules! ledger_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            ledgers,
            $make,
            [
                a_key_is_applied_once,
                a_refusal_changes_nothing,
                followers_hear_every_entry_once_and_in_order,
                every_entry_is_in_the_checkpoint,
                senders_at_once_lose_nothing,
            ]
        );
    };
}

/// Tests of a [`Generator`](lazai_lora::Generator): see the [module](crate::conformance).
#[cfg(feature = "serve")]
#[macro_export]
macro_rules! generator_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            generating,
            $make,
            [
                the_same_job_is_the_same_reply,
                pieces_are_the_text,
                a_reply_ends_before_a_stop_string,
                a_setting_that_cannot_be_heeded_is_refused,
                a_reply_is_no_longer_than_asked_for,
                the_prompt_is_counted_as_it_is_read,
                an_adapter_that_was_not_loaded_is_refused,
                a_dropped_reply_hinders_none,
            ]
        );
    };
}

/// Tests of a [`Book`](crate::provider::Book): see the [module](crate::conformance).
#[cfg(feature = "serve")]
#[macro_export]
macro_rules! book_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            books,
            $make,
            [
                a_page_is_what_was_written_last,
                a_page_is_replaced_only_if_it_is_as_before,
                sessions_are_those_with_a_page,
                replicas_at_once_lose_no_change,
                the_secret_is_one_and_stays,
                claims_are_given_back,
            ]
        );
    };
}

/// Tests of a [`Trainer`](lazai_lora::Trainer): see the [module](crate::conformance).
#[cfg(feature = "train")]
#[macro_export]
macro_rules! trainer_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            training,
            $make,
            [training_leaves_an_adapter_and_a_loss_for_each_step, a_cancelled_run_goes_on_to_the_same_adapter,]
        );
    };
}

#[cfg(feature = "serve")]
pub use crate::book_conformance as book;
#[cfg(feature = "serve")]
pub use crate::generator_conformance as generator;
#[cfg(feature = "train")]
pub use crate::trainer_conformance as trainer;
pub use crate::{ledger_conformance as ledger, signer_conformance as signer, store_conformance as store};
