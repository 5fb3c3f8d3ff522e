// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DataAnchoringToken} from "../../src/DataAnchoringToken.sol";
import {DatasetRegistry} from "../../src/DatasetRegistry.sol";
import {Settlement} from "../../src/Settlement.sol";
import {ValidatorQuorum} from "../../src/ValidatorQuorum.sol";
import {ValidatorSet} from "../../src/quorum/ValidatorSet.sol";
import {GovernanceToken} from "../../src/governance/GovernanceToken.sol";
import {MarketGovernor} from "../../src/governance/MarketGovernor.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {MarketTimelock} from "../../src/governance/MarketTimelock.sol";
import {
    Attestation,
    ContributorConsent,
    Offer,
    Params,
    Share,
    Submission,
    VersionMetadata
} from "../../src/interfaces/Types.sol";
import {Ids} from "../../src/libraries/Ids.sol";
import {Signed} from "../../src/libraries/Signed.sol";
import {Check} from "./Check.sol";
import {Dollar} from "./Tokens.sol";

/// A whole market, and the steps of the scenario.
abstract contract Market is Check {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant CREATOR = 1;
    uint256 internal constant EXEX = 2;
    uint256 internal constant NODE = 3;
    uint256 internal constant CONSUMER = 4;
    uint256 internal constant STRANGER = 5;
    uint256 internal constant GUARDIAN = 6;
    uint256 internal constant WRITER = 10; // and 11
    uint256 internal constant VALIDATOR = 20; // to 23
    uint256 internal constant GOVERNOR = 30; // to 32
    uint128 internal constant STAKE = 1 ether;
    address internal constant COIN = address(0);

    GovernanceToken internal votes;
    MarketTimelock internal timelock;
    MarketGovernor internal governor;
    MarketParameters internal parameters;
    ValidatorQuorum internal quorum;
    DatasetRegistry internal registry;
    DataAnchoringToken internal token;
    Settlement internal settlement;
    Dollar internal dollar;

    function setUp() public virtual {
        vm.warp(START);
        dollar = new Dollar();
        uint64 nonce = vm.getNonce(address(this));
        address[] memory predicted = new address[](8);
        for (uint256 i = 0; i < 8; ++i) {
            predicted[i] = vm.computeCreateAddress(address(this), nonce + i);
        }
        (address[] memory holders, uint256[] memory amounts) = (new address[](3), new uint256[](3));
        for (uint256 i = 0; i < 3; ++i) {
            (holders[i], amounts[i]) = (who(GOVERNOR + i), 1_000 ether);
        }
        votes = new GovernanceToken(holders, amounts);
        address[] memory proposers = new address[](1);
        address[] memory executors = new address[](1);
        proposers[0] = predicted[2];
        timelock = new MarketTimelock(1 days, proposers, executors);
        parameters = MarketParameters(predicted[3]);
        governor = new MarketGovernor(votes, timelock, parameters);
        address[] memory assets = new address[](1);
        assets[0] = address(dollar);
        parameters = new MarketParameters(address(timelock), who(GUARDIAN), defaults(), assets);
        ValidatorSet.Member[] memory members = new ValidatorSet.Member[](4);
        for (uint256 i = 0; i < 4; ++i) {
            members[i] = ValidatorSet.Member(who(VALIDATOR + i), 1);
        }
        quorum = new ValidatorQuorum(parameters, predicted[5], predicted[7], members);
        registry = new DatasetRegistry(parameters, quorum, predicted[6]);
        settlement = Settlement(predicted[7]);
        token = new DataAnchoringToken(parameters, registry, settlement);
        settlement = new Settlement(parameters, token);
        for (uint256 i = 0; i < 4; ++i) {
            vm.deal(who(VALIDATOR + i), STAKE);
            vm.prank(who(VALIDATOR + i));
            quorum.stake{value: STAKE}();
        }
        vm.deal(who(CONSUMER), 100 ether);
    }

    function defaults() internal pure returns (Params memory p) {
        (p.creatorBps, p.nodeBps, p.poolBps) = (7_000, 2_000, 1_000);
        (p.slashBps, p.challengerBps, p.quorumBps, p.disputeWindow) = (5_000, 2_500, 2_000, 30 minutes);
        (p.minStake, p.challengeBond, p.maxPrice) = (STAKE / 2, 0.1 ether, 1 ether);
        (p.attestationWindow, p.challengeWindow, p.challengeVoteWindow) = (1 hours, 1 hours, 1 hours);
        (p.unbondingWindow, p.votingDelay, p.votingWindow, p.maxSession) = (7 days, 1 minutes, 1 days, 1 days);
        p.mintWindow = 14 days;
    }

    function who(uint256 key) internal pure returns (address) {
        return vm.addr(key + 0xA11CE000);
    }

    function signature(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        bytes32 digest = Signed.digest(parameters.domainSeparator(), structHash);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key + 0xA11CE000, digest);
        return abi.encodePacked(r, s, v);
    }

    /// A submission of two contributors with 70 and 30 tokens, for a new class; of another, after its last version.
    function dataset(uint64 nonce) internal view returns (bytes32 id, Submission memory d) {
        return dataset(nonce, 0, 0);
    }

    function dataset(uint64 nonce, uint64 class, uint16 keepBps)
        internal
        view
        returns (bytes32 id, Submission memory d)
    {
        (d.nonce, d.statement, d.root, d.proof) = (nonce, "statement", "root", "proof");
        (d.ciphertext, d.pointer, d.sealedKey, d.exex) = ("ciphertext", "file:ciphertext", hex"1234", who(EXEX));
        (d.class, d.keepBps) = (class, keepBps);
        d.afterVersion = class == 0 ? 0 : uint32(token.versionCount(class));
        d.shares = new Share[](2);
        for (uint256 i = 0; i < 2; ++i) {
            Share memory s = d.shares[i];
            (s.contributor, s.tokens, s.root) = (who(WRITER + i), i == 0 ? 70 : 30, bytes32(i));
            (s.licence, s.consent) = (keccak256("CC-BY-4.0"), keccak256("I agree"));
        }
        id = agree(d, WRITER);
    }

    /// Has all contributors of a dataset sign, whose keys follow each other.
    function agree(Submission memory d, uint256 firstKey) internal view returns (bytes32 id) {
        id = Ids.submission(parameters.ledgerId(), who(CREATOR), d.nonce);
        uint64 total;
        for (uint256 i = 0; i < d.shares.length; ++i) {
            total += d.shares[i].tokens;
        }
        for (uint256 i = 0; i < d.shares.length; ++i) {
            Share memory s = d.shares[i];
            ContributorConsent memory consent = ContributorConsent(
                id, s.root, s.licence, s.consent, s.tokens, total, d.class, d.afterVersion, d.keepBps
            );
            s.signature = signature(firstKey + i, Signed.hash(consent));
        }
    }

    /// Submits what its contributors signed.
    function submit(Submission memory d) internal returns (bytes32 id) {
        vm.prank(who(CREATOR));
        return registry.submit(d, publicPart());
    }

    function publicPart() internal pure returns (bytes memory) {
        return bytes('{"prompts":["hello"]}');
    }

    function submit(uint64 nonce) internal returns (bytes32 id) {
        Submission memory d;
        (id, d) = dataset(nonce);
        submit(d);
    }

    function verdict(uint256 key, bytes32 id, bool accepted) internal view returns (ValidatorQuorum.Verdict memory v) {
        v.validator = who(key);
        v.attestation = Attestation(id, quorum.caseOf(id).content, accepted);
        v.signature = signature(key, Signed.hash(v.attestation));
    }

    function attest(bytes32 id, uint256 count, bool accepted) internal {
        ValidatorQuorum.Verdict[] memory verdicts = new ValidatorQuorum.Verdict[](count);
        for (uint256 i = 0; i < count; ++i) {
            verdicts[i] = verdict(VALIDATOR + i, id, accepted);
        }
        quorum.attest(id, verdicts);
    }

    function accepted(uint64 nonce) internal returns (bytes32 id) {
        id = submit(nonce);
        attest(id, 3, true);
    }

    function metadata(bytes32 id, uint8 payment) internal pure returns (VersionMetadata memory m) {
        (m.character, m.baseName, m.baseLicence) = ("Diva", "SmolLM2", "Apache-2.0");
        (m.baseDigest, m.adapter, m.record) = ("base", "adapter", "record");
        (m.voiceBase, m.voice) = ("base voice", "voice");
        (m.heldOutRecords, m.heldOutTokens) = (7, 900);
        (m.baseLoss, m.promptedLoss, m.tunedLoss) = (4_000_000, 3_500_000, 3_000_000);
        (m.submission, m.exex, m.rating, m.minimumAge) = (id, who(EXEX), 1, 13);
        (m.payment, m.consent, m.reportContact) = (payment, "all agreed", "mailto:report@example.org");
        m.endpoints = new string[](1);
        m.endpoints[0] = "http://localhost";
    }

    function mintFinal(bytes32 id) internal returns (uint256 class, uint32 version) {
        vm.warp(time() + 1 hours + 1);
        return mintNow(id);
    }

    function mintNow(bytes32 id) internal returns (uint256 class, uint32 version) {
        VersionMetadata memory m = metadata(id, 2);
        bytes memory signed = signature(EXEX, Signed.record(id, m.record));
        vm.prank(who(EXEX));
        return token.mintVersion(m, signed, "ipfs://class");
    }

    function notMinted(bytes32 id, bytes memory reason) internal {
        VersionMetadata memory m = metadata(id, 2);
        bytes memory signed = signature(EXEX, Signed.record(id, m.record));
        vm.expectRevert(reason);
        vm.prank(who(EXEX));
        token.mintVersion(m, signed, "ipfs://class");
    }

    /// A class with one version; share tokens 1 and 2 with 70 and 30.
    function minted() internal {
        mintFinal(accepted(1));
    }

    /// The class's next version, with share tokens of 70 and 30; the one before keeps so much of its revenue.
    function mintedNext(uint64 nonce, uint16 keepBps) internal returns (uint32 version) {
        return mintedNext(nonce, keepBps, 30);
    }

    /// The same with a second contributor of another weight.
    function mintedNext(uint64 nonce, uint16 keepBps, uint64 weight) internal returns (uint32 version) {
        return mintedAfter(uint32(token.versionCount(1)), nonce, keepBps, weight);
    }

    /// The same after another version than the last.
    function mintedAfter(uint32 afterVersion, uint64 nonce, uint16 keepBps, uint64 weight)
        internal
        returns (uint32 version)
    {
        (, Submission memory d) = dataset(nonce, 1, keepBps);
        (d.afterVersion, d.shares[1].tokens) = (afterVersion, weight);
        agree(d, WRITER);
        bytes32 id = submit(d);
        attest(id, 3, true);
        (, version) = mintFinal(id);
    }

    function offer(address asset) internal view returns (Offer memory o) {
        (o.node, o.class, o.version, o.asset) = (who(NODE), 1, 1, asset);
        (o.promptPrice, o.completionPrice, o.promptCeiling, o.completionCeiling) = (1, 2, 1_000, 100);
        (o.sessionSeconds, o.validUntil) = (1 hours, uint64(START + 365 days));
    }

    function hashOf(Offer calldata o) external pure returns (bytes32) {
        return Signed.hash(o);
    }

    function open(uint64 nonce, Offer memory o, uint96 deposit) internal returns (bytes32) {
        bytes memory signed = signature(NODE, this.hashOf(o));
        Settlement.Opening memory opening = Settlement.Opening(nonce, who(CONSUMER), deposit, 0);
        vm.prank(who(CONSUMER));
        return settlement.open{value: o.asset == COIN ? deposit : 0}(opening, o, signed);
    }

    function sessionId(uint64 nonce, Offer memory o) internal view returns (bytes32) {
        return Ids.session(parameters.ledgerId(), who(CONSUMER), nonce, who(CONSUMER), this.hashOf(o));
    }

    function voucher(uint64 nonce, Offer memory o, uint128 cumulative)
        internal
        view
        returns (Settlement.Claim memory c)
    {
        (c.payer, c.nonce, c.consumer, c.cumulative) = (who(CONSUMER), nonce, who(CONSUMER), cumulative);
        bytes32 hash = voucherHash(sessionId(nonce, o), o, cumulative);
        c.signature = signature(CONSUMER, hash);
    }

    function voucherHash(bytes32 id, Offer memory o, uint128 cumulative) internal pure returns (bytes32) {
        return keccak256(abi.encode(Signed.VOUCHER_TYPEHASH, id, o.node, o.class, o.version, cumulative));
    }

    /// A signature in 64 bytes (EIP-2098).
    function short(bytes memory s) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = (bytes32(0), bytes32(0));
        assembly {
            r := mload(add(s, 32))
            vs := or(mload(add(s, 64)), shl(255, sub(byte(0, mload(add(s, 96))), 27)))
        }
        return abi.encodePacked(r, vs);
    }

    function redeem(uint64 nonce, Offer memory o, uint128 cumulative) internal returns (uint256) {
        Settlement.Claim[] memory claims = new Settlement.Claim[](1);
        claims[0] = voucher(nonce, o, cumulative);
        return redeemAll(o, claims);
    }

    function redeemAll(Offer memory o, Settlement.Claim[] memory claims) internal returns (uint256) {
        vm.prank(who(NODE));
        return settlement.redeem(batch(o, claims));
    }

    function batch(Offer memory o, Settlement.Claim[] memory claims)
        internal
        pure
        returns (Settlement.Claims[] memory batches)
    {
        batches = new Settlement.Claims[](1);
        batches[0] = Settlement.Claims(o, claims);
    }

    /// What the class's owner puts aside for quota, and what a unit takes of it at most.
    function sponsor(address asset, uint96 amount, uint128 perUnit) internal {
        if (asset == COIN) vm.deal(who(CREATOR), amount);
        vm.startPrank(who(CREATOR));
        settlement.deposit{value: amount}(asset, amount);
        settlement.sponsor(1, asset, amount, perUnit);
        vm.stopPrank();
    }

    function close(uint256 key, uint64 nonce, Offer memory o) internal {
        vm.prank(who(key));
        settlement.close(who(CONSUMER), nonce, who(CONSUMER), o);
    }

    function balance(uint256 key) internal view returns (uint256) {
        return settlement.balanceOf(who(key), COIN);
    }

    function apply_(Params memory p) internal {
        vm.prank(address(timelock));
        parameters.applyParameters(p);
    }
}
