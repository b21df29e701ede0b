//! What is sent: nothing by what only reads, nothing where nothing is to be done, and nothing too much.
