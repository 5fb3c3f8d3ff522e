// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {Offer} from "../src/interfaces/Types.sol";
import {Crowd} from "./support/Crowd.sol";

/// Bounds on what redeeming and minting cost; the exact figures are measured on a node, by transaction.
contract GasTest is Crowd {
    function setUp() public override {
        super.setUp();
        minted();
    }

    function test_a_redeemed_session_of_a_hundred_costs_at_most_15k() public {
        aHundred(1, 1, 15_000);
    }

    function test_a_redeemed_session_of_a_hundred_under_ten_offers_costs_at_most_16k() public {
        aHundred(10, 1, 16_000);
    }

    function test_so_does_one_of_a_version_of_which_those_before_keep_a_part() public {
        mintedNext(2, 3_000);
        aHundred(10, 2, 16_000);
    }

    function test_minting_for_sixty_four_into_a_class_with_eight_assets_costs_at_most_8m() public {
        dust();
        bytes32 id = crowd(2);
        vm.cool(address(token));
        vm.cool(address(registry));
        vm.cool(address(quorum));
        vm.cool(address(parameters));
        uint256 before = gasleft();
        mintNow(id);
        uint256 used = before - gasleft() + 21_000;
        le(used, 8_000_000, string.concat("gas: ", vm.toString(used)));
        le(4_000_000, used, "sixty-four tokens are written");
    }

    function aHundred(uint64 offers, uint32 version, uint256 most) private {
        Offer memory o = offer(COIN);
        o.version = version;
        Settlement.Claims[] memory batches = new Settlement.Claims[](offers);
        for (uint64 n = 0; n < offers; ++n) {
            o = offer(COIN);
            o.version = version;
            o.validUntil += 300 * n;
            Settlement.Claim[] memory claims = new Settlement.Claim[](100 / offers);
            for (uint64 i = 0; i < claims.length; ++i) {
                open(i + 1, o, 0.5 ether);
                claims[i] = voucher(i + 1, o, 0.123456789 ether);
                (claims[i].consumer, claims[i].signature) = (address(0), short(claims[i].signature));
            }
            batches[n] = Settlement.Claims(o, claims);
        }
        // The first batch of a node also pays for the storage of its balance.
        open(101, o, 0.5 ether);
        redeem(101, o, 1_000);
        bytes memory call = abi.encodeCall(Settlement.redeem, (batches));
        uint256 calldataGas = 21_000;
        for (uint256 i = 0; i < call.length; ++i) {
            calldataGas += call[i] == 0 ? 4 : 16;
        }
        vm.cool(address(settlement));
        vm.cool(address(token));
        vm.cool(address(parameters));
        vm.prank(who(NODE));
        uint256 before = gasleft();
        (bool success,) = address(settlement).call(call);
        uint256 used = before - gasleft() + calldataGas;
        holds(success, "redeemed");
        le(
            used / 100,
            most,
            string.concat(
                "gas a session: ", vm.toString(used / 100), ", for calldata: ", vm.toString(calldataGas / 100)
            )
        );
        le(10_000, used / 100, "cold slots are counted");
    }

    receive() external payable {}
}
