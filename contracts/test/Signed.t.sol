// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Attestation, ContributorConsent, Share, Submission} from "../src/interfaces/Types.sol";
import {Signed} from "../src/libraries/Signed.sol";
import {Check} from "./support/Check.sol";

/// Hashes of what is signed, as eth-account makes them.
contract SignedTest is Check {
    function content(Submission calldata d, bytes32 publicPart) external pure returns (bytes32) {
        return Signed.content(d, publicPart);
    }

    function dataset() private pure returns (Submission memory d) {
        (d.statement, d.root, d.proof, d.ciphertext) = ("statement", "root", "proof", "ciphertext");
        (d.sealedKey, d.exex) = (hex"1234", address(0x4444444444444444444444444444444444444444));
        (d.class, d.afterVersion, d.keepBps, d.shares) = (7, 2, 3_000, new Share[](2));
        (d.shares[0].contributor, d.shares[1].contributor) =
        (address(0x2222222222222222222222222222222222222222), address(0x3333333333333333333333333333333333333333));
        (d.shares[0].tokens, d.shares[1].tokens) = (70, type(uint64).max);
        (d.shares[0].root, d.shares[1].root) = ("one", "two");
    }

    function test_the_content_of_a_submission_is_its_typed_hash() public view {
        bytes32 hash = this.content(dataset(), "public");
        eq(hash, 0xc1645b1a8c7bedd72630c6d90894ca055ff3f1d6afe777328dc806311e39cf74, "eth-account");
    }

    function test_the_content_is_neither_of_its_number_nor_of_its_address() public view {
        Submission memory d = dataset();
        (d.nonce, d.pointer) = (9, "https://elsewhere.example");
        d.shares[0].signature = hex"00";
        eq(this.content(d, "public"), this.content(dataset(), "public"), "the same");
    }

    function test_consents_and_verdicts_have_their_typed_hashes() public pure {
        ContributorConsent memory c = ContributorConsent(
            "submission", "root", keccak256("CC-BY-4.0"), keccak256("I agree"), 70, type(uint64).max, 7, 2, 3_000
        );
        eq(Signed.hash(c), 0x3b4756851c8b9035be901a964b52c8414d5bf48786938d986d07a5ae3fcbe059, "consent");
        Attestation memory a = Attestation("submission", "content", true);
        eq(Signed.hash(a), 0xd6f91ee8609d562c8d52d88ea4a209852b994da9b4bf163d4327b9d2c61249b9, "verdict");
    }
}
