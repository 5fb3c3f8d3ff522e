//! Everything that both markets hold, compared.

use lazai_core::*;
use lazai_settle::ledger::evm::disputes::outcome_of;
use lazai_settle::market::{Pot, SubmissionStatus};
use revm::primitives::{Address as EvmAddress, U256};

use super::chain::*;
use super::operations::{id32, status};
use super::world::*;

fn amount(a: Amount) -> U256 {
    U256::from(a.base_units())
}

pub fn all(w: &mut World, when: &str) {
    money(w, when);
    tokens(w, when);
    classes(w, when);
    sessions(w, when);
    validation(w, when);
    disputes(w, when);
}

fn money(w: &mut World, when: &str) {
    let accounts: Vec<Address> = (0..PEOPLE).map(|n| w.address(n)).chain([w.governance]).collect();
    for asset in [Asset::NATIVE, w.chain.asset(false)] {
        let (settlement, quorum, dollar) = (w.chain.settlement, w.chain.quorum, w.chain.dollar);
        let disputes = w.chain.disputes;
        for &account in &accounts {
            let call = Settlement::balanceOfCall { account: to_evm(account), asset: to_evm(asset.0) };
            let found = w.chain.ask(settlement, &call);
            assert_eq!(found, amount(w.market.balance(account, asset)), "{when}: balance of {account} in {asset}");
        }
        // All that there is, is in the contracts.
        let held = if asset == Asset::NATIVE {
            w.chain.coins(settlement) + w.chain.coins(quorum) + w.chain.coins(disputes)
        } else {
            w.chain.ask(dollar, &Dollar::balanceOfCall { account: settlement })
        };
        assert_eq!(held, amount(w.market.total(asset).unwrap()), "{when}: everything in {asset}");
    }
    for &account in &accounts {
        let quorum = w.chain.quorum;
        let found = w.chain.ask(quorum, &ValidatorQuorum::stakeOfCall { member: to_evm(account) });
        let stake = w.market.stake_of(account);
        assert_eq!(
            (found.bonded, found.unbonding, found.availableAt, found.heldUntil),
            (stake.bonded.base_units(), stake.unbonding.base_units(), stake.available_at_s, stake.held_until_s),
            "{when}: stake of {account}"
        );
    }
}

fn tokens(w: &mut World, when: &str) {
    let token = w.chain.token;
    let count = w.chain.ask(token, &DataAnchoringToken::tokenCountCall {}).to::<u64>();
    assert!(w.market.token(TokenId(count + 1)).is_none(), "{when}: tokens");
    for id in 1..=count {
        let ours = w.market.token(TokenId(id)).unwrap_or_else(|| panic!("{when}: token {id}")).clone();
        let id256 = U256::from(id);
        let owner: EvmAddress = w.chain.ask(token, &DataAnchoringToken::ownerOfCall { tokenId: id256 });
        let value = w.chain.ask(token, &DataAnchoringToken::valueOfCall { tokenId: id256 });
        let shares = w.chain.ask(token, &DataAnchoringToken::shareRatioOfCall { tokenId: id256 });
        assert_eq!(
            (owner, value, shares),
            (to_evm(ours.owner), U256::from(ours.value), U256::from(ours.shares)),
            "{when}: token {id}"
        );
        for asset in [Asset::NATIVE, w.chain.asset(false)] {
            let call = DataAnchoringToken::pendingRevenueCall { tokenId: id256, asset: to_evm(asset.0) };
            let pending = w.market.pending_revenue(TokenId(id), asset).unwrap();
            assert_eq!(w.chain.ask(token, &call), amount(pending), "{when}: pending of token {id} in {asset}");
        }
    }
}

fn classes(w: &mut World, when: &str) {
    let (token, settlement) = (w.chain.token, w.chain.settlement);
    let count = w.chain.ask(token, &DataAnchoringToken::classCountCall {}).to::<u64>();
    assert!(w.market.class(ClassId(count + 1)).is_none(), "{when}: classes");
    for id in 1..=count {
        let ours = w.market.class(ClassId(id)).unwrap_or_else(|| panic!("{when}: class {id}")).clone();
        let id256 = U256::from(id);
        let versions = w.chain.ask(token, &DataAnchoringToken::versionCountCall { classId: id256 });
        assert_eq!(versions, U256::from(ours.versions.len()), "{when}: versions of class {id}");
        for (i, version) in ours.versions.iter().enumerate() {
            let call = DataAnchoringToken::versionOfCall { classId: id256, version: i as u32 + 1 };
            let found = w.chain.ask(token, &call);
            let after = version.after.map_or(0, |version| version.0);
            let expected = (id32(version.digest.as_bytes()), version.withdrawn, after, version.keep.get());
            let found = (found.integrityHash, found.withdrawn, found.afterVersion, found.keepBps);
            assert_eq!(found, expected, "{when}: version of class {id}");
        }
        for number in 0..=ours.versions.len() as u32 {
            let pot = ours.pot((number != 0).then_some(VersionNumber(number))).unwrap();
            revenue(w, ClassId(id), number, pot, when);
        }
        for asset in [Asset::NATIVE, w.chain.asset(false)] {
            let fund = w.market.fund(ClassId(id), asset);
            let asset = to_evm(asset.0);
            let found = w.chain.ask(settlement, &Settlement::fundOfCall { class: id256, asset });
            let ours_of_quota = (fund.amount.base_units(), fund.per_unit.base_units());
            assert_eq!((found.amount, found.perUnit), ours_of_quota, "{when}: fund of class {id}");
        }
    }
}

