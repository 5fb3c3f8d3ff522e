// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Session, SessionStatus, Sessions} from "../../src/libraries/Sessions.sol";

/// Proofs about a session's word, for all that can be in it.
contract SessionProof {
    /// What is in a word, side by side.
    struct Fields {
        uint256 deposit;
        uint256 redeemed;
        uint256 deadline;
        uint256 params;
        SessionStatus status;
        bool sponsored;
    }

    function read(Session s) private pure returns (Fields memory f) {
        (f.deposit, f.redeemed, f.deadline) = (s.deposit(), s.redeemed(), s.deadline());
        (f.params, f.status, f.sponsored) = (s.params(), s.status(), s.sponsored());
    }

    function same(Fields memory a, Fields memory b) private pure {
        assert(a.deposit == b.deposit);
        assert(a.redeemed == b.redeemed);
        assert(a.deadline == b.deadline);
        assert(a.params == b.params);
        assert(a.status == b.status);
        assert(a.sponsored == b.sponsored);
    }

    function check_what_is_opened_is_what_was_said(uint96 deposit, uint40 deadline, uint16 params, bool sponsored)
        external
        pure
    {
        Session s = Sessions.open(deposit, deadline, params, sponsored);
        same(read(s), Fields(deposit, 0, deadline, params, SessionStatus.Open, sponsored));
        assert(s.isLive());
    }

    /// Each change, of any word, changes its own fields only.
    function check_no_field_bleeds_into_another(uint256 word, uint96 amount, uint40 time) external pure {
        if ((word >> 248) & 0x7f > uint256(type(SessionStatus).max)) return;
        Session s = Session.wrap(word);
        Fields memory f = read(s);
        assert(s.isLive() == (f.status == SessionStatus.Open || f.status == SessionStatus.Closing));
        same(read(s.withRedeemed(amount)), Fields(f.deposit, amount, f.deadline, f.params, f.status, f.sponsored));
        same(read(s.withDeposit(amount)), Fields(amount, f.redeemed, f.deadline, f.params, f.status, f.sponsored));
        SessionStatus closing = SessionStatus.Closing;
        same(read(s.closing(time)), Fields(f.deposit, f.redeemed, time, f.params, closing, f.sponsored));
        SessionStatus closed = SessionStatus.Closed;
        same(read(s.closed()), Fields(f.deposit, f.redeemed, f.deadline, f.params, closed, f.sponsored));
    }
}
