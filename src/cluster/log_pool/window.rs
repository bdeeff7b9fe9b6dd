//! How much of each stream may be under way. A far server is read quickly only with much under way; a thousand streams
//! that nobody reads for a while must still fit into memory.

/// For all streams together, as long as each has the least.
const TOGETHER: usize = 8 << 20;
const LEAST: usize = 16 << 10;
/// Less, and a server on the same machine waits for the reader as often as the reader waits for it.
const MOST: usize = 2 << 20;

/// The window of each of so many streams. Changes only where their number doubles or halves.
pub(super) fn of_each(streams: usize) -> u32 {
    let each = TOGETHER / streams.max(1).next_power_of_two();
    u32::try_from(each.clamp(LEAST, MOST)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_streams_have_large_windows_and_many_the_least() {
        let windows = [0, 1, 4, 16, 17, 100, 512, 1_000, 100_000].map(of_each);
        let kib = windows.map(|bytes| bytes >> 10);
        assert_eq!(kib, [2048, 2048, 2048, 512, 256, 64, 16, 16, 16]);
    }
}
