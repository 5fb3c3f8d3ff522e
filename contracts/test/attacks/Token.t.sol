// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DatasetRegistry} from "../../src/DatasetRegistry.sol";
import {ValidatorQuorum} from "../../src/ValidatorQuorum.sol";
import {MarketParameters} from "../../src/governance/MarketParameters.sol";
import {MarketTimelock} from "../../src/governance/MarketTimelock.sol";
import {Offer, Share, Submission, VersionMetadata} from "../../src/interfaces/Types.sol";
import {Ids} from "../../src/libraries/Ids.sol";
import {Signed} from "../../src/libraries/Signed.sol";
import {Crowd} from "../support/Crowd.sol";

/// Who would have others' revenue: a submitter by later versions, by one in between or by other weights, an ExEx by
/// another class or by waiting; and who would do the DAO's next votes at once.
contract TokenAttacks is Crowd {
    function setUp() public override {
        super.setUp();
        minted();
    }

    /// The next version is of a thousand million random tokens, all the creator's.
    function test_later_versions_do_not_dilute_earlier_ones() public {
        (, Submission memory d) = dataset(2, 1, 2_000);
        Share[] memory all = new Share[](1);
        (all[0], d.shares) = (d.shares[0], all);
        (all[0].contributor, all[0].tokens) = (who(CREATOR), 1_000_000_000);
        agree(d, CREATOR);
        bytes32 id = submit(d);
        attest(id, 3, true);
        mintFinal(id);
        Offer memory o = offer(COIN);
        open(1, o, 1 ether);
        redeem(1, o, 1 ether);
        eq(token.pendingRevenue(1, COIN) + token.pendingRevenue(2, COIN), 0.7 ether, "all that their words earn");
        eq(token.pendingRevenue(3, COIN), 0, "the creator's version has no part of it");
        o.version = 2;
        open(1, o, 1 ether);
        redeem(1, o, 1 ether);
        token.pass(1, 1, COIN);
        eq(token.pendingRevenue(1, COIN) + token.pendingRevenue(2, COIN), 0.84 ether, "and what they keep of the next");
        eq(token.pendingRevenue(3, COIN), 0.56 ether, "which has the rest");
    }

    /// Contributors give half of what they earn to the first version. While their submission waits, the owner has one of
    /// her own minted, which gives nothing on: were the half the last version's, it would be hers.
    function test_no_version_comes_between_what_was_signed() public {
        (, Submission memory d) = dataset(2, 1, 5_000);
        bytes32 meant = submit(d);
        attest(meant, 3, true);
        (, d) = dataset(3, 1, 0);
        Share[] memory all = new Share[](1);
        (all[0], d.shares) = (d.shares[0], all);
        all[0].contributor = who(CREATOR);
        agree(d, CREATOR);
        bytes32 between = submit(d);
        attest(between, 3, true);
        (, uint32 version) = mintFinal(between);
        eq(version, 2, "hers is first");
        (, version) = mintNow(meant);
        eq(version, 3, "theirs is third");
        eq(token.versionOf(1, 3).afterVersion, 1, "and comes after the first");
        Offer memory o = offer(COIN);
        o.version = 3;
        open(1, o, 1 ether);
        redeem(1, o, 1 ether);
        for (; version >= 1; --version) {
            token.pass(1, version, COIN);
        }
        eq(token.pendingRevenue(1, COIN) + token.pendingRevenue(2, COIN), 0.35 ether, "half is the first's");
        eq(token.pendingRevenue(3, COIN), 0, "nothing is hers");
        (uint128 unclaimed, uint128 inbox,) = token.unclaimedRevenue(1, 2, COIN);
        eq(uint256(unclaimed) + inbox, 0, "nor waits for her");
        eq(token.pendingRevenue(4, COIN) + token.pendingRevenue(5, COIN), 0.35 ether, "half is theirs");
    }

    /// The submitter has two classes; the ExEx is paid to put the next version into the other.
    function test_an_exex_picks_no_class() public {
        mintFinal(accepted(2));
        (, Submission memory d) = dataset(3, 2, 0);
        bytes32 id = submit(d);
        attest(id, 3, true);
        vm.warp(time() + 1 hours + 1);
        VersionMetadata memory m = metadata(id, 2);
        bytes memory signed = signature(EXEX, Signed.record(id, m.record));
        // As it was when the class was an argument.
        bytes4 old = bytes4(
            keccak256(
                "mintVersion((string,string,bytes32,string,bytes32,bytes32,bytes32,address,uint8,uint8,uint8,string,string,string[]),bytes,uint256,string)"
            )
        );
        vm.prank(who(EXEX));
        (bool success,) = address(token).call(abi.encodeWithSelector(old, m, signed, 1, "ipfs://class"));
        holds(!success, "there is no such function");
        (uint256 class, uint32 version) = mintNow(id);
        eq(class, 2, "the class of the submission");
        eq(version, 2, "its next version");
        eq(token.versionCount(1), 1, "the other is as it was");
    }

    /// Somebody else's class is as closed to a submitter as to the ExEx.
    function test_nobody_submits_into_anothers_class() public {
        (, Submission memory d) = dataset(2, 1, 0);
        bytes memory refusal = abi.encodeWithSelector(DatasetRegistry.NotOfSubmitter.selector, 1, who(STRANGER));
        vm.expectRevert(refusal);
        vm.prank(who(STRANGER));
        registry.submit(d, publicPart());
    }

    /// Contributors signed for a weight among all, a class, and what goes to which version: none can be changed after.
    function test_what_contributors_agreed_to_is_what_is_submitted() public {
        (bytes32 id, Submission memory d) = dataset(2, 1, 1_000);
        d.shares[0].tokens = 1;
        unsigned(id, d, WRITER);
        (, d) = dataset(2, 1, 1_000);
        // The first's own weight is as signed; it is less among all.
        d.shares[1].tokens = 1_000_000;
        unsigned(id, d, WRITER);
        (, d) = dataset(2, 1, 1_000);
        d.keepBps = 5_000;
        unsigned(id, d, WRITER);
        (, d) = dataset(2, 1, 0);
        (d.class, d.afterVersion) = (0, 0);
        unsigned(id, d, WRITER);
        mintedNext(3, 0);
        (, d) = dataset(2, 1, 1_000);
        d.afterVersion = 1;
        unsigned(id, d, WRITER);
        (, d) = dataset(2, 1, 1_000);
        d.shares[1].root = "other";
        unsigned(id, d, WRITER + 1);
    }

    function unsigned(bytes32 id, Submission memory d, uint256 contributor) private {
        bytes memory refusal = abi.encodeWithSelector(DatasetRegistry.ConsentNotSigned.selector, id, who(contributor));
        vm.expectRevert(refusal);
        submit(d);
    }

    /// Validators signed; a reorganisation undoes the submission, and another comes in its place, whose contributors
    /// all agree to it. Verdicts on the first say nothing of the second, whatever differs.
    function test_verdicts_are_on_nothing_but_what_was_verified() public {
        mintedNext(2, 0);
        for (uint256 i = 0; i < 13; ++i) {
            uint64 nonce = uint64(10 + i);
            (bytes32 id, Submission memory first) = dataset(nonce, 1, 1_000);
            ValidatorQuorum.Verdict[] memory verdicts = new ValidatorQuorum.Verdict[](1);
            verdicts[0].validator = who(VALIDATOR);
            (verdicts[0].attestation.submission, verdicts[0].attestation.accepted) = (id, true);
            verdicts[0].attestation.content = this.content(first, publicPart());
            verdicts[0].signature = signature(VALIDATOR, Signed.hash(verdicts[0].attestation));
            (, Submission memory second) = dataset(nonce, 1, 1_000);
            if (i == 1) second.statement = "other";
            if (i == 2) second.root = "other";
            if (i == 3) second.proof = "other";
            if (i == 4) second.ciphertext = "other";
            if (i == 5) second.sealedKey = hex"4321";
            if (i == 6) second.exex = who(STRANGER);
            if (i == 7) (second.class, second.afterVersion, second.keepBps) = (0, 0, 0);
            if (i == 8) second.keepBps = 0;
            if (i == 9) (second.shares[0].tokens, second.shares[1].tokens) = (1, 1_000_000);
            if (i == 10) second.shares[0].root = "other";
            if (i == 12) second.afterVersion = 1;
            agree(second, WRITER);
            vm.prank(who(CREATOR));
            registry.submit(second, i == 11 ? bytes('{"prompts":["other"]}') : publicPart());
            bytes4 refusal = ValidatorQuorum.AttestationMismatch.selector;
            // The first is the same, so that the others are refused for what differs.
            if (i != 0) vm.expectRevert(abi.encodeWithSelector(refusal, id, who(VALIDATOR)));
            quorum.attest(id, verdicts);
            eq(quorum.caseOf(id).acceptedWeight, i == 0 ? 1 : 0, "counted");
        }
    }

    function content(Submission calldata d, bytes calldata publicPart_) external pure returns (bytes32) {
        return Signed.content(d, Ids.publicPart(publicPart_));
    }

    /// Somebody settles dust in every asset, so that the class's next version needs more gas than a transaction may have
    /// (EIP-7825). The bound in `Gas.t.sol` is that of the code as deployed.
    function test_no_class_becomes_too_dear_to_mint_into() public {
        dust();
        bytes32 id = crowd(2);
        vm.cool(address(token));
        vm.cool(address(registry));
        uint256 before = gasleft();
        mintNow(id);
        le(before - gasleft(), 10_000_000, "sixty-four contributors, eight assets");
        eq(token.versionOf(1, 2).totalShare, 640, "all of them");
    }

    /// An ExEx that neither mints nor refuses: the submitter names another, and the data comes to one version only.
    function test_an_exex_that_is_late_loses_the_submission() public {
        bytes32 id = accepted(2);
        uint64 deadline = uint64(time()) + 1 hours + 1 hours + 14 days;
        eq(quorum.mintableUntil(id), deadline, "after all windows");
        // Parameters of later do not change it.
        apply_(defaults());
        eq(quorum.mintableUntil(id), deadline, "as submitted");
        eq(quorum.mintableUntil("none"), 0, "unknown");
        eq(quorum.mintableUntil(submit(5)), 0, "not accepted");
        vm.warp(deadline + 1);
        notMinted(id, abi.encodeWithSelector(DatasetRegistry.MintTooLate.selector, id, deadline));
        (, Submission memory d) = dataset(3, 0, 0);
        d.exex = who(STRANGER);
        bytes32 next = submit(d);
        attest(next, 3, true);
        vm.warp(time() + 1 hours + 1);
        VersionMetadata memory m = metadata(next, 2);
        m.exex = who(STRANGER);
        bytes memory signed = signature(STRANGER, Signed.record(next, m.record));
        vm.prank(who(STRANGER));
        token.mintVersion(m, signed, "ipfs://class");
        notMinted(id, abi.encodeWithSelector(DatasetRegistry.MintTooLate.selector, id, deadline));
        eq(token.classCount(), 2, "one class of it");
    }

    function test_an_exex_mints_in_the_last_second_even_after_a_challenge() public {
        bytes32 id = accepted(2);
        vm.deal(who(STRANGER), 1 ether);
        vm.warp(time() + 1 hours - 1);
        vm.prank(who(STRANGER));
        quorum.challenge{value: 0.1 ether}(id, who(VALIDATOR));
        vm.warp(quorum.mintableUntil(id));
        notMinted(id, abi.encodeWithSelector(DatasetRegistry.NotFinal.selector, id));
        quorum.lapseChallenge(id, who(VALIDATOR));
        mintNow(id);
        eq(token.classCount(), 2, "minted");
    }

    /// Whoever wins one vote would have no delay for the next ones.
    function test_no_vote_takes_the_delay_of_the_timelock_away() public {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 delay = [uint256(0), 1 hours - 1, 60 days + 1, type(uint256).max][i];
            bytes memory refusal = abi.encodeWithSelector(MarketParameters.OutOfBounds.selector, "timelock", delay);
            vm.expectRevert(refusal);
            vm.prank(address(timelock));
            timelock.updateDelay(delay);
            vm.expectRevert(refusal);
            new MarketTimelock(delay, new address[](0), new address[](0));
        }
        vm.prank(address(timelock));
        timelock.updateDelay(1 hours);
        eq(timelock.getMinDelay(), 1 hours, "the least");
        vm.prank(address(timelock));
        timelock.updateDelay(60 days);
        eq(timelock.getMinDelay(), 60 days, "the most");
        vm.expectPartialRevert(bytes4(keccak256("TimelockUnauthorizedCaller(address)")));
        timelock.updateDelay(1 days);
    }

    receive() external payable {}
}
