//! Order, bounds and a disk that fails.

use std::time::Instant;

use proptest::prelude::*;

use super::*;

/// A spool and what takes from it.
struct Both {
    spool: Spool,
    block: Block,
}

impl Both {
    fn new(limit: u64) -> Self {
        Self {
            spool: Spool::new(limit),
            block: Block::default(),
        }
    }

    fn pop(&mut self) -> Result<Option<Record<'_>>, SpoolError> {
        if self.block.is_used_up() {
            self.spool.refill(&mut self.block)?;
        }
        self.block.pop()
    }
}

fn push(both: &mut Both, number: u32, length: usize) -> Room {
    let stamp = (!number.is_multiple_of(3)).then_some(Stamp {
        seconds: -i64::from(number),
        nanoseconds: 999_999_999,
    });
    let text = vec![number.to_le_bytes()[0]; length];
    let tag = number.to_le_bytes()[1];
    both.spool.push(Record {
        source: number,
        stamp,
        tag,
        text: &text,
    });
    both.spool.room()
}

/// Takes a record and compares it with what was appended.
fn take(spool: &mut Both, number: u32, length: usize) {
    let record = spool.pop().unwrap().unwrap();
    assert_eq!(record.source, number);
    assert_eq!(
        record.stamp.map(|stamp| stamp.seconds),
        (!number.is_multiple_of(3)).then(|| -i64::from(number))
    );
    assert_eq!(record.tag, number.to_le_bytes()[1]);
    assert!(record.text == vec![number.to_le_bytes()[0]; length]);
}

#[test]
fn a_block_can_be_looked_through_before_its_records_are_taken() {
    let mut both = Both::new(1 << 20);
    for number in 0..5 {
        push(&mut both, number, 10);
    }
    take(&mut both, 0, 10);
    let left = both.block.records().map(|record| record.unwrap().source);
    assert_eq!(left.collect::<Vec<_>>(), [1, 2, 3, 4]);
    take(&mut both, 1, 10);
    both.block.bytes.pop();
    let whole = both.block.records().flatten().count();
    assert_eq!((whole, both.block.records().count()), (2, 3));
    both.block.clear();
    assert_eq!(both.block.records().count(), 0);
    assert!(both.block.is_used_up());
}

#[test]
fn little_stays_in_memory_and_makes_no_file() {
    let mut spool = Both::new(DEFAULT_LIMIT);
    for number in 0..100 {
        assert_eq!(push(&mut spool, number, 100), Room::Free);
    }
    assert!(spool.spool.ring.file.is_none());
    for number in 0..100 {
        take(&mut spool, number, 100);
    }
    assert_eq!(spool.pop().unwrap(), None);
}

/// How many records of a thousand bytes wait in memory before a small file is used.
fn in_memory() -> u32 {
    u32::try_from(2 * BLOCK.div_ceil(1000 + HEADER)).unwrap()
}

#[test]
fn when_it_is_full_it_says_so_and_goes_on_after_room_was_made() {
    let mut spool = Both::new(1 << 20);
    let mut written = 0;
    while push(&mut spool, written, 1000) == Room::Free {
        written += 1;
    }
    written += 1;
    assert!(
        written > 986 + in_memory() && spool.spool.spilled() <= 1 << 20,
        "{written}"
    );
    let mut taken = 0;
    while spool.spool.room() == Room::Full {
        take(&mut spool, taken, 1000);
        taken += 1;
    }
    // What waits in memory is older than the file.
    let of_file = taken - in_memory();
    assert!(
        (236..=886).contains(&of_file),
        "room is made in time, and not for each block: {of_file}"
    );
    for number in written..written + 100 {
        push(&mut spool, number, 1000);
    }
    for number in taken..written + 100 {
        take(&mut spool, number, 1000);
    }
    assert_eq!(spool.pop().unwrap(), None);
    assert_eq!(spool.spool.spilled(), 0);
    assert!(spool.spool.ring.file.is_none(), "the disk is given back");
}

