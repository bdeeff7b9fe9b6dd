//! What becomes of freed memory. A log's bytes come in waves, and without this the C library would give the memory of each
//! wave back to the system and fetch it again, page by page, for the next.

use std::hint::black_box;

/// In bytes. glibc takes the largest block that it had mapped for itself and that was freed, up to 32 MiB, for a measure:
/// blocks up to that size come from memory that it keeps, with up to twice as much free at its end (mallopt(3):
/// `M_MMAP_THRESHOLD`, `M_TRIM_THRESHOLD`), unless the environment sets either.
const MEASURE: usize = 4 << 20;

/// To be called before the first log is read. Elsewhere than with glibc on 64 bits it changes nothing.
pub(super) fn keep_freed_memory() {
    drop(black_box(Vec::<u8>::with_capacity(MEASURE)));
}
