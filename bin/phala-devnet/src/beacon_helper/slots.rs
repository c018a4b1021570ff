use phala_genesis::L1Rpc;
use tokio::sync::OnceCell;

use super::{Refusal, SECONDS_PER_SLOT};

/// Blocks of one slot that are looked at: anvil gives blocks mined within a second the same time if
/// nobody tells it otherwise.
const BLOCKS_PER_SLOT_MAX: u64 = 256;

/// Which L1 blocks a slot has.
pub(super) struct Slots {
    rpc: L1Rpc,
    genesis_time: OnceCell<u64>,
}

impl Slots {
    pub(super) fn new(rpc: L1Rpc) -> Self {
        Self { rpc, genesis_time: OnceCell::new() }
    }

    pub(super) async fn genesis_time(&self) -> Result<u64, Refusal> {
        self.genesis_time.get_or_try_init(|| self.time(0)).await.copied()
    }

    /// Slot of the newest block.
    pub(super) async fn head(&self) -> Result<u64, Refusal> {
        let tip = self.rpc.block("latest").await.map_err(Refusal::upstream)?;
        Ok(tip.timestamp.saturating_sub(self.genesis_time().await?) / SECONDS_PER_SLOT)
    }

    /// Heights of the blocks of a slot, by bisection: times never go back.
    pub(super) async fn blocks_at(&self, slot: u64) -> Result<Vec<u64>, Refusal> {
        let wanted =
            self.genesis_time().await?.saturating_add(slot.saturating_mul(SECONDS_PER_SLOT));
        let tip = self.rpc.block("latest").await.map_err(Refusal::upstream)?;
        if tip.timestamp < wanted {
            return Ok(Vec::new());
        }
        let (mut low, mut high) = (0, tip.number);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time(middle).await? < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut blocks = Vec::new();
        for number in (low..=tip.number).take(BLOCKS_PER_SLOT_MAX as usize) {
            let time = self.time(number).await?;
            if time >= wanted.saturating_add(SECONDS_PER_SLOT) {
                break;
            }
            blocks.push(number);
        }
        Ok(blocks)
    }

    async fn time(&self, number: u64) -> Result<u64, Refusal> {
        let block = self.rpc.block(format!("{number:#x}")).await.map_err(Refusal::upstream)?;
        Ok(block.timestamp)
    }
}
