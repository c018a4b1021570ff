//! The whole rollup on anvil while everybody is honest: what enters on either chain arrives on both
//! nodes, and what is changed on L1 changes the blocks it should.
