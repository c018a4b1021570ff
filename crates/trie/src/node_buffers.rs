use phala_primitives::NodeRef;

/// Capacities are multiples of this many references.
const STEP: usize = 16;
/// Capacities kept; the largest page has 64 leaves and 63 branches.
const CLASSES: usize = 8;
/// Buffers kept, of all capacities together: about what one block replaces, spread over the shards.
const KEPT_MAX: usize = 128;

/// Buffers of evicted pages, for the next ones: blocks replace as many pages as they evict, and the
/// allocator would spend as long on them as hashing takes.
#[derive(Default)]
pub(crate) struct NodeBuffers {
    classes: [Vec<Vec<NodeRef>>; CLASSES],
    kept: usize,
}

impl NodeBuffers {
    /// An empty buffer for `len` references, if one is kept.
    pub(crate) fn take(&mut self, len: usize) -> Option<Vec<NodeRef>> {
        let buffer = self.classes.get_mut(class(len))?.pop()?;
        self.kept -= 1;
        Some(buffer)
    }

    /// Keeps a buffer that is no longer used.
    pub(crate) fn put(&mut self, mut buffer: Vec<NodeRef>) {
        let is_fitting = buffer.capacity() > 0 && buffer.capacity().is_multiple_of(STEP);
        if self.kept == KEPT_MAX || !is_fitting {
            return;
        }
        if let Some(class) = self.classes.get_mut(class(buffer.capacity())) {
            buffer.clear();
            class.push(buffer);
            self.kept += 1;
        }
    }
}

/// The capacity to allocate for `len` references, so that the buffer can be used again.
pub(crate) fn capacity(len: usize) -> usize {
    len.next_multiple_of(STEP)
}

fn class(len: usize) -> usize {
    len.div_ceil(STEP).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_large_enough() {
        let mut buffers = NodeBuffers::default();
        for len in 1..=127 {
            assert!(buffers.take(len).is_none());
            let mut buffer = Vec::with_capacity(capacity(len));
            buffer.push(NodeRef::NONE);
            buffers.put(buffer);
            let again = buffers.take(len).expect("just kept");
            assert!(again.is_empty() && again.capacity() >= len);
        }
    }

    #[test]
    fn no_more_are_kept_than_agreed() {
        let mut buffers = NodeBuffers::default();
        (0..1_000).for_each(|_| buffers.put(Vec::with_capacity(STEP)));
        assert_eq!((0..1_000).filter_map(|_| buffers.take(1)).count(), KEPT_MAX);
        buffers.put(Vec::with_capacity(STEP + 1));
        buffers.put(Vec::new());
        buffers.put(Vec::with_capacity(STEP * 100));
        assert_eq!(buffers.kept, 0);
    }
}
