// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {
    Attestation,
    ContributorConsent,
    Offer,
    Receipt,
    Share,
    Submission,
    VersionMetadata
} from "../interfaces/Types.sol";

/// @title What is signed in the market: EIP-712 structs and their verification
/// @notice All contracts of a market share one domain: name "LazAI Market", version "1", the chain's id, and the
/// address of its `MarketParameters` as the verifying contract. The structs' names keep their digests apart.
library Signed {
    /// @notice Gas that a contract account (ERC-1271) may use to judge a signature: it can spoil its own signature,
    /// never the batch it is in.
    uint256 internal constant ERC1271_GAS = 100_000;

    /// Half of the order of secp256k1.
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ATTESTATION_TYPEHASH =
        keccak256("Attestation(bytes32 submission,bytes32 content,bool accepted)");
    bytes32 private constant CONSENT_TYPEHASH = keccak256(
        "ContributorConsent(bytes32 submission,bytes32 root,string licence,string consent,uint64 tokens,uint64 total,uint64 class,uint32 afterVersion,uint16 keepBps)"
    );
    bytes32 private constant OFFER_TYPEHASH = keccak256(
        "Offer(address node,uint64 class,uint32 version,address asset,uint128 promptPrice,uint128 completionPrice,uint32 promptCeiling,uint32 completionCeiling,uint64 sessionSeconds,uint64 validUntil,uint128 minDeposit,uint128 quotaDeposit,uint64 series)"
    );
    bytes32 private constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(bytes32 session,uint32 turn,bytes32 requestDigest,bytes32 replyDigest,uint64 promptTokens,uint64 completionTokens,bytes32 tokenizerDigest,uint32 temperatureMilli,uint32 topPMilli,uint64 seed,bytes32 baseDigest,bytes32 adapterDigest,uint128 cumulative)"
    );
    bytes32 private constant RECORD_TYPEHASH = keccak256("TrainingRecord(bytes32 submission,bytes32 record)");
    bytes32 private constant RELEASE_TYPEHASH = keccak256("SessionRelease(bytes32 session,uint128 redeemed)");
    bytes32 private constant SHARE_TYPEHASH = keccak256("Share(address contributor,uint64 tokens,bytes32 root)");
    bytes32 private constant SUBMISSION_TYPEHASH = keccak256(
        "Submission(bytes32 statement,bytes32 root,bytes32 proof,bytes32 ciphertext,bytes32 publicPart,bytes sealedKey,address exex,uint64 class,uint32 afterVersion,uint16 keepBps,Share[] shares)Share(address contributor,uint64 tokens,bytes32 root)"
    );
    bytes32 private constant VERSION_TYPEHASH = keccak256(
        "VersionMetadata(string character,string baseName,bytes32 baseDigest,string baseLicence,bytes32 adapter,bytes32 record,bytes32 submission,address exex,uint8 rating,uint8 minimumAge,uint8 payment,string consent,string reportContact,string[] endpoints)"
    );
    // A struct around the other, so that versions without a voice keep their hashes.
    bytes32 private constant VOICED_TYPEHASH = keccak256(
        "VoicedVersion(VersionMetadata version,bytes32 voiceBase,bytes32 voice)VersionMetadata(string character,string baseName,bytes32 baseDigest,string baseLicence,bytes32 adapter,bytes32 record,bytes32 submission,address exex,uint8 rating,uint8 minimumAge,uint8 payment,string consent,string reportContact,string[] endpoints)"
    );
    // With losses on records that were held out, and a voice or zeros.
    bytes32 private constant MEASURED_TYPEHASH = keccak256(
        "MeasuredVersion(VersionMetadata version,bytes32 voiceBase,bytes32 voice,uint32 heldOutRecords,uint64 heldOutTokens,uint64 baseLoss,uint64 promptedLoss,uint64 tunedLoss)VersionMetadata(string character,string baseName,bytes32 baseDigest,string baseLicence,bytes32 adapter,bytes32 record,bytes32 submission,address exex,uint8 rating,uint8 minimumAge,uint8 payment,string consent,string reportContact,string[] endpoints)"
    );
    bytes32 internal constant SESSION_TYPEHASH =
        keccak256("Session(bytes32 ledger,address payer,uint64 nonce,address consumer,bytes32 offer)");
    bytes32 internal constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 session,address node,uint64 class,uint32 version,uint128 cumulative)");

    /// @notice The separator of the domain that the market behind `parameters` signs in.
    function domainSeparator(address parameters) internal view returns (bytes32) {
        return
            keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("LazAI Market"), keccak256("1"), block.chainid, parameters));
    }

    /// @notice The digest that is signed.
    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    /// @notice What a validator signs about a submission.
    function hash(Attestation memory a) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTESTATION_TYPEHASH, a));
    }

    /// @notice What a validator's verdict is about: all that a submission says but its number and where its ciphertext
    /// can be fetched, which its id and the ciphertext's digest make up for, and its contributors' consent, which is
    /// about the same. `publicPart` is the digest of the public part.
    function content(Submission calldata d, bytes32 publicPart) internal pure returns (bytes32) {
        bytes32[] memory shares = new bytes32[](d.shares.length);
        for (uint256 i = 0; i < shares.length; ++i) {
            Share calldata s = d.shares[i];
            shares[i] = keccak256(abi.encode(SHARE_TYPEHASH, s.contributor, s.tokens, s.root));
        }
        // In two parts, since the compiler holds sixteen values at once.
        bytes memory head = abi.encode(SUBMISSION_TYPEHASH, d.statement, d.root, d.proof, d.ciphertext, publicPart);
        bytes memory tail = abi.encode(
            keccak256(d.sealedKey), d.exex, d.class, d.afterVersion, d.keepBps, keccak256(abi.encodePacked(shares))
        );
        return keccak256(bytes.concat(head, tail));
    }

    /// @notice What a contributor signs: the records, their weight among all, and what becomes of them.
    function hash(ContributorConsent memory c) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONSENT_TYPEHASH, c));
    }

    /// @notice What a node signs: what it serves, and for how much.
    function hash(Offer calldata o) internal pure returns (bytes32) {
        // A struct of static members is encoded as its members are: EIP-712's encodeData.
        return keccak256(abi.encode(OFFER_TYPEHASH, o));
    }

    /// @notice What a node signs about one reply.
    function hash(Receipt calldata r) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, r));
    }

    /// @notice What the ExEx signs about its training.
    function record(bytes32 submission, bytes32 recordDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECORD_TYPEHASH, submission, recordDigest));
    }

    /// @notice What a node signs who wants no more of a session than was redeemed.
    function release(bytes32 session, uint256 redeemed) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE_TYPEHASH, session, redeemed));
    }

    /// @notice What a version says of itself; this is the class's integrity hash.
    function hash(VersionMetadata calldata m) internal pure returns (bytes32) {
        bytes32[] memory endpoints = new bytes32[](m.endpoints.length);
        for (uint256 i = 0; i < endpoints.length; ++i) {
            endpoints[i] = keccak256(bytes(m.endpoints[i]));
        }
        // In two parts, since the compiler holds sixteen values at once.
        bytes memory head = abi.encode(
            VERSION_TYPEHASH,
            keccak256(bytes(m.character)),
            keccak256(bytes(m.baseName)),
            m.baseDigest,
            keccak256(bytes(m.baseLicence)),
            m.adapter,
            m.record
        );
        bytes memory tail = abi.encode(
            m.submission,
            m.exex,
            m.rating,
            m.minimumAge,
            m.payment,
            keccak256(bytes(m.consent)),
            keccak256(bytes(m.reportContact)),
            keccak256(abi.encodePacked(endpoints))
        );
        bytes32 plain = keccak256(bytes.concat(head, tail));
        if (m.heldOutRecords != 0) {
            return keccak256(
                abi.encode(
                    MEASURED_TYPEHASH,
                    plain,
                    m.voiceBase,
                    m.voice,
                    m.heldOutRecords,
                    m.heldOutTokens,
                    m.baseLoss,
                    m.promptedLoss,
                    m.tunedLoss
                )
            );
        }
        if ((m.voiceBase | m.voice) == 0) return plain;
        return keccak256(abi.encode(VOICED_TYPEHASH, plain, m.voiceBase, m.voice));
    }

    /// @notice Whether `signer` signed `hash_`: by her key (64 bytes after EIP-2098, or 65), or as a contract
    /// account (ERC-1271). Never reverts.
    function isBy(address signer, bytes32 hash_, bytes calldata signature) internal view returns (bool) {
        if (_recover(hash_, signature) == signer && signer != address(0)) return true;
        if (signer.code.length == 0) return false;
        (bool success, bytes32 answer) = _ask(signer, abi.encodeWithSelector(0x1626ba7e, hash_, signature));
        return success && answer == bytes32(bytes4(0x1626ba7e));
    }

    /// Whose key signed, or zero. A signature has one form only: s in the lower half of the order (EIP-2).
    function _recover(bytes32 hash_, bytes calldata signature) private pure returns (address) {
        bytes32 r;
        bytes32 s;
        uint8 v;
        if (signature.length == 65) {
            assembly ("memory-safe") {
                r := calldataload(signature.offset)
                s := calldataload(add(signature.offset, 32))
                v := byte(0, calldataload(add(signature.offset, 64)))
            }
        } else if (signature.length == 64) {
            assembly ("memory-safe") {
                r := calldataload(signature.offset)
                s := calldataload(add(signature.offset, 32))
                v := add(shr(255, s), 27)
                s := and(s, sub(shl(255, 1), 1))
            }
        } else {
            return address(0);
        }
        if (uint256(s) > HALF_ORDER) return address(0);
        return ecrecover(hash_, v, r, s);
    }

    /// Only the first word of the answer is copied, so that a long one costs its sender, not us.
    function _ask(address account, bytes memory question) private view returns (bool success, bytes32 answer) {
        assembly ("memory-safe") {
            success := staticcall(ERC1271_GAS, account, add(question, 32), mload(question), 0, 32)
            success := and(success, gt(returndatasize(), 31))
            answer := mload(0)
        }
    }
}
