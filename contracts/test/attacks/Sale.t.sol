// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {SemiFungible} from "../../src/token/SemiFungible.sol";
import {Market} from "../support/Market.sol";

/// Who sells a token, and means to keep what is in it.
contract SaleAttacks is Market {
    function test_an_allowance_does_not_outlive_the_sale_of_its_token() public {
        minted();
        vm.prank(who(CREATOR));
        uint256 sold = token.mint(1, who(CONSUMER), 100, 0, 0);
        vm.prank(who(CONSUMER));
        token.approve(sold, who(STRANGER), 100);
        vm.prank(who(CONSUMER));
        token.transferFrom(who(CONSUMER), who(NODE), sold);
        eq(token.allowance(sold, who(STRANGER)), 0, "ended with the sale");
        bytes4 refusal = SemiFungible.AllowanceTooSmall.selector;
        vm.expectRevert(abi.encodeWithSelector(refusal, sold, who(STRANGER), 0, 100));
        vm.prank(who(STRANGER));
        token.transferFrom(sold, who(STRANGER), 100);
        eq(token.balanceOf(sold), 100, "the buyer has what was paid for");
    }
}
