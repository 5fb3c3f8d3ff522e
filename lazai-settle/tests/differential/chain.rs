//! The contracts, in an EVM of this process.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEnvelope, TxLegacy};
use alloy_primitives::Signature;
use alloy_sol_types::{SolCall, SolConstructor, SolEvent, sol};
use lazai_core::digest::DomainHasher;
use lazai_core::{Address, Asset, Digest, Domain, LedgerId, LocalSigner, Signer};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, Context, Journal, TxEnv};
use revm::database::{CacheDB, EmptyDB, InMemoryDB};
use revm::handler::MainnetContext;
use revm::primitives::{Address as EvmAddress, Bytes, TxKind, U256};
use revm::state::AccountInfo;
use revm::{ExecuteCommitEvm, MainBuilder, MainContext, MainnetEvm};

pub use lazai_settle::ledger::evm::abi::{
    Balances, DataAnchoringToken, DatasetRegistry, Disputes, MarketParameters, Settlement, Tills, ValidatorQuorum,
    ValidatorSet, from_evm, to_evm,
};

sol!(Dollar, "../lazai-settle/artifacts/Dollar.json");

pub const CHAIN_ID: u64 = 31_337;
/// What everybody's wallet begins with: nobody is ever short outside of the market.
const WALLET: u128 = u128::MAX >> 8;

type Evm = MainnetEvm<MainnetContext<InMemoryDB>>;

/// The contracts of one market, and the chain they are on.
pub struct Chain {
    evm: Evm,
    /// Who can send, and what was sent so far.
    senders: BTreeMap<EvmAddress, (LocalSigner, u64)>,
    deployer: EvmAddress,
    pub parameters: EvmAddress,
    pub quorum: EvmAddress,
    pub registry: EvmAddress,
    pub token: EvmAddress,
    pub settlement: EvmAddress,
    pub dollar: EvmAddress,
    pub tills: EvmAddress,
    pub disputes: EvmAddress,
    pub gas: u64,
    /// What a node would tell of it: each transaction is a block of its own.
    pub tape: std::sync::Arc<super::tape::Tape>,
    now_s: u64,
}

impl Chain {
    /// Deploys a market whose governance is a plain account.
    pub fn new(
        now_s: u64,
        governance: LocalSigner,
        people: Vec<LocalSigner>,
        params: MarketParameters::Params,
        validators: &[(Address, u64)],
    ) -> Self {
        let key = LocalSigner::from_bytes([0xde; 32]).expect("a key");
        let deployer = to_evm(key.address());
        let (pool, everyone) = (to_evm(governance.address()), people.iter().map(Signer::address).collect::<Vec<_>>());
        let senders = people.into_iter().chain([governance, key]);
        let senders: BTreeMap<_, _> = senders.map(|who| (to_evm(who.address()), (who, 0))).collect();
        let mut db = CacheDB::new(EmptyDB::default());
        for &account in senders.keys() {
            db.insert_account_info(account, AccountInfo { balance: U256::from(WALLET), ..Default::default() });
        }
        let context: Context<BlockEnv, TxEnv, CfgEnv, InMemoryDB, Journal<InMemoryDB>, ()> =
            Context::mainnet().with_db(db).modify_cfg_chained(|cfg| cfg.chain_id = CHAIN_ID);
        let mut chain = Self {
            evm: context.build_mainnet(),
            senders,
            deployer,
            parameters: deployer.create(1),
            quorum: deployer.create(2),
            registry: deployer.create(3),
            token: deployer.create(4),
            settlement: deployer.create(5),
            dollar: deployer.create(0),
            tills: deployer.create(6),
            disputes: deployer.create(7),
            gas: 0,
            tape: Default::default(),
            now_s,
        };
        chain.at(now_s);
        chain.deploy(deployer, &Dollar::BYTECODE, Vec::new());
        let constructor = MarketParameters::constructorCall {
            governance_: pool,
            guardian_: EvmAddress::ZERO,
            first: params,
            assets: vec![chain.dollar],
        };
        chain.deploy(deployer, &MarketParameters::BYTECODE, constructor.abi_encode());
        let members =
            validators.iter().map(|&(v, weight)| ValidatorSet::Member { member: to_evm(v), weight }).collect();
        let constructor = ValidatorQuorum::constructorCall {
            parameters_: chain.parameters,
            registry_: chain.registry,
            settlement_: chain.settlement,
            members_: members,
        };
        chain.deploy(deployer, &ValidatorQuorum::BYTECODE, constructor.abi_encode());
        let constructor = DatasetRegistry::constructorCall {
            parameters_: chain.parameters,
            quorum_: chain.quorum,
            token_: chain.token,
        };
        chain.deploy(deployer, &DatasetRegistry::BYTECODE, constructor.abi_encode());
        let constructor = DataAnchoringToken::constructorCall {
            parameters_: chain.parameters,
            registry_: chain.registry,
            settlement_: chain.settlement,
        };
        chain.deploy(deployer, &DataAnchoringToken::BYTECODE, constructor.abi_encode());
        let constructor = Settlement::constructorCall { parameters_: chain.parameters, token_: chain.token };
        chain.deploy(deployer, &Settlement::BYTECODE, constructor.abi_encode());
        let constructor = Tills::constructorCall { settlement_: chain.settlement };
        chain.deploy(deployer, &Tills::BYTECODE, constructor.abi_encode());
        let constructor = Disputes::constructorCall {
            parameters_: chain.parameters,
            quorum_: chain.quorum,
            settlement_: chain.settlement,
        };
        chain.deploy(deployer, &Disputes::BYTECODE, constructor.abi_encode());
        for person in everyone {
            let give = Dollar::giveCall { to: to_evm(person), amount: U256::from(WALLET) };
            chain.must(from_evm(deployer), chain.dollar, 0, &give);
            let approve = Dollar::approveCall { spender: chain.settlement, value: U256::MAX };
            chain.must(person, chain.dollar, 0, &approve);
        }
        chain
    }

