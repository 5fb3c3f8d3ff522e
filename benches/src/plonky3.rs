//! The same permutations in Plonky3: Poseidon over Goldilocks, width 12, unconnected, under a Keccak tree.

use p3_challenger::{HashChallenger, SerializingChallenger64};
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_field::extension::BinomialExtensionField;
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_goldilocks::poseidon1::{
    GOLDILOCKS_POSEIDON_HALF_FULL_ROUNDS, GOLDILOCKS_POSEIDON_PARTIAL_ROUNDS_12, GOLDILOCKS_POSEIDON1_RC_12,
    GOLDILOCKS_S_BOX_DEGREE,
};
use p3_goldilocks::{Goldilocks, MATRIX_CIRC_MDS_12_COL};
use p3_keccak::{Keccak256Hash, KeccakF, VECTOR_LEN};
use p3_merkle_tree::MerkleTreeMmcs;
use p3_poseidon1::Poseidon1Constants;
use p3_poseidon1_air::Poseidon1Air;
use p3_symmetric::{CompressionFunctionFromHasher, PaddingFreeSponge, SerializingHasher};
use p3_uni_stark::{StarkConfig, prove, verify};

use crate::Failure;

const WIDTH: usize = 12;
const S_BOX_REGISTERS: usize = 1;

/// Proves so many permutations, and gives the CPU seconds that it took.
pub fn prove_permutations(count: usize) -> Result<f64, Failure> {
    type Challenge = BinomialExtensionField<Goldilocks, 2>;
    type U64Hash = PaddingFreeSponge<KeccakF, 25, 17, 4>;
    type FieldHash = SerializingHasher<U64Hash>;
    type Compress = CompressionFunctionFromHasher<U64Hash, 2, 4>;
    type ValMmcs = MerkleTreeMmcs<[Goldilocks; VECTOR_LEN], [u64; VECTOR_LEN], FieldHash, Compress, 2, 4>;
    type ChallengeMmcs = ExtensionMmcs<Goldilocks, Challenge, ValMmcs>;
    type Challenger = SerializingChallenger64<Goldilocks, HashChallenger<u8, Keccak256Hash, 32>>;
    type Pcs = TwoAdicFriPcs<Goldilocks, Radix2DitParallel<Goldilocks>, ValMmcs, ChallengeMmcs>;
    type Config = StarkConfig<Pcs, Challenge, Challenger>;

    let hash = U64Hash::new(KeccakF {});
    let val_mmcs = ValMmcs::new(FieldHash::new(hash), Compress::new(hash), 3);
    let challenge_mmcs = ChallengeMmcs::new(val_mmcs.clone());
    let constants = Poseidon1Constants {
        rounds_f: 2 * GOLDILOCKS_POSEIDON_HALF_FULL_ROUNDS,
        rounds_p: GOLDILOCKS_POSEIDON_PARTIAL_ROUNDS_12,
        mds_circ_col: MATRIX_CIRC_MDS_12_COL,
        round_constants: GOLDILOCKS_POSEIDON1_RC_12.to_vec(),
    };
    let (full, partial) = constants.to_optimized();
    let air: Poseidon1Air<
        Goldilocks,
        WIDTH,
        GOLDILOCKS_S_BOX_DEGREE,
        S_BOX_REGISTERS,
        GOLDILOCKS_POSEIDON_HALF_FULL_ROUNDS,
        GOLDILOCKS_POSEIDON_PARTIAL_ROUNDS_12,
    > = Poseidon1Air::new(full, partial);
    // About a hundred bits conjectured: rate 1/2, a hundred queries, 16 bits of grinding.
    let fri = FriParameters::new_benchmark(challenge_mmcs);
    let started = super::zk::cpu_s()?;
    let trace = air.generate_trace_rows(count, fri.log_blowup);
    let pcs = Pcs::new(Radix2DitParallel::default(), val_mmcs, fri);
    let config = Config::new(pcs, Challenger::from_hasher(vec![], Keccak256Hash {}));
    let proof = prove(&config, &air, trace, &[]).map_err(|e| format!("Plonky3: {e:?}"))?;
    let took = super::zk::cpu_s()? - started;
    verify(&config, &air, &proof, &[]).map_err(|e| format!("Plonky3: {e:?}"))?;
    Ok(took)
}
