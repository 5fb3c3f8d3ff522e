//! Round constants of Poseidon over Goldilocks, width 12: 30 rounds of 12.
//!
//! Numbers as in plonky2 1.1; a test holds them to it.

pub(super) const ROUND_CONSTANTS: [[u64; 12]; 30] = [
    [
        0xb585_f766_f214_4405, 0x7746_a55f_4392_1ad7, 0xb2fb_0d31_cee7_99b4, 0x0f67_60a4_8034_27d7,
        0xe10d_6666_50f4_e012, 0x8cae_14cb_07d0_9bf1, 0xd438_539c_95f6_3e9f, 0xef78_1c7c_e35b_4c3d,
        0xcdc4_a239_b0c4_4426, 0x277f_a208_bf33_7bff, 0xe176_53a2_9da5_78a1, 0xc543_02f2_25db_2c76,
    ],
    [
        0x8628_7821_f722_c881, 0x59cd_1a8a_41c1_8e55, 0xc3b9_19ad_495d_c574, 0xa484_c4c5_ef6a_0781,
        0x308b_bd23_dc54_16cc, 0x6e4a_40c1_8f30_c09c, 0x9a2e_edb7_0d8f_8cfa, 0xe360_c6e0_ae48_6f38,
        0xd5c7_718f_bfc6_47fb, 0xc35e_ae07_1903_ff0b, 0x849c_2656_969c_4be7, 0xc057_2c8c_08cb_bbad,
    ],
    [
        0xe9fa_634a_21de_0082, 0xf56f_6d48_959a_600d, 0xf7d7_13e8_0639_1165, 0x8297_132b_3282_5daf,
        0xad68_05e0_e30b_2c8a, 0xac51_d9f5_fcf8_535e, 0x502a_d7dc_18c2_ad87, 0x57a1_550c_110b_3041,
        0x66bb_d30e_6ce0_e583, 0x0da2_abef_589d_644e, 0xf061_274f_db15_0d61, 0x28b8_ec3a_e9c2_9633,
    ],
    [
        0x92a7_56e6_7e2b_9413, 0x70e7_41eb_fee9_6586, 0x019d_5ee2_af82_ec1c, 0x6f6f_2ed7_7246_6352,
        0x7cf4_16cf_e7e1_4ca1, 0x61df_517b_86a4_6439, 0x85dc_499b_11d7_7b75, 0x4b95_9b48_b9c1_0733,
        0xe8be_3e5d_a804_3e57, 0xf5c0_bc1d_e6da_8699, 0x40b1_2cbf_09ef_74bf, 0xa637_093e_cb2a_d631,
    ],
    [
        0x3cc3_f892_184d_f408, 0x2e47_9dc1_57bf_31bb, 0x6f49_de07_a623_4346, 0x213c_e7be_de37_8d7b,
        0x5b04_3134_5d4d_ea83, 0xa2de_4578_0344_d6a1, 0x7103_aaf9_4a7b_f308, 0x5326_fc0d_9727_9301,
        0xa9ce_b74f_ec02_4747, 0x27f8_ec88_bb21_b1a3, 0xfceb_4fda_1ded_0893, 0xfac6_ff13_46a4_1675,
    ],
    [
        0x7131_aa45_268d_7d8c, 0x9351_0360_9563_0f9f, 0xad53_5b24_afc2_6bfb, 0x4627_f5c6_993e_44be,
        0x645c_f794_b8f1_cc58, 0x241c_70ed_0af6_1617, 0xacb8_e076_6479_05f1, 0x3737_e9db_4c4f_474d,
        0xe7ea_5e33_e75f_ffb6, 0x90de_e49f_c9bf_c23a, 0xd1b1_edf7_6bc0_9c92, 0x0b65_481b_a645_c602,
    ],
    [
        0x99ad_1aab_0814_283b, 0x438a_7c91_d416_ca4d, 0xb60d_e3bc_c5ea_751c, 0xc99c_ab6a_ef6f_58bc,
        0x69a5_ed92_a72e_e4ff, 0x5e7b_329c_1ed4_ad71, 0x5fc0_ac08_0014_4885, 0x32db_8292_3977_4eca,
        0x0ade_699c_5830_f310, 0x7cc5_583b_1041_5f21, 0x85df_9ed2_e166_d64f, 0x6604_df4f_ee32_bcb1,
    ],
    [
        0xeb84_f608_da56_ef48, 0xda60_8834_c40e_603d, 0x8f97_fe40_8061_f183, 0xa93f_485c_96f3_7b89,
        0x6704_e8ee_8f18_d563, 0xcee3_e9ac_1e07_2119, 0x510d_0e65_e2b4_70c1, 0xf632_3f48_6b90_38f0,
        0x0b50_8cde_ffa5_ceef, 0xf241_7089_e4fb_3cbd, 0x60e7_5c28_90d1_5730, 0xa621_7d8b_f660_f29c,
    ],
    [
        0x7159_cd30_c3ac_118e, 0x839b_4e8f_afea_d540, 0x0d3f_3e5e_8292_0adc, 0x8f7d_83bd_dee7_bba8,
        0x780f_2243_ea07_1d06, 0xeb91_5845_f3de_1634, 0xd19e_120d_26b6_f386, 0x016e_e53a_7e5f_ecc6,
        0xcb5f_d54e_7933_e477, 0xacb8_4178_79fd_449f, 0x9c22_190b_e7f7_4732, 0x5d69_3c1b_a3ba_3621,
    ],
    [
        0xdcef_0797_c2b6_9ec7, 0x3d63_9263_da82_7b13, 0xe273_fd97_1bc8_d0e7, 0x418f_0270_2d22_7ed5,
        0x8c25_fda3_b503_038c, 0x2cba_ed4d_aec8_c07c, 0x5f58_e6af_cdd6_ddc2, 0x2846_50ac_5e1b_0eba,
        0x635b_337e_e819_dab5, 0x9f9a_036e_d4f2_d49f, 0xb93e_260c_ae5c_170e, 0xb0a7_eae8_79dd_b76d,
    ],
    [
        0xd076_2cbc_8ca6_570c, 0x34c6_efb8_12b0_4bf5, 0x40bf_0ab5_fa14_c112, 0xb6b5_70fc_7c57_40d3,
        0x5a27_b900_2de3_3454, 0xb1a5_b165_b6d2_b2d2, 0x8722_e0ac_e9d1_be22, 0x788e_e3b3_7e56_80fb,
        0x14a7_2666_1551_e284, 0x98b7_672f_9ef3_b419, 0xbb93_ae77_6bb3_0e3a, 0x28fd_3b04_6380_f850,
    ],
    [
        0x30a4_6805_9325_8387, 0x337d_c00c_61bd_9ce1, 0xd5ec_a244_c7a4_ff1d, 0x7762_6382_64d2_79bd,
        0xc1e4_34be_deef_d767, 0x0299_351a_53b8_ec22, 0xb2d4_56e4_ad25_1b80, 0x3e9e_d1fd_a49c_ea0b,
        0x2972_a92b_a450_bed8, 0x2021_6dd7_7be4_93de, 0xadff_e8cf_2844_9ec6, 0x1c4d_bb1c_4c27_d243,
    ],
    [
        0x15a1_6a8a_8322_d458, 0x388a_128b_7fd9_a609, 0x2300_e5d6_baed_f0fb, 0x2f63_aa86_47e1_5104,
        0xf1c3_6ce8_6ece_c269, 0x2718_1125_1839_70c9, 0xe584_0293_70dc_a96d, 0x4d9b_bc3e_02f1_cfb2,
        0xea35_bc29_692a_f6f8, 0x18e2_1b4b_eabb_4137, 0x1e3b_9fc6_25b5_54f4, 0x25d6_4362_6978_28fd,
    ],
    [
        0x5a3f_1bb1_c53a_9645, 0xdb7f_0238_69fb_8d38, 0xb462_0659_11d4_e1fc, 0x49c2_4ae4_437d_8030,
        0xd793_862c_112b_0566, 0xaadd_1106_730d_8feb, 0xc43b_6e0e_97b0_d568, 0xe290_24c1_8ee6_fca2,
        0x5e50_c275_35b8_8c66, 0x1038_3f20_a4ff_9a87, 0x38e8_ee9d_71a4_5af8, 0xdd51_1837_5bf1_a9b9,
    ],
    [
        0x7750_0598_2d74_d7f7, 0x86ab_99b4_dde6_c8b0, 0xb120_4f60_3f51_c080, 0xef61_ac84_7025_0ecf,
        0x1bbc_d90f_132c_603f, 0x0cd1_dabd_964d_b557, 0x11a3_ae5b_eb9d_1ec9, 0xf755_bfee_a585_d11d,
        0xa3b8_3250_268e_a4d7, 0x5163_06f4_927c_93af, 0xddb4_ac49_c9ef_a1da, 0x64bb_6dec_369d_4418,
    ],
    [
        0xf9cc_95c2_2b4c_1fcc, 0x08d3_7f75_5f4a_e9f6, 0xeec4_9b61_3478_675b, 0xf143_933a_ed25_e0b0,
        0xe4c5_dd82_55df_c622, 0xe7ad_7756_f193_198e, 0x92c2_318b_87ff_f9cb, 0x739c_25f8_fd73_596d,
        0x5636_cac9_f16d_fed0, 0xdd8f_909a_938e_0172, 0xc640_1fe1_1506_3f5b, 0x8ad9_7b33_f1ac_1455,
    ],
    [
        0x0c49_366b_b25e_8513, 0x0784_d3d2_f169_8309, 0x530f_b67e_a180_9a81, 0x4104_9229_9bb0_1f49,
        0x1395_4234_7424_b9ac, 0x9cb0_bd5e_a1a1_115e, 0x02e3_f615_c38f_49a1, 0x985d_4f4a_9c52_91ef,
        0x775b_9fea_fdcd_26e7, 0x3042_65a6_384f_0f2d, 0x5936_64c3_9773_012c, 0x4f0a_2e5f_b028_f2ce,
    ],
    [
        0xdd61_1f10_00c1_7442, 0xd818_5f9a_dfea_4fd0, 0xef87_139c_a9a3_ab1e, 0x3ba7_1336_c34e_e133,
        0x7d3a_455d_56b7_0238, 0x660d_32e1_3018_2684, 0x297a_863f_48cd_1f43, 0x90e0_a736_a751_ebb7,
        0x549f_80ce_550c_4fd3, 0x0f73_b292_2f38_bd64, 0x16bf_1f73_fb7a_9c3f, 0x6d1f_5a59_005b_ec17,
    ],
    [
        0x02ff_876f_a5ef_97c4, 0xc5cb_72a2_a511_59b0, 0x8470_f39d_2d5c_900e, 0x25ab_b3f1_d39f_cb76,
        0x23eb_8cc9_b372_442f, 0xd687_ba55_c64f_6364, 0xda8d_9e90_fd8f_f158, 0xe3cb_dc7d_2fe4_5ea7,
        0xb9a8_c9b3_aee5_2297, 0xc0d2_8a5c_1096_0bd3, 0x45d7_ac9b_68f7_1a34, 0xeeb7_6e39_7069_e804,
    ],
    [
        0x3d06_c8bd_1514_e2d9, 0x9c9c_9820_7cb1_0767, 0x6570_0b51_aedf_b5ef, 0x911f_4515_3986_9408,
        0x7ae6_849f_bc3a_0ec6, 0x3bb3_40eb_a06a_fe7e, 0xb46e_9d8b_682e_a65e, 0x8dcf_22f9_a3b3_4356,
        0x77bd_aeda_5862_57a7, 0xf19e_400a_5104_d20d, 0xc368_a348_e46d_950f, 0x9ef1_cd60_e679_f284,
    ],
    [
        0xe89c_d854_d5d0_1d33, 0x5cd3_77dc_8bb8_82a2, 0xa7b0_fb78_83ee_e860, 0x7684_403e_c392_950d,
        0x5fa3_f06f_4fed_3b52, 0x8df5_7ac1_1bc0_4831, 0x2db0_1efa_1e1e_1897, 0x5484_6de4_aadb_9ca2,
        0xba67_4538_5893_c784, 0x541d_4963_44d2_c75b, 0xe909_6784_74e6_87fe, 0xdfe8_9923_f6c9_c2ff,
    ],
    [
        0xece5_a71e_0cfe_dc75, 0x5ff9_8fd5_d51f_e610, 0x83e8_9419_1896_4615, 0x5922_040b_47f1_50c1,
        0xf97d_750e_3dd9_4521, 0x5080_d4c2_b86f_56d7, 0xa7de_115b_56c7_8d70, 0x6a92_42ac_8753_8194,
        0xf785_6ef7_f917_3e44, 0x2265_fc92_feb0_dc09, 0x17df_c8e4_f7ba_8a57, 0x9001_a642_09f2_1db8,
    ],
    [
        0x9000_4c13_71b8_93c5, 0xb932_b7cf_752e_5545, 0xa0b1_df81_b6fe_59fc, 0x8ef1_dd26_770a_f2c2,
        0x0541_a4f9_cfbe_ed35, 0x9e61_1061_78bf_c530, 0xb376_7e80_935d_8af2, 0x0098_d578_2065_af06,
        0x31d1_91cd_5c14_66c7, 0x410f_efaf_a319_ac9d, 0xbdf8_f242_e316_c4ab, 0x9e8c_d55b_5763_7ed0,
    ],
    [
        0xde12_2beb_e9a3_9368, 0x4d00_1fd5_8f00_2526, 0xca66_3700_0eb4_a9f8, 0x2f23_39d6_24f9_1f78,
        0x6d1a_7918_c80d_f518, 0xdf9a_4939_3423_08e9, 0xebc2_151e_e6c8_398c, 0x03cc_2ba8_a111_6515,
        0xd341_d037_e840_cf83, 0x387c_b5d2_5af4_afcc, 0xbba2_515f_2290_9e87, 0x7248_fe77_05f3_8e47,
    ],
    [
        0x4d61_e56a_525d_225a, 0x262e_963c_8da0_5d3d, 0x59e8_9b09_4d22_0ec2, 0x055d_5b52_b78b_9c5e,
        0x82b2_7eb3_3514_ef99, 0xd300_94ca_96b7_ce7b, 0xcf5c_b381_cd0a_1535, 0xfeed_4db6_919e_5a7c,
        0x4170_3f53_753b_e59f, 0x5eee_a940_fcde_8b6f, 0x4cd1_f1b1_7510_0206, 0x4a20_3585_7445_4ec0,
    ],
    [
        0x1478_d361_dbbf_9fac, 0x6f02_dc07_d141_875c, 0x296a_202e_d8e5_56a2, 0x2afd_6799_9bf3_2ee5,
        0x7acf_d96e_fa95_491d, 0x6798_ba0c_0abb_2c6d, 0x34c6_f57b_26c9_2122, 0x5736_e1ba_d206_b5de,
        0x2005_7d2a_0056_521b, 0x3dea_5bd5_d057_8bd7, 0x16e5_0d89_7d46_34ac, 0x29bf_f3ec_b9b7_a6e3,
    ],
    [
        0x475c_d320_5a3b_dcde, 0x18a4_2105_c31b_7e88, 0x023e_7414_af66_3068, 0x1514_7108_1219_67d7,
        0xe4a3_dff1_d7d6_fef9, 0x01a8_d1a5_8808_5737, 0x11b4_c74e_da62_beef, 0xe587_cc0d_69a7_3346,
        0x1ff7_3270_17aa_2a6e, 0x594e_29c4_2473_d06b, 0xf6f3_1db1_899b_12d5, 0xc02a_c5e4_7312_d3ca,
    ],
    [
        0xe702_01e9_60cb_78b8, 0x6f90_ff3b_6a65_f108, 0x4274_7a72_45e7_fa84, 0xd1f5_07e4_3ab7_49b2,
        0x1c86_d265_f157_50cd, 0x3996_ce73_dd83_2c1c, 0x8e7f_ba02_9832_24bd, 0xba0d_ec71_0325_5dd4,
        0x9e9c_bd78_1628_fc5b, 0xdae8_6459_96ed_d6a5, 0xdebe_0853_b1a1_d378, 0xa492_29d2_4d01_4343,
    ],
    [
        0x7be5_b9ff_da90_5e1c, 0xa3c9_5eae_c244_aa30, 0x0230_bca8_f4df_0544, 0x4135_c2be_bfe1_48c6,
        0x166f_c0cc_438a_3c72, 0x3762_b59a_8ae8_3efa, 0xe892_8a4c_8911_4750, 0x2a44_0b51_a494_5ee5,
        0x80ce_fd2b_7d99_ff83, 0xbb98_79c6_e61f_d62a, 0x6e7c_8f1a_8426_5034, 0x164b_b2de_1bbe_ddc8,
    ],
    [
        0xf3c1_2fe5_4d5c_653b, 0x40b9_e922_ed97_71e2, 0x551f_5b0f_be7b_1840, 0x2503_2aa7_c4cb_1811,
        0xaaed_3407_4b16_4346, 0x8ffd_96bb_f9c9_c81d, 0x70fc_91eb_5937_085c, 0x7f79_5e2a_5f91_5440,
        0x4543_d9df_5476_d3cb, 0xf172_d73e_004f_c90d, 0xdfd1_c4fe_bcc8_1238, 0xbc8d_fb62_7fe5_58fc,
    ],
];
