//! The proof system: Goldilocks and its quadratic extension, SHA-256, FRI with masks.

use p3_challenger::{HashChallenger, SerializingChallenger64};
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_field::PrimeField64;
use p3_field::extension::BinomialExtensionField;
use p3_fri::{FriParameters, HidingFriPcs};
use p3_goldilocks::Goldilocks;
use p3_merkle_tree::MerkleTreeHidingMmcs;
use p3_symmetric::{CryptographicHasher, PseudoCompressionFunction};
use p3_uni_stark::StarkConfig;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysError, SysRng};
use sha2::{Digest as _, Sha256};

use crate::whole::{ARITY_LOG, BATCH_WORK, FINAL_LOG, HIDDEN, QUERIES, RATE_LOG, SALT, WORK};

/// The field of challenges.
pub(super) type Challenge = BinomialExtensionField<Goldilocks, 2>;
type ValMmcs = MerkleTreeHidingMmcs<Goldilocks, u8, Leaves, Nodes, StdRng, 2, 32, SALT>;
type ChallengeMmcs = ExtensionMmcs<Goldilocks, Challenge, ValMmcs>;
type Challenger = SerializingChallenger64<Goldilocks, HashChallenger<u8, Bytes, 32>>;
type Pcs = HidingFriPcs<Goldilocks, Radix2DitParallel<Goldilocks>, ValMmcs, ChallengeMmcs, StdRng>;
pub(super) type Config = StarkConfig<Pcs, Challenge, Challenger>;

/// SHA-256 over elements, eight bytes each, after a byte that no node begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaves;
/// SHA-256 over two nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes;
/// SHA-256 over bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes;

impl CryptographicHasher<Goldilocks, [u8; 32]> for Leaves {
    fn hash_iter<I: IntoIterator<Item = Goldilocks>>(&self, input: I) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        let mut buffer = [0; 512];
        let mut filled = 0;
        for element in input {
            buffer[filled..filled + 8].copy_from_slice(&element.as_canonical_u64().to_le_bytes());
            filled += 8;
            if filled == buffer.len() {
                hasher.update(buffer);
                filled = 0;
            }
        }
        hasher.update(&buffer[..filled]);
        hasher.finalize().into()
    }
}

impl PseudoCompressionFunction<[u8; 32], 2> for Nodes {
    fn compress(&self, [left, right]: [[u8; 32]; 2]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update([1]);
        hasher.update(left);
        hasher.update(right);
        hasher.finalize().into()
    }
}

impl CryptographicHasher<u8, [u8; 32]> for Bytes {
    fn hash_iter<I: IntoIterator<Item = u8>>(&self, input: I) -> [u8; 32] {
        Sha256::digest(input.into_iter().collect::<Vec<_>>()).into()
    }
}

/// A configuration whose masks come from the operating system.
pub(super) fn config() -> Result<Config, SysError> {
    let random = || StdRng::try_from_rng(&mut SysRng);
    let mmcs = ValMmcs::new(Leaves, Nodes, 0, random()?);
    let fri = FriParameters {
        log_blowup: RATE_LOG,
        log_final_poly_len: FINAL_LOG,
        max_log_arity: ARITY_LOG,
        num_queries: QUERIES,
        batch_proof_of_work_bits: BATCH_WORK,
        commit_proof_of_work_bits: 0,
        query_proof_of_work_bits: WORK,
        mmcs: ChallengeMmcs::new(mmcs.clone()),
    };
    let pcs = Pcs::new(Radix2DitParallel::default(), mmcs, fri, HIDDEN, random()?);
    Ok(Config::new(pcs, Challenger::from_hasher(vec![], Bytes)))
}
