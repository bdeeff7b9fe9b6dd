//! What becomes of freed memory. A log's bytes come in waves, and without this the C library would give the memory of each
//! wave back to the system and fetch it again, page by page, for the next.

use std::hint::black_box;

/// In bytes. glibc takes the largest block that was ever freed for a measure: blocks up to that size come from memory
/// that it keeps, of which up to twice as much lies free (mallopt(3): `M_MMAP_THRESHOLD`, `M_TRIM_THRESHOLD`).
const MEASURE: usize = 4 << 20;

/// To be called before the first log is read. Elsewhere than with glibc it does nothing.
pub(super) fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(MEASURE)));
}
