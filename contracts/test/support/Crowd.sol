// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Share, Submission} from "../../src/interfaces/Types.sol";
import {Market} from "./Market.sol";
import {Dollar} from "./Tokens.sol";

/// As many contributors and assets as there can be.
abstract contract Crowd is Market {
    /// Settles a little on the last version of class 1, in all eight assets.
    function dust() internal {
        for (uint256 i = 0; i < 7; ++i) {
            Dollar asset = i == 6 ? dollar : new Dollar();
            if (i != 6) {
                vm.prank(address(timelock));
                parameters.acceptAsset(address(asset));
            }
            asset.give(address(this), 101);
            asset.approve(address(settlement), 101);
            token.settleRevenueERC20(1, address(asset), 101);
        }
        vm.deal(address(this), 101);
        token.settleRevenueETH{value: 101}(1);
        eq(parameters.acceptedAssets().length, 8, "no more are accepted");
    }

    /// An accepted submission of sixty-four contributors, for the next version of class 1.
    function crowd(uint64 nonce) internal returns (bytes32 id) {
        (, Submission memory d) = dataset(nonce, 1, 5_000);
        d.shares = new Share[](64);
        for (uint256 i = 0; i < 64; ++i) {
            (d.shares[i].contributor, d.shares[i].tokens, d.shares[i].root) = (who(1_000 + i), 10, bytes32(i));
        }
        agree(d, 1_000);
        id = submit(d);
        attest(id, 3, true);
        vm.warp(time() + 1 hours + 1);
    }
}
