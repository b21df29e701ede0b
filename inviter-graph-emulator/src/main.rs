//! Serves an emulated tenant until its standard input closes.

fn main() {}
