//! Room versions 6, 10, 11 and 12.