fn revenue(w: &mut World, class: ClassId, version: u32, pot: &Pot, when: &str) {
    let (token, class_id) = (w.chain.token, U256::from(class.0));
    let total = w.chain.ask(token, &DataAnchoringToken::totalShareOfCall { classId: class_id, version });
    assert_eq!(total, U256::from(pot.total_shares), "{when}: shares of version {version} of class {class}");
    for asset in [Asset::NATIVE, w.chain.asset(false)] {
        let account = pot.revenue.get(&asset).cloned().unwrap_or_default();
        let asset = to_evm(asset.0);
        let call = DataAnchoringToken::unclaimedRevenueCall { classId: class_id, version, asset };
        let found = w.chain.ask(token, &call);
        let call = DataAnchoringToken::accRevenuePerShareCall { classId: class_id, version, asset };
        let scaled = w.chain.ask(token, &call);
        assert_eq!(
            (found.unclaimed, found.inbox, found.carry, scaled),
            (account.unclaimed().base_units(), account.inbox().base_units(), account.carry(), account.per_share()),
            "{when}: revenue of version {version} of class {class}"
        );
    }
}

fn sessions(w: &mut World, when: &str) {
    let settlement = w.chain.settlement;
    for id in w.tried.clone() {
        let found = w.chain.ask(settlement, &Settlement::sessionOfCall { id: id32(id.as_bytes()) });
        let ours = w.market.session(id).map_or((U256::ZERO, U256::ZERO, 0, 0, 0), |s| {
            let status = if s.closed { 3 } else { 1 + u8::from(s.final_at_s.is_some()) };
            let deadline_s = s.final_at_s.unwrap_or(s.deadline_s);
            (amount(s.deposit), amount(s.redeemed), s.params.0, status, deadline_s)
        });
        let deadline_s = found.deadline.to::<u64>();
        let theirs = (found.deposited, found.redeemed, u32::from(found.params), found.status, deadline_s);
        assert_eq!(theirs, ours, "{when}: session {id}");
    }
}

fn validation(w: &mut World, when: &str) {
    let (quorum, registry) = (w.chain.quorum, w.chain.registry);
    for id in w.submissions.clone() {
        let case = w.chain.ask(quorum, &ValidatorQuorum::caseOfCall { id: id32(id.as_bytes()) });
        let state = w.market.submission(id).unwrap();
        let (accepting, total) = state.weights();
        let refused = matches!(state.status, SubmissionStatus::Refused { .. });
        // On chain a submission that was refused by its ExEx can still lose its acceptance.
        if !refused {
            assert_eq!(case.status, status(w, id), "{when}: submission {id}");
        }
        assert_eq!((case.acceptedWeight, case.totalWeight), (accepting, total), "{when}: weights on {id}");
        let is_final = w.chain.ask(quorum, &ValidatorQuorum::isFinalCall { id: id32(id.as_bytes()) });
        let state = w.market.submission(id).unwrap();
        if state.status == SubmissionStatus::Accepted {
            assert_eq!(is_final, w.market.is_final(w.now_s, id), "{when}: finality of {id}");
        }
        let entry = w.chain.ask(registry, &DatasetRegistry::entriesCall { submission: id32(id.as_bytes()) });
        let ours = match w.market.submission(id).unwrap().status {
            SubmissionStatus::Refused { .. } => 2,
            SubmissionStatus::Minted { .. } => 3,
            _ => 1,
        };
        assert_eq!(entry.status, ours, "{when}: registry on {id}");
    }
}

fn disputes(w: &mut World, when: &str) {
    let contract = w.chain.disputes;
    for who in 0..PEOPLE {
        let node = w.address(who);
        let found = w.chain.ask(contract, &Disputes::bondOfCall { node: to_evm(node) });
        let ours = w.market.bond_of(node);
        let theirs = (found.bonded, found.leaving, found.locked, found.availableAt);
        let units = |amount: Amount| amount.base_units();
        let ours = (units(ours.bonded), units(ours.leaving), units(ours.locked), ours.available_at_s);
        assert_eq!(theirs, ours, "{when}: bond of {node}");
    }
    for id in w.quarrels.clone() {
        let found = w.chain.ask(contract, &Disputes::disputeOfCall { id: id32(id.as_bytes()) });
        let Some(ours) = w.market.dispute(id) else {
            assert_eq!(found.outcome, 0, "{when}: dispute {id}");
            continue;
        };
        assert_eq!(outcome_of(found.outcome), ours.outcome, "{when}: outcome of {id}");
        let tally = ours.tally();
        assert_eq!(
            (found.stake, found.fromLeaving, found.deadline, found.params, from_evm(found.challenger)),
            (ours.stake.base_units(), ours.from_leaving.base_units(), ours.deadline_s, ours.params.0, ours.challenger),
            "{when}: dispute {id}"
        );
        let silent = found.eligible - found.sameWeight - found.otherWeight;
        assert_eq!(
            (found.sameWeight, found.otherWeight, silent, found.totalWeight),
            (tally.same, tally.other, tally.silent, tally.total),
            "{when}: votes on {id}"
        );
    }
}