#[test]
fn who_allows_little_disk_has_little_in_memory() {
    let waiting = |limit: u64, length: usize| {
        let mut spool = Both::new(limit);
        for number in 0..100 {
            push(&mut spool, number, length);
        }
        spool.spool.waiting.len()
    };
    let limits = [1, 8 << 20, 64 << 20, DEFAULT_LIMIT, u64::MAX];
    assert_eq!(
        limits.map(|limit| waiting(limit, BLOCK)),
        [2, 2, 16, 48, 48]
    );
    let of_long_lines = limits.map(|limit| waiting(limit, 2 * BLOCK - HEADER));
    assert_eq!(of_long_lines, [1, 1, 8, 24, 24], "bytes are counted");
}

#[test]
fn a_record_longer_than_a_block_passes() {
    let mut spool = Both::new(8 << 20);
    let lengths = [10, 3 * BLOCK, 0, BLOCK, 7];
    for (number, length) in (0..).zip(lengths) {
        push(&mut spool, number, length);
    }
    for (number, length) in (0..).zip(lengths) {
        take(&mut spool, number, length);
    }
}

#[test]
fn a_disk_that_takes_no_more_is_like_a_file_that_is_full() {
    let mut spool = Both::new(8 << 20);
    spool.spool.ring.file = Some(File::open("/dev/null").unwrap());
    let mut written = 0;
    while push(&mut spool, written, 1000) == Room::Free {
        written += 1;
    }
    assert!(spool.spool.trouble().is_some() && spool.spool.trouble().is_none());
    for number in 0..=written {
        take(&mut spool, number, 1000);
    }
    assert_eq!(spool.spool.room(), Room::Free);
    assert_eq!(spool.pop().unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn records_come_in_order_none_is_lost_and_the_file_stays_bounded(
        steps in prop::collection::vec((0usize..60, 0usize..60, 0usize..40_000), 1..60),
        limit in prop_oneof![BLOCK as u64..4 * BLOCK as u64, 64 * BLOCK as u64..128 * BLOCK as u64],
    ) {
        let mut spool = Both::new(limit);
        let (mut pushed, mut popped) = (VecDeque::new(), 0);
        let mut next = 0;
        for (pushes, pops, length) in steps {
            for _ in 0..pushes {
                if spool.spool.room() == Room::Full {
                    break;
                }
                push(&mut spool, next, length);
                pushed.push_back(length);
                next += 1;
            }
            prop_assert!(spool.spool.spilled() <= limit);
            prop_assert!(spool.spool.tail.capacity() + spool.block.bytes.capacity() <= 6 * BLOCK);
            let waiting: usize = spool.spool.waiting.iter().map(Vec::len).sum();
            let in_memory = spool.spool.in_memory;
            prop_assert!(waiting < in_memory + 2 * BLOCK && in_memory as u64 <= limit.max(8 << 20) / 16);
            prop_assert!(spool.spool.spare.len() <= in_memory / BLOCK);
            for _ in 0..pops.min(pushed.len()) {
                take(&mut spool, popped, pushed.pop_front().unwrap());
                popped += 1;
            }
        }
        while let Some(length) = pushed.pop_front() {
            take(&mut spool, popped, length);
            popped += 1;
        }
        prop_assert!(spool.pop().unwrap().is_none());
    }
}

#[test]
#[ignore = "a figure, not a test"]
fn throughput() {
    let text = [b'x'; 100];
    for (title, backlog) in [("straight through", 100), ("over the file", 1_500_000)] {
        let mut spool = Both::new(DEFAULT_LIMIT);
        let start = Instant::now();
        let total = 6_000_000u32;
        let mut popped = 0;
        for number in 0..total {
            spool.spool.push(Record {
                source: number,
                stamp: None,
                tag: 0,
                text: &text,
            });
            if number >= backlog {
                popped += u32::from(spool.pop().unwrap().is_some());
            }
        }
        while spool.pop().unwrap().is_some() {
            popped += 1;
        }
        assert_eq!(popped, total);
        let millions = f64::from(total) / start.elapsed().as_secs_f64() / 1e6;
        println!("{title}: {millions:.1} million lines/s");
    }
}