    /// The domain of everything signed for this market.
    pub fn domain(&self) -> Domain {
        Domain {
            name: "LazAI Market".into(),
            version: "1".into(),
            chain_id: CHAIN_ID,
            verifying_contract: from_evm(self.parameters),
            salt: None,
        }
    }

    /// Its id, as the contracts derive it.
    pub fn ledger(&self) -> LedgerId {
        let hasher = DomainHasher::new("lazai.ledger.evm.v1").part(&CHAIN_ID.to_le_bytes());
        LedgerId::from_bytes(*hasher.part(self.parameters.as_slice()).finish().as_bytes())
    }

    pub fn asset(&self, native: bool) -> Asset {
        if native { Asset::NATIVE } else { Asset(from_evm(self.dollar)) }
    }

    /// Moves the chain's time.
    pub fn at(&mut self, now_s: u64) {
        self.now_s = now_s;
        self.evm.ctx.modify_block(|block| block.timestamp = U256::from(now_s));
    }

    /// Sends a call; what it answers, or what it reverts with. Nothing has changed then.
    pub fn send<C: SolCall>(
        &mut self,
        from: Address,
        to: EvmAddress,
        value: u128,
        call: &C,
    ) -> Result<C::Return, Bytes> {
        let output = self.transact(to_evm(from), TxKind::Call(to), value, call.abi_encode())?;
        Ok(C::abi_decode_returns(&output).expect("the answer is of the call's type"))
    }

    /// Sends bytes as a call.
    pub fn send_bytes(&mut self, from: Address, to: EvmAddress, call: Vec<u8>) -> Result<Bytes, Bytes> {
        self.transact(to_evm(from), TxKind::Call(to), 0, call)
    }

    /// Sends a call that must succeed.
    pub fn must<C: SolCall>(&mut self, from: Address, to: EvmAddress, value: u128, call: &C) -> C::Return {
        self.send(from, to, value, call).unwrap_or_else(|e| panic!("{} reverted: {e}", C::SIGNATURE))
    }

    /// Asks without changing anything that matters.
    pub fn ask<C: SolCall>(&mut self, to: EvmAddress, call: &C) -> C::Return {
        self.must(from_evm(self.deployer), to, 0, call)
    }

    fn deploy(&mut self, from: EvmAddress, code: &Bytes, constructor: Vec<u8>) {
        let init = [code.as_ref(), &constructor].concat();
        self.transact(from, TxKind::Create, 0, init).unwrap_or_else(|e| panic!("deployment reverted: {e}"));
    }

    fn transact(&mut self, caller: EvmAddress, kind: TxKind, value: u128, data: Vec<u8>) -> Result<Bytes, Bytes> {
        let (signer, nonce) = self.senders.get_mut(&caller).expect("an account with a key");
        let legacy = TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce: *nonce,
            gas_limit: 16_000_000,
            to: kind,
            value: U256::from(value),
            input: data.into(),
            ..TxLegacy::default()
        };
        *nonce += 1;
        let tx = TxEnv::builder()
            .caller(caller)
            .kind(kind)
            .value(legacy.value)
            .data(legacy.input.clone())
            .nonce(legacy.nonce)
            .chain_id(legacy.chain_id)
            .gas_limit(legacy.gas_limit)
            .build()
            .expect("a whole transaction");
        let signature = signer.sign_digest(Digest::from_bytes(legacy.signature_hash().0));
        let signature = Signature::from_raw_array(signature.as_bytes()).expect("a signature");
        let result = self.evm.transact_commit(tx).expect("a transaction that can be run");
        self.gas = result.tx_gas_used();
        self.tape.record(self.now_s, TxEnvelope::Legacy(legacy.into_signed(signature)), result.logs());
        // Public parts are kept as the code of contracts.
        for log in result.logs() {
            if let Ok(e) = DatasetRegistry::Submitted::decode_log(log) {
                for &part in &e.content {
                    let code = self.code(part);
                    self.tape.keep_code(part, code);
                }
            }
        }
        match result {
            ExecutionResult::Success { output: Output::Call(bytes) | Output::Create(bytes, _), .. } => Ok(bytes),
            ExecutionResult::Revert { output, .. } => Err(output),
            ExecutionResult::Halt { reason, .. } => panic!("halted: {reason:?}"),
        }
    }
}

impl Chain {
    fn code(&mut self, contract: EvmAddress) -> Bytes {
        use revm::Database;
        let database = &mut self.evm.ctx.journaled_state.database;
        let info = database.basic(contract).ok().flatten().unwrap_or_default();
        let code = info.code.or_else(|| database.code_by_hash(info.code_hash).ok());
        code.map(|code| code.original_bytes()).unwrap_or_default()
    }

    /// Coins that an account has.
    pub fn coins(&mut self, account: EvmAddress) -> U256 {
        use revm::Database;
        self.evm.ctx.journaled_state.database.basic(account).ok().flatten().map_or(U256::ZERO, |info| info.balance)
    }
}
