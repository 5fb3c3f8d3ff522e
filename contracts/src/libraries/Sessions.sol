// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Offer} from "../interfaces/Types.sol";
import {Signed} from "./Signed.sol";

/// What a session has in storage: deposit (96 bits), redeemed (96), deadline (40), parameters' version (16), status
/// (7), whether a class's fund pays (1), from the lowest bit on. Everything else is bound by its id.
type Session is uint256;

using Sessions for Session global;

enum SessionStatus {
    None,
    Open,
    // Its payer asked for its end: final after the deadline, which is now that of the dispute.
    Closing,
    Closed
}

/// @title A session in one word, and the hashes of its vouchers without a copy
library Sessions {
    uint256 private constant MONEY = type(uint96).max;
    uint256 private constant STATUS = uint256(0x7f) << 248;
    uint256 private constant SPONSORED = uint256(1) << 255;

    function open(uint96 deposit_, uint40 deadline_, uint16 params_, bool sponsored_) internal pure returns (Session) {
        uint256 word = uint256(deposit_) | (uint256(deadline_) << 192) | (uint256(params_) << 232);
        return Session.wrap(word | (uint256(SessionStatus.Open) << 248) | (sponsored_ ? SPONSORED : 0));
    }

    function deposit(Session s) internal pure returns (uint256) {
        return Session.unwrap(s) & MONEY;
    }

    function redeemed(Session s) internal pure returns (uint256) {
        return (Session.unwrap(s) >> 96) & MONEY;
    }

    function deadline(Session s) internal pure returns (uint40) {
        return uint40(Session.unwrap(s) >> 192);
    }

    function params(Session s) internal pure returns (uint16) {
        return uint16(Session.unwrap(s) >> 232);
    }

    function status(Session s) internal pure returns (SessionStatus) {
        return SessionStatus((Session.unwrap(s) & STATUS) >> 248);
    }

    /// Whether it is open or closing, by two bits: the most often asked.
    function isLive(Session s) internal pure returns (bool) {
        uint256 bits = Session.unwrap(s) >> 248;
        return (bits ^ (bits >> 1)) & 1 == 1;
    }

    /// Whether its deposit came out of a class's fund, and goes back there.
    function sponsored(Session s) internal pure returns (bool) {
        return Session.unwrap(s) & SPONSORED != 0;
    }

    /// `cumulative` is at most the deposit, so it fits.
    function withRedeemed(Session s, uint256 cumulative) internal pure returns (Session) {
        return Session.wrap((Session.unwrap(s) & ~(MONEY << 96)) | (cumulative << 96));
    }

    function withDeposit(Session s, uint96 deposit_) internal pure returns (Session) {
        return Session.wrap((Session.unwrap(s) & ~MONEY) | deposit_);
    }

    function closing(Session s, uint40 finalAt) internal pure returns (Session) {
        uint256 rest = Session.unwrap(s) & ~(STATUS | (uint256(type(uint40).max) << 192));
        return Session.wrap(rest | (uint256(finalAt) << 192) | (uint256(SessionStatus.Closing) << 248));
    }

    function closed(Session s) internal pure returns (Session) {
        return Session.wrap((Session.unwrap(s) & ~STATUS) | (uint256(SessionStatus.Closed) << 248));
    }

    /// The parts of an increment. Node and pool are floored, the class gets the rest: the parts are the whole. An
    /// increment has ninety-six bits, so nothing overflows, and both shares together are at most ten thousand.
    function split(uint256 increment, uint256 nodeBps, uint256 poolBps)
        internal
        pure
        returns (uint256 node, uint256 pool, uint256 rest)
    {
        unchecked {
            node = (increment * nodeBps) / 10_000;
            pool = (increment * poolBps) / 10_000;
            rest = increment - node - pool;
        }
    }

    /// Buffers that are filled once a batch: what is hashed for each voucher differs in a few words only.
    struct Hasher {
        // The words of Session(ledger, payer, nonce, consumer, offer), its type's hash first.
        bytes32[6] id;
        // The words of Voucher(session, node, class, version, cumulative), its type's hash first.
        bytes32[6] voucher;
        bytes32 separator;
    }

    function hasher(bytes32 ledgerId, bytes32 separator, Offer calldata offer) internal pure returns (Hasher memory h) {
        (h.id[0], h.id[1], h.id[5]) = (Signed.SESSION_TYPEHASH, ledgerId, Signed.hash(offer));
        h.voucher[0] = Signed.VOUCHER_TYPEHASH;
        h.voucher[2] = bytes32(uint256(uint160(offer.node)));
        (h.voucher[3], h.voucher[4]) = (bytes32(uint256(offer.class)), bytes32(uint256(offer.version)));
        h.separator = separator;
    }

    /// The id of a session under the batch's offer.
    function sessionId(Hasher memory h, address payer, uint64 nonce, address consumer)
        internal
        pure
        returns (bytes32 id)
    {
        bytes32[6] memory words = h.id;
        words[2] = bytes32(uint256(uint160(payer)));
        words[3] = bytes32(uint256(nonce));
        words[4] = bytes32(uint256(uint160(consumer)));
        assembly ("memory-safe") {
            id := keccak256(words, 192)
        }
    }

    /// The digest that a session's consumer signs for a sum.
    function voucherDigest(Hasher memory h, bytes32 id, uint128 cumulative) internal pure returns (bytes32 digest) {
        bytes32[6] memory words = h.voucher;
        words[1] = id;
        words[5] = bytes32(uint256(cumulative));
        bytes32 separator = h.separator;
        assembly ("memory-safe") {
            let structHash := keccak256(words, 192)
            let free := mload(0x40)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 2), separator)
            mstore(add(free, 34), structHash)
            digest := keccak256(free, 66)
        }
    }
}
