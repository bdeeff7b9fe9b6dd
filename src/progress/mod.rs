//! How far a training is, as far as its log or its `trainerStatus` says so. Pure: lines and moments in, a standing out.
//! Start with [`format::FORMATS`], the table of what can be read, and [`tracker::Tracker`], which makes one standing of it.

pub mod board;
pub mod excerpt;
pub mod format;
mod label;
pub mod look;
mod pairs;
mod prefix;
pub mod reading;
mod scan;
pub mod segment;
pub mod tracker;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod properties;
